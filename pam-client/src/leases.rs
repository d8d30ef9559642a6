//! The table of live sessions: the one place that says whether an account may be used now.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portreeve_protocol::name::AccountName;

use crate::book::Book;
use crate::clock::Moment;
use crate::lease::Expiry;
use crate::plan::Plan;

/// All sessions that have a place.
#[derive(Debug)]
pub(crate) struct Leases {
    most: usize,
    table: Mutex<BTreeMap<AccountName, Slot>>,
}

/// A session's place.
#[derive(Debug)]
enum Slot {
    /// Being made or removed: nobody may use the account.
    Closed,
    /// Live.
    Live(Arc<Live>),
}

/// A live session, as other threads than its own see it.
#[derive(Debug)]
pub(crate) struct Live {
    /// What was done for it.
    pub(crate) plan: Plan,
    /// What is told of it.
    book: Mutex<Book>,
    /// When it is over at the latest, whether or not its thread has noticed.
    expiry: Expiry,
    /// Wakes its thread.
    waker: Waker,
}

impl Live {
    /// A session that was made.
    pub(crate) fn new(plan: Plan, book: Book, expiry: Expiry) -> io::Result<Self> {
        Ok(Self {
            plan,
            expiry,
            book: Mutex::new(book),
            waker: Waker::new()?,
        })
    }

    /// Its book.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        // Every entry is one append, so a panic elsewhere leaves the book whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What wakes its thread.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}

/// Why a session gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// The account has one.
    #[error("a session has this account already")]
    Taken,
    /// There are as many as allowed.
    #[error("this host holds as many sessions as it allows")]
    Full,
}

/// Why a process is not let into an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEntered {
    /// There is no live lease.
    #[error("the account has no live lease")]
    NoLease,
    /// The kernel does not put the process into the control group.
    #[error("the process cannot be put into the session's control group: {0}")]
    Cgroup(#[from] io::Error),
}

impl Leases {
    /// A table for this many sessions.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            table: Mutex::new(BTreeMap::new()),
        }
    }

    /// Whether another session finds a place.
    pub(crate) fn has_room(&self) -> bool {
        self.table().len() < self.most
    }

    /// Takes a place, closed.
    pub(crate) fn reserve(&self, account: &AccountName) -> Result<Place<'_>, NoPlace> {
        let mut table = self.table();
        if table.contains_key(account) {
            return Err(NoPlace::Taken);
        }
        if table.len() >= self.most {
            return Err(NoPlace::Full);
        }
        table.insert(account.clone(), Slot::Closed);
        Ok(Place {
            leases: self,
            account: account.clone(),
        })
    }

    /// The live session of an account. One whose time is over is none, also in the seconds that
    /// its thread may need to notice when the host was suspended.
    pub(crate) fn live(&self, user: &str, now: Moment) -> Option<Arc<Live>> {
        let account: AccountName = user.parse().ok()?;
        live(&self.table(), &account, now).map(Arc::clone)
    }

    /// Lets a process into a live account. `enter` is done while nobody can close the account, so
    /// whatever was let in is there when it is killed.
    pub(crate) fn enter(
        &self,
        user: &str,
        now: Moment,
        enter: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Arc<Live>, NotEntered> {
        let account: AccountName = user.parse().map_err(|_| NotEntered::NoLease)?;
        let table = self.table();
        let live = live(&table, &account, now).ok_or(NotEntered::NoLease)?;
        enter(&live.plan.cgroup)?;
        Ok(Arc::clone(live))
    }

    /// The sessions that are live.
    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        let table = self.table();
        let live = table.values().filter_map(|slot| match slot {
            Slot::Live(live) => Some(Arc::clone(live)),
            Slot::Closed => None,
        });
        live.collect()
    }

    /// How many sessions are being made or removed.
    pub(crate) fn closed(&self) -> usize {
        self.table()
            .values()
            .filter(|slot| matches!(slot, Slot::Closed))
            .count()
    }

    /// Whether there is no session at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.table().is_empty()
    }

    /// Returns when nobody holds the table, and so not while nobody could be let in or locked out.
    pub(crate) fn wait_until_free(&self) {
        drop(self.table());
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<AccountName, Slot>> {
        // Every change under this lock is one insertion or removal, so a panic leaves it whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn live<'t>(
    table: &'t BTreeMap<AccountName, Slot>,
    account: &AccountName,
    now: Moment,
) -> Option<&'t Arc<Live>> {
    match table.get(account) {
        Some(Slot::Live(live)) if !live.expiry.is_over(now) => Some(live),
        Some(Slot::Live(_) | Slot::Closed) | None => None,
    }
}

/// A session's place in the table; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    leases: &'a Leases,
    account: AccountName,
}

impl Place<'_> {
    /// From now on the account may be used.
    pub(crate) fn open(&self, live: Arc<Live>) {
        self.leases
            .table()
            .insert(self.account.clone(), Slot::Live(live));
    }

    /// From now on nobody may use the account, and nobody is on the way into it.
    pub(crate) fn close(&self) {
        self.leases
            .table()
            .insert(self.account.clone(), Slot::Closed);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leases.table().remove(&self.account);
    }
}

/// Wakes a thread that waits in `poll`.
#[derive(Debug)]
pub(crate) struct Waker {
    here: UnixStream,
    there: UnixStream,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let (here, there) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        there.set_nonblocking(true)?;
        Ok(Self { here, there })
    }

    /// Wakes it.
    pub(crate) fn wake(&self) {
        // A full buffer wakes it, too.
        let _ = (&self.here).write(&[1]);
    }

    /// It is awake.
    pub(crate) fn clear(&self) {
        let mut bytes = [0; 64];
        while (&self.there)
            .read(&mut bytes)
            .is_ok_and(|read| read == bytes.len())
        {}
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.there.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::journal::Journal;
    use crate::lease::Lease;
    use crate::plan::tests::example;
    use portreeve_protocol::time::Timestamp;
    use std::time::Duration;

    fn start() -> Moment {
        Moment {
            wall: Timestamp::from_seconds(1_790_000_000),
            boot: Duration::from_secs(500),
        }
    }

    fn lease() -> Lease {
        Lease::new(start(), start().wall.plus(Duration::from_secs(60)))
    }

    #[test]
    fn an_account_whose_time_is_over_is_not_used_although_its_thread_sleeps() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(1);
        let live = live(&directory);
        let user = live.plan.account.name.as_str().to_owned();
        let place = leases.reserve(&live.plan.account.name).unwrap();
        place.open(Arc::clone(&live));
        for (seconds, is_live) in [(0, true), (59, true), (60, false), (86_400, false)] {
            let now = start().plus(Duration::from_secs(seconds));
            assert_eq!(leases.live(&user, now).is_some(), is_live, "{seconds}");
            let entered = leases.enter(&user, now, |_| Ok(()));
            assert_eq!(entered.is_ok(), is_live, "{seconds}");
        }
        assert!(!leases.is_empty(), "it is its thread that ends it");
    }

    fn live(directory: &tempfile::TempDir) -> Arc<Live> {
        let plan = example();
        let journal = Journal::create(directory.path().join("a.journal"), &plan).unwrap();
        let chain = Chain::new(
            "prod-1".parse().unwrap(),
            plan.session,
            plan.account.name.clone(),
            plan.order_digest,
        );
        Arc::new(Live::new(plan, Book::reopen(journal, chain), lease().expiry()).unwrap())
    }

    #[test]
    fn an_account_is_used_only_while_it_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(2);
        let live = live(&directory);
        let user = live.plan.account.name.as_str().to_owned();
        let enters = || leases.enter(&user, start(), |_| Ok(())).is_ok();
        assert!(!enters());
        let place = leases.reserve(&live.plan.account.name).unwrap();
        assert!(!enters() && leases.live(&user, start()).is_none());
        place.open(Arc::clone(&live));
        assert!(enters() && leases.live(&user, start()).is_some());
        place.close();
        assert!(!enters() && leases.live(&user, start()).is_none());
        drop(place);
        assert!(!enters() && leases.is_empty());
    }

    #[test]
    fn who_cannot_be_held_together_is_not_let_in() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(1);
        let live = live(&directory);
        let place = leases.reserve(&live.plan.account.name).unwrap();
        place.open(Arc::clone(&live));
        let entered = leases.enter(live.plan.account.name.as_str(), start(), |_| {
            Err(io::ErrorKind::Other.into())
        });
        assert!(matches!(entered, Err(NotEntered::Cgroup(_))));
    }

    #[test]
    fn places_are_counted_and_each_account_has_one() {
        let leases = Leases::new(1);
        let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
        let place = leases.reserve(&account).unwrap();
        assert_eq!(leases.reserve(&account).unwrap_err(), NoPlace::Taken);
        let other = "pr-0123456789abcdee".parse().unwrap();
        assert_eq!(leases.reserve(&other).unwrap_err(), NoPlace::Full);
        drop(place);
        assert!(leases.reserve(&other).is_ok());
    }

    #[test]
    fn a_waker_wakes_once_per_clearing() {
        let waker = Waker::new().unwrap();
        for _ in 0..1000 {
            waker.wake();
        }
        waker.clear();
        let mut byte = [0];
        assert!((&waker.there).read(&mut byte).is_err());
    }
}
