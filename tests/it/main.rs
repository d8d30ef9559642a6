//! Machine tests: the real programs on test hosts. They need root, and fail without it.
//!
//! One binary with a module per subject: what a module does not share with the others stays in it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

mod asciicast;
mod bad_input;
mod bundles;
mod escapes;
mod folder_store;
mod formats;
mod host_check;
mod hosts;
mod idp;
mod invariants;
mod kill;
mod kill9;
mod labs;
mod packages;
mod printed;
mod recording;
mod recordings;
mod scenario;
mod shipped;
mod standing_access;
mod sudo_rs;
mod tidy;
