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

/// When a lease ends at the latest, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    wall: Timestamp,
    /// The same moment by the clock that nobody can set.
    boot: Duration,
}

impl Expiry {
    fn new(now: Moment, expires_at: Timestamp) -> Self {
        Self {
            wall: expires_at,
            boot: now.boot.saturating_add(expires_at.since(now.wall)),
        }
    }

    /// How long it is until then, by the clock by which it is sooner.
    fn left(self, now: Moment) -> Duration {
        let by_boot = self.boot.saturating_sub(now.boot);
        self.wall.since(now.wall).min(by_boot)
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self, now: Moment) -> bool {
        self.left(now).is_zero()
    }
}

/// A lease.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    expiry: Expiry,
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
            expiry: Expiry::new(now, expires_at),
            heard_at: now.boot,
        }
    }

    /// When it ends at the latest.
    pub(crate) fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// The bastion was heard.
    pub(crate) fn renew(&mut self, now: Moment) {
        self.heard_at = now.boot;
    }

    /// Whether it lives.
    pub(crate) fn verdict(&self, now: Moment) -> Verdict {
        let by_expiry = self.expiry.left(now);
        let by_silence = self
            .heard_at
            .saturating_add(SILENCE)
            .saturating_sub(now.boot);
        if by_expiry.is_zero() {
            Verdict::Over(EndCause::Expired)
        } else if by_silence.is_zero() {
            Verdict::Over(EndCause::LinkLost)
        } else {
            Verdict::Live(by_expiry.min(by_silence))
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

    /// Both clocks run during suspend, and the wall clock may be set on waking up.
    #[test]
    fn a_host_that_sleeps_past_the_expiry_wakes_up_without_the_lease() {
        let lease = lease(600);
        for wall in [0, 300, 601, 86_400] {
            let now = Moment {
                wall: start().wall.plus(s(wall)),
                boot: start().boot + s(601),
            };
            assert!(lease.expiry().is_over(now), "{wall}");
            assert_eq!(lease.verdict(now), Verdict::Over(EndCause::Expired));
        }
        let nap = start().plus(s(60));
        assert!(!lease.expiry().is_over(nap));
        assert_eq!(lease.verdict(nap), Verdict::Over(EndCause::LinkLost));
    }

    /// Whatever is done to the wall clock, no lease outlives its span, and one that is over by
    /// either clock is over.
    #[test]
    fn no_jump_of_the_wall_clock_lengthens_a_lease() {
        let lease = lease(100);
        for jump in [-1_000_000, -101, -100, -1, 0, 1, 99, 100, 1_000_000_i64] {
            for elapsed in [0, 1, 50, 99, 100, 101, 5_000] {
                let seconds = 1_790_000_000 + jump + i64::try_from(elapsed).unwrap();
                let now = Moment {
                    wall: Timestamp::from_seconds(seconds),
                    boot: start().boot + s(elapsed),
                };
                let over = elapsed >= 100 || seconds >= 1_790_000_100;
                assert_eq!(lease.expiry().is_over(now), over, "{jump} {elapsed}");
            }
        }
    }

    #[test]
    fn an_expiry_in_the_past_is_over_at_once() {
        let lease = Lease::new(start(), start().wall);
        assert_eq!(lease.verdict(start()), Verdict::Over(EndCause::Expired));
    }
}
