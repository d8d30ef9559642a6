//! Writing recordings while sessions run.
//!
//! The bastion hands every event to its session's [`Recorder`], which encodes it into memory and
//! returns at once. A few threads, shared by all sessions, compress, seal and append what has
//! gathered; each session belongs to one of them, so its segments are in order. Nothing here blocks
//! the caller or knows an async runtime: what takes time is a plain future.
//!
//! ```text
//! try_record ──▶ pending (per session, capped) ──▶ thread: zstd → age → tar ──▶ fdatasync ──▶
//! flush_through resolves
//! ```
//!
//! A segment is closed when it holds [`PoolOptions::segment_bytes`], when it is
//! [`PoolOptions::segment_age`] old, or when somebody waits for it. A session without
//! traffic costs no buffer and no wake-up.
//!
//! When a segment is in the file, its thread follows what it shows on terminals, and now and then
//! writes that at the beginning of a segment, so that readers need not begin at the first one.
//! Whoever waits for the last segment of a visit is told before that.
//!
//! Whatever fails (disk, sealing, signing) fails the recording for good: every later event is
//! refused and [`Recorder::failed`] resolves. The caller closes the session; this module closes
//! none.

mod disk;
mod gathered;
mod hand;
mod inbox;
mod on_disk;
mod recorder;
mod screens;
mod state;
mod sync;
mod tape;
#[cfg(test)]
mod tests;
mod wait;
mod watch;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::event::MAX_CONTENT;
use crate::file_name;
use crate::info::SessionInfo;
use crate::manifest::{MAX_MANIFEST, ManifestSigner};
use crate::recover::{RecoverError, Recovered, recover};
use crate::segment::{MAX_RAW, Sealer};
use disk::{Disk, LocalDisk};
use hand::Hand;
use inbox::Inbox;

pub use on_disk::OnDisk;
pub use recorder::{Position, Recorder, Refused};
pub(crate) use tape::close_archive;
pub use tape::{Finished, RecordingFailed, WriteError};
pub use wait::{Failed, Finishing, FlushThrough, Growth, Length, Room};

/// Fills a slice with bytes of a cryptographic generator.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// How recordings are written.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// How many threads that seal and write. Each has one beside it that waits for the disk.
    pub threads: NonZeroUsize,
    /// The zstd level.
    pub compression: i32,
    /// How many bytes of one session may wait in memory. More are refused.
    pub session_bytes: usize,
    /// How many bytes close a segment.
    pub segment_bytes: usize,
    /// How old the first event of a segment may become before the segment is closed.
    pub segment_age: Duration,
    /// How long what was recorded may wait for the disk before the recording has failed.
    pub patience: Duration,
    /// How many bytes a manifest may have.
    pub manifest_bytes: usize,
    /// Record nothing, to measure what recording costs.
    #[cfg(feature = "unrecorded")]
    pub discards: bool,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN.saturating_add(1),
            compression: 1,
            session_bytes: 8 * 1024 * 1024,
            segment_bytes: 512 * 1024,
            // On disk within a second, with what sealing and a slow disk take.
            segment_age: Duration::from_millis(800),
            patience: Duration::from_secs(10),
            manifest_bytes: MAX_MANIFEST,
            #[cfg(feature = "unrecorded")]
            discards: false,
        }
    }
}

impl PoolOptions {
    /// Within what the format and the smallest sensible queue allow.
    fn clamped(mut self) -> Self {
        self.session_bytes = self
            .session_bytes
            .clamp(2 * MAX_CONTENT, MAX_RAW - MAX_CONTENT);
        self.segment_bytes = self.segment_bytes.clamp(1, self.session_bytes / 2);
        self.manifest_bytes = self.manifest_bytes.min(MAX_MANIFEST);
        self
    }
}

/// One thread that seals and writes, and the one that waits for the disk when that has much to do.
struct Hands {
    writer: Hand,
    syncer: Hand,
}

impl Hands {
    fn inboxes(&self) -> (Arc<Inbox>, Arc<Inbox>) {
        (self.writer.inbox(), self.syncer.inbox())
    }

    fn closed_inboxes() -> (Arc<Inbox>, Arc<Inbox>) {
        (Arc::new(Inbox::closed()), Arc::new(Inbox::closed()))
    }
}

/// The threads that write all recordings of a program.
pub struct RecorderPool {
    options: PoolOptions,
    signer: Arc<dyn ManifestSigner>,
    entropy: Entropy,
    hands: Vec<Hands>,
    on_disk: OnDisk,
    /// Dropped, it ends the watch.
    watch: Option<watch::Watch>,
    next: AtomicUsize,
}

impl RecorderPool {
    /// Starts the threads. Options outside what the format allows are brought to the nearest that
    /// is.
    ///
    /// # Errors
    /// When a thread or a compressor cannot be made.
    pub fn start(
        options: PoolOptions,
        signer: Arc<dyn ManifestSigner>,
        entropy: Entropy,
    ) -> io::Result<Self> {
        Self::start_on(options, signer, entropy, Arc::new(LocalDisk))
    }

    fn start_on(
        options: PoolOptions,
        signer: Arc<dyn ManifestSigner>,
        entropy: Entropy,
        disk: Arc<dyn Disk>,
    ) -> io::Result<Self> {
        let options = options.clamped();
        let mut pool = Self {
            hands: Vec::new(),
            on_disk: OnDisk::default(),
            watch: None,
            next: AtomicUsize::new(0),
            options,
            signer,
            entropy,
        };
        for number in 0..pool.options.threads.get() {
            let (inbox, syncs) = (Arc::new(Inbox::new()), Arc::new(Inbox::new()));
            let worker = worker::Worker::new(
                Arc::clone(&inbox),
                Sealer::new(pool.options.compression)?,
                Arc::clone(&pool.signer),
                Arc::clone(&pool.entropy),
                Arc::clone(&disk),
                &pool.options,
            );
            let name = format!("recorder-{number}");
            let (syncing, signs) = (Arc::clone(&syncs), Arc::clone(&pool.signer));
            pool.hands.push(Hands {
                writer: Hand::start(name.clone(), inbox, move || worker.run())?,
                syncer: Hand::start(name + "-disk", syncs, move || sync::run(&syncing, &*signs))?,
            });
        }
        let inboxes = pool.hands.iter().flat_map(|hands| {
            let (inbox, syncs) = hands.inboxes();
            [inbox, syncs]
        });
        pool.watch = Some(watch::Watch::start(
            inboxes.collect(),
            pool.options.patience,
        )?);
        Ok(pool)
    }

    /// Begins the recording of one session as `<session id>.tar` in `folder`, which must exist.
    ///
    /// Returns at once; the file is made by a thread. Await `flush_through(Position::BEGINNING)` to
    /// know that it is there.
    #[must_use = "dropping the recorder ends the recording as cut"]
    pub fn begin(&self, folder: PathBuf, info: SessionInfo) -> Recorder {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        // A pool has at least one thread; were there none, the recording would fail and not be
        // lost.
        let inboxes = turn
            .checked_rem(self.hands.len())
            .and_then(|turn| self.hands.get(turn))
            .map_or_else(Hands::closed_inboxes, Hands::inboxes);
        Recorder::begin(inboxes, &self.options, self.on_disk(), folder, info)
    }

    /// How much of each recording is on the disk while it is written.
    #[must_use]
    pub fn on_disk(&self) -> OnDisk {
        self.on_disk.clone()
    }

    /// Closes a recording as cut that failed and is no longer written. Not one that failed because its disk did not answer:
    /// a thread may still be at it. Blocks.
    ///
    /// # Errors
    /// When its disk still takes nothing.
    pub fn close_failed(&self, path: &Path) -> Result<Recovered, RecoverError> {
        let closed = recover(path, &*self.signer)?;
        if let Some(session) = file_name::session(path) {
            self.on_disk.forget(session);
        }
        Ok(closed)
    }

    /// Writes everything that was recorded, then ends the threads. Sessions that were not finished
    /// are left cut. Blocks.
    pub fn close(self) {
        for hands in self.hands {
            // In this order: what the first writes the second is given.
            hands.writer.finish();
            hands.syncer.finish();
        }
    }
}

impl std::fmt::Debug for RecorderPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecorderPool")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
