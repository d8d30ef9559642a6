//! What is written and not on the disk yet, and the thread that waits for the disk.
//!
//! A disk takes milliseconds to say that it has something, however little that is. Under load a
//! recording's own thread does not wait for that: it seals and writes on, and everything that was
//! written meanwhile gets to the disk at once. What is not on the disk counts as not recorded: it
//! fills the session's memory, nobody is told of it, and after a failure it is taken back.
//!
//! Of one session either its own thread or this one waits for the disk, never both: the kernel
//! tells an error once, and whoever is told must be who would have said that all is well. So a
//! recording is also closed by the one that waits for its last segments: what a manifest names is
//! on the disk before the manifest is written.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::disk::Media;
use super::inbox::{Inbox, Job};
use super::state::{Ending, Reel, Session};
use super::tape::{Finished, RecordingFailed, Tape, WriteError};
use crate::head::Head;
use crate::manifest::ManifestSigner;

/// What was written to one file since the disk was last waited for.
pub(super) struct Unsynced {
    file: Arc<dyn Media>,
    path: Arc<Path>,
    /// How much memory it counts for.
    pub(super) bytes: usize,
    /// How many events are recorded with it.
    pub(super) recorded: u64,
    /// What stands for the file with it.
    pub(super) head: Head,
    /// The session should end while the recording can still be closed in order.
    pub(super) is_nearly_full: bool,
    /// Nothing follows, and the file is to be closed.
    ending: Option<Ending>,
}

impl Unsynced {
    /// What `tape` has, of which the last is in `bytes` of memory.
    pub(super) fn of(tape: &Tape, bytes: usize, recorded: u64, ending: Option<Ending>) -> Self {
        let (file, path) = tape.file();
        Self {
            file: Arc::clone(file),
            path: Arc::clone(path),
            bytes,
            recorded,
            head: tape.head(),
            is_nearly_full: tape.is_nearly_full(),
            ending,
        }
    }

    /// With what was written before it, if anything was.
    pub(super) fn after(self, before: Option<Self>) -> Self {
        Self {
            bytes: self.bytes + before.map_or(0, |before| before.bytes),
            ..self
        }
    }

    /// Waits until it is on the disk, and closes the file if that is what follows. If the disk
    /// fails, everything behind what it has is taken back, because nobody was told of it; recovery
    /// does the same for files where even that fails.
    ///
    /// `kept` is how long the file is on the disk. The session's file is locked.
    pub(super) fn finish(
        &self,
        kept: u64,
        reel: &mut Reel,
        signer: &dyn ManifestSigner,
    ) -> Result<Option<Finished>, WriteError> {
        if self.head.bytes != kept {
            self.sync(kept)?;
        }
        self.close(reel, signer)
    }

    /// Closes the file, if nothing follows what is on the disk.
    fn close(
        &self,
        reel: &mut Reel,
        signer: &dyn ManifestSigner,
    ) -> Result<Option<Finished>, WriteError> {
        let end = match self.ending {
            None => return Ok(None),
            Some(Ending::InOrder(end)) => Some(end),
            Some(Ending::Abandoned) => None,
        };
        let Reel::Running(mut running) = std::mem::replace(reel, Reel::Done) else {
            return Ok(None);
        };
        let finished = running.tape.finish(end, signer)?;
        self.sync(self.head.bytes)?;
        Ok(Some(finished))
    }

    fn sync(&self, kept: u64) -> Result<(), WriteError> {
        self.file
            .sync()
            .map_err(|source| self.take_back(kept, source))
    }

    fn take_back(&self, kept: u64, source: io::Error) -> WriteError {
        let _ = self.file.cut(kept);
        WriteError::Append {
            path: self.path.to_path_buf(),
            source,
        }
    }
}

/// Waits for the disk for the sessions of one recording thread, until their inbox is closed.
pub(super) fn run(inbox: &Inbox, signer: &dyn ManifestSigner) {
    while let Some(Job::Ready(session) | Job::Due(session)) = inbox.next() {
        // After the others that wait, unless nothing is taken any more.
        while sync_one(&session, signer) && inbox.push_ready(Arc::clone(&session)).is_err() {
            inbox.got_on();
        }
    }
}

/// Gets on the disk what is written of a session; whether more was written meanwhile.
fn sync_one(session: &Session, signer: &dyn ManifestSigner) -> bool {
    let Some((unsynced, kept)) = session.take_unsynced() else {
        return false;
    };
    // Without the file's lock: the recording's thread writes on meanwhile.
    let synced = unsynced.file.sync();
    if synced.is_ok() && unsynced.ending.is_none() {
        session.has_synced(&unsynced, None);
        return session.is_written_to_again();
    }
    // With it, that thread is not writing, and finds nothing to write to afterwards.
    let mut reel = session.reel.lock().unwrap_or_else(PoisonError::into_inner);
    // A recording that failed meanwhile may be in the hands of recovery.
    if !session.is_over() {
        let closed = synced
            .map_err(|source| unsynced.take_back(kept, source))
            .and_then(|()| unsynced.close(&mut reel, signer));
        match closed {
            Ok(finished) => session.has_synced(&unsynced, finished),
            Err(why) => session.fail(RecordingFailed::new(why)),
        }
    }
    *reel = Reel::Done;
    session.is_written_to_again()
}
