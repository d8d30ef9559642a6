//! What one session's recording is: written by the bastion, read by reviewers.
//!
//! The format is `docs/spec/recording.md`. This crate knows no network, no async runtime and no
//! policy; it reads no clock but the monotonic one that its writer's threads sleep by, and
//! randomness is the caller's. The bastion writes ([`mod@write`]), its start-up recovers ([`mod@recover`]),
//! and the command line reads, verifies and exports.

#![forbid(unsafe_code)]

// What a recording consists of.
mod cbor;
mod container;
pub mod event;
pub mod file_name;
pub mod head;
pub mod info;
pub mod manifest;
pub mod segment;
pub mod ustar;

// Making one.
pub mod files;
pub mod part;
pub mod recover;
pub mod write;

// Reading one.
pub mod argv;
pub mod export;
pub mod moment;
pub mod printable;
pub mod read;
pub mod redact;
pub mod screen;
pub mod transcript;
pub mod verify;

#[cfg(test)]
mod tests;
