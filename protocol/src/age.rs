//! Sealing in the age v1 format, with X25519 recipients only.
//!
//! Works on whole values in memory: a grant is a few KiB, a recording segment a few hundred. It
//! draws no randomness and reads no files; both are the caller's. It does not say who wrote a
//! sealed value: signatures around it do.
//!
//! Callers: the CA seals grants and the bastion opens them; the bastion seals recording segments
//! and reviewers open them. The rules are in `docs/spec/sealing.md`.

mod header;
mod key;
mod open;
mod payload;
mod seal;
#[cfg(test)]
mod tests;
mod wrap;

pub use key::{Identity, ParseKeyError, Recipient};
pub use open::{OpenError, open};
pub use seal::{SealError, seal, seal_onto};

/// The most stanzas a header may have: each costs the reader one scalar multiplication before
/// anything is authenticated.
pub const MAX_RECIPIENTS: usize = 64;

/// The longest header a reader looks at, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
