//! Asking policy for a person, and recording what it said.

use portreeve_protocol::event::{DecisionNote, Event};
use portreeve_protocol::pair::Human;
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;

use super::record::{act, alarm, note};
use super::{App, Failure, Origin};
use crate::decide::{self, Decision, HumanAct, HumanPermit};
use crate::identity::Person;
use crate::store::{Change, CommitError, Refusal};

/// A person's act that policy permits, and what the trail will say of it.
#[derive(Debug)]
pub(super) struct Permitted {
    permit: HumanPermit,
    note: DecisionNote,
    target: String,
    at: Timestamp,
}

impl Permitted {
    /// Who acts.
    pub(super) fn human(&self) -> &Human {
        &self.permit.human().identity
    }

    /// The event that this act was done, or what else came of it.
    pub(super) fn event(&self, outcome: impl Into<String>) -> Event {
        let action = self.permit.act().action();
        let note = self.note.clone();
        act(
            self.at,
            self.human(),
            action,
            self.target.clone(),
            note,
            outcome,
        )
    }
}

/// What is said of something that is there already.
pub(super) struct Exists {
    /// In the trail.
    pub(super) recorded: &'static str,
    /// To whoever asked.
    pub(super) told: &'static str,
}

impl App {
    /// Asks policy whether `person` may do `asked` to `target`; a refusal is recorded.
    pub(super) async fn permit(
        &self,
        person: &Person,
        asked: HumanAct,
        target: impl Into<String>,
        origin: Origin,
    ) -> Result<Permitted, Failure> {
        let target = target.into();
        let policies = self.policy.now()?;
        let action = asked.action();
        match decide::person(&policies, person, asked, origin.address, origin.at) {
            Decision::Permit(permit) => Ok(Permitted {
                note: note(origin.at, permit.record())?,
                permit,
                target,
                at: origin.at,
            }),
            Decision::Denial(denial) => {
                let record = denial.record();
                let refused = act(
                    origin.at,
                    person.human(),
                    action,
                    target,
                    note(origin.at, record)?,
                    "refused",
                );
                let id = refused.id;
                let mut events = vec![refused];
                events.extend(alarm(origin.at, record));
                self.log.append(events).await?;
                Err(Failure::recorded(Code::NotPermitted, id))
            }
        }
    }

    /// Commits what makes something that must not be there yet; a second one is recorded and told.
    pub(super) async fn make(
        &self,
        change: Change,
        permitted: &Permitted,
        made: impl Into<String>,
        exists: Exists,
    ) -> Result<(), Failure> {
        let made = permitted.event(made);
        match self.store.commit(vec![change], vec![made]).await {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refusal::Exists)) => {
                let outcome = permitted.event(exists.recorded);
                self.log.append(vec![outcome]).await?;
                Err(Failure::advise(Code::Conflict, exists.told))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The same where a refusal is not worth an event: one of many rows in a listing.
    pub(super) fn may(
        &self,
        person: &Person,
        asked: HumanAct,
        origin: Origin,
    ) -> Result<bool, Failure> {
        let policies = self.policy.now()?;
        let decision = decide::person(&policies, person, asked, origin.address, origin.at);
        Ok(matches!(decision, Decision::Permit(_)))
    }
}
