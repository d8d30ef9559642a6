//! The program itself, run as its users run it: against a CA and an identity provider that answer
//! from a table, a bastion that runs commands on this machine, and OpenSSH's own programs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod bastion;
mod bundle;
mod bundle_check;
mod ca;
#[path = "../../../tests/harness/dice.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod dice;
mod evidence;
mod exec;
mod fetch;
mod holder;
mod keys;
mod plain_ssh;
mod program;
mod pty;
mod replay;
mod search;
mod sign_in;
#[path = "../../../tests/bench/src/synthetic.rs"]
mod synthetic;
mod text;
mod web;
