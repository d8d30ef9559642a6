//! Events that the CA has not taken yet, on disk.
//!
//! [`Spool::append`] never waits; one thread writes what has gathered and syncs once for all of it. An event is *recorded*
//! when it is on disk, and [`Recorded`] is the proof of it that effects towards a host demand. Events leave in order, are
//! deleted when the CA has them, and survive `kill -9` and a power cut up to the last sync.
//!
//! The spool is bounded. Above its soft limit it says that it is full, which refuses new sessions and ends running ones;
//! the rest is kept for the events of those ends. What nobody says again finds room when the rest does not any more
//! ([`Rank`]). Delivery is [`crate::deliver`]'s.

mod file;
mod frame;
mod rank;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use portreeve_protocol::event::{Event, MAX_EVENT};
use tokio::sync::watch;

pub use file::{Batch, Reader};
pub use rank::Rank;
use writer::Job;

/// How much may wait for the CA.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From here on no new sessions, in bytes.
    pub soft: u64,
    /// From here on nothing but the words of deletions, in bytes.
    pub hard: u64,
}

impl Default for Limits {
    /// About a hundred thousand events.
    fn default() -> Self {
        Self {
            soft: 192 * 1024 * 1024,
            hard: 256 * 1024 * 1024,
        }
    }
}

/// Whether events can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// They can.
    Good,
    /// The soft limit is reached.
    Full,
    /// The disk failed. Nothing will be kept any more.
    Failed,
}

/// An event's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    number: u64,
    bytes: u64,
}

impl Ticket {
    /// How much room the event takes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }
}

/// Proof that an event and all before it are on disk.
#[derive(Debug)]
#[must_use]
pub struct Recorded(());

/// Why an event is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// More events wait for the CA than there is room for.
    #[error("the event spool is full; bring the CA back")]
    Full,
    /// The event is larger than the CA takes.
    #[error("an event has {MAX_EVENT} bytes at most")]
    TooLarge,
    /// The disk failed.
    #[error("the event spool cannot be written; check its disk")]
    Failed,
}

/// Keeps events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    limits: Limits,
    /// Bytes that the CA has not taken.
    waiting: AtomicU64,
    /// How many events are on disk, delivered ones included.
    durable: watch::Sender<u64>,
    health: watch::Sender<Health>,
}

#[derive(Debug)]
struct Queue {
    next: u64,
    jobs: mpsc::Sender<Job>,
}

impl Spool {
    /// Opens the spool in `folder`, making it if it is not there, and starts its thread.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be made, read or repaired.
    pub fn open(folder: &Path, limits: Limits) -> io::Result<(Self, Reader)> {
        let opened = file::open(folder)?;
        let (jobs, receiver) = mpsc::channel();
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                next: opened.next,
                jobs,
            }),
            limits,
            waiting: AtomicU64::new(opened.waiting),
            durable: watch::Sender::new(opened.next),
            health: watch::Sender::new(Health::Good),
        });
        let writer = writer::Writer::new(opened.tail, Arc::downgrade(&shared));
        std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || writer.run(&receiver))?;
        let spool = Self(shared);
        spool.0.judge();
        Ok((spool, opened.reader))
    }

    /// Puts an event at the end, in memory. [`Spool::durable`] tells when it is on disk.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn append(&self, event: &Event, rank: Rank) -> Result<Ticket, SpoolError> {
        let payload = serde_json::to_vec(event).map_err(|_| SpoolError::TooLarge)?;
        if payload.len() > MAX_EVENT {
            return Err(SpoolError::TooLarge);
        }
        let frame = frame::encode(&payload);
        let size = frame.len() as u64;
        let mut queue = self.0.queue();
        self.0.takes(size, rank)?;
        if queue.jobs.send(Job::Append(frame)).is_err() {
            return Err(SpoolError::Failed);
        }
        let ticket = Ticket {
            number: queue.next,
            bytes: size,
        };
        queue.next += 1;
        self.0.waiting.fetch_add(size, Ordering::Relaxed);
        drop(queue);
        self.0.judge();
        Ok(ticket)
    }

    /// Whether an event of this rank would be kept now, however large it is.
    ///
    /// # Errors
    /// When it might not.
    pub fn takes(&self, rank: Rank) -> Result<(), SpoolError> {
        self.0.takes(frame::LARGEST, rank)
    }

    /// Waits until an event, and so all before it, is on disk.
    ///
    /// # Errors
    /// When it never will be.
    pub async fn durable(&self, ticket: Ticket) -> Result<Recorded, SpoolError> {
        let mut durable = self.0.durable.subscribe();
        let mut health = self.0.health.subscribe();
        let is_durable = durable.wait_for(|count| *count > ticket.number);
        let is_failed = health.wait_for(|health| *health == Health::Failed);
        tokio::select! {
            biased;
            Ok(_) = is_durable => Ok(Recorded(())),
            _ = is_failed => Err(SpoolError::Failed),
        }
    }

    /// Whether events can be kept, now and from now on.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.0.health.subscribe()
    }

    /// How many events are on disk, and every time there are more.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.0.durable.subscribe()
    }

    /// How many bytes the CA has not taken.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// How much may wait.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Whether the CA has everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// The CA has everything up to and with this batch: it may be deleted.
    pub fn delivered(&self, batch: &Batch) {
        let _ = self.0.queue().jobs.send(Job::Delivered {
            up_to: batch.up_to(),
        });
        self.0.waiting.fetch_sub(batch.size(), Ordering::Relaxed);
        self.0.judge();
    }
}

impl Shared {
    /// A panic elsewhere leaves the queue whole: each change is one number and one send.
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes(&self, size: u64, rank: Rank) -> Result<(), SpoolError> {
        match *self.health.borrow() {
            Health::Failed => return Err(SpoolError::Failed),
            Health::Good | Health::Full => {}
        }
        if self.waiting.load(Ordering::Relaxed) + size > rank.limit(self.limits) {
            return Err(SpoolError::Full);
        }
        Ok(())
    }

    fn judge(&self) {
        let is_full = self.waiting.load(Ordering::Relaxed) > self.limits.soft;
        self.health.send_if_modified(|health| {
            let judged = match (*health, is_full) {
                (Health::Failed, _) => Health::Failed,
                (Health::Good | Health::Full, true) => Health::Full,
                (Health::Good | Health::Full, false) => Health::Good,
            };
            std::mem::replace(health, judged) != judged
        });
    }

    fn fail(&self) {
        self.health.send_replace(Health::Failed);
    }
}

#[cfg(test)]
mod tests;
