//! The one place of this program that reads the clock.
//!
//! A [`Now`] holds two readings. The wall clock is what certificates, grants and events are written in; the steady one
//! never goes back and is what lifetimes, silence and idleness are measured with.

use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use tokio::time::Instant;

/// A reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the world says it is.
    pub wall: Timestamp,
    /// How long this program runs.
    pub steady: Steady,
}

/// A moment on the steady clock, counted from the program's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Steady(Duration);

impl Steady {
    /// A moment this long after the program's start.
    #[must_use]
    pub const fn after_start(duration: Duration) -> Self {
        Self(duration)
    }

    /// This moment and `duration` after it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds since the program's start.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment that [`Steady::as_millis`] gave.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

/// Reads both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting. Once per program, so that all its steady moments compare.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// What both clocks say.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            wall: wall(),
            steady: Steady(self.start.elapsed()),
        }
    }

    /// The moment as the runtime's timers want it.
    #[must_use]
    pub fn instant(&self, moment: Steady) -> Instant {
        // Nothing waits longer than a year; an hour-long nap and another look are as good.
        self.start
            .checked_add(moment.0)
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }
}

#[expect(clippy::disallowed_methods, reason = "this file reads the clock")]
fn wall() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}
