//! The loop around the player: gives it events, keys and the time, and paints what it says.
//!
//! Three readers of the same file, so that none has to wait for another: one plays, one finds
//! moments, and one reads everything once for the list of commands, on a thread of its own.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use portreeve_protocol::age::Identity;
use portreeve_recording::event::{Event, Kind, Started};
use portreeve_recording::read::{ReadError, Recording};
use thiserror::Error;

use crate::review::replay::deck::{Deck, Reading, Want};
use crate::review::replay::paint::paint;
use crate::review::replay::tty::Tty;
use crate::safe;

/// How long the player reads before it looks at keys and paints again.
const BUSY: Duration = Duration::from_millis(30);
/// How long it waits for a key at most: a signal, and what the other thread found, are looked at in
/// between.
const IDLE: Duration = Duration::from_millis(100);
/// How many pieces of the list may wait for the player.
const WAITING: usize = 16;

/// A recording that is replayed.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The review keys.
    pub identities: &'a [Identity],
}

/// Why a player ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The reviewer ended it.
    Asked,
    /// A signal did.
    Signal,
}

/// Why the player cannot go on.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The recording cannot be opened any more.
    #[error("the recording cannot be opened")]
    Recording(#[from] ReadError),
    /// The file or the terminal cannot be read or written.
    #[error("the terminal or the recording cannot be used")]
    Io(#[from] io::Error),
}

/// Plays until the reviewer ends it, or `stop` says so.
///
/// # Errors
/// When the terminal or the file is gone. A recording that breaks off is shown up to there.
pub fn drive(source: Source<'_>, mut deck: Deck, stop: &AtomicBool) -> Result<Ended, DriveError> {
    let mut finder = source.open()?;
    let mut player = source.open()?;
    std::thread::scope(|scope| {
        let (tell, list) = sync_channel(WAITING);
        scope.spawn(move || read_list(source, &tell));
        let mut shell = Shell {
            tty: Tty::take()?,
            since: Instant::now(),
            painted: None,
            list,
            stop,
        };
        let mut segment = None;
        loop {
            let from = segment.unwrap_or(0);
            let mut events = player.events_from(source.identities, from)?;
            loop {
                if let Some(ended) = shell.attend(&mut deck)? {
                    return Ok(ended);
                }
                match deck.wants() {
                    Want::Quit => return Ok(Ended::Asked),
                    Want::Wait(_) => {}
                    Want::Event => match events.next() {
                        Some(Ok(event)) => deck.event(event),
                        Some(Err(error)) => deck.breaks_off(&told(&error)),
                        None => deck.ends(),
                    },
                    Want::Begin(at_us) => match finder.begin_for(source.identities, at_us) {
                        Err(error) => deck.breaks_off(&told(&error)),
                        Ok(begin) => {
                            let is_ahead = segment.is_some()
                                && at_us >= deck.shown_until()
                                && begin.segment < events.segment();
                            if is_ahead {
                                deck.goes_on(at_us);
                                continue;
                            }
                            deck.begins(&begin, at_us);
                            segment = Some(begin.segment);
                            break;
                        }
                    },
                }
            }
        }
    })
}

/// Everything around the player but its events.
struct Shell<'a> {
    tty: Tty,
    since: Instant,
    painted: Option<Instant>,
    list: Receiver<(Vec<Event>, Reading)>,
    stop: &'a AtomicBool,
}

impl Shell<'_> {
    /// Looks at everything that may have happened meanwhile, and waits as long as the player does.
    fn attend(&mut self, deck: &mut Deck) -> io::Result<Option<Ended>> {
        let is_busy = !matches!(deck.wants(), Want::Wait(_) | Want::Quit);
        if is_busy && self.painted.is_some_and(|painted| painted.elapsed() < BUSY) {
            return Ok(None);
        }
        if self.stop.load(Ordering::SeqCst) {
            return Ok(Some(Ended::Signal));
        }
        for (events, reading) in self.list.try_iter().take(WAITING) {
            deck.read(&events, reading);
        }
        deck.tick(self.since.elapsed());
        self.tty.paint(|canvas| paint(deck, canvas))?;
        self.painted = Some(Instant::now());
        let wait = match deck.wants() {
            Want::Wait(Some(wait)) => wait.min(IDLE),
            Want::Wait(None) => IDLE,
            Want::Begin(_) | Want::Event | Want::Quit => Duration::ZERO,
        };
        if let Some(key) = self.tty.key(wait)? {
            deck.key(key, self.since.elapsed());
        }
        deck.tick(self.since.elapsed());
        Ok(None)
    }
}

impl Source<'_> {
    fn open(self) -> Result<Recording<File>, ReadError> {
        Recording::open(File::open(self.path)?)
    }
}

fn told(error: &ReadError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    safe::line(&text)
}

/// Reads everything and tells what the list of commands is made of, segment by segment. Ends early
/// when nobody listens any more.
fn read_list(source: Source<'_>, tell: &SyncSender<(Vec<Event>, Reading)>) {
    let reading = match source.open() {
        Ok(mut recording) => read_all(&mut recording, source.identities, tell),
        Err(_) => Some(Reading::BrokeOff),
    };
    if let Some(reading) = reading {
        // Nobody listening is no failure: the player has ended.
        let _ = tell.send((Vec::new(), reading));
    }
}

fn read_all(
    recording: &mut Recording<File>,
    identities: &[Identity],
    tell: &SyncSender<(Vec<Event>, Reading)>,
) -> Option<Reading> {
    let mut events = recording.events(identities);
    let (mut gathered, mut read_us, mut segment) = (Vec::new(), 0, 0);
    while let Some(event) = events.next() {
        let Ok(event) = event else {
            let last = (gathered, Reading::UpTo(read_us));
            return tell.send(last).ok().map(|()| Reading::BrokeOff);
        };
        if events.segment() != segment {
            segment = events.segment();
            let piece = std::mem::take(&mut gathered);
            tell.send((piece, Reading::UpTo(read_us))).ok()?;
        }
        read_us = event.at_us;
        gathered.extend(without_content(event));
    }
    tell.send((gathered, Reading::UpTo(read_us))).ok()?;
    Some(Reading::Done)
}

/// An event that the list is made of, sharing memory with nothing.
fn without_content(event: Event) -> Option<Event> {
    let kind = match event.kind {
        Kind::Started(started) => Kind::Started(Started::detached(&started)),
        kind @ (Kind::ExitStatus(_)
        | Kind::ExitSignal(_)
        | Kind::Closed
        | Kind::Refused { .. }
        | Kind::HostEvent(_)) => kind,
        Kind::Input(_)
        | Kind::Output(_)
        | Kind::ErrorOutput(_)
        | Kind::Window(_)
        | Kind::Signal(_)
        | Kind::EndOfInput
        | Kind::EndOfOutput
        | Kind::Note(_)
        | Kind::File(_)
        | Kind::Omitted(_) => return None,
    };
    Some(Event { kind, ..event })
}
