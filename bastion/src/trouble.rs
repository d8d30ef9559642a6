//! How often a trouble that lasts is told in the log: when it begins, now and then while it goes on, and when it is over.
//!
//! What is tried again many times a minute must not bury everything else.

use std::time::Duration;

use crate::clock::Steady;

/// How often it is told while it goes on.
const AGAIN: Duration = Duration::from_secs(60);

/// A trouble that comes and goes.
#[derive(Debug, Default)]
pub struct Trouble {
    told: Option<Steady>,
}

impl Trouble {
    /// It is there. Says whether to tell it.
    #[must_use]
    pub fn is_news(&mut self, now: Steady) -> bool {
        let is_news = self.told.is_none_or(|told| now.since(told) >= AGAIN);
        if is_news {
            self.told = Some(now);
        }
        is_news
    }

    /// It is over. Says whether it had been told.
    pub const fn ends(&mut self) -> bool {
        self.told.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_when_it_begins_and_once_a_minute() {
        let mut trouble = Trouble::default();
        let told: Vec<_> = [1, 2, 60, 61, 62, 121]
            .map(|second| trouble.is_news(Steady::after_start(Duration::from_secs(second))))
            .into();
        assert_eq!(told, [true, false, false, true, false, true]);
        assert!(trouble.ends());
        assert!(!trouble.ends());
        assert!(trouble.is_news(Steady::after_start(Duration::from_secs(122))));
    }
}
