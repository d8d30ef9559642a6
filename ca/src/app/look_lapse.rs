//! Looks that nobody took up, or answered, in time: they are over, and the log says so.

use portreeve_protocol::event::LookStep;
use portreeve_protocol::time::Timestamp;

use super::looks::step;
use super::{App, Failure};
use crate::store::{Change, CommitError, Look, LookState};

/// How many are closed at a time: as many as may be open.
const AT_ONCE: u32 = 64;

impl App {
    /// Closes every look whose time is over at `now`; says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lapse_looks(&self, now: Timestamp) -> Result<usize, Failure> {
        let mut closed = 0;
        for look in self.store.lapsed_looks(now, AT_ONCE).await? {
            let Some(outcome) = outcome(&look) else {
                continue;
            };
            let change = Change::LapseLook {
                look: look.asked.look,
                at: now,
            };
            match self
                .store
                .commit(vec![change], vec![step(&look, outcome, now)])
                .await
            {
                Ok(_) => closed += 1,
                // It was taken up in time, or answered.
                Err(CommitError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(closed)
    }
}

fn outcome(look: &Look) -> Option<LookStep> {
    match &look.state {
        LookState::Waiting => Some(LookStep::NotTaken),
        LookState::Looking { bastion, .. } => Some(LookStep::NotAnswered {
            bastion: bastion.clone(),
        }),
        LookState::Settled { .. } | LookState::NotTaken | LookState::NotAnswered { .. } => None,
    }
}
