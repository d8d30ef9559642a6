//! The bastion's program between OpenSSH's own clients and OpenSSH's own server.
//!
//! Everything is real but the CA and the host's daemon, which are played. Needs root, for accounts that exist in a mount
//! namespace only, and `openssh-client` and `openssh-server`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed"
)]

#[path = "../../../tests/harness/as_root.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod as_root;
mod ca;
mod channels;
mod client;
mod daemon;
mod deletion;
#[path = "../../../tests/harness/dice.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod dice;
mod durable;
mod ends;
mod files;
mod flow;
mod killed;
mod late;
#[path = "../common/mint.rs"]
mod mint;
#[path = "../../../tests/harness/moto.rs"]
pub mod moto;
mod refusals;
#[path = "../../../tests/harness/seed.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod seed;
mod sshd;
mod status;
mod stores;
mod wait;
mod world;
