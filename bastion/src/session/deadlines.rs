//! When a session ends by itself.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;

use super::input::{Observed, Opening};
use crate::clock::{Now, Steady};

/// How far the wall clock may step back before nothing that it says is believed any more.
const BACKWARD_STEP: Duration = Duration::from_secs(5);

/// Every clock that runs against a session.
#[derive(Debug)]
pub(super) struct Deadlines {
    /// The expiry on both clocks: neither setting the wall clock back nor a slow tick prolongs a session.
    expires_at: Timestamp,
    expires_steady: Steady,
    connect_by: Steady,
    idle: Duration,
    linger: Duration,
    stale_after: Duration,
    moved: Steady,
    feed_heard: Steady,
    alone_since: Option<Steady>,
    /// The wall clock and the steady one when the session began.
    began: Now,
}

impl Deadlines {
    pub(super) fn new(opening: &Opening, now: Now) -> Self {
        Self {
            expires_at: opening.expires_at,
            expires_steady: steady(opening.expires_at, now),
            connect_by: steady(opening.connect_by, now),
            idle: opening.idle,
            linger: opening.linger,
            stale_after: opening.stale_after,
            moved: now.steady,
            feed_heard: opening.feed_heard,
            alone_since: Some(now.steady),
            began: now,
        }
    }

    /// Why the session should be over, if it should.
    pub(super) fn overdue(&self, now: Now) -> Option<EndCause> {
        let silent = |since: Steady, limit| now.steady.since(since) >= limit;
        // What the wall clock should at least say, given how long the session runs.
        let expected = self.began.wall.plus(now.steady.since(self.began.steady));
        if now.wall >= self.expires_at || now.steady >= self.expires_steady {
            Some(EndCause::Expired)
        } else if expected.since(now.wall) > BACKWARD_STEP {
            Some(EndCause::RecordingFailed)
        } else if silent(self.feed_heard, self.stale_after) {
            Some(EndCause::FeedStale)
        } else if self
            .alone_since
            .is_some_and(|since| silent(since, self.linger))
        {
            Some(EndCause::Left)
        } else if silent(self.moved, self.idle) {
            Some(EndCause::Idle)
        } else {
            None
        }
    }

    /// The earliest moment at which something may be overdue.
    pub(super) fn next(&self, also: Option<Steady>) -> Steady {
        let alone = self.alone_since.map(|since| since.plus(self.linger));
        [
            Some(self.expires_steady),
            Some(self.feed_heard.plus(self.stale_after)),
            Some(self.moved.plus(self.idle)),
            alone,
            also,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(self.expires_steady)
    }

    /// Until when the host may take to open: `within`, and not past the moment until which it can be ordered.
    pub(super) fn opening_ends(&self, now: Now, within: Duration) -> Steady {
        // The order must arrive by `connect_by`; the host may answer a little later.
        let last = self.connect_by.plus(within / 2);
        now.steady.plus(within).min(last)
    }

    pub(super) fn expires_no_later(&mut self, at: Timestamp, now: Now) {
        self.expires_at = self.expires_at.min(at);
        self.expires_steady = self.expires_steady.min(steady(at, now));
    }

    pub(super) fn moved(&mut self, at: Steady) {
        self.moved = self.moved.max(at);
    }

    pub(super) fn observed(&mut self, observed: Observed) {
        self.moved = self.moved.max(observed.moved);
        self.feed_heard = self.feed_heard.max(observed.feed_heard);
    }

    pub(super) const fn is_alone_since(&mut self, since: Option<Steady>) {
        self.alone_since = since;
    }
}

/// The moment on the steady clock at which the wall clock, if nobody sets it, will say `at`.
fn steady(at: Timestamp, now: Now) -> Steady {
    now.steady.plus(at.since(now.wall))
}
