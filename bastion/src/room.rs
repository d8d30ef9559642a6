//! Whether the disks have room for what must be kept: recordings and events.
//!
//! Below a reserve no session begins; below half of it those that run end, while their ends can still be written. What
//! that means for a session is the session's business ([`crate::session`], [`crate::sessions`]); here disks are looked at,
//! every second, by a thread of their own, because one that hangs holds up whoever asks it. The format's page, `docs/spec/recording.md`, has the marks.

mod level;
mod reserve;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use portreeve_protocol::event::MachineFact;
use tokio::sync::watch;

pub use level::{Disk, Level};
pub use reserve::{ParseReserveError, Reserve};

use crate::clock::Steady;
use crate::report::Reporter;
use crate::trouble::Trouble;

/// How often disks are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After how long without an answer a disk counts as broken.
const SILENCE: Duration = Duration::from_secs(10);

/// Looks at the disks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folders: Vec<PathBuf>,
    reserve: Option<Reserve>,
    reporter: Reporter,
    /// When all disks last answered, in milliseconds.
    answered: AtomicU64,
    /// What was last seen of each folder's disk.
    seen: Mutex<Vec<Level>>,
    worst: watch::Sender<Option<Shortage>>,
}

/// A disk with too little room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    folder: PathBuf,
    level: Level,
    disk: Disk,
    reserve: u64,
}

/// Why no session may begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// A disk has too little left.
    #[error(transparent)]
    Short(#[from] Shortage),
    /// A disk does not answer.
    #[error("the disk of recordings or of events does not answer; look at the machine's log")]
    Silent,
}

impl Room {
    /// Looks at the disks of these folders from now on.
    ///
    /// # Errors
    /// When one cannot be looked at, or no thread can be made.
    pub fn watch(
        folders: Vec<PathBuf>,
        reserve: Option<Reserve>,
        reporter: Reporter,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            seen: Mutex::new(vec![Level::Enough; folders.len()]),
            folders,
            reserve,
            answered: AtomicU64::new(0),
            worst: watch::Sender::new(None),
            reporter,
        });
        shared.look()?;
        let weak = Arc::downgrade(&shared);
        std::thread::Builder::new()
            .name("room".into())
            .spawn(move || keep_looking(&weak))?;
        Ok(Self(shared))
    }

    /// Whether there was room for one more session when the disks were last looked at. Never waits.
    ///
    /// # Errors
    /// When there is not, in words for the trail.
    pub fn for_a_session(&self, now: Steady) -> Result<(), NoRoom> {
        let answered = Steady::from_millis(self.0.answered.load(Ordering::Relaxed));
        if now.since(answered) > SILENCE {
            return Err(NoRoom::Silent);
        }
        match &*self.0.worst.borrow() {
            None => Ok(()),
            Some(shortage) => Err(shortage.clone().into()),
        }
    }

    /// The worst disk, if one has too little room, and every time that changes.
    #[must_use]
    pub fn shortage(&self) -> watch::Receiver<Option<Shortage>> {
        self.0.worst.subscribe()
    }
}

impl Shared {
    /// Looks at all disks; the worst, if one has too little room. Waits as long as they do.
    fn look(&self) -> io::Result<Option<Shortage>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worst: Option<Shortage> = None;
        for (folder, before) in self.folders.iter().zip(seen.iter_mut()) {
            let disk = look_at(folder)?;
            let reserve = Reserve::or_default(self.reserve, disk.size);
            *before = before.next(disk, reserve);
            let is_worse = worst.as_ref().is_none_or(|worst| worst.level < *before);
            if *before != Level::Enough && is_worse {
                worst = Some(Shortage {
                    folder: folder.clone(),
                    level: *before,
                    disk,
                    reserve,
                });
            }
        }
        let now = self.reporter.clock.now().steady;
        self.answered.store(now.as_millis(), Ordering::Relaxed);
        // How much is left changes all the time; only the level is worth waking every session for.
        self.worst.send_if_modified(|told| {
            let level = |shortage: &Option<Shortage>| shortage.as_ref().map(|s| s.level);
            let is_news = level(told) != level(&worst);
            told.clone_from(&worst);
            is_news
        });
        Ok(worst)
    }

    /// Tells the trail. A spool that takes nothing ends every session by itself.
    fn alarm(&self, detail: String) {
        if let Err(error) = self.reporter.machine(MachineFact::Alarm { detail }) {
            tracing::error!(%error, "an alarm is not kept");
        }
    }
}

fn keep_looking(shared: &Weak<Shared>) {
    let mut told = Told::default();
    while let Some(shared) = shared.upgrade() {
        match shared.look() {
            Ok(worst) => told.tell(&shared, worst.as_ref()),
            Err(error) => {
                tracing::error!(%error, "the disk of recordings or events cannot be looked at")
            }
        }
        drop(shared);
        std::thread::sleep(LOOK);
    }
}

/// What the log and the trail were told.
#[derive(Default)]
struct Told {
    trouble: Trouble,
    level: Level,
}

impl Told {
    /// The log when it begins, once a minute, and when it is over; the trail when it begins and when it gets worse.
    fn tell(&mut self, shared: &Shared, worst: Option<&Shortage>) {
        let Some(shortage) = worst else {
            self.level = Level::Enough;
            if self.trouble.ends() {
                tracing::info!("there is room for recordings and events again: sessions begin");
            }
            return;
        };
        if shortage.level > self.level {
            shared.alarm(shortage.to_string());
            self.trouble.ends();
        }
        self.level = shortage.level;
        if self.trouble.is_news(shared.reporter.clock.now().steady) {
            tracing::error!("{shortage}");
        }
    }
}

/// What the disk of a folder has. Blocking.
///
/// # Errors
/// When it cannot be looked at.
pub fn look_at(folder: &Path) -> io::Result<Disk> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    let block = found.fragment_size();
    Ok(Disk {
        size: block.saturating_mul(found.blocks()),
        left: block.saturating_mul(found.blocks_available()),
    })
}

impl Shortage {
    /// Whether running sessions are to end.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        self.level == Level::Short
    }
}

impl std::error::Error for Shortage {}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1024 * 1024;
        let what = match self.level {
            Level::Enough => "there is room",
            Level::Low => "no session begins",
            Level::Short => "sessions end and none begins",
        };
        write!(
            f,
            "{what}: `{}` has {} MiB left of {}, and the reserve is {} MiB; give it a larger disk, or let recordings of ended sessions leave it: to the store, or without one by hand",
            self.folder.display(),
            self.disk.left / MIB,
            self.disk.size / MIB,
            self.reserve / MIB,
        )
    }
}
