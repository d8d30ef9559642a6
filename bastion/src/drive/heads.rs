//! When the head of a growing recording goes into the trail.
//!
//! Within five seconds after a segment is on disk, and not more often than that, however much there is. A session that
//! writes nothing wakes nobody.

use std::time::Duration;

use portreeve_recording::head::Head;
use tokio::time::Instant;

use crate::clock::{Clock, Steady};
use crate::tap::Tap;

/// The time from one head to the next, and the longest that a segment waits for its head.
const APART: Duration = Duration::from_secs(5);

/// What was reported of one recording.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    segments: u32,
    at: Steady,
}

impl Heads {
    /// Nothing yet, of a recording that begins now.
    pub(super) const fn since(began: Steady) -> Self {
        Self {
            segments: 0,
            at: began,
        }
    }

    /// Resolves when there is a head to report. Dropping it loses nothing.
    pub(super) async fn due(self, tap: Option<&Tap>, clock: Clock) -> Head {
        let Some(tap) = tap else {
            return std::future::pending().await;
        };
        tap.recorder().growth(self.segments).await;
        let due: Instant = clock.instant(self.at.plus(APART));
        tokio::time::sleep_until(due).await;
        // There may be more by now.
        tap.recorder().growth(self.segments).await
    }

    /// It was reported.
    pub(super) const fn reported(&mut self, head: Head, now: Steady) {
        self.segments = head.segments;
        self.at = now;
    }
}
