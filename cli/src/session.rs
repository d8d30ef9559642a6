//! Sessions as this side sees them: asking for one, keeping its key, and finding it again.
//!
//! A session that outlives one command has a folder of its own below the runtime folder, with
//! what `ssh` needs to use it. Its key is in the memory of a holder process ([`crate::agent`]).

pub mod address;
pub mod open;
pub mod place;
pub mod request;
pub mod ssh_config;
