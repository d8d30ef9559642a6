//! Humans, as far as they were seen.

use portreeve_protocol::pair::Human;
use portreeve_protocol::time::Timestamp;

/// A human who signed in at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHuman {
    /// Who.
    pub human: Human,
    /// When first.
    pub first_seen_at: Timestamp,
    /// When last.
    pub last_seen_at: Timestamp,
    /// Since when nothing is permitted to them.
    pub deprovisioned_at: Option<Timestamp>,
}
