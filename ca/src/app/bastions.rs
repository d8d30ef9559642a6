//! The registry of bastions.

use portreeve_protocol::admin::{AddBastion, BastionTicket, Listing};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::BastionContact;

use super::hosts::check_address;
use super::permit::Exists;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::entropy;
use crate::identity::Person;
use crate::store::Change;

/// The most addresses from which one bastion reaches hosts; a certificate names those of all.
const MAX_EGRESS: usize = 4;

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
