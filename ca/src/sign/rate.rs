//! How often each kind of thing may be signed: so many at once, and one more per interval.

use std::collections::HashMap;
use std::time::Duration;

use portreeve_protocol::time::Timestamp;

use super::{Kind, Refusal};

/// A kind's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// After what time one more is allowed.
    pub(crate) interval: Duration,
    /// How many are allowed at once after a quiet time.
    pub(crate) burst: u32,
}

impl Rate {
    /// What has to be used up before a request is refused.
    fn tolerance(self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// What of the allowances is used up. For each kind, the moment at which it will be whole again
/// (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug)]
pub(crate) struct Meter {
    rates: HashMap<Kind, Rate>,
    whole_at: HashMap<Kind, Timestamp>,
}

impl Meter {
    /// Nothing used up. A kind without a rate is never allowed.
    pub(crate) fn new(rates: HashMap<Kind, Rate>) -> Self {
        Self {
            rates,
            whole_at: HashMap::new(),
        }
    }

    /// Uses up one of `kind`.
    pub(crate) fn use_one(&mut self, kind: Kind, now: Timestamp) -> Result<(), Refusal> {
        let rate = *self.rates.get(&kind).ok_or(Refusal::Rate { kind })?;
        // A clock that was set back must not refuse for as long as it was set back.
        let furthest = now.plus(rate.tolerance()).plus(rate.interval);
        let whole_at = self.whole_at.entry(kind).or_insert(now);
        *whole_at = (*whole_at).clamp(now, furthest);
        if whole_at.since(now) > rate.tolerance() {
            return Err(Refusal::Rate { kind });
        }
        *whole_at = whole_at.plus(rate.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        let rate = Rate {
            interval: Duration::from_secs(1),
            burst: 3,
        };
        Meter::new(HashMap::from([(Kind::Access, rate)]))
    }

    fn taken(meter: &mut Meter, now: i64) -> usize {
        (0..100)
            .take_while(|_| {
                meter
                    .use_one(Kind::Access, Timestamp::from_seconds(now))
                    .is_ok()
            })
            .count()
    }

    #[test]
    fn a_burst_and_then_one_per_interval() {
        let mut meter = meter();
        assert_eq!(taken(&mut meter, 100), 3);
        assert_eq!(taken(&mut meter, 101), 1);
        assert_eq!(taken(&mut meter, 103), 2);
        assert_eq!(taken(&mut meter, 1000), 3);
    }

    #[test]
    fn a_clock_set_back_does_not_refuse_for_long() {
        let mut meter = meter();
        assert_eq!(taken(&mut meter, 10_000), 3);
        assert_eq!(taken(&mut meter, 0), 0);
        assert_eq!(taken(&mut meter, 1), 1);
    }

    #[test]
    fn a_kind_without_a_rate_is_refused() {
        let refused = meter().use_one(Kind::Token, Timestamp::from_seconds(0));
        assert_eq!(refused, Err(Refusal::Rate { kind: Kind::Token }));
    }
}
