//! How much a session may put into the trail. Pure.
//!
//! The spool is everybody's: once it is full, every session ends and none begins. A session that says more than it may
//! ends alone, long before that.

use crate::clock::Steady;

/// How much at once: some thousands of commands.
const BURST: u64 = 32 * 1024 * 1024;
/// How much each second after that: what a hundred commands are worth.
const EACH_SECOND: u64 = 1024 * 1024;

/// What a session has said and not had the time to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    used: u64,
    at: Steady,
}

impl Allowance {
    pub(super) const fn since(at: Steady) -> Self {
        Self { used: 0, at }
    }

    /// Uses up so many bytes, and says whether that is still allowed.
    #[must_use]
    pub(super) fn take(&mut self, bytes: u64, now: Steady) -> bool {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let given_back = passed.saturating_mul(EACH_SECOND) / 1000;
        self.used = self.used.saturating_sub(given_back).saturating_add(bytes);
        self.at = now.max(self.at);
        self.used <= BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(millis: u64) -> Steady {
        Steady::after_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_busy_session_is_let_go_on() {
        let mut allowance = Allowance::since(at(0));
        // An hour of fifty commands a second, ten kilobytes each.
        assert!((0..180_000).all(|number| allowance.take(10 * 1024, at(number * 20))));
    }

    #[test]
    fn a_session_that_floods_the_trail_is_not() {
        let mut allowance = Allowance::since(at(0));
        let said = (0..)
            .take_while(|_| allowance.take(100 * 1024, at(10)))
            .count() as u64;
        assert!((300..400).contains(&said), "{said}");
        assert!(!allowance.take(1, at(0)));
        assert!(allowance.take(1, at(60_000)));
    }
}
