//! How much a host may tell of sessions other than the one that it tells it in.
//!
//! Who is root on a host can sign as many reports as he likes about sessions that are over, or never were; only the CA
//! knows which. No session can be charged for them, so the host is, over all of its connections: it has the pace of one
//! session. What goes beyond it is not acknowledged, so the host keeps it and brings it again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portreeve_protocol::name::HostName;

use super::allowance::Pace;
use crate::clock::Steady;

/// How long a host tells not too much before it is news that it does: much longer than it takes to make room for more.
const QUIET: Duration = Duration::from_secs(3600);

/// What hosts told of such sessions and had not the time to tell, and which of them are known for it.
#[derive(Debug, Default)]
pub struct EarlierReports(Mutex<HashMap<HostName, Told>>);

#[derive(Debug, Clone, Copy)]
struct Told {
    pace: Pace,
    /// When it told too much last, of the times since somebody was told.
    known: Option<Steady>,
}

impl Told {
    fn is_known(&self, now: Steady) -> bool {
        self.known.is_some_and(|last| now.since(last) < QUIET)
    }
}

/// A host told more than it may for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch {
    /// Nobody knows it yet, or it was long ago.
    pub(super) is_news: bool,
}

impl EarlierReports {
    /// Whether this host may tell more now.
    pub(super) fn may_tell(&self, host: &HostName, now: Steady) -> Result<(), TooMuch> {
        let mut hosts = self.hosts();
        hosts.retain(|_, told| !told.pace.is_rested(now) || told.is_known(now));
        match hosts.get_mut(host) {
            Some(told) if told.pace.is_over(now) => {
                let is_news = !told.is_known(now);
                if !is_news {
                    told.known = Some(now);
                }
                Err(TooMuch { is_news })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Somebody was told that this host tells too much.
    pub(super) fn alarmed(&self, host: &HostName, now: Steady) {
        if let Some(told) = self.hosts().get_mut(host) {
            told.known = Some(now);
        }
    }

    /// This host told so many bytes.
    pub(super) fn told(&self, host: &HostName, bytes: u64, now: Steady) {
        let mut hosts = self.hosts();
        let told = hosts.entry(host.clone()).or_insert_with(|| Told {
            pace: Pace::since(now),
            known: None,
        });
        told.pace.take(bytes, now);
    }

    /// A panic elsewhere leaves the map whole: each change is a single insert or remove.
    fn hosts(&self) -> MutexGuard<'_, HashMap<HostName, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWS: Result<(), TooMuch> = Err(TooMuch { is_news: true });
    const OLD: Result<(), TooMuch> = Err(TooMuch { is_news: false });

    fn at(seconds: u64) -> Steady {
        Steady::after_start(Duration::from_secs(seconds))
    }

    /// Tells as much as it may at one moment, in reports of the largest size, and says how much that was.
    fn flood(reports: &EarlierReports, host: &HostName, now: Steady) -> u64 {
        let size = 128 * 1024;
        let mut all = 0;
        while reports.may_tell(host, now).is_ok() {
            reports.told(host, size, now);
            all += size;
            assert!(all < 1 << 30, "it has no end");
        }
        all
    }

    #[test]
    fn a_host_tells_only_so_much_at_once_over_however_many_connections() {
        let reports = EarlierReports::default();
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let first = flood(&reports, &one, at(5));
        assert!((32 << 20..33 << 20).contains(&first), "{first}");
        assert_eq!(reports.may_tell(&one, at(5)), NEWS);
        assert_eq!(reports.may_tell(&other, at(5)), Ok(()));
        let ten_seconds_later = flood(&reports, &one, at(15));
        assert!(ten_seconds_later <= 11 << 20, "{ten_seconds_later}");
    }

    #[test]
    fn a_host_that_tells_too_much_is_news_until_somebody_was_told() {
        let reports = EarlierReports::default();
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        for host in [&one, &other] {
            reports.told(host, 40 << 20, at(0));
            assert_eq!(reports.may_tell(host, at(0)), NEWS);
            assert_eq!(reports.may_tell(host, at(1)), NEWS);
        }
        reports.alarmed(&one, at(1));
        assert_eq!(reports.may_tell(&one, at(1)), OLD);
        assert_eq!(reports.may_tell(&other, at(1)), NEWS);
    }

    #[test]
    fn a_known_host_is_news_again_after_an_hour_in_which_it_told_not_too_much() {
        let reports = EarlierReports::default();
        let host: HostName = "one".parse().unwrap();
        reports.told(&host, 40 << 20, at(0));
        reports.alarmed(&host, at(0));
        // Each time there was room for some of it again.
        let mut now = 0;
        for quiet in [20, 100, 3500, 3599] {
            now += quiet;
            assert_eq!(reports.may_tell(&host, at(now)), Ok(()));
            reports.told(&host, 40 << 20, at(now));
            assert_eq!(reports.may_tell(&host, at(now)), OLD, "after {quiet} s");
        }
        now += 3600;
        assert_eq!(reports.may_tell(&host, at(now)), Ok(()));
        assert!(reports.hosts().is_empty());
        reports.told(&host, 40 << 20, at(now));
        assert_eq!(reports.may_tell(&host, at(now)), NEWS);
    }
}
