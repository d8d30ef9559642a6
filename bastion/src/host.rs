//! The host of a session: what it must prove, and the connections to it.

pub mod control;
mod lines;
mod link;
pub(crate) mod proof;

pub use link::{HostChannel, HostLink};
pub use proof::{GoneProven, HostProven, NotProven};
