//! Following the file that sudo logs to.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::sudolog::{self, SudoEvent, SudoLog};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// How much of a log is read for one session in all. sudo writes some kilobytes per command.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct Tail {
    file: File,
    at: u64,
    log: SudoLog,
    /// Events at the beginning that were reported before a restart.
    skip: u64,
}

impl Tail {
    /// Follows a log from its beginning, without its first `skip` events.
    pub(crate) fn open(path: &Path, skip: u64) -> io::Result<Self> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        Ok(Self {
            file,
            at: 0,
            log: SudoLog::default(),
            skip,
        })
    }

    /// The events that are new since the last time.
    pub(crate) fn read(&mut self) -> io::Result<Vec<SudoEvent>> {
        let length = self.file.metadata()?.len();
        let mut tail = [0; 3];
        let tail_at = length.saturating_sub(3);
        let read = self.file.read_at(&mut tail, tail_at)?;
        let end = sudolog::readable(length, tail.get(..read).unwrap_or_default()).min(MOST_BYTES);
        let mut chunk = vec![0; CHUNK];
        while self.at < end {
            let room = usize::try_from(end - self.at)
                .unwrap_or(usize::MAX)
                .min(CHUNK);
            let read = self
                .file
                .read_at(chunk.get_mut(..room).unwrap_or_default(), self.at)?;
            if read == 0 {
                break;
            }
            self.log.push(chunk.get(..read).unwrap_or_default());
            self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        }
        let events = self.log.take();
        Ok(self.without_skipped(events))
    }

    /// The last events, when nobody writes any more; one that was cut short included.
    pub(crate) fn finish(mut self) -> io::Result<Vec<SudoEvent>> {
        let mut events = self.read()?;
        let last = std::mem::take(&mut self.log).finish();
        events.extend(self.without_skipped(last));
        Ok(events)
    }

    fn without_skipped(&mut self, events: Vec<SudoEvent>) -> Vec<SudoEvent> {
        let skipped = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(events.len());
        self.skip -= u64::try_from(skipped).unwrap_or(0);
        events.into_iter().skip(skipped).collect()
    }
}

/// Says when the file changes.
#[derive(Debug)]
pub(crate) struct Watch(Inotify);

impl Watch {
    /// Watches a file.
    pub(crate) fn on(path: &Path) -> nix::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(path, AddWatchFlags::IN_MODIFY)?;
        Ok(Self(inotify))
    }

    /// Forgets the changes so far.
    pub(crate) fn clear(&self) {
        // There may be none, which is an error of its own kind and fine.
        let _ = self.0.read_events();
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = include_bytes!("../tests/sudo-1.9.13.json.log");

    #[test]
    fn each_event_is_seen_once_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, LOG).unwrap();
        let mut tail = Tail::open(&path, 0).unwrap();
        let all = tail.read().unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(tail.read().unwrap(), []);
        assert_eq!(Tail::open(&path, 2).unwrap().finish().unwrap(), all[2..]);
        assert_eq!(Tail::open(&path, 9).unwrap().finish().unwrap(), []);
    }

    #[test]
    fn an_empty_log_has_no_events() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "").unwrap();
        assert_eq!(Tail::open(&path, 0).unwrap().finish().unwrap(), []);
    }
}
