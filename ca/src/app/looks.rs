//! `POST /v1/hosts/{name}/discover`: somebody asks a host for its standing access.
//!
//! The intent is durable before any bastion hears of it. A bastion takes the look up, once; that too
//! is durable before anything is signed, and what was signed is recorded before it leaves the
//! house, sealed to that one bastion. What it brings back is believed for the host's signature only.

use portreeve_protocol::event::{AdminFact, Body, Event, LookStep, MachineFact};
use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::look::{
    ANSWER_WITHIN, CLAIM_WITHIN, LookAnswer, LookClaimed, LookStatus, shortened,
};
use portreeve_protocol::name::HostName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;

use super::inventories::{NotKept, check, to_keep};
use super::look_plan::{LookDrawn, LookPlan};
use super::record::{event, machine};
use super::{App, Failure, Origin};
use crate::entropy;
use crate::identity::{AuthenticatedBastion, Person};
use crate::store::{Change, CommitError, Look, LookOutcome, LookState, NewLook, Refusal};

/// How many looks may be open at a time, at all hosts together.
const MOST_OPEN: u64 = 64;

impl App {
    /// Asks for a look at a host.
    ///
    /// # Errors
    /// When there is no such host, the person may not, one is open there already, nobody could go, or the store fails.
    pub async fn ask_look(
        &self,
        person: &Person,
        host: &HostName,
        origin: Origin,
    ) -> Result<LookStatus, Failure> {
        let (known, permitted) = self
            .managed_host(person, host, "look refused", origin)
            .await?;
        let refused = if known.record.identity.is_none() {
            Some((Code::Unavailable, "the host is not enrolled yet"))
        } else if self.gates().await?.is_empty() {
            Some((Code::Unavailable, "no bastion is enrolled"))
        } else if self.store.open_looks(origin.at).await? >= MOST_OPEN {
            let detail = "as many hosts are looked at as may be at a time; try again later";
            Some((Code::Busy, detail))
        } else {
            None
        };
        let new = NewLook {
            look: OrderId::new(origin.at, entropy::random()),
            host: host.clone(),
            asked_by: permitted.human().clone(),
            asked_at: origin.at,
            claim_by: origin.at.plus(CLAIM_WITHIN),
        };
        let refused = match refused {
            Some(refused) => refused,
            None => {
                let intended = permitted.event(format!("look {} intended", new.look));
                let look = Look {
                    asked: new.clone(),
                    state: LookState::Waiting,
                };
                let changes = vec![
                    Change::Feed {
                        item: look.feed_item(),
                        at: origin.at,
                    },
                    Change::AskLook(Box::new(new)),
                ];
                match self.store.commit(changes, vec![intended]).await {
                    Ok(_) => return Ok(look.status(origin.at)),
                    Err(CommitError::Refused(Refusal::Exists)) => {
                        let detail = "a look at this host is under way; wait for it, and see `portreeve host inventory`";
                        (Code::Conflict, detail)
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let (code, detail) = refused;
        let told = permitted.event(format!("look refused: {detail}"));
        self.log.append(vec![told]).await?;
        Err(Failure::advise(code, detail))
    }

    /// How it stands with a look.
    ///
    /// # Errors
    /// When there is no such host or look, the person may not see it, or the store fails.
    pub async fn look(
        &self,
        person: &Person,
        host: &HostName,
        look: OrderId,
        origin: Origin,
    ) -> Result<LookStatus, Failure> {
        let (_, permitted) = self
            .managed_host(person, host, "look not shown", origin)
            .await?;
        let found = self.store.look(look).await?;
        if let Some(found) = found.filter(|found| found.asked.host == *host) {
            return Ok(found.status(origin.at));
        }
        let none = permitted.event("look not shown: there is no such look");
        let id = none.id;
        self.log.append(vec![none]).await?;
        Err(Failure::recorded(Code::NotPermitted, id))
    }

    /// Gives a look to the bastion that asks for it first, with everything that it needs.
    ///
    /// # Errors
    /// When there is nothing to take up, nothing could be signed, or the store fails.
    pub async fn claim_look(
        &self,
        bastion: &AuthenticatedBastion,
        look: OrderId,
        origin: Origin,
    ) -> Result<LookClaimed, Failure> {
        let found = self.store.look(look).await?.ok_or_else(nothing_to_take)?;
        let claim = Change::ClaimLook {
            look,
            bastion: bastion.name().clone(),
            answer_by: origin.at.plus(ANSWER_WITHIN),
            at: origin.at,
        };
        let claimed = LookStep::Claimed {
            bastion: bastion.name().clone(),
        };
        match self
            .store
            .commit(vec![claim], vec![step(&found, claimed, origin.at)])
            .await
        {
            Ok(_) => {}
            Err(CommitError::Refused(Refusal::Over)) => return Err(nothing_to_take()),
            Err(error) => return Err(error.into()),
        }
        match self.issue_look(bastion, &found, origin).await {
            Ok(claimed) => Ok(claimed),
            Err(failure) => {
                self.settle_failed(bastion, &found, &failure.chain(), origin)
                    .await?;
                Err(failure)
            }
        }
    }

    async fn issue_look(
        &self,
        bastion: &AuthenticatedBastion,
        look: &Look,
        origin: Origin,
    ) -> Result<LookClaimed, Failure> {
        let (host, goes) = tokio::try_join!(
            self.store.host(&look.asked.host),
            self.store.bastion(bastion.name())
        )?;
        let plan = LookPlan::new(&look.asked, host, goes, LookDrawn::new(), origin.at)?;
        let (certificate, order) = self.signer.look(plan.spec()?, plan.order()).await?;
        let issued = LookStep::Issued {
            control_serial: plan.serial(),
            order: order.digest(),
        };
        let sealed = plan.seal(certificate, order, &mut entropy::fill)?;
        self.log.append(vec![step(look, issued, origin.at)]).await?;
        Ok(LookClaimed { sealed })
    }

    /// Takes what a bastion brings back from a look that it has. Saying it again changes nothing.
    ///
    /// # Errors
    /// When it has no such look, the inventory is not the host's own answer to it, or the store fails.
    pub async fn answer_look(
        &self,
        bastion: &AuthenticatedBastion,
        look: OrderId,
        answer: LookAnswer,
        origin: Origin,
    ) -> Result<LookStatus, Failure> {
        let found = self.store.look(look).await?.ok_or_else(nothing_to_take)?;
        match &found.state {
            LookState::Settled { bastion: had, .. } if had == bastion.name() => {
                return Ok(found.status(origin.at));
            }
            LookState::Looking { bastion: has, .. } if has == bastion.name() => {}
            LookState::Waiting
            | LookState::Looking { .. }
            | LookState::Settled { .. }
            | LookState::NotTaken
            | LookState::NotAnswered { .. } => return Err(nothing_to_take()),
        }
        match answer {
            LookAnswer::Failed { detail } => {
                self.settle_failed(bastion, &found, &detail, origin).await?;
            }
            LookAnswer::Inventory { statement } => {
                self.keep_look(bastion, &found, &statement, origin).await?;
            }
        }
        let now = self.store.look(look).await?.ok_or_else(nothing_to_take)?;
        Ok(now.status(origin.at))
    }

    async fn keep_look(
        &self,
        bastion: &AuthenticatedBastion,
        look: &Look,
        statement: &Signed<Inventory>,
        origin: Origin,
    ) -> Result<(), Failure> {
        let host = &look.asked.host;
        let known = self.store.host(host).await?;
        let identity = known.and_then(|known| known.record.identity);
        let checked = identity.ok_or(NotKept::NotEnrolled).and_then(|identity| {
            let inventory = check(statement, host, &identity, origin.at)?;
            Ok((answers(inventory, look.asked.look)?, identity))
        });
        let (inventory, identity) = match checked {
            Ok(checked) => checked,
            Err(why) => return self.settle_forged(bastion, look, &why, origin).await,
        };
        let outcome = LookOutcome::Kept {
            number: inventory.number,
        };
        let changes = vec![
            Change::KeepInventory(Box::new(to_keep(
                &inventory, statement, &identity, origin.at,
            )?)),
            settled(bastion, look, outcome, origin),
        ];
        let kept = LookStep::Kept {
            number: inventory.number,
            counts: inventory.counts().to_string(),
        };
        match self
            .store
            .commit(changes, vec![step(look, kept, origin.at)])
            .await
        {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refusal::Stale)) => {
                let detail = "a newer inventory of this host was handed in meanwhile";
                self.settle_failed(bastion, look, detail, origin).await
            }
            Err(CommitError::Refused(Refusal::Over)) => Err(nothing_to_take()),
            Err(error) => Err(error.into()),
        }
    }

    /// What was brought back is not the host's answer to this look: the bastion, or who stands between it and the host, is
    /// not to be trusted, and somebody should know.
    async fn settle_forged(
        &self,
        bastion: &AuthenticatedBastion,
        look: &Look,
        why: &NotKept,
        origin: Origin,
    ) -> Result<(), Failure> {
        let detail = format!(
            "bastion `{}` brought back from host `{}` what is not believed: {why}",
            bastion.name(),
            look.asked.host
        );
        let alarm = machine(origin.at, MachineFact::Alarm { detail });
        self.log.append(vec![alarm]).await?;
        self.settle_failed(bastion, look, &why.to_string(), origin)
            .await?;
        Err(Failure::advise(Code::Invalid, why.to_string()))
    }

    async fn settle_failed(
        &self,
        bastion: &AuthenticatedBastion,
        look: &Look,
        detail: &str,
        origin: Origin,
    ) -> Result<(), Failure> {
        let detail = shortened(detail);
        let failed = LookStep::Failed {
            detail: detail.clone(),
        };
        let outcome = LookOutcome::Failed { detail };
        let change = settled(bastion, look, outcome, origin);
        match self
            .store
            .commit(vec![change], vec![step(look, failed, origin.at)])
            .await
        {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refusal::Over)) => Err(nothing_to_take()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The inventory, if it is the answer to this look: a bastion could have kept back an earlier one.
fn answers(inventory: Inventory, look: OrderId) -> Result<Inventory, NotKept> {
    if inventory.look == Some(look) {
        Ok(inventory)
    } else {
        Err(NotKept::OtherLook)
    }
}

fn settled(
    bastion: &AuthenticatedBastion,
    look: &Look,
    outcome: LookOutcome,
    origin: Origin,
) -> Change {
    Change::SettleLook {
        look: look.asked.look,
        bastion: bastion.name().clone(),
        outcome,
        at: origin.at,
    }
}

/// An event of a look, with who asked for it.
pub(super) fn step(look: &Look, step: LookStep, at: Timestamp) -> Event {
    let fact = AdminFact::Look {
        look: look.asked.look,
        host: look.asked.host.clone(),
        step,
    };
    let by = look.asked.asked_by.clone();
    event(at, Body::Administration { by, fact })
}

/// A look that another bastion has, that is over, and that never was, look the same to a bastion.
fn nothing_to_take() -> Failure {
    Failure::advise(
        Code::SessionUnavailable,
        "there is no such look to take up or to answer",
    )
}
