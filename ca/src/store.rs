//! What the CA remembers: the registry, sessions, published texts, and the audit log's rows.
//!
//! Two ways in. [`Store::commit`] changes things: a set of changes and the events that describe
//! them become durable together or not at all. The other methods answer questions and change
//! nothing. The store decides no rights; it refuses what the state of a thing rules out, such as
//! a second claim of a session.
//!
//! Callers: `app/` and [`crate::trail`].

mod bastion;
mod change;
mod feed;
mod host;
mod human;
mod session;

use std::path::Path;
use std::sync::Arc;

use portreeve_protocol::admin::{AgentRecord, BundleRecord, PolicyRecord};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::Event;
use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::name::{BastionName, BundleName, HostName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::time::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;

pub use bastion::{Bastion, BastionEnrolled};
pub use change::{Change, Refusal};
pub use feed::FeedEntry;
pub use host::{Host, HostEnrolled};
pub use human::KnownHuman;
pub use session::{NewSession, Session, SessionFilter};

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    feed: watch::Sender<u64>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What became of each event, in the order in which they were given.
    pub events: Vec<EventOutcome>,
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

/// The database failed; nothing that a caller did is wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It could not be opened or brought up to date.
    #[error("the database `{path}` cannot be opened: {detail}")]
    Open {
        /// Which file.
        path: String,
        /// Why.
        detail: String,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// A row holds something that no version of this program writes.
    #[error("the database holds a {what} that cannot be read: {detail}")]
    Damaged {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The store is closed.
    #[error("the database is closed")]
    Closed,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// When that fails.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let _ = path;
        let feed = watch::Sender::new(0);
        Ok(Self {
            shared: Arc::new(Shared { clock, feed }),
        })
    }

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
        let _ = (changes, events);
        Err(StoreError::Closed.into())
    }

    /// An agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, agent: &Agent) -> Result<Option<AgentRecord>, StoreError> {
        let _ = agent;
        Err(StoreError::Closed)
    }

    /// All agents.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn host(&self, host: &HostName) -> Result<Option<Host>, StoreError> {
        let _ = host;
        Err(StoreError::Closed)
    }

    /// All hosts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hosts(&self) -> Result<Vec<Host>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A bastion.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bastion(&self, bastion: &BastionName) -> Result<Option<Bastion>, StoreError> {
        let _ = bastion;
        Err(StoreError::Closed)
    }

    /// All bastions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bastions(&self) -> Result<Vec<Bastion>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A human who was seen before, by [`portreeve_protocol::pair::Human::id`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn human(&self, id: &str) -> Result<Option<KnownHuman>, StoreError> {
        let _ = id;
        Err(StoreError::Closed)
    }

    /// The policy in force: the one published last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy(&self) -> Result<Option<PolicyRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Any policy ever published, by its version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_version(
        &self,
        version: &Digest,
    ) -> Result<Option<PolicyRecord>, StoreError> {
        let _ = version;
        Err(StoreError::Closed)
    }

    /// The bundle published last under a name, with its text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle(&self, name: &BundleName) -> Result<Option<BundleRecord>, StoreError> {
        let _ = name;
        Err(StoreError::Closed)
    }

    /// Any bundle ever published, by its digest, with its text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle_version(
        &self,
        digest: &Digest,
    ) -> Result<Option<BundleRecord>, StoreError> {
        let _ = digest;
        Err(StoreError::Closed)
    }

    /// The bundles published last under each name, without their texts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundles(&self) -> Result<Vec<BundleRecord>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, session: SessionId) -> Result<Option<Session>, StoreError> {
        let _ = session;
        Err(StoreError::Closed)
    }

    /// Sessions, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, filter: &SessionFilter) -> Result<Vec<Session>, StoreError> {
        let _ = filter;
        Err(StoreError::Closed)
    }

    /// Items of the feed after the one numbered `after`, oldest first, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_after(&self, after: u64, limit: u32) -> Result<Vec<FeedEntry>, StoreError> {
        let _ = (after, limit);
        Err(StoreError::Closed)
    }

    /// The number of the feed's last item, and every later one as it becomes durable.
    #[must_use]
    pub fn watch_feed(&self) -> watch::Receiver<u64> {
        self.shared.feed.subscribe()
    }

    /// The clock that the store reads.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }
}
