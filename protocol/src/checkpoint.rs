//! Proof that an event is in the audit log: its leaf, the path to the root, and a signed root.
//!
//! Hashing is that of RFC 6962, section 2.1; the checkpoint text is C2SP `tlog-checkpoint`, a
//! signed note whose key is an Ed25519 key of type 1 (C2SP `signed-note`). Everything that a
//! reviewer needs in order to check a trail without us is here; building the tree is the CA's.

mod merkle;
mod note;
mod unread;
mod way;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::event::Event;

pub use merkle::{leaf_hash, node_hash, root_from_proof};
pub use note::{Checkpoint, NotACheckpoint, NotAVerifierKey, VerifierKey};
pub use unread::Unread;
use way::Way;

/// The longest proof: a log with that many levels has more events than a clock has microseconds.
pub const MAX_PROOF: usize = 64;

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

/// All events of one session, or a stretch of the log, in order, and the checkpoint that covers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The log's verifier key, as in C2SP `signed-note`: name, key hash, key.
    ///
    /// A hint for people. Whoever verifies brings the key that they trust.
    pub log_key: String,
}

/// A trail whose every event was proved to be in the log that a trusted key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTrail {
    checkpoint: Checkpoint,
    events: Vec<(u64, Event)>,
    unread: Vec<Unread>,
}

/// Why a trail proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// The checkpoint is not one, or is not signed by the trusted key.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(#[from] NotACheckpoint),
    /// The events are not in the order of the log.
    #[error("event {0} is out of order")]
    Order(u64),
    /// An event's proof does not lead to the checkpoint's root.
    #[error("event {0} is not in the log, or was altered")]
    Inclusion(u64),
    /// Something is in the log that is no event, of this version or of any other.
    #[error("what the log has as event {0} is no event")]
    Content(u64),
}

impl Trail {
    /// Checks the checkpoint against `key` and every event against the checkpoint.
    ///
    /// What this cannot show is that no event of the session was left out; the events of a host
    /// are chained and counted in its receipt for that.
    ///
    /// An event that this version does not know is told apart only where every proof holds: it is
    /// no way to make a trail that is forged look like one that is newer.
    ///
    /// # Errors
    /// At the first thing that does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<VerifiedTrail, NotProved> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        self.prove(&checkpoint)?;
        let mut events = Vec::with_capacity(self.events.len());
        let mut unread = Vec::new();
        for logged in &self.events {
            match serde_json::from_str(&logged.event) {
                Ok(event) => events.push((logged.index, event)),
                Err(_) => {
                    let other = Unread::of(logged).ok_or(NotProved::Content(logged.index))?;
                    unread.push(other);
                }
            }
        }
        Ok(VerifiedTrail {
            checkpoint,
            events,
            unread,
        })
    }

    /// Checks every event against the checkpoint, whatever it says.
    fn prove(&self, checkpoint: &Checkpoint) -> Result<(), NotProved> {
        let mut before = None;
        let mut way = Way::to(checkpoint);
        for logged in &self.events {
            if before.is_some_and(|before| before >= logged.index) {
                return Err(NotProved::Order(logged.index));
            }
            before = Some(logged.index);
            let leaf = leaf_hash(logged.event.as_bytes());
            if !way.leads_from(&leaf, logged.index, &logged.proof) {
                return Err(NotProved::Inclusion(logged.index));
            }
        }
        Ok(())
    }
}

impl VerifiedTrail {
    /// The checkpoint that covers the events.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The events that this version knows and their places in the log, in order.
    #[must_use]
    pub fn events(&self) -> &[(u64, Event)] {
        &self.events
    }

    /// The others, in order. They are as proved as those, and say something that only a newer
    /// version understands: nothing may be concluded from what is not among [`Self::events`].
    #[must_use]
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }
}

/// A hash as it is written in proofs and checkpoints: base64 with padding.
#[must_use]
pub fn encode_hash(hash: &Digest) -> String {
    Base64::encode_string(hash.as_bytes())
}

/// Reads what [`encode_hash`] writes.
#[must_use]
pub fn decode_hash(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    // 44 characters are the one padded form of 32 bytes; the decoder refuses loose bits.
    match Base64::decode(text.as_bytes(), &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => Some(Digest::from_bytes(bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
