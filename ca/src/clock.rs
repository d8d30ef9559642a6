//! The only reader of the clock. Everything else takes a [`Timestamp`] as an argument.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use portreeve_protocol::time::Timestamp;

/// A clock that can be handed around: the system's, or one that a test sets.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::set`] moves it, together with all its clones.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(at.as_micros()))))
    }

    /// Moves a fixed clock and its clones; the system's clock does not move.
    pub fn set(&self, at: Timestamp) {
        if let Source::Set(micros) = &self.0 {
            micros.store(at.as_micros(), Ordering::SeqCst);
        }
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Set(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
fn system_now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Set(_) => write!(f, "Clock(fixed at {})", self.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_with_its_clones() {
        let clock = Clock::fixed(Timestamp::from_seconds(10));
        let clone = clock.clone();
        clock.set(Timestamp::from_seconds(20));
        assert_eq!(clone.now(), Timestamp::from_seconds(20));
    }
}
