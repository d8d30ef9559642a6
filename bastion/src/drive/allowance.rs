//! How much a session may put into the trail. Pure.
//!
//! The spool is everybody's: once it is full, every session ends and none begins. A session that says more at once than
//! it may ends alone, long before that. The CA's log is everybody's too, and is kept for ever: so what a session says in
//! all has a limit, which the CA gives when the session is claimed, and at which it ends as well. What its host has still
//! to tell is taken after that, and bounded too: the host keeps the rest.

use portreeve_protocol::session::TrailLimit;

use crate::clock::Steady;

/// How much at once: some thousands of commands.
const BURST: u64 = 32 * 1024 * 1024;
/// How much each second after that: what a hundred commands are worth.
const EACH_SECOND: u64 = 1024 * 1024;

/// How much follows once it ends by that.
const REST: u64 = 16 * 1024 * 1024;

/// What was said and has not had the time to be said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    used: u64,
    at: Steady,
}

impl Pace {
    /// Nothing was said until now.
    pub(super) const fn since(at: Steady) -> Self {
        Self { used: 0, at }
    }

    /// So many bytes are said.
    pub(super) fn take(&mut self, bytes: u64, now: Steady) {
        self.used = self.used(now).saturating_add(bytes);
        self.at = now.max(self.at);
    }

    /// Whether that was more than may be said at once.
    pub(super) fn is_over(&self, now: Steady) -> bool {
        self.used(now) > BURST
    }

    /// Whether there was time for all of it.
    pub(super) fn is_rested(&self, now: Steady) -> bool {
        self.used(now) == 0
    }

    fn used(&self, now: Steady) -> u64 {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let given_back = passed.saturating_mul(EACH_SECOND) / 1000;
        self.used.saturating_sub(given_back)
    }
}

/// What a session may still say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pace: Pace,
    whole: u64,
    limit: TrailLimit,
    /// What is left for its end, once it ends because it said too much.
    rest: Option<u64>,
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
            pace: Pace::since(at),
            whole: 0,
            limit: TrailLimit::DEFAULT,
            rest: None,
        }
    }

    /// The CA says how much it is in all.
    pub(super) const fn bound(&mut self, limit: TrailLimit) {
        self.limit = limit;
    }

    /// Uses up so many bytes, and says when that is too much, once: the session ends by it.
    #[must_use]
    pub(super) fn take(&mut self, bytes: u64, now: Steady) -> Option<Excess> {
        self.pace.take(bytes, now);
        if let Some(rest) = &mut self.rest {
            *rest = rest.saturating_sub(bytes);
            return None;
        }
        self.whole = self.whole.saturating_add(bytes);
        let excess = if self.whole > self.limit.bytes() {
            Excess::InAll(self.limit)
        } else if self.pace.is_over(now) {
            Excess::AtOnce
        } else {
            return None;
        };
        self.rest = Some(REST);
        Some(excess)
    }

    /// Whether it said even what was left for its end. What can be said again is not taken any more.
    pub(super) fn is_used_up(&self) -> bool {
        self.rest == Some(0)
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
        assert!(!allowance.is_used_up());
    }

    #[test]
    fn what_follows_an_excess_is_bounded_however_long_it_takes() {
        let mut allowance = allowance("64MiB");
        assert!(!allowance.is_used_up());
        let _excess = allowance.take(BURST + 1, at(10)).unwrap();
        let count = (1..1000).take_while(|count| {
            let is_told = allowance.take(100 * 1024, at(10 + count * 60_000));
            assert_eq!(is_told, None);
            !allowance.is_used_up()
        });
        assert_eq!(count.count() as u64, REST / (100 * 1024));
        assert_eq!(allowance.take(1, at(u64::from(u32::MAX))), None);
        assert!(allowance.is_used_up());
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
