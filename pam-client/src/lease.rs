//! The lease of one session: how long it lives. Pure.
//!
//! It is over when its expiry has passed by either clock, or when the bastion has been silent for
//! too long. Setting the wall clock back does not lengthen it, and suspending the host does not
//! stop it.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::LEASE_SILENCE;
use portreeve_protocol::time::Timestamp;

use crate::clock::Moment;

const SILENCE: Duration = Duration::from_secs(LEASE_SILENCE);

/// A lease.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    expires_at: Timestamp,
    /// The same moment by the clock that nobody can set.
    expires_at_boot: Duration,
    /// When the bastion was last heard.
    heard_at: Duration,
}

/// What a lease says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// It lives; ask again after this span at the latest.
    Live(Duration),
    /// It is over.
    Over(EndCause),
}

impl Lease {
    /// A lease that begins now.
    pub(crate) fn new(now: Moment, expires_at: Timestamp) -> Self {
        Self {
            expires_at,
            expires_at_boot: now.boot.saturating_add(expires_at.since(now.wall)),
            heard_at: now.boot,
        }
    }

    /// The bastion was heard.
    pub(crate) fn renew(&mut self, now: Moment) {
        self.heard_at = now.boot;
    }

    /// Whether it lives.
    pub(crate) fn verdict(&self, now: Moment) -> Verdict {
        let by_wall = self.expires_at.since(now.wall);
        let by_boot = self.expires_at_boot.saturating_sub(now.boot);
        let by_silence = self
            .heard_at
            .saturating_add(SILENCE)
            .saturating_sub(now.boot);
        if by_wall.is_zero() || by_boot.is_zero() {
            Verdict::Over(EndCause::Expired)
        } else if by_silence.is_zero() {
            Verdict::Over(EndCause::LinkLost)
        } else {
            Verdict::Live(by_wall.min(by_boot).min(by_silence))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn start() -> Moment {
        Moment {
            wall: Timestamp::from_seconds(1_790_000_000),
            boot: s(500),
        }
    }

    fn lease(lifetime: u64) -> Lease {
        Lease::new(start(), start().wall.plus(s(lifetime)))
    }

    #[test]
    fn it_ends_at_its_expiry_however_often_it_is_renewed() {
        let mut lease = lease(20);
        let mut now = start();
        while let Verdict::Live(wait) = lease.verdict(now) {
            now = now.plus(wait.min(s(3)));
            lease.renew(now);
        }
        assert_eq!(lease.verdict(now), Verdict::Over(EndCause::Expired));
        assert_eq!(now, start().plus(s(20)));
    }

    #[test]
    fn it_ends_after_silence() {
        let mut lease = lease(3600);
        lease.renew(start().plus(s(5)));
        assert_eq!(lease.verdict(start().plus(s(14))), Verdict::Live(s(1)));
        assert_eq!(
            lease.verdict(start().plus(s(15))),
            Verdict::Over(EndCause::LinkLost)
        );
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lengthen_it() {
        let mut lease = lease(60);
        let now = Moment {
            wall: start().wall.minus(s(86_400)),
            boot: start().boot + s(60),
        };
        lease.renew(now);
        assert_eq!(lease.verdict(now), Verdict::Over(EndCause::Expired));
    }

    #[test]
    fn a_clock_that_is_set_forward_ends_it() {
        let lease = lease(60);
        let now = Moment {
            wall: start().wall.plus(s(60)),
            boot: start().boot + s(1),
        };
        assert_eq!(lease.verdict(now), Verdict::Over(EndCause::Expired));
    }

    #[test]
    fn an_expiry_in_the_past_is_over_at_once() {
        let lease = Lease::new(start(), start().wall);
        assert_eq!(lease.verdict(start()), Verdict::Over(EndCause::Expired));
    }
}
