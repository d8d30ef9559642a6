//! The audit log as others read it: checkpoints, proofs, and the trail of one session.
//!
//! Events are appended through [`Store::commit`], in the transaction of the change they describe.
//! Here is what is made of them: a Merkle tree (RFC 6962, section 2.1) whose root the signer signs
//! at least every second in which something was appended.

mod prove;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::checkpoint::{Checkpoint, Trail, VerifierKey};
use portreeve_protocol::event::Event;
use portreeve_protocol::id::SessionId;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use self::tree::Frontier;
use crate::sign::{LogHead, Refusal, SignerClient, SignerError};
use crate::store::{Change, CommitError, Committed, Store, StoreError};

/// How far a checkpoint may be behind the log.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// After how many of these the store is swept.
const SWEEP_EVERY: u64 = 10;

/// The audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    store: Store,
    signer: SignerClient,
    /// The checkpoint signed last. The lock lets one caller sign for all who wait.
    latest: Arc<Mutex<Option<Latest>>>,
}

/// A signed checkpoint and the tree it is of.
#[derive(Debug, Clone)]
struct Latest {
    frontier: Frontier,
    note: String,
    log_key: String,
}

/// Why the log cannot prove anything now.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No checkpoint could be signed.
    #[error("the checkpoint is not signed")]
    Signer(#[from] SignerError),
    /// The log does not continue what was signed before.
    #[error(
        "the log does not continue the checkpoint that was signed last: the database was altered or replaced"
    )]
    Broken,
    /// More checkpoints were asked for than the signer makes, and there is none yet.
    #[error("more checkpoints were asked for than are signed")]
    Busy,
    /// The session has more events than one answer can hold.
    #[error("the session has too many events for one answer")]
    TooLong,
    /// There is no checkpoint of the size that was named, or no longer.
    #[error("no checkpoint of that size is kept")]
    NotKept,
}

impl Log {
    /// The log in `store`, with checkpoints by `signer`.
    #[must_use]
    pub fn new(store: Store, signer: SignerClient) -> Self {
        Self {
            store,
            signer,
            latest: Arc::default(),
        }
    }

    /// Logs events that describe no change of the CA's own; durable when this returns.
    ///
    /// # Errors
    /// When an event cannot be logged or the database fails.
    pub async fn append(&self, events: Vec<Event>) -> Result<Committed, CommitError> {
        self.store.commit(Vec::new(), events).await
    }

    /// A signed checkpoint that covers everything logged until now.
    ///
    /// # Errors
    /// When the database or the signer fails, or the log does not continue what was signed.
    pub async fn checkpoint(&self) -> Result<String, LogError> {
        Ok(self.latest().await?.note)
    }

    /// All events of a session with their proofs.
    ///
    /// # Errors
    /// When the database or the signer fails, or the log does not continue what was signed.
    pub async fn trail_of(&self, session: SessionId) -> Result<Trail, LogError> {
        let latest = self.latest().await?;
        let events = prove::events_of(&self.store, session, &latest.frontier).await?;
        Ok(Trail {
            events,
            checkpoint: latest.note,
            log_key: latest.log_key,
        })
    }

    /// The events of a session from the place `since` on with their proofs, 2,000 at most: in the
    /// log as it was when it had `size` events and a checkpoint was signed, else as it is now. So
    /// the pages of a trail have one checkpoint, and together are one trail.
    ///
    /// # Errors
    /// When no such checkpoint is kept, the database or the signer fails, or the log does not
    /// continue what was signed.
    pub async fn trail_from(
        &self,
        session: SessionId,
        since: u64,
        size: Option<u64>,
    ) -> Result<Trail, LogError> {
        let mut at = self.latest().await?;
        if let Some(size) = size.filter(|size| *size != at.frontier.size()) {
            let kept = self.store.checkpoint_at(size).await?;
            at.note = kept.ok_or(LogError::NotKept)?;
            at.frontier = prove::frontier_at(&self.store, size).await?;
        }
        let events = prove::events_of_from(&self.store, session, since, &at.frontier).await?;
        Ok(Trail {
            events,
            checkpoint: at.note,
            log_key: at.log_key,
        })
    }

    /// The events from the place `since` on with their proofs, 500 at most.
    ///
    /// # Errors
    /// When the database or the signer fails, or the log does not continue what was signed.
    pub async fn page_from(&self, since: u64) -> Result<Trail, LogError> {
        let latest = self.latest().await?;
        let events = prove::events_from(&self.store, since, &latest.frontier).await?;
        Ok(Trail {
            events,
            checkpoint: latest.note,
            log_key: latest.log_key,
        })
    }

    /// Keeps checkpoints at most a second behind and sweeps the store; returns only when the store
    /// is closed. Runs as one task beside the server.
    pub async fn keep(self) {
        let mut tick = tokio::time::interval(CHECKPOINT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for ticks in 0_u64.. {
            tick.tick().await;
            match self.checkpoint().await {
                Ok(_) => {}
                Err(LogError::Store(StoreError::Closed)) => return,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no checkpoint")
                }
            }
            if ticks % SWEEP_EVERY == 0 {
                let at = self.store.clock().now();
                match self
                    .store
                    .commit(vec![Change::Sweep { at }], Vec::new())
                    .await
                {
                    Ok(_) => {}
                    Err(CommitError::Store(StoreError::Closed)) => return,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "no sweep")
                    }
                }
            }
        }
    }

    async fn latest(&self) -> Result<Latest, LogError> {
        let mut latest = self.latest.lock().await;
        let frontier = self.store.watch_log().borrow().clone();
        match &*latest {
            Some(known) if known.frontier.size() == frontier.size() => return Ok(known.clone()),
            Some(_) => {}
            None => self.check_what_was_signed(&frontier).await?,
        }
        match self.sign(frontier).await {
            Ok(signed) => {
                *latest = Some(signed.clone());
                Ok(signed)
            }
            // Anybody may ask for a checkpoint, and many can make the log grow between two of them:
            // the one before this one holds all the same, and reading goes on.
            Err(LogError::Signer(SignerError::Refused(Refusal::Rate { .. }))) => {
                latest.clone().ok_or(LogError::Busy)
            }
            Err(error) => Err(error),
        }
    }

    async fn sign(&self, frontier: Frontier) -> Result<Latest, LogError> {
        let head = LogHead {
            size: frontier.size(),
            root: frontier.root(),
        };
        let note = self.signer.checkpoint(head).await?;
        let log_key = self.signer.public_keys().await?.log_verifier;
        let keep = Change::KeepCheckpoint {
            size: head.size,
            note: note.clone(),
            at: self.store.clock().now(),
        };
        match self.store.commit(vec![keep], Vec::new()).await {
            Ok(_) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
            // A checkpoint that was not kept holds all the same.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a checkpoint is not kept"
            ),
        }
        Ok(Latest {
            frontier,
            note,
            log_key,
        })
    }

    /// Once after a start: the tree must still have the root that was signed last, at the size that
    /// it had then.
    async fn check_what_was_signed(&self, frontier: &Frontier) -> Result<(), LogError> {
        let Some(note) = self.store.last_checkpoint().await? else {
            return Ok(());
        };
        let key = self.signer.public_keys().await?.log_verifier;
        let key: VerifierKey = key.parse().map_err(|_| LogError::Broken)?;
        let signed = Checkpoint::open(&note, &key).map_err(|_| LogError::Broken)?;
        if signed.size > frontier.size() {
            return Err(LogError::Broken);
        }
        let then = prove::frontier_at(&self.store, signed.size).await?;
        if then.root() == signed.root {
            Ok(())
        } else {
            Err(LogError::Broken)
        }
    }
}
