//! What callers and the thread share of one session.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use portreeve_protocol::id::SessionId;

use super::PoolOptions;
use super::gathered::Gathered;
use super::inbox::Inbox;
use super::on_disk::OnDisk;
use super::screens::Screens;
use super::sync::Unsynced;
use super::tape::{Finished, RecordingFailed, Tape, WriteError};
use crate::head::Head;
use crate::info::SessionInfo;
use crate::manifest::End;

/// One session's recording.
pub(super) struct Session {
    id: SessionId,
    pub(super) inbox: Arc<Inbox>,
    /// Of the thread that waits for the disk.
    pub(super) syncs: Arc<Inbox>,
    pub(super) limits: Limits,
    /// Told how long the file is on the disk, for others.
    on_disk: OnDisk,
    state: Mutex<State>,
    /// The file. The thread that writes it locks it, and the one that waits for the disk when that
    /// fails.
    pub(super) reel: Mutex<Reel>,
}

/// The options that callers need.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) session_bytes: usize,
    pub(super) segment_bytes: usize,
    pub(super) segment_age: Duration,
    /// Events are counted and thrown away.
    #[cfg(feature = "unrecorded")]
    pub(super) discards: bool,
}

/// How far the file is.
pub(super) enum Reel {
    /// Not made yet.
    Blank {
        folder: PathBuf,
        info: Box<SessionInfo>,
    },
    /// Being written.
    Running(Box<Running>),
    /// Finished or failed: the file is closed.
    Done,
}

/// A file that is being written, and what is known of what is in it.
pub(super) struct Running {
    pub(super) tape: Tape,
    pub(super) screens: Screens,
}

pub(super) struct State {
    pub(super) pending: Gathered,
    /// Bytes that the thread has taken and not yet written.
    pub(super) in_flight: usize,
    /// Bytes that are written, by somebody who waits for the disk or will.
    unsynced_bytes: usize,
    /// What was written since the other thread last began to wait for the disk.
    unsynced: Option<Unsynced>,
    /// The other thread has this session, or will.
    is_syncing: bool,
    /// How long the file is on the disk.
    kept: u64,
    /// How many events were accepted.
    pub(super) recorded: u64,
    /// How many of them are on disk; nothing before the file itself is.
    pub(super) durable: Option<u64>,
    /// What stands for all segments that are on disk; nothing before the first is.
    pub(super) head: Option<Head>,
    /// The session should end while the recording can still be closed in order.
    pub(super) is_nearly_full: bool,
    /// The session is in its thread's list of ready ones.
    pub(super) is_ready: bool,
    /// The session is in its thread's list of aging ones.
    pub(super) is_aging: bool,
    pub(super) phase: Phase,
    waiters: Vec<Waiter>,
    next_waiter: u64,
}

/// Where a recording is in its life.
pub(super) enum Phase {
    /// Taking events.
    Open,
    /// Taking no more; the manifest is still to be written.
    Ending(Ending),
    /// Whole and on disk.
    Finished(Finished),
    /// Lost from some point on.
    Failed(RecordingFailed),
}

/// What the manifest is to say.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// The session ended in order.
    InOrder(End),
    /// The last recorder was dropped without an end.
    Abandoned,
}

/// What a future waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitFor {
    Durable(u64),
    Room,
    /// More segments than so many.
    Growth(u32),
    Length,
    Failure,
    Finish,
}

struct Waiter {
    id: u64,
    what: WaitFor,
    waker: Waker,
}

impl Session {
    pub(super) fn new(
        (inbox, syncs): (Arc<Inbox>, Arc<Inbox>),
        options: &PoolOptions,
        on_disk: OnDisk,
        folder: PathBuf,
        info: SessionInfo,
    ) -> Self {
        Self {
            id: info.session,
            inbox,
            syncs,
            on_disk,
            limits: Limits {
                session_bytes: options.session_bytes,
                segment_bytes: options.segment_bytes,
                segment_age: options.segment_age,
                #[cfg(feature = "unrecorded")]
                discards: options.discards,
            },
            state: Mutex::new(State {
                pending: Gathered::default(),
                in_flight: 0,
                unsynced_bytes: 0,
                unsynced: None,
                is_syncing: false,
                kept: 0,
                recorded: 0,
                durable: None,
                head: None,
                is_nearly_full: false,
                is_ready: false,
                is_aging: false,
                phase: Phase::Open,
                waiters: Vec::new(),
                next_waiter: 0,
            }),
            reel: Mutex::new(Reel::Blank {
                folder,
                info: Box::new(info),
            }),
        }
    }

    /// INVARIANT: no code that holds this lock can panic between two changes that belong together.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread look at this session soon. Call without holding the lock.
    pub(super) fn ask_for_work(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.is_ready {
            return;
        }
        state.is_ready = true;
        drop(state);
        if self.inbox.push_ready(Arc::clone(self)).is_err() {
            self.fail(RecordingFailed::new(WriteError::Closed));
        }
    }

    /// Has the thread look at this session when its segment is old enough. Call without holding the
    /// lock.
    pub(super) fn ask_for_work_later(self: &Arc<Self>) {
        if self
            .inbox
            .push_aging(Arc::clone(self), self.limits.segment_age)
            .is_err()
        {
            self.fail(RecordingFailed::new(WriteError::Closed));
        }
    }

    /// Makes the file, of which nothing counts before its beginning is on the disk.
    pub(super) fn make(
        &self,
        make: impl FnOnce() -> Result<Tape, WriteError>,
    ) -> Result<Tape, WriteError> {
        self.on_disk.is(self.id, 0);
        let tape = make().inspect_err(|_| self.on_disk.forget(self.id))?;
        let kept = tape.head().bytes;
        self.lock().kept = kept;
        self.on_disk.is(self.id, kept);
        Ok(tape)
    }

    /// How long the file is on the disk.
    pub(super) fn kept(&self) -> u64 {
        self.lock().kept
    }

    /// Has the other thread wait for the disk, if it does that for this session anyway or is to.
    /// Otherwise gives it back: whoever wrote it waits himself. The session's file must be locked.
    pub(super) fn hand_over(
        self: &Arc<Self>,
        unsynced: Unsynced,
        to_other: bool,
    ) -> Option<Unsynced> {
        let mut state = self.lock();
        let is_syncing = state.is_syncing;
        state.in_flight = 0;
        state.unsynced_bytes += unsynced.bytes;
        if !is_syncing && !to_other {
            return Some(unsynced);
        }
        let before = state.unsynced.take();
        state.unsynced = Some(unsynced.after(before));
        state.is_syncing = true;
        drop(state);
        if is_syncing || self.syncs.push_ready(Arc::clone(self)).is_ok() {
            return None;
        }
        let mut state = self.lock();
        state.is_syncing = false;
        state.unsynced.take()
    }

    /// What the other thread is to bring to the disk, and how long the file is there.
    pub(super) fn take_unsynced(&self) -> Option<(Unsynced, u64)> {
        let mut state = self.lock();
        let unsynced = state.unsynced.take();
        state.is_syncing = unsynced.is_some();
        Some((unsynced?, state.kept))
    }

    /// Whether more was written while the other thread waited for the disk. If not, it is done with
    /// this session.
    pub(super) fn is_written_to_again(&self) -> bool {
        let mut state = self.lock();
        state.is_syncing = state.unsynced.is_some();
        state.is_syncing
    }

    /// Something is on the disk: tells whoever waits for that.
    pub(super) fn has_synced(&self, synced: &Unsynced, finished: Option<Finished>) {
        let mut state = self.lock();
        state.unsynced_bytes = state.unsynced_bytes.saturating_sub(synced.bytes);
        if matches!(state.phase, Phase::Open | Phase::Ending(_)) {
            state.durable = state.durable.max(Some(synced.recorded));
            state.kept = synced.head.bytes;
            self.on_disk.is(self.id, state.kept);
            state.is_nearly_full = synced.is_nearly_full;
            if synced.head.segments > 0 {
                state.head = Some(synced.head);
            }
            if let Some(finished) = finished {
                self.on_disk.forget(self.id);
                state.phase = Phase::Finished(finished);
            }
        }
        wake(state);
    }

    /// Whether nothing of it will be written any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.lock().phase, Phase::Failed(_) | Phase::Finished(_))
    }

    pub(super) fn fail(&self, why: RecordingFailed) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Open | Phase::Ending(_)) {
            state.phase = Phase::Failed(why);
            // Nothing of it will be written any more.
            state.pending = Gathered::default();
            state.unsynced = None;
        }
        state.in_flight = 0;
        state.unsynced_bytes = 0;
        wake(state);
    }
}

impl State {
    pub(super) fn used(&self) -> usize {
        self.pending.len() + self.in_flight + self.unsynced_bytes
    }

    pub(super) fn failure(&self) -> Option<RecordingFailed> {
        match &self.phase {
            Phase::Failed(why) => Some(why.clone()),
            Phase::Open | Phase::Ending(_) | Phase::Finished(_) => None,
        }
    }

    pub(super) fn has_grown(&self, beyond: u32) -> bool {
        self.head.is_some_and(|head| head.segments > beyond)
    }

    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        self.used() <= limits.session_bytes / 2
    }

    /// Adds a waiter, or renews its waker.
    pub(super) fn register(&mut self, id: &mut Option<u64>, what: WaitFor, waker: &Waker) {
        if let Some(waiter) = self
            .waiters
            .iter_mut()
            .find(|waiter| Some(waiter.id) == *id)
        {
            waiter.waker.clone_from(waker);
            return;
        }
        self.next_waiter += 1;
        *id = Some(self.next_waiter);
        self.waiters.push(Waiter {
            id: self.next_waiter,
            what,
            waker: waker.clone(),
        });
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.waiters.retain(|waiter| waiter.id != id);
    }

    fn is_over(&self, what: WaitFor) -> bool {
        match (&self.phase, what) {
            (Phase::Failed(_), _) | (Phase::Finished(_), WaitFor::Finish) => true,
            (_, WaitFor::Durable(position)) => {
                self.durable.is_some_and(|durable| durable >= position)
            }
            (_, WaitFor::Growth(segments)) => self.has_grown(segments),
            (_, WaitFor::Length) => self.is_nearly_full,
            // Waking a waiter for room too often costs a poll; it looks for itself.
            (_, WaitFor::Room) => true,
            (_, WaitFor::Failure | WaitFor::Finish) => false,
        }
    }
}

/// Wakes whoever waits for something that is so now. Takes the lock, because wakers run code of
/// others.
pub(super) fn wake(mut state: MutexGuard<'_, State>) {
    let (over, still) = std::mem::take(&mut state.waiters)
        .into_iter()
        .partition::<Vec<_>, _>(|waiter| state.is_over(waiter.what));
    state.waiters = still;
    drop(state);
    for waiter in over {
        waiter.waker.wake();
    }
}
