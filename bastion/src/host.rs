//! The host of a session: what it must prove, and the connections to it.

pub mod control;
mod lines;
mod link;
pub(crate) mod proof;

pub(crate) use link::open_control;
pub use link::{HostChannel, HostLink};
pub use proof::{GoneProven, HostProven, NotProven};
