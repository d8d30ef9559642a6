//! Where every program stands at one moment, for readers that begin in the middle of a recording.
//!
//! Not an event: nothing passed. The recorder makes it of the events before, and
//! [`crate::read`] uses it to find a moment without reading everything before it.

use bytes::Bytes;

use super::Channel;

/// How many programs are followed at a time. A session has a few; a reader looks up the start of
/// each.
pub const MAX_PROGRAMS: usize = 1024;

/// Where every program stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When, in microseconds since the session started.
    pub at_us: u64,
    /// The programs that run.
    pub programs: Vec<Running>,
}

/// A program that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// On which channel.
    pub channel: Channel,
    /// When it was started, in microseconds since the session started.
    pub started_us: u64,
    /// The segment that holds its start.
    pub segment: u32,
    /// Its terminal, if it has one.
    pub display: Option<Display>,
}

/// A terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// Its width.
    pub columns: u32,
    /// Its height.
    pub rows: u32,
    /// What is on it.
    pub shown: Shown,
}

/// What is on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// What an empty one must be sent to show it.
    Drawing(Bytes),
    /// Nobody knows: since this moment, in microseconds since the session started, it was not
    /// drawn.
    NotSince(u64),
}
