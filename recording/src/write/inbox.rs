//! Which sessions one thread has to look at, and when.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::state::Session;

/// One thread's list of work. Callers only append; the thread sleeps on it.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    bell: Condvar,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<(Instant, Arc<Session>)>,
    /// Every entry waits equally long, so the first one is always the next one due.
    aging: VecDeque<(Instant, Arc<Session>)>,
    /// What the thread has in hand, and since when without getting on.
    in_hand: Option<(Instant, Arc<Session>)>,
    sleep: Sleep,
    closing: bool,
}

/// Waking a thread is a system call: only do it when it sleeps and would not wake in time by
/// itself.
#[derive(Default, PartialEq, Eq)]
enum Sleep {
    #[default]
    Awake,
    UntilRung,
    UntilDue,
}

/// Why a session is to be looked at.
pub(super) enum Job {
    /// It holds a whole segment, somebody waits for it, or it begins or ends.
    Ready(Arc<Session>),
    /// Its oldest event is as old as a segment may be.
    Due(Arc<Session>),
}

/// The thread takes no more work.
pub(super) struct Closed;

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            bell: Condvar::new(),
        }
    }

    /// An inbox that refuses everything.
    pub(super) fn closed() -> Self {
        let inbox = Self::new();
        inbox.close();
        inbox
    }

    pub(super) fn push_ready(&self, session: Arc<Session>) -> Result<(), Closed> {
        let mut queue = self.lock();
        if queue.closing {
            return Err(Closed);
        }
        queue.ready.push_back((Instant::now(), session));
        let ring = queue.sleep != Sleep::Awake;
        queue.sleep = Sleep::Awake;
        drop(queue);
        if ring {
            self.bell.notify_one();
        }
        Ok(())
    }

    pub(super) fn push_aging(&self, session: Arc<Session>, age: Duration) -> Result<(), Closed> {
        let due = Instant::now() + age;
        let mut queue = self.lock();
        if queue.closing {
            return Err(Closed);
        }
        queue.aging.push_back((due, session));
        let ring = queue.sleep == Sleep::UntilRung;
        if ring {
            queue.sleep = Sleep::Awake;
        }
        drop(queue);
        if ring {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Waits for work; `None` when the inbox is closed and empty.
    pub(super) fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        queue.in_hand = None;
        loop {
            queue.sleep = Sleep::Awake;
            // Sessions that are due come first: there is at most one entry of each, so they cannot
            // starve the others.
            let wait = match queue.aging.front() {
                Some((due, _)) if queue.closing || *due <= Instant::now() => {
                    let (_, session) = queue.aging.pop_front()?;
                    queue.in_hand = Some((Instant::now(), Arc::clone(&session)));
                    return Some(Job::Due(session));
                }
                Some((due, _)) => Some(due.saturating_duration_since(Instant::now())),
                None => None,
            };
            if let Some((_, session)) = queue.ready.pop_front() {
                queue.in_hand = Some((Instant::now(), Arc::clone(&session)));
                return Some(Job::Ready(session));
            }
            if queue.closing {
                return None;
            }
            queue = match wait {
                Some(wait) => {
                    queue.sleep = Sleep::UntilDue;
                    self.bell
                        .wait_timeout(queue, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => {
                    queue.sleep = Sleep::UntilRung;
                    self.bell
                        .wait(queue)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// The thread got on with what it has in hand.
    pub(super) fn got_on(&self) {
        if let Some((since, _)) = &mut self.lock().in_hand {
            *since = Instant::now();
        }
    }

    /// The session in the thread's hand, if it has not got on with it for longer than `patience`, and those that have
    /// waited for it as long. While it gets on, however slowly, waiting is no failure: memory is bounded.
    pub(super) fn overdue(&self, patience: Duration) -> Vec<Arc<Session>> {
        let Some(before) = Instant::now().checked_sub(patience) else {
            return Vec::new();
        };
        let queue = self.lock();
        let Some(in_hand) = queue.in_hand.iter().find(|(since, _)| *since < before) else {
            return Vec::new();
        };
        std::iter::once(in_hand)
            .chain(&queue.ready)
            .chain(&queue.aging)
            .filter(|(since, _)| *since < before)
            .map(|(_, session)| Arc::clone(session))
            .collect()
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.bell.notify_one();
    }

    /// A panic elsewhere leaves the lists as they were: each change is a single push or pop.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
