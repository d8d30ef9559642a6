//! What is written and not on the disk yet, and the thread that waits for the disk.
//!
//! A disk takes milliseconds to say that it has something, however little that is. Under load a
//! recording's own thread does not wait for that: it seals and writes on, and everything that was
//! written meanwhile gets to the disk at once. What is not on the disk counts as not recorded: it
//! fills the session's memory, nobody is told of it, and after a failure it is taken back.
//!
//! Of one session either its own thread or this one waits for the disk, never both: the kernel
//! tells an error once, and whoever is told must be who would have said that all is well.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::disk::Media;
use super::inbox::{Inbox, Job};
use super::state::{Reel, Session};
use super::tape::{Finished, RecordingFailed, Tape, WriteError};
use crate::head::Head;

/// What was written to one file since the disk was last waited for.
pub(super) struct Unsynced {
    file: Arc<dyn Media>,
    path: PathBuf,
    /// How much memory it counts for.
    pub(super) bytes: usize,
    /// How many events are recorded with it.
    pub(super) recorded: u64,
    /// What stands for all segments with it.
    pub(super) head: Head,
    /// How long the file is with it.
    pub(super) len: u64,
    /// The session should end while the recording can still be closed in order.
    pub(super) is_nearly_full: bool,
    /// The file is whole with it.
    pub(super) finished: Option<Finished>,
}

impl Unsynced {
    /// What `tape` has, of which the last is in `bytes` of memory.
    pub(super) fn of(tape: &Tape, bytes: usize, recorded: u64) -> Self {
        let (file, path) = tape.file();
        let head = tape.head();
        Self {
            file: Arc::clone(file),
            path: path.to_owned(),
            bytes,
            recorded,
            head,
            len: head.bytes,
            is_nearly_full: tape.is_nearly_full(),
            finished: None,
        }
    }

    /// With what closes the file.
    pub(super) fn closed(self, finished: Finished) -> Self {
        Self {
            len: finished.bytes,
            finished: Some(finished),
            ..self
        }
    }

    /// With what was written before it, if anything was.
    pub(super) fn after(self, before: Option<Self>) -> Self {
        Self {
            bytes: self.bytes + before.map_or(0, |before| before.bytes),
            ..self
        }
    }

    /// Waits until it is on the disk. If that fails, everything behind `kept` is taken back, because
    /// nobody was told of it; recovery does the same for files where even that fails. Nobody may be
    /// writing to the file meanwhile.
    pub(super) fn sync(&self, kept: u64) -> Result<(), WriteError> {
        if self.len == kept {
            return Ok(());
        }
        self.file
            .sync()
            .map_err(|source| self.take_back(kept, source))
    }

    fn take_back(&self, kept: u64, source: io::Error) -> WriteError {
        let _ = self.file.cut(kept);
        WriteError::Append {
            path: self.path.clone(),
            source,
        }
    }
}

/// Waits for the disk for the sessions of one recording thread, until their inbox is closed.
pub(super) fn run(inbox: &Inbox) {
    while let Some(Job::Ready(session) | Job::Due(session)) = inbox.next() {
        // After the others that wait, unless nothing is taken any more.
        while sync_one(&session) && inbox.push_ready(Arc::clone(&session)).is_err() {
            inbox.got_on();
        }
    }
}

/// Gets on the disk what is written of a session; whether more was written meanwhile.
fn sync_one(session: &Session) -> bool {
    let Some((unsynced, kept)) = session.take_unsynced() else {
        return false;
    };
    match unsynced.file.sync() {
        Ok(()) => session.has_synced(unsynced),
        Err(source) => {
            // The recording's thread may be writing; once it is not, it finds nothing to write to.
            let mut reel = session.reel.lock().unwrap_or_else(PoisonError::into_inner);
            *reel = Reel::Done;
            let why = unsynced.take_back(kept, source);
            session.fail(RecordingFailed::new(why));
        }
    }
    session.is_written_to_again()
}
