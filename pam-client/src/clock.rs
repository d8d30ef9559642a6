//! The only place that reads a clock.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use portreeve_protocol::time::Timestamp;

/// Now, by two clocks that go wrong in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the wall clock, which somebody may set.
    pub(crate) wall: Timestamp,
    /// Since boot, suspend included; nobody can set it.
    pub(crate) boot: Duration,
}

impl Moment {
    /// This moment and `span` after it, by both clocks.
    #[cfg(test)]
    pub(crate) fn plus(self, span: Duration) -> Self {
        Self {
            wall: self.wall.plus(span),
            boot: self.boot + span,
        }
    }
}

/// Reads both clocks.
pub(crate) fn now() -> Moment {
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    Moment {
        wall: wall(),
        // INVARIANT: every kernel that has control groups of version 2 has this clock. If it had
        // not, the wall clock would still end every lease.
        boot: boot.unwrap_or(Duration::ZERO),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
fn wall() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
