//! When the next step of an upload is due. Pure.

use std::time::Duration;

use portreeve_protocol::backoff::Backoff;

use crate::clock::Steady;

/// How long a recording that grows may be ahead of the store.
const OVERDUE: Duration = Duration::from_secs(10);
/// The pauses after failures.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// The pace of one upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// When something was last stored, or there was nothing although it was overdue.
    looked: Steady,
    /// How long to wait after the next failures.
    pauses: Backoff,
}

impl Pace {
    pub(super) const fn since(now: Steady) -> Self {
        Self {
            looked: now,
            pauses: PAUSES,
        }
    }

    /// Whether what there is should be stored although it makes no whole part.
    pub(super) fn is_overdue(&self, now: Steady) -> bool {
        now >= self.overdue_at()
    }

    /// When it will be so.
    pub(super) fn overdue_at(&self) -> Steady {
        self.looked.plus(OVERDUE)
    }

    /// Something was stored, or everything that there was is.
    pub(super) const fn looked(&mut self, now: Steady) {
        *self = Self::since(now);
    }

    /// How long to wait after a failure.
    pub(super) fn failed(&mut self) -> Duration {
        self.pauses.pause()
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
        pace.looked(at(15));
        assert!(!pace.is_overdue(at(24)));
    }

    #[test]
    fn a_store_that_answers_is_asked_again_soon() {
        let mut pace = Pace::since(at(0));
        assert!(pace.failed() < pace.failed());
        pace.looked(at(9));
        assert_eq!(pace.failed(), Duration::from_secs(1));
    }
}
