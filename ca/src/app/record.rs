//! Events as the CA writes them.

use portreeve_access_policy::explain::DecisionRecord;
use portreeve_protocol::event::{
    AccessFact, AdminFact, Body, DecisionNote, Event, Machine, MachineFact,
};
use portreeve_protocol::id::{DecisionId, EventId, SessionId};
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::task::Task;
use portreeve_protocol::time::Timestamp;

use super::Failure;
use crate::entropy;

/// An event that the CA reports itself.
pub(super) fn event(at: Timestamp, body: Body) -> Event {
    Event {
        id: EventId::new(at, entropy::random()),
        at,
        source: Machine::Ca,
        body,
    }
}

/// Whose access, why, and in which session: what every event of an access has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) pair: &'a Pair,
    pub(super) task: Option<&'a Task>,
    pub(super) session: Option<SessionId>,
}

impl Access<'_> {
    /// An event of this access.
    pub(super) fn event(self, at: Timestamp, fact: AccessFact) -> Event {
        let body = Body::Access {
            pair: self.pair.clone(),
            task: self.task.cloned(),
            session: self.session,
            fact,
        };
        event(at, body)
    }
}

/// An event of the CA's own state.
pub(super) fn machine(at: Timestamp, fact: MachineFact) -> Event {
    event(at, Body::Machine { fact })
}

/// An administrator's act, and what came of it.
pub(super) fn act(
    at: Timestamp,
    by: &Human,
    action: &str,
    target: String,
    decision: DecisionNote,
    outcome: impl Into<String>,
) -> Event {
    let fact = AdminFact::Act {
        action: action.to_owned(),
        target,
        decision,
        outcome: outcome.into(),
    };
    event(
        at,
        Body::Administration {
            by: by.clone(),
            fact,
        },
    )
}

/// A decision as it stands in the trail.
pub(super) fn note(at: Timestamp, record: &DecisionRecord) -> Result<DecisionNote, Failure> {
    record
        .note(DecisionId::new(at, entropy::random()))
        .map_err(|error| Failure::Broken(format!("a decision cannot be written down: {error}")))
}

/// The alarm that goes with a decision in which a policy could not be evaluated.
pub(super) fn alarm(at: Timestamp, record: &DecisionRecord) -> Option<Event> {
    let errors: Vec<_> = record
        .answers
        .iter()
        .flat_map(|answer| &answer.errors)
        .map(String::as_str)
        .collect();
    record.alarm().then(|| {
        let detail = format!("a policy could not be evaluated: {}", errors.join("; "));
        machine(at, MachineFact::Alarm { detail })
    })
}
