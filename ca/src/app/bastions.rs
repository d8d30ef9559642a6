//! The registry of bastions.

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::admin::{AddBastion, BastionTicket, Listing};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::BastionContact;
use portreeve_protocol::time::Timestamp;

use super::hosts::check_address;
use super::permit::Exists;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::entropy;
use crate::identity::{AuthenticatedBastion, Person};
use crate::store::Change;

/// The most addresses from which one bastion reaches hosts; a certificate names those of all.
const MAX_EGRESS: usize = 4;
/// How often it is noted that a bastion is there.
const NOTED: Duration = Duration::from_secs(60);

impl App {
    /// All bastions.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn bastions(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<BastionContact>, Failure> {
        self.permit(person, HumanAct::ManageBastions, "bastions", origin)
            .await?;
        let bastions = self.store.bastions().await?;
        Ok(Listing {
            items: bastions
                .into_iter()
                .map(|bastion| BastionContact {
                    name: bastion.bastion,
                    address: bastion.address,
                    host_ca: self.keys.bastion_host_ca.clone(),
                })
                .collect(),
        })
    }

    /// Has it noted that a bastion is there, a minute after it was `noted_at` at the earliest; says when it was. Does not
    /// wait for the disk: what a bastion waits for must not.
    pub fn see_bastion(
        self: &Arc<Self>,
        bastion: &AuthenticatedBastion,
        noted_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let now = self.clock.now();
        if noted_at.is_some_and(|at| now.since(at) < NOTED) {
            return noted_at;
        }
        let app = Arc::clone(self);
        let bastion = bastion.name().clone();
        tokio::spawn(async move {
            let change = Change::SeeBastion {
                bastion: bastion.clone(),
                at: now,
            };
            if let Err(error) = app.store.commit(vec![change], Vec::new()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %bastion, "it is not noted that a bastion is there");
            }
        });
        Some(now)
    }

    /// Registers a bastion and gives the one-time token with which it enrols.
    ///
    /// # Errors
    /// When the person may not, the bastion is enrolled and is not to enrol again, its addresses are none, or the store fails.
    pub async fn add_bastion(
        &self,
        person: &Person,
        request: AddBastion,
        origin: Origin,
    ) -> Result<BastionTicket, Failure> {
        let AddBastion {
            bastion,
            address,
            egress,
            again,
        } = request;
        let permitted = self
            .permit(
                person,
                HumanAct::ManageBastions,
                bastion.to_string(),
                origin,
            )
            .await?;
        check_address(&address)?;
        if egress.is_empty() || egress.len() > MAX_EGRESS {
            let detail =
                format!("a bastion has 1 to {MAX_EGRESS} addresses from which it reaches hosts");
            return Err(Failure::advise(Code::Invalid, detail));
        }
        let token = entropy::token();
        let expires_at = origin.at.plus(self.settings.enrolment_ttl.as_duration());
        let change = Change::AddBastion {
            bastion: bastion.clone(),
            address,
            egress,
            again,
            token: Digest::of(token.expose().as_bytes()),
            token_expires_at: expires_at,
            at: origin.at,
        };
        let exists = Exists {
            recorded: "it is enrolled already",
            told: "the bastion is enrolled already; to enrol it again, say so (`--again`)",
        };
        self.make(change, &permitted, "ticket issued", exists)
            .await?;
        Ok(BastionTicket {
            bastion,
            token,
            expires_at,
        })
    }
}
