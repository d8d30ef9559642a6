//! How much a session may put into the trail. Pure.
//!
//! The spool is everybody's: once it is full, every session ends and none begins. A session that says more at once than
//! it may ends alone, long before that. The CA's log is everybody's too, and is kept for ever: so what a session says in
//! all has a limit, which the CA gives when the session is claimed, and at which it ends as well.

use portreeve_protocol::session::TrailLimit;

use crate::clock::Steady;

/// How much at once: some thousands of commands.
const BURST: u64 = 32 * 1024 * 1024;
/// How much each second after that: what a hundred commands are worth.
const EACH_SECOND: u64 = 1024 * 1024;

/// What a session has said, and what it has not had the time to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    used: u64,
    at: Steady,
    whole: u64,
    limit: TrailLimit,
    is_told: bool,
}

/// What a session said too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// More at once than it may.
    AtOnce,
    /// More in all.
    InAll(TrailLimit),
}

impl Allowance {
    /// That of a session that begins now. Until it is claimed it says little.
    pub(super) const fn since(at: Steady) -> Self {
        Self {
            used: 0,
            at,
            whole: 0,
            limit: TrailLimit::DEFAULT,
            is_told: false,
        }
    }

    /// The CA says how much it is in all.
    pub(super) const fn bound(&mut self, limit: TrailLimit) {
        self.limit = limit;
    }

    /// Uses up so many bytes, and says when that is too much, once: the session ends by it.
    #[must_use]
    pub(super) fn take(&mut self, bytes: u64, now: Steady) -> Option<Excess> {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let given_back = passed.saturating_mul(EACH_SECOND) / 1000;
        self.used = self.used.saturating_sub(given_back).saturating_add(bytes);
        self.at = now.max(self.at);
        self.whole = self.whole.saturating_add(bytes);
        let excess = if self.whole > self.limit.bytes() {
            Excess::InAll(self.limit)
        } else if self.used > BURST {
            Excess::AtOnce
        } else {
            return None;
        };
        let was_told = std::mem::replace(&mut self.is_told, true);
        (!was_told).then_some(excess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(millis: u64) -> Steady {
        Steady::after_start(Duration::from_millis(millis))
    }

    fn allowance(limit: &str) -> Allowance {
        let mut allowance = Allowance::since(at(0));
        allowance.bound(limit.parse().unwrap());
        allowance
    }

    #[test]
    fn a_busy_session_is_let_go_on() {
        let mut allowance = allowance("2GiB");
        // An hour of fifty commands a second, ten kilobytes each.
        assert!((0..180_000).all(|number| allowance.take(10 * 1024, at(number * 20)).is_none()));
    }

    #[test]
    fn a_session_that_floods_the_trail_ends() {
        let mut allowance = allowance("2GiB");
        let excess = (1..)
            .find_map(|count| Some((count, allowance.take(100 * 1024, at(10))?)))
            .unwrap();
        assert_eq!(excess.1, Excess::AtOnce);
        assert!((300..400).contains(&excess.0), "{excess:?}");
        // Once is enough: what its end says is said.
        assert_eq!(allowance.take(1, at(10)), None);
    }

    #[test]
    fn a_patient_session_ends_when_it_has_said_all_that_it_may() {
        let mut allowance = allowance("64MiB");
        // Ten kilobytes a second are never much at once.
        let (count, excess) = (1..)
            .find_map(|count| Some((count, allowance.take(10 * 1024, at(count * 1000))?)))
            .unwrap();
        assert_eq!(excess, Excess::InAll(TrailLimit::DEFAULT));
        assert_eq!(count, (64 << 20) / (10 * 1024) + 1);
        assert_eq!(allowance.take(1, at(count * 1000)), None);
    }
}
