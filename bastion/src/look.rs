//! Looks: a host is asked for its standing access, and this bastion fetches the answer for the CA.
//!
//! The CA tells every bastion that a look is wanted and gives it to the first that claims it, sealed
//! to that one. It takes no session and no agent: one control connection, one signed order, one
//! signed answer, within bounds. What the order may do is the host's to judge; what the host
//! answers is believed for its signature, here and again at the CA.

mod grant;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::look::{LookAnswer, shortened};
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use tokio::sync::Semaphore;

use crate::accept::Acceptor;
use crate::ca::CaError;
use crate::drive::World;

pub use grant::{LookProven, NoLook, open};

/// How many looks one bastion has at a time; what it leaves, another may take up.
const AT_ONCE: usize = 4;
/// How often an answer is offered to a CA that does not take it.
const OFFERS: u32 = 10;
/// How long to wait in between.
const OFFER_AGAIN: Duration = Duration::from_secs(3);

/// A look that the CA wants somebody to take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAsked {
    /// Which.
    pub look: OrderId,
    /// At which host.
    pub host: HostName,
    /// Until when it can be taken up.
    pub claim_by: Timestamp,
}

/// Takes looks up.
#[derive(Debug)]
pub struct Looks {
    acceptor: Arc<Acceptor>,
    world: Arc<World>,
    places: Semaphore,
}

impl Looks {
    /// With the keys and the parts of this bastion.
    #[must_use]
    pub fn new(acceptor: Arc<Acceptor>, world: Arc<World>) -> Self {
        Self {
            acceptor,
            world,
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Takes a look up if there is room for it and nobody else was faster, and brings the answer to the CA.
    pub async fn take_up(&self, asked: LookAsked) {
        let LookAsked {
            look,
            host,
            claim_by,
        } = asked;
        let Ok(_place) = self.places.try_acquire() else {
            return tracing::info!(%host, "a look is left to other bastions: there are enough here");
        };
        if self.world.clock.now().wall >= claim_by {
            return;
        }
        let sealed = match self.world.ca.claim_look(look).await {
            Ok(claimed) => claimed.sealed,
            Err(CaError::Refused(problem)) => {
                return tracing::debug!(%host, %look, code = problem.code.as_str(), "another bastion looks");
            }
            Err(error) => return tracing::warn!(%host, %look, %error, "a look cannot be taken up"),
        };
        let answer = match self.fetch(look, &sealed).await {
            Ok(statement) => LookAnswer::Inventory { statement },
            Err(why) => {
                tracing::warn!(%host, %look, why, "a host did not look at itself");
                LookAnswer::Failed {
                    detail: shortened(&why),
                }
            }
        };
        self.bring(look, &answer).await;
    }

    async fn fetch(&self, look: OrderId, sealed: &str) -> Result<Signed<Inventory>, String> {
        let proven =
            open(&self.acceptor.unsealing, sealed, look).map_err(|error| error.to_string())?;
        let mut shutdown = self.world.shutdown.clone();
        let statement = tokio::select! {
            visited = visit::visit(&proven) => visited?,
            _ = shutdown.wait_for(|is_stopping| *is_stopping) => {
                return Err("the bastion was stopped meanwhile".into());
            }
        };
        proven
            .check(&statement)
            .map_err(|error| error.to_string())?;
        Ok(statement)
    }

    /// Offers the answer until the CA has it, says no, or has waited long enough for it.
    async fn bring(&self, look: OrderId, answer: &LookAnswer) {
        for _ in 0..OFFERS {
            match self.world.ca.answer_look(look, answer).await {
                Ok(_) => return,
                Err(error @ CaError::Refused(_)) => {
                    return tracing::warn!(%look, %error, "the CA does not take what a host answered");
                }
                Err(error) => {
                    tracing::warn!(%look, %error, "the answer of a host waits for the CA")
                }
            }
            tokio::time::sleep(OFFER_AGAIN).await;
        }
    }
}
