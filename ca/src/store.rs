//! What the CA remembers: the registry, sessions, published texts, and the audit log's rows.
//!
//! Two ways in. [`Store::commit`] changes things: a set of changes and the events that describe
//! them become durable together or not at all. The other methods answer questions and change
//! nothing. The store decides no rights; it refuses what the state of a thing rules out, such as
//! a second claim of a session.
//!
//! Callers: `app/` and [`crate::trail`].

mod agent;
mod apply;
mod bastion;
mod bundle;
mod change;
mod commit;
mod feed;
mod host;
mod human;
mod inventory;
mod log;
mod look;
mod open;
mod published;
mod recording;
mod room;
mod row;
mod session;
mod sweep;
#[cfg(test)]
mod tests;
mod used;
mod write;

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use portreeve_protocol::admin::{AgentRecord, PolicyRecord};
use portreeve_protocol::bundle::{BundleChange, BundleRecord};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::inventory::{HostInventory, InventoryRow};
use portreeve_protocol::name::{BastionName, BundleName, HostName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::time::Timestamp;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};

use self::write::{Job, Writer};
use crate::clock::Clock;
use crate::trail::tree::{Frontier, Source};

pub use bastion::{Bastion, BastionEnrolled};
pub use change::{Change, Refusal};
pub use commit::{Alarm, CommitError, Committed, EventOutcome, Reported};
pub use feed::FeedEntry;
pub use host::{Host, HostEnrolled};
pub use human::KnownHuman;
pub use inventory::NewInventory;
pub use log::is_loggable;
pub use look::{Look, LookOutcome, LookState, NewLook};
pub use recording::{PERMISSION, Recording, Seal};
pub use room::{Of, Spends};
pub use session::{Attested, NewSession, Session, SessionFilter};

/// How many commits may wait for the writer.
const QUEUE: usize = 4096;

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    readers: SqlitePool,
    writer: mpsc::Sender<Job>,
    log: watch::Receiver<Frontier>,
    feed: watch::Receiver<u64>,
    writable: watch::Receiver<bool>,
    /// Keeps other processes from the database until it is closed.
    lock: File,
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
    /// Makes the database.
    ///
    /// # Errors
    /// When that fails.
    pub async fn create(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::on(open::create(path).await?, clock).await
    }

    /// Opens the database and brings its schema up to date. One that is not there is not made: the
    /// keys would sign a second log under the name of the first.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::on(open::open(path).await?, clock).await
    }

    async fn on(opened: open::Opened, clock: Clock) -> Result<Self, StoreError> {
        let writer = Writer::new(opened.writer, opened.options, clock.clone()).await?;
        let published = writer.published();
        let (log, feed) = (published.log.subscribe(), published.feed.subscribe());
        let writable = published.writable.subscribe();
        let (outbox, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(writer.run(inbox));
        Ok(Self {
            shared: Arc::new(Shared {
                clock,
                readers: opened.readers,
                writer: outbox,
                log,
                feed,
                writable,
                lock: opened.lock,
            }),
        })
    }

    /// Finishes what is waiting and closes the database. What comes later finds it closed.
    pub async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.shared.writer.send(Job::Close(closed)).await.is_ok() {
            // An error means that the writer was closed by somebody else.
            let _ = wait.await;
        }
        self.shared.readers.close().await;
        if let Err(error) = self.shared.lock.unlock() {
            tracing::warn!(%error, "the database stays locked until this process ends");
        }
    }

    /// An agent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, agent: &Agent) -> Result<Option<AgentRecord>, StoreError> {
        agent::one(&self.shared.readers, agent).await
    }

    /// All agents.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, StoreError> {
        agent::all(&self.shared.readers).await
    }

    /// A host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn host(&self, host: &HostName) -> Result<Option<Host>, StoreError> {
        host::one(&self.shared.readers, host).await
    }

    /// All hosts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hosts(&self) -> Result<Vec<Host>, StoreError> {
        host::all(&self.shared.readers).await
    }

    /// What is kept of a host's inventories; nothing when there is no such host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inventory(&self, host: &HostName) -> Result<Option<HostInventory>, StoreError> {
        inventory::one(&self.shared.readers, host).await
    }

    /// How it stands with the inventories of all hosts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inventories(&self) -> Result<Vec<InventoryRow>, StoreError> {
        inventory::all(&self.shared.readers).await
    }

    /// A bastion.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bastion(&self, bastion: &BastionName) -> Result<Option<Bastion>, StoreError> {
        bastion::one(&self.shared.readers, bastion).await
    }

    /// All bastions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bastions(&self) -> Result<Vec<Bastion>, StoreError> {
        bastion::all(&self.shared.readers).await
    }

    /// A human who was seen before, by [`portreeve_protocol::pair::Human::id`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn human(&self, id: &str) -> Result<Option<KnownHuman>, StoreError> {
        human::one(&self.shared.readers, id).await
    }

    /// The policy in force: the one published last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy(&self) -> Result<Option<PolicyRecord>, StoreError> {
        published::current_policy(&self.shared.readers).await
    }

    /// Any policy ever published, by its version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn policy_version(
        &self,
        version: &Digest,
    ) -> Result<Option<PolicyRecord>, StoreError> {
        published::policy_version(&self.shared.readers, version).await
    }

    /// The version of a bundle that is in force, with its text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle(&self, name: &BundleName) -> Result<Option<BundleRecord>, StoreError> {
        bundle::in_force(&self.shared.readers, name).await
    }

    /// Any bundle ever published, by its digest, with its text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle_version(
        &self,
        digest: &Digest,
    ) -> Result<Option<BundleRecord>, StoreError> {
        bundle::version(&self.shared.readers, digest).await
    }

    /// The versions in force, without their texts; of a name without one, the version that was
    /// changed last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundles(&self) -> Result<Vec<BundleRecord>, StoreError> {
        bundle::all(&self.shared.readers).await
    }

    /// Whether a bundle of this name was ever published.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle_was_published(&self, name: &BundleName) -> Result<bool, StoreError> {
        bundle::was_published(&self.shared.readers, name).await
    }

    /// What was done to the versions of a bundle, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bundle_history(&self, name: &BundleName) -> Result<Vec<BundleChange>, StoreError> {
        bundle::history(&self.shared.readers, name).await
    }

    /// A session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, session: SessionId) -> Result<Option<Session>, StoreError> {
        session::one(&self.shared.readers, session).await
    }

    /// Sessions, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, filter: &SessionFilter) -> Result<Vec<Session>, StoreError> {
        session::some(&self.shared.readers, filter).await
    }

    /// Every session that is not over and has this version of a bundle.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_with_bundle(&self, digest: &Digest) -> Result<Vec<Session>, StoreError> {
        session::live_with_bundle(&self.shared.readers, digest).await
    }

    /// How many sessions of an agent are live at `now`, counted up to `enough`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_sessions(
        &self,
        agent: &Agent,
        now: Timestamp,
        enough: u32,
    ) -> Result<u64, StoreError> {
        session::live(&self.shared.readers, agent, now, enough).await
    }

    /// Items of the feed after the one numbered `after`, oldest first, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_after(&self, after: u64, limit: u32) -> Result<Vec<FeedEntry>, StoreError> {
        feed::after(&self.shared.readers, after, limit).await
    }

    /// The number of the feed's last item, and every later one as it becomes durable.
    #[must_use]
    pub fn watch_feed(&self) -> watch::Receiver<u64> {
        self.shared.feed.clone()
    }

    /// Whether the database takes what it is given: by the last commit, or by a try when that failed.
    pub(crate) async fn takes_writes(&self) -> bool {
        if *self.shared.writable.borrow() {
            return true;
        }
        let now = self.shared.clock.now();
        let trial = Change::UseOnce {
            nonce: format!("trial {}", now.as_micros()),
            until: now,
        };
        match self.commit(vec![trial], Vec::new()).await {
            // Somebody else tried at the same moment, and the answer took a look at the disk all the same.
            Ok(_) | Err(CommitError::Refused(_)) => *self.shared.writable.borrow(),
            Err(_) => false,
        }
    }

    /// The clock that the store reads.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The end of the log as it is durable, and every later one.
    pub(crate) fn watch_log(&self) -> watch::Receiver<Frontier> {
        self.shared.log.clone()
    }

    /// The events of a session among the first `size`, with their places.
    pub(crate) async fn events_of(
        &self,
        session: SessionId,
        since: u64,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        log::events_of(&self.shared.readers, session, since, size, limit).await
    }

    /// The events from the place `since` on among the first `size`, with their places.
    pub(crate) async fn events_from(
        &self,
        since: u64,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        log::events_from(&self.shared.readers, since, size, limit).await
    }

    /// The stored hashes among these sources.
    pub(crate) async fn hashes(
        &self,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<HashMap<Source, Digest>, StoreError> {
        log::hashes(&self.shared.readers, sources).await
    }

    /// The signed checkpoint that covers exactly `size` events, if it is kept.
    pub(crate) async fn checkpoint_at(&self, size: u64) -> Result<Option<String>, StoreError> {
        log::checkpoint_at(&self.shared.readers, size).await
    }

    /// The signed checkpoint that covers most.
    pub(crate) async fn last_checkpoint(&self) -> Result<Option<String>, StoreError> {
        log::last_checkpoint(&self.shared.readers).await
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolClosed) {
            Self::Closed
        } else {
            Self::Database(error.to_string())
        }
    }
}
