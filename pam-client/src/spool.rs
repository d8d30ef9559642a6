//! All journals of this host: which orders were seen, which sessions are over and have reports
//! that no bastion has acknowledged, and which journals may go.

mod look;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portreeve_protocol::control::HostReport;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::time::Timestamp;

use crate::counter::SessionUid;
use crate::file;
use crate::journal::{Journal, JournalError, Record, UNFINISHED, WORTH_IT};
use crate::log;
use crate::paths::Paths;
use crate::plan::Plan;

pub(crate) use self::look::{Seen, look};
pub(crate) use self::story::{Chapter, Story};

/// All journals.
#[derive(Debug)]
pub(crate) struct Spool {
    paths: Paths,
    /// How large all of them together may be before orders are refused.
    limit: u64,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Orders that were seen and could still be fresh.
    seen: BTreeSet<OrderId>,
    /// Sessions that are over.
    over: BTreeMap<SessionId, Over>,
}

/// A session that is over.
#[derive(Debug, Clone)]
struct Over {
    order: OrderId,
    deliver_by: Timestamp,
    delivery: Delivery,
    /// Nothing of it is left on the host.
    finished: bool,
}

/// How far the reports of a session that is over have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// They wait for a bastion.
    Waiting,
    /// A bastion gets them now.
    Taken,
    /// A bastion has them.
    Done,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sessions that a crash left in the middle, or of which something is left.
    pub(crate) unfinished: Vec<SessionId>,
    /// Journals that cannot be read. Whether anything is left of their sessions nobody knows.
    pub(crate) unreadable: Vec<Unreadable>,
    /// The highest UID in any journal.
    pub(crate) highest_uid: Option<SessionUid>,
}

/// A journal that cannot be read: the system refuses, another version wrote it, or it is damaged.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Its session; none if the name is not one of ours.
    pub(crate) session: Option<SessionId>,
    /// Why.
    pub(crate) why: JournalError,
}

impl Unreadable {
    fn new(path: &Path, why: JournalError) -> Self {
        let name = path.file_stem().and_then(|name| name.to_str());
        Self {
            session: name.and_then(|name| name.parse().ok()),
            why,
        }
    }
}

impl Spool {
    /// Reads all journals.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn open(paths: Paths, limit: u64) -> io::Result<(Self, Found)> {
        let mut shelf = Shelf::default();
        let mut found = Found::default();
        for entry in fs::read_dir(paths.journals())? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == UNFINISHED) {
                file::remove_if_there(&path)?;
                continue;
            }
            if path
                .extension()
                .is_none_or(|extension| extension != "journal")
            {
                continue;
            }
            let (journal, records) = match Journal::open(&path) {
                Ok(opened) => opened,
                Err(error) => {
                    found.highest_uid = found.highest_uid.max(Journal::uid(&path));
                    found.unreadable.push(Unreadable::new(&path, error));
                    continue;
                }
            };
            let Some(story) = Story::of(records) else {
                // Its plan was never durable, so nothing was made.
                log::warning!("`{}` holds no plan and is removed", path.display());
                drop(journal);
                file::remove_if_there(&path)?;
                continue;
            };
            shelf.seen.insert(story.plan.order);
            found.highest_uid = found.highest_uid.max(Some(story.plan.account.uid));
            if story.is_over() {
                shelf.over.insert(story.plan.session, Over::of(&story));
            }
            if !story.is_finished() {
                found.unfinished.push(story.plan.session);
            }
        }
        let shelf = Mutex::new(shelf);
        Ok((
            Self {
                paths,
                limit,
                shelf,
            },
            found,
        ))
    }

    /// Whether an order was seen.
    pub(crate) fn has_seen(&self, order: OrderId) -> bool {
        self.shelf().seen.contains(&order)
    }

    /// Begins a session: its journal with its plan, and its order among those that were seen.
    ///
    /// # Errors
    /// When the order was seen meanwhile, or the journal cannot be made.
    pub(crate) fn begin(&self, plan: &Plan) -> Result<Journal, NotBegun> {
        if !self.shelf().seen.insert(plan.order) {
            return Err(NotBegun::Seen);
        }
        Journal::create(self.paths.journal(plan.session), plan).map_err(|error| {
            self.shelf().seen.remove(&plan.order);
            NotBegun::Journal(error)
        })
    }

    /// A session is over: what its bastion has not acknowledged waits for another contact.
    pub(crate) fn over(&self, plan: &Plan, acknowledged: bool, finished: bool) {
        let delivery = if acknowledged {
            Delivery::Done
        } else {
            Delivery::Waiting
        };
        let over = Over {
            order: plan.order,
            deliver_by: plan.deliver_by,
            delivery,
            finished,
        };
        self.shelf().over.insert(plan.session, over);
    }

    /// Opens the journal of a session that is not finished, to go on with its removal; nobody
    /// delivers its reports meanwhile. Nothing while a bastion gets them, or without a plan.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub(crate) fn resume(
        &self,
        session: SessionId,
    ) -> Result<Option<(Journal, Story)>, JournalError> {
        if let Some(over) = self.shelf().over.get_mut(&session) {
            if over.delivery == Delivery::Taken {
                return Ok(None);
            }
            over.delivery = Delivery::Taken;
        }
        let opened = Journal::open(&self.paths.journal(session));
        if opened.is_err() {
            self.deliver(session, Delivery::Waiting);
        }
        let (journal, records) = opened?;
        let Some(story) = Story::of(records) else {
            return Ok(None);
        };
        // One that could not be read until now is not known yet.
        let mut shelf = self.shelf();
        shelf.seen.insert(story.plan.order);
        if story.is_over() {
            let over = shelf.over.entry(session);
            over.or_insert_with(|| Over::of(&story)).delivery = Delivery::Taken;
        }
        drop(shelf);
        Ok(Some((journal, story)))
    }

    /// A journal that was opened by [`Spool::resume`] tells of a session of which nothing is left.
    pub(crate) fn shelve(&self, story: &Story) {
        let over = Over::of(story);
        self.shelf().over.insert(story.plan.session, over);
    }

    /// The reports of one session that is over, for a bastion that is there now.
    pub(crate) fn take(&self) -> Option<Parcel<'_>> {
        loop {
            let session = {
                let mut shelf = self.shelf();
                let waiting = shelf
                    .over
                    .iter_mut()
                    .find(|(_, over)| over.delivery == Delivery::Waiting);
                let (session, over) = waiting?;
                over.delivery = Delivery::Taken;
                *session
            };
            match Parcel::open(self, session) {
                Ok(parcel) if parcel.is_empty() => self.deliver(session, Delivery::Done),
                Ok(parcel) => return Some(parcel),
                Err(error) => {
                    // Waiting again would find it again at once; the next start tries it.
                    log::error!("{error}");
                    return None;
                }
            }
        }
    }

    /// A journal that was opened by [`Spool::resume`] is closed, with nothing new in it.
    pub(crate) fn put_back(&self, session: SessionId) {
        self.deliver(session, Delivery::Waiting);
    }

    fn deliver(&self, session: SessionId, delivery: Delivery) {
        if let Some(over) = self.shelf().over.get_mut(&session) {
            over.delivery = delivery;
        }
    }

    /// How many sessions are over and have reports that wait.
    pub(crate) fn undelivered(&self) -> usize {
        self.shelf()
            .over
            .values()
            .filter(|over| over.delivery != Delivery::Done)
            .count()
    }

    /// The size of all journals.
    pub(crate) fn bytes(&self) -> u64 {
        let entries = fs::read_dir(self.paths.journals())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .map(|facts| facts.len())
            .sum()
    }

    /// Whether there is room for another session's reports.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes() < self.limit
    }

    /// Removes the journals that nobody needs any more. Returns how late it must never be again:
    /// an order that is forgotten must not become fresh by a clock that is set back.
    pub(crate) fn tidy(&self, now: Timestamp) -> Option<Timestamp> {
        let due: Vec<_> = {
            let shelf = self.shelf();
            let due = shelf.over.iter().filter(|(_, over)| over.may_go(now));
            due.map(|(session, over)| (*session, over.clone()))
                .collect()
        };
        let mut floor = None;
        for (session, over) in due {
            if let Err(error) = file::remove_if_there(&self.paths.journal(session)) {
                log::error!("cannot remove the journal of session {session}: {error}");
                continue;
            }
            let mut shelf = self.shelf();
            shelf.over.remove(&session);
            shelf.seen.remove(&over.order);
            floor = floor.max(Some(over.deliver_by));
        }
        floor
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Every change under this lock is one insertion or removal, so a panic leaves it whole.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Over {
    fn of(story: &Story) -> Self {
        let acknowledged = story.unacknowledged().next().is_none();
        Self {
            order: story.plan.order,
            deliver_by: story.plan.deliver_by,
            delivery: if acknowledged {
                Delivery::Done
            } else {
                Delivery::Waiting
            },
            finished: story.is_finished(),
        }
    }

    fn may_go(&self, now: Timestamp) -> bool {
        self.finished && self.delivery == Delivery::Done && self.deliver_by < now
    }
}

/// Why a session is not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBegun {
    /// Another connection brought the same order.
    #[error("the order was obeyed before")]
    Seen,
    /// The journal cannot be made.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The reports of one session that is over, on their way to a bastion. What is not acknowledged
/// when it is dropped waits for the next one.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    spool: &'a Spool,
    session: SessionId,
    journal: Journal,
    waiting: std::vec::IntoIter<HostReport>,
    sent: BTreeSet<Digest>,
}

impl<'a> Parcel<'a> {
    fn open(spool: &'a Spool, session: SessionId) -> Result<Self, JournalError> {
        let (journal, records) = Journal::open(&spool.paths.journal(session))?;
        let reports: Vec<_> = Story::of(records)
            .map(|story| story.unacknowledged().collect())
            .unwrap_or_default();
        Ok(Self {
            spool,
            session,
            journal,
            waiting: reports.into_iter(),
            sent: BTreeSet::new(),
        })
    }

    fn is_empty(&self) -> bool {
        self.waiting.len() == 0 && self.sent.is_empty()
    }

    /// The next reports, so that at most `window` are unacknowledged.
    pub(crate) fn next(&mut self, window: usize) -> Vec<HostReport> {
        let room = window.saturating_sub(self.sent.len());
        let next: Vec<_> = self.waiting.by_ref().take(room).collect();
        self.sent.extend(next.iter().map(digest_of));
        next
    }

    /// The bastion has these reports. Those of other sessions are left in the list. Says whether
    /// that was all.
    pub(crate) fn acknowledged(&mut self, reports: &mut Vec<Digest>) -> Result<bool, JournalError> {
        let ours: Vec<_> = reports
            .extract_if(.., |report| self.sent.remove(report))
            .collect();
        if !ours.is_empty() {
            self.journal.note(&Record::Acknowledged { reports: ours })?;
            if self.is_empty() && self.journal.length() > WORTH_IT {
                self.journal.shorten()?;
            }
        }
        Ok(self.is_empty())
    }
}

impl Drop for Parcel<'_> {
    fn drop(&mut self) {
        let delivery = if self.is_empty() {
            Delivery::Done
        } else {
            Delivery::Waiting
        };
        self.spool.deliver(self.session, delivery);
    }
}

/// The digest by which a report is acknowledged.
fn digest_of(report: &HostReport) -> Digest {
    match report {
        HostReport::Event(event) => event.digest(),
        HostReport::Receipt(receipt) => receipt.digest(),
    }
}

#[cfg(test)]
mod tests;
