//! How much may be said at once and how much each second after that. Pure.
//!
//! A bastion ends a session that says more than twice what its host lets it, because the trail is
//! everybody's.

use std::time::Duration;

use serde::Serialize;

/// How much may be said of one kind of thing, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// At once.
    pub(crate) burst: u64,
    /// Each second after that.
    pub(crate) each_second: u64,
}

/// What was said and not had the time to be said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    rate: Rate,
    used: u64,
    /// Since boot.
    at: Duration,
}

impl Pace {
    /// Nothing was said until now.
    pub(crate) const fn new(rate: Rate, now: Duration) -> Self {
        Self {
            rate,
            used: 0,
            at: now,
        }
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, now: Duration) {
        let passed = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = passed.saturating_mul(self.rate.each_second) / 1000;
        self.used = self.used.saturating_sub(back);
        self.at = self.at.max(now);
    }

    /// Whether so much may be said.
    pub(crate) const fn allows(&self, cost: u64) -> bool {
        self.used.saturating_add(cost) <= self.rate.burst
    }

    /// It was said.
    pub(crate) const fn charge(&mut self, cost: u64) {
        self.used = self.used.saturating_add(cost);
    }
}

/// What something costs where it stands in a statement, which stands as a text in an event.
pub(crate) fn cost_of(said: &impl Serialize) -> u64 {
    let text = serde_json::to_string(said).unwrap_or_default();
    let escaped = text
        .bytes()
        .filter(|byte| matches!(byte, b'"' | b'\\'))
        .count();
    u64::try_from(text.len().saturating_add(escaped)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_what_each_second_gives() {
        let rate = Rate {
            burst: 100,
            each_second: 10,
        };
        let mut pace = Pace::new(rate, Duration::from_secs(5));
        assert!(pace.allows(100) && !pace.allows(101));
        pace.charge(100);
        assert!(!pace.allows(1));
        pace.pass(Duration::from_secs(6));
        assert!(pace.allows(10) && !pace.allows(11));
        // A clock that stands still, or goes back, gives nothing.
        pace.pass(Duration::from_secs(6));
        pace.pass(Duration::from_secs(2));
        assert!(!pace.allows(11));
        pace.pass(Duration::from_secs(1000));
        assert!(pace.allows(100) && !pace.allows(101));
    }

    #[test]
    fn what_is_escaped_costs_more() {
        assert_eq!(cost_of(&"a"), 5);
        assert_eq!(cost_of(&"\""), 8);
    }
}
