//! How much a host may tell of sessions other than the one that it tells it in.
//!
//! Who is root on a host can sign as many reports as he likes about sessions that are over, or never were; only the CA
//! knows which. No session can be charged for them, so the host is, over all of its connections: it has the pace of one
//! session. What goes beyond it is not acknowledged, so the host keeps it and brings it again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portreeve_protocol::name::HostName;

use super::allowance::Pace;
use crate::clock::Steady;

/// What hosts told of such sessions and had not the time to tell.
#[derive(Debug, Default)]
pub struct EarlierReports(Mutex<HashMap<HostName, Told>>);

#[derive(Debug, Clone, Copy)]
struct Told {
    pace: Pace,
    is_known: bool,
}

/// A host told more than it may for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch {
    /// Nobody knows it yet. It is news again when there was time for all that the host told.
    pub(super) is_news: bool,
}

impl EarlierReports {
    /// Whether this host may tell more now.
    pub(super) fn may_tell(&self, host: &HostName, now: Steady) -> Result<(), TooMuch> {
        let mut hosts = self.hosts();
        hosts.retain(|_, told| !told.pace.is_rested(now));
        match hosts.get_mut(host) {
            Some(told) if told.pace.is_over(now) => Err(TooMuch {
                is_news: !std::mem::replace(&mut told.is_known, true),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// This host told so many bytes.
    pub(super) fn told(&self, host: &HostName, bytes: u64, now: Steady) {
        let mut hosts = self.hosts();
        let told = hosts.entry(host.clone()).or_insert_with(|| Told {
            pace: Pace::since(now),
            is_known: false,
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
    use std::time::Duration;

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
        assert_eq!(reports.may_tell(&one, at(5)), OLD);
        assert_eq!(reports.may_tell(&other, at(5)), Ok(()));
        let ten_seconds_later = flood(&reports, &one, at(15));
        assert!(ten_seconds_later <= 11 << 20, "{ten_seconds_later}");
    }

    #[test]
    fn a_host_that_tells_too_much_is_news_once_until_it_is_quiet() {
        let reports = EarlierReports::default();
        let host: HostName = "one".parse().unwrap();
        reports.told(&host, 40 << 20, at(0));
        assert_eq!(reports.may_tell(&host, at(0)), NEWS);
        assert_eq!(reports.may_tell(&host, at(1)), OLD);
        assert_eq!(reports.may_tell(&host, at(20)), Ok(()));
        reports.told(&host, 40 << 20, at(20));
        assert_eq!(reports.may_tell(&host, at(20)), OLD);
        assert_eq!(reports.may_tell(&host, at(100)), Ok(()));
        assert!(reports.hosts().is_empty());
        reports.told(&host, 40 << 20, at(100));
        assert_eq!(reports.may_tell(&host, at(100)), NEWS);
    }
}
