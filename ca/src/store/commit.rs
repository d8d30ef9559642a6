//! Changing things: a set of changes and the events that describe them, together or not at all.

use portreeve_protocol::event::Event;
use portreeve_protocol::id::EventId;
use portreeve_protocol::time::Timestamp;
use tokio::sync::oneshot;

use super::log::Leaf;
use super::write::{Commit, Entry, Job};
use super::{Change, Refusal, Spends, Store, StoreError};

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What became of each event, in the order in which they were given.
    pub events: Vec<EventOutcome>,
}

/// An event that somebody else reports, and what follows from it.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The event.
    pub event: Event,
    /// What it changes.
    pub change: Option<Change>,
    /// Whose room in the log it takes, if any session's.
    pub spends: Option<Spends>,
    /// What is logged after it.
    pub alarm: Option<Alarm>,
}

/// An event that tells somebody to look at what was reported.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The event.
    pub event: Event,
    /// Of which alarms of a session it is one, where no more than so many are logged; what was reported is all the same.
    pub spends: Option<Spends>,
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// It is in the log at this place.
    Logged(u64),
    /// It was in the log already.
    Known,
    /// The log has another event of this id; this one is not stored.
    Conflicting(EventId),
    /// There is no room for it; it is not stored, and nothing follows from it.
    Full(EventId),
}

/// Why nothing of a commit was done.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The state of a thing rules the change out.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The clock is before the last event.
    #[error("the clock says {now}, before the last event at {last}: set the clock")]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// When the last event was logged.
        last: Timestamp,
    },
    /// An event is too large or has no canonical form.
    #[error("event {0} cannot be logged: it is too large or holds a fraction")]
    Event(EventId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Does all of the changes and logs all of the events, durably, or does nothing.
    ///
    /// Events that are in the log already are not logged again, so that a delivery can be
    /// repeated. Commits of many callers share one write to the disk.
    ///
    /// # Errors
    /// When a change is refused, an event cannot be logged, or the database fails.
    pub async fn commit(
        &self,
        changes: Vec<Change>,
        events: Vec<Event>,
    ) -> Result<Committed, CommitError> {
        let mut entries = Vec::with_capacity(events.len());
        for event in &events {
            entries.push(Entry {
                leaf: leaf_of(event)?,
                change: None,
                spends: None,
                alarm: None,
            });
        }
        self.write(changes, entries).await
    }

    /// Logs what is reported, durably, with all that follows, or does nothing. From an event whose id the log has
    /// nothing follows, whether it is the same event or another: what changes stands in the log, once.
    ///
    /// # Errors
    /// When a change is refused, an event cannot be logged, or the database fails.
    pub async fn report(&self, reported: Vec<Reported>) -> Result<Committed, CommitError> {
        let mut entries = Vec::with_capacity(reported.len());
        for one in reported {
            entries.push(Entry {
                leaf: leaf_of(&one.event)?,
                change: one.change,
                spends: one.spends,
                alarm: match &one.alarm {
                    Some(alarm) => Some((leaf_of(&alarm.event)?, alarm.spends)),
                    None => None,
                },
            });
        }
        self.write(Vec::new(), entries).await
    }

    async fn write(
        &self,
        changes: Vec<Change>,
        entries: Vec<Entry>,
    ) -> Result<Committed, CommitError> {
        let (done, wait) = oneshot::channel();
        let commit = Commit {
            changes,
            entries,
            done,
        };
        let sent = self.shared.writer.send(Job::Commit(commit)).await;
        sent.map_err(|_| StoreError::Closed)?;
        wait.await.map_err(|_| StoreError::Closed)?
    }
}

fn leaf_of(event: &Event) -> Result<Leaf, CommitError> {
    Leaf::of(event).ok_or(CommitError::Event(event.id))
}
