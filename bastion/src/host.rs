//! The host of a session: what it must prove, and the connections to it.

pub(crate) mod proof;

pub use proof::{HostProven, NotProven, receipt_holds};
