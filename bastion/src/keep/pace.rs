//! When the next step of an upload is due. Pure.

use std::time::Duration;

use crate::clock::Steady;

/// How long a recording that grows may be ahead of the store.
const OVERDUE: Duration = Duration::from_secs(10);
/// The first pause after a failure; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// The pace of one upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// When something was last stored.
    stored: Steady,
    /// How long to wait after the next failure.
    pause: Duration,
}

impl Pace {
    pub(super) const fn since(now: Steady) -> Self {
        Self {
            stored: now,
            pause: FIRST_PAUSE,
        }
    }

    /// Whether what there is should be stored although it makes no whole part.
    pub(super) fn is_overdue(&self, now: Steady) -> bool {
        now >= self.overdue_at()
    }

    /// When it will be so.
    pub(super) fn overdue_at(&self) -> Steady {
        self.stored.plus(OVERDUE)
    }

    pub(super) const fn stored(&mut self, now: Steady) {
        *self = Self::since(now);
    }

    /// How long to wait after a failure.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LAST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Steady {
        Steady::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_not_stored_for_ten_seconds_is_overdue() {
        let mut pace = Pace::since(at(5));
        assert!(!pace.is_overdue(at(14)));
        assert!(pace.is_overdue(at(15)));
        pace.stored(at(15));
        assert!(!pace.is_overdue(at(24)));
    }

    #[test]
    fn a_store_that_is_away_is_asked_less_and_less_often_until_it_answers() {
        let mut pace = Pace::since(at(0));
        let pauses: Vec<u64> = (0..8).map(|_| pace.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        pace.stored(at(9));
        assert_eq!(pace.failed(), FIRST_PAUSE);
    }
}
