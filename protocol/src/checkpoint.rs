//! Proof that an event is in the audit log: its leaf, the path to the root, and a signed root.
//!
//! Hashing is that of RFC 6962, section 2.1; the checkpoint text is C2SP `tlog-checkpoint`, a
//! signed note whose key is an Ed25519 key of type 1 (C2SP `signed-note`).

use serde::{Deserialize, Serialize};

/// One event with the proof that it is in the log of `checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// The event's place in the log, counted from 0.
    pub index: u64,
    /// The event as canonical JSON: exactly these bytes were hashed.
    pub event: String,
    /// The sibling hashes from leaf to root, each in base64.
    pub proof: Vec<String>,
}

/// All events of one session, in order, and the checkpoint that covers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The log's verifier key, as in C2SP `signed-note`: name, key hash, key.
    pub log_key: String,
}
