//! Following the file that sudo logs to.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::clock::Moment;
use crate::pace::{Pace, Rate, cost_of};
use crate::rule_of::Rules;
use crate::sudolog::{self, SudoEvent, SudoLog};

/// How much is read at once. Each event in it is on the disk before the next one, so this also
/// bounds for how long a session that floods its log keeps its thread from looking at its lease.
const CHUNK: usize = 64 * 1024;
/// How much of a log is read for one session in all. sudo writes some kilobytes per command.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// How much of it may wait to be read.
const MOST_WAITING: u64 = 64 * 1024 * 1024;
/// How much is told of it. What processes do is told beside it (`watch::diary`), and both together
/// are less than a bastion takes of one session.
const RATE: Rate = Rate {
    burst: 8 * 1024 * 1024,
    each_second: 256 * 1024,
};
/// What an event costs beside what is in it.
const EACH_EVENT: u64 = 2 * 1024;
/// After how long a log is looked at again that was not read for lack of room.
const PAUSE: Duration = Duration::from_millis(250);

/// Why a log is not read any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Whoever made it so long has something to hide behind the rest.
    #[error("it is longer than {MOST_BYTES} bytes, or {MOST_WAITING} of it are not told")]
    TooLong,
}

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct Tail {
    file: File,
    at: u64,
    is_behind: bool,
    /// There was no room for what is there.
    is_held_up: bool,
    log: SudoLog,
    /// Events at the beginning that were reported before a restart.
    skip: u64,
    /// What let commands through, where that is known.
    rules: Option<Rules>,
    pace: Option<Pace>,
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
            is_behind: false,
            is_held_up: false,
            log: SudoLog::default(),
            skip,
            rules: None,
            pace: None,
        })
    }

    /// The same log, its events with the rules that let commands through.
    pub(crate) fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// The next events of a session that lives, as far as they may be told now; `room` is how much
    /// of them its journal takes. The rest stays in the log.
    ///
    /// # Errors
    /// When more waits there than may.
    pub(crate) fn follow(&mut self, room: u64, now: Moment) -> Result<Vec<SudoEvent>, Unread> {
        let mut pace = self.pace.unwrap_or(Pace::new(RATE, now.boot));
        pace.pass(now.boot);
        let waiting = self.file.metadata()?.len().saturating_sub(self.at);
        if waiting > MOST_WAITING {
            return Err(Unread::TooLong);
        }
        let is_room = room > 0 && pace.allows(1);
        let events = if is_room {
            self.read()?
        } else {
            self.is_behind = waiting > 0;
            Vec::new()
        };
        for event in &events {
            pace.charge(cost_of(&event.fact).saturating_add(EACH_EVENT));
        }
        self.pace = Some(pace);
        self.is_held_up = !is_room;
        Ok(events)
    }

    /// How long to leave the log alone; nothing when a change is to be waited for.
    pub(crate) const fn patience(&self) -> Option<Duration> {
        match (self.is_behind, self.is_held_up) {
            (false, _) => None,
            (true, false) => Some(Duration::ZERO),
            (true, true) => Some(PAUSE),
        }
    }

    /// The next events, as far as they have been read at once.
    ///
    /// # Errors
    /// When there is more and it is not read.
    pub(crate) fn read(&mut self) -> Result<Vec<SudoEvent>, Unread> {
        let length = self.file.metadata()?.len();
        let mut tail = [0; 3];
        let tail_at = length.saturating_sub(3);
        let read = self.file.read_at(&mut tail, tail_at)?;
        let end = sudolog::readable(length, tail.get(..read).unwrap_or_default());
        if end > MOST_BYTES && self.at >= MOST_BYTES {
            return Err(Unread::TooLong);
        }
        let mut chunk = vec![0; CHUNK];
        let room = usize::try_from(end.saturating_sub(self.at))
            .unwrap_or(CHUNK)
            .min(CHUNK);
        let read = self
            .file
            .read_at(chunk.get_mut(..room).unwrap_or_default(), self.at)?;
        self.log.push(chunk.get(..read).unwrap_or_default());
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(0));
        self.is_behind = self.at < end;
        let events = self.log.take();
        Ok(self.without_skipped(events))
    }

    /// Whether the last reading left something to be read at once.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// The event that was cut short, once everything was read and nobody writes any more.
    pub(crate) fn finish(mut self) -> Vec<SudoEvent> {
        let last = std::mem::take(&mut self.log).finish();
        self.without_skipped(last)
    }

    fn without_skipped(&mut self, events: Vec<SudoEvent>) -> Vec<SudoEvent> {
        let skipped = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(events.len());
        self.skip -= u64::try_from(skipped).unwrap_or(0);
        let events = events.into_iter().skip(skipped);
        let named = |event: SudoEvent| SudoEvent {
            fact: match &self.rules {
                Some(rules) => rules.named(event.fact),
                None => event.fact,
            },
            ..event
        };
        events.map(named).collect()
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

    /// Everything that is there, by as many readings as it takes.
    fn all(mut tail: Tail) -> Vec<SudoEvent> {
        let mut events = tail.read().unwrap();
        while tail.is_behind() {
            events.extend(tail.read().unwrap());
        }
        events.extend(tail.finish());
        events
    }

    #[test]
    fn each_event_is_seen_once_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, LOG).unwrap();
        let mut tail = Tail::open(&path, 0).unwrap();
        let events = tail.read().unwrap();
        assert_eq!(events.len(), 3);
        assert_eq!(tail.read().unwrap(), []);
        assert_eq!(all(Tail::open(&path, 2).unwrap()), events[2..]);
        assert_eq!(all(Tail::open(&path, 9).unwrap()), []);
    }

    #[test]
    fn an_empty_log_has_no_events() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "").unwrap();
        assert_eq!(all(Tail::open(&path, 0).unwrap()), []);
    }

    #[test]
    fn a_flooded_log_is_read_bit_by_bit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let event = "\"reject\": {\n\"command\": \"/bin/x\"\n}\n";
        std::fs::write(&path, event.repeat(10_000)).unwrap();
        let mut tail = Tail::open(&path, 0).unwrap();
        let some = tail.read().unwrap().len();
        assert!(some <= CHUNK / event.len(), "{some}");
        assert!(tail.is_behind());
        assert_eq!(some + all(tail).len(), 10_000);
    }

    #[test]
    fn a_log_that_is_too_long_is_an_error_and_no_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        // A hole: nothing of it is on the disk.
        File::create(&path)
            .unwrap()
            .set_len(MOST_BYTES + 1)
            .unwrap();
        let mut tail = Tail::open(&path, 0).unwrap();
        tail.at = MOST_BYTES;
        assert!(matches!(tail.read(), Err(Unread::TooLong)));
    }
}
