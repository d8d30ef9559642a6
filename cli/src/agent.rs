//! An SSH agent for exactly one session: it holds the session's key in memory, offers its
//! certificate, and signs nothing but a login with it.
//!
//! It is a process of its own ([`hold`]) with no network and no other duty, so the key is nowhere
//! but in its memory. The protocol is draft-miller-ssh-agent; of its requests two are answered.

pub mod answer;
pub mod hold;
pub mod serve;
pub mod wire;
