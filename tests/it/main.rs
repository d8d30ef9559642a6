//! Machine tests: the real programs on test hosts. They need root, and fail without it.
//!
//! One binary with a module per subject: what a module does not share with the others stays in it.

#![expect(clippy::unwrap_used, reason = "a machine test that cannot go on has failed")]

mod hosts;
mod idp;
mod labs;
