//! What hosts found of standing access on themselves.
//!
//! A host has no way out, so somebody carries what it signed, or a bastion fetches it (`looks.rs`);
//! whoever that is can withhold it and cannot change it. It is decided as the administration of that host is.

use std::time::Duration;

use portreeve_access_policy::facts;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::inventory::{HostInventory, Inventory, InventoryRow};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HostName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::signed::{Signed, VerifyError};
use portreeve_protocol::time::Timestamp;

use super::permit::Permitted;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;
use crate::store::{Change, CommitError, Host, NewInventory, Refusal, StoreError};

/// How far a host's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(300);

impl App {
    /// How it stands with the inventories of all hosts.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn inventories(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<InventoryRow>, Failure> {
        let asked = HumanAct::ManageHosts { host: None };
        self.permit(person, asked, "inventories", origin).await?;
        let items = self.store.inventories().await?;
        Ok(Listing { items })
    }

    /// The last inventory of a host.
    ///
    /// # Errors
    /// When there is no such host, the person may not see it, or the store fails.
    pub async fn inventory(
        &self,
        person: &Person,
        host: &HostName,
        origin: Origin,
    ) -> Result<HostInventory, Failure> {
        self.managed_host(person, host, "inventory not shown", origin)
            .await?;
        self.kept(host).await
    }

    /// Keeps an inventory that a host signed.
    ///
    /// # Errors
    /// When there is no such host, the person may not, the statement is not the host's or is not
    /// newer than the one that is kept, or the store fails.
    pub async fn keep_inventory(
        &self,
        person: &Person,
        host: &HostName,
        statement: Signed<Inventory>,
        origin: Origin,
    ) -> Result<HostInventory, Failure> {
        let (known, permitted) = self
            .managed_host(person, host, "inventory not kept", origin)
            .await?;
        let checked = match known.record.identity {
            Some(identity) => {
                check(&statement, host, &identity, origin.at).map(|inventory| (identity, inventory))
            }
            None => Err(NotKept::NotEnrolled),
        };
        let (identity, inventory) = match checked {
            Ok(checked) => checked,
            Err(why) => {
                let detail = why.to_string();
                let refused = permitted.event(format!("inventory not kept: {detail}"));
                self.log.append(vec![refused]).await?;
                return Err(Failure::advise(Code::Invalid, detail));
            }
        };
        let outcome = format!(
            "inventory {} kept: {}",
            inventory.number,
            inventory.counts()
        );
        let new = to_keep(&inventory, &statement, &identity, origin.at)?;
        let change = Change::KeepInventory(Box::new(new));
        match self
            .store
            .commit(vec![change], vec![permitted.event(outcome)])
            .await
        {
            Ok(_) => self.kept(host).await,
            Err(CommitError::Refused(Refusal::Stale)) => {
                let detail = "this inventory is not newer than the one that is kept; let the host sign another";
                let refused =
                    permitted.event(format!("inventory {} not kept: {detail}", inventory.number));
                self.log.append(vec![refused]).await?;
                Err(Failure::advise(Code::Conflict, detail))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A host that the person may manage. That there is none is told as what is forbidden.
    pub(super) async fn managed_host(
        &self,
        person: &Person,
        host: &HostName,
        otherwise: &str,
        origin: Origin,
    ) -> Result<(Host, Permitted), Failure> {
        let known = self.store.host(host).await?;
        let labels = known.as_ref().map(|known| known.record.labels.clone());
        let asked = HumanAct::ManageHosts {
            host: Some(facts::Host {
                name: host.clone(),
                labels: labels.unwrap_or_default(),
            }),
        };
        let permitted = self.permit(person, asked, host.to_string(), origin).await?;
        let Some(known) = known else {
            let none = permitted.event(format!("{otherwise}: there is no such host"));
            let id = none.id;
            self.log.append(vec![none]).await?;
            return Err(Failure::recorded(Code::NotPermitted, id));
        };
        Ok((known, permitted))
    }

    async fn kept(&self, host: &HostName) -> Result<HostInventory, Failure> {
        let kept = self.store.inventory(host).await?;
        kept.ok_or_else(|| {
            Failure::Store(StoreError::Damaged {
                what: "host",
                detail: "it is gone while it was looked at".into(),
            })
        })
    }
}

/// Why an inventory is not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    #[error("the host is not enrolled")]
    NotEnrolled,
    #[error("it is not signed by this host's identity: {0}")]
    Signature(#[from] VerifyError),
    #[error("it is of the host `{0}`")]
    OtherHost(HostName),
    #[error("it is from the future: set the host's clock")]
    FromTheFuture,
    #[error(
        "its number is from the future, as after a clock that was ahead: remove `inventory.json` of the host's state and \
         let it sign another"
    )]
    Number,
    #[error("it has more or longer findings than an inventory may have")]
    TooMuch,
    #[error("it is not the answer to this look")]
    OtherLook,
}

/// What the store keeps of an inventory.
pub(super) fn to_keep(
    inventory: &Inventory,
    statement: &Signed<Inventory>,
    identity: &PublicKey,
    now: Timestamp,
) -> Result<NewInventory, Failure> {
    Ok(NewInventory {
        host: inventory.host.clone(),
        identity: identity.clone(),
        number: inventory.number,
        summary: inventory.summary(now),
        statement: serde_json::to_string(statement)
            .map_err(|error| Failure::Broken(error.to_string()))?,
    })
}

/// The inventory, if this host signed it just now or earlier; otherwise what is wrong with it.
pub(super) fn check(
    statement: &Signed<Inventory>,
    host: &HostName,
    identity: &PublicKey,
    now: Timestamp,
) -> Result<Inventory, NotKept> {
    let inventory = statement.verify(identity)?.into_inner();
    if inventory.host != *host {
        return Err(NotKept::OtherHost(inventory.host));
    }
    if inventory.at > now.plus(SKEW) {
        return Err(NotKept::FromTheFuture);
    }
    // It is the time in microseconds, or one more than the last; a later one would keep out every honest one after it.
    if i128::from(inventory.number) > i128::from(now.plus(SKEW).as_micros()) {
        return Err(NotKept::Number);
    }
    if !inventory.is_within_limits() {
        return Err(NotKept::TooMuch);
    }
    Ok(inventory)
}
