//! What every program of a session stands at, followed by the thread that writes its recording.
//!
//! Readers begin in the middle with the help of it ([`crate::read`]). It costs the forwarding path
//! nothing: the thread looks at segments that it has written already. Drawing takes many times as
//! long as recording, and the thread has other sessions, so a session has an allowance for what
//! really has to be drawn. A flood of lines needs little of it; the terminal of a program that
//! floods it otherwise is given up until the program resets it.
//!
//! Between two looks a terminal is kept as its drawing, a few kilobytes, because most terminals are
//! idle most of the time, and one at a time is drawn on: an emulator has megabytes, and a session
//! may have many terminals. To make one again is paid from the allowance too. So what is written
//! waits until a reader is about to be given a place to begin at, or it is much.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::event::standing::{Display, MAX_PROGRAMS, Running, Shown, Standing};
use crate::event::{Channel, Event, Kind, MAX_CONTENT, WindowSize};
use crate::screen::{Lost, Resting, Size, Unwatched};
use crate::segment::Pending;

/// After how much output of terminals a reader gets a new place to begin at.
const OUTPUT: u64 = 256 * 1024;
/// After how many segments at the latest.
const SEGMENTS: u32 = 8;
/// How many bytes are drawn at once, and how many more in each second of the session. Work counts
/// as the bytes that may cause it: a few of them, in packets of their own, can cause more.
const FLOOD: u64 = 4 * 1024 * 1024;
const FLOOD_PER_SECOND: u64 = 512 * 1024;
/// How much waits to be drawn at most before it is, over all terminals.
const MAX_WAITING: u64 = 32 * 1024;
/// Of what was written to a terminal this part is what it costs no allowance to draw on it again: each of a flood's
/// segments has it made anew.
const FREE_SHARE: u64 = 16;
/// How much all drawings of one moment may have together.
const MAX_DRAWINGS: usize = MAX_CONTENT;
/// How much all drawings have that are kept.
const MAX_KEPT: usize = 4 * MAX_DRAWINGS;

/// The programs of one session.
#[derive(Debug, Default)]
pub(super) struct Screens {
    running: BTreeMap<Channel, Program>,
    /// Output of terminals since a reader could last begin.
    output: u64,
    /// Segments since then.
    segments: u32,
    allowance: Allowance,
}

#[derive(Debug)]
struct Program {
    started_us: u64,
    segment: u32,
    terminal: Option<Terminal>,
}

#[derive(Debug)]
struct Terminal {
    window: WindowSize,
    screen: Resting,
    /// What passed since it was last drawn, from when on, and how much that is.
    waiting: Vec<Passed>,
    waiting_since_us: u64,
    waits: u64,
    /// Since when nobody knows what is on it.
    not_since: Option<u64>,
    /// When a reader was last given what is on it.
    told_us: u64,
}

/// What can happen to a terminal.
#[derive(Debug)]
enum Passed {
    /// A program wrote this, in so many pieces.
    Output { bytes: Vec<u8>, pieces: u64 },
    /// Its window has another size.
    Window(WindowSize),
}

/// How much may still be drawn.
#[derive(Debug)]
struct Allowance {
    left: u64,
    /// When something was last added.
    at_us: u64,
}

impl Screens {
    /// Lets a segment that is about to be written begin with where programs stand, if it is time
    /// for that.
    pub(super) fn begin(&mut self, segment: &mut Pending) {
        if self.output < OUTPUT && self.segments < SEGMENTS {
            return;
        }
        self.output = 0;
        self.segments = 0;
        let at_us = segment.first_us();
        segment.begin_with(&Standing {
            at_us,
            programs: self.standing(at_us),
        });
    }

    fn standing(&mut self, at_us: u64) -> Vec<Running> {
        let mut room = MAX_DRAWINGS;
        let running = self.running.iter_mut().map(|(channel, program)| Running {
            channel: *channel,
            started_us: program.started_us,
            segment: program.segment,
            display: {
                let terminal = program.terminal.as_mut();
                terminal.map(|terminal| terminal.display(at_us, &mut room))
            },
        });
        running.collect()
    }

    /// Follows what passed in segment `number`, which has been written.
    pub(super) fn follow(&mut self, segment: &mut Pending, number: u32) {
        self.segments = self.segments.saturating_add(1);
        let since_us = segment.first_us();
        let mut last_us = since_us;
        // What this program encoded, it decodes.
        let _ = segment.each_event(|event| {
            last_us = event.at_us;
            self.event(event, number, since_us);
        });
        self.allowance.earn(last_us);
        if self.output >= OUTPUT || self.segments >= SEGMENTS || self.waits() >= MAX_WAITING {
            self.draw();
        }
    }

    fn waits(&self) -> u64 {
        let terminals = self.running.values();
        let terminals = terminals.filter_map(|program| program.terminal.as_ref());
        terminals.map(|terminal| terminal.waits).sum()
    }

    /// Draws what waits, one terminal after the other.
    fn draw(&mut self) {
        let mut room = MAX_KEPT;
        for program in self.running.values_mut() {
            if let Some(terminal) = &mut program.terminal {
                terminal.draw(&mut self.allowance);
                terminal.keep_within(&mut room);
            }
        }
    }

    fn event(&mut self, event: &Event, number: u32, since_us: u64) {
        match &event.kind {
            Kind::Started(started) => {
                if self.running.len() >= MAX_PROGRAMS {
                    return;
                }
                let started_us = event.at_us;
                let terminal = started.terminal.as_ref();
                let program = Program {
                    started_us,
                    segment: number,
                    terminal: terminal.map(|terminal| Terminal::new(terminal.size, started_us)),
                };
                self.running.insert(event.channel, program);
            }
            Kind::Output(bytes) | Kind::ErrorOutput(bytes) => {
                let terminal = self.terminal(event.channel);
                let is_drawn = terminal.is_some_and(|terminal| {
                    terminal.wrote(bytes, since_us);
                    terminal.screen.drawing().is_some()
                });
                if is_drawn {
                    self.output = self.output.saturating_add(bytes.len() as u64);
                }
            }
            Kind::Window(window) => {
                if let Some(terminal) = self.terminal(event.channel) {
                    terminal.resized(*window, since_us);
                }
            }
            Kind::Closed => {
                self.running.remove(&event.channel);
            }
            Kind::Input(_)
            | Kind::Signal(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::ExitStatus(_)
            | Kind::ExitSignal(_)
            | Kind::Refused { .. }
            | Kind::Note(_)
            | Kind::HostEvent(_)
            | Kind::File(_)
            | Kind::Omitted(_) => {}
        }
    }

    fn terminal(&mut self, channel: Channel) -> Option<&mut Terminal> {
        self.running.get_mut(&channel)?.terminal.as_mut()
    }
}

impl Terminal {
    fn new(window: WindowSize, started_us: u64) -> Self {
        Self {
            window,
            screen: Resting::new(Size::of_window(&window)),
            waiting: Vec::new(),
            waiting_since_us: started_us,
            waits: 0,
            not_since: None,
            told_us: started_us,
        }
    }

    fn wrote(&mut self, piece: &[u8], since_us: u64) {
        self.wait(piece.len(), since_us);
        if let Some(Passed::Output { bytes, pieces }) = self.waiting.last_mut() {
            bytes.extend_from_slice(piece);
            *pieces += 1;
        } else {
            let (bytes, pieces) = (piece.to_vec(), 1);
            self.waiting.push(Passed::Output { bytes, pieces });
        }
    }

    fn resized(&mut self, window: WindowSize, since_us: u64) {
        self.wait(size_of::<Passed>(), since_us);
        self.waiting.push(Passed::Window(window));
    }

    fn wait(&mut self, bytes: usize, since_us: u64) {
        if self.waiting.is_empty() {
            self.waiting_since_us = since_us;
        }
        self.waits = self.waits.saturating_add(bytes as u64);
    }

    /// What a reader is told of it at a moment.
    fn display(&mut self, at_us: u64, room: &mut usize) -> Display {
        let drawing = self.screen.drawing().and_then(|drawing| {
            *room = room.checked_sub(drawing.len())?;
            Some(Bytes::copy_from_slice(drawing))
        });
        if drawing.is_some() {
            self.told_us = at_us;
        }
        let not_since = self.not_since.unwrap_or(self.told_us);
        Display {
            columns: self.window.columns,
            rows: self.window.rows,
            shown: drawing.map_or(Shown::NotSince(not_since), Shown::Drawing),
        }
    }

    /// Draws what waits, or gives the terminal up.
    fn draw(&mut self, allowance: &mut Allowance) {
        let waiting = std::mem::take(&mut self.waiting);
        let waits = std::mem::take(&mut self.waits);
        if waiting.is_empty() {
            return;
        }
        let cost = self.screen.cost().saturating_sub(waits / FREE_SHARE);
        if cost > allowance.left {
            for passed in waiting {
                if let Passed::Window(window) = passed {
                    self.window = window;
                }
            }
            return self.give_up();
        }
        allowance.spend(cost);
        let screen = std::mem::replace(&mut self.screen, Resting::unseen(None));
        let mut screen = Unwatched::new(screen.wake());
        // Windows and resets in turn would have it made anew, and given up, without end.
        let mut is_given_up = false;
        for passed in waiting {
            match passed {
                Passed::Output { .. } if is_given_up => {}
                Passed::Output { bytes, pieces } => screen.feed_pieces(&bytes, pieces),
                Passed::Window(window) => {
                    is_given_up |= drawn(&mut screen, self.window, allowance);
                    self.window = window;
                    screen.resize(Size::of_window(&window));
                }
            }
        }
        drawn(&mut screen, self.window, allowance);
        let since_us = self.not_since.unwrap_or(self.waiting_since_us);
        self.not_since = screen.lost().and(Some(since_us));
        self.screen = screen.look().rest();
    }

    /// What is on it is not known any more.
    fn give_up(&mut self) {
        let since_us = self.waiting_since_us.max(self.told_us);
        self.not_since.get_or_insert(since_us);
        self.screen.forget(Size::of_window(&self.window));
    }

    /// Takes what it keeps out of the room that there is, or keeps nothing.
    fn keep_within(&mut self, room: &mut usize) {
        let kept = self.screen.drawing().map_or(0, <[u8]>::len);
        match room.checked_sub(kept) {
            Some(left) => *room = left,
            None => self.give_up(),
        }
    }
}

/// Draws what was written, if that can be paid. Says whether the terminal was given up thereby.
fn drawn(screen: &mut Unwatched, window: WindowSize, allowance: &mut Allowance) -> bool {
    let mut is_given_up = false;
    if screen.waits() <= allowance.left {
        allowance.spend(screen.draw(allowance.left));
    } else {
        is_given_up |= screen.forget(Size::of_window(&window));
    }
    if screen.lost().is_some_and(|lost| lost != Lost::Unseen) {
        is_given_up |= screen.forget(Size::of_window(&window));
    }
    is_given_up
}

impl Allowance {
    /// The session has come to this moment.
    fn earn(&mut self, at_us: u64) {
        let passed = at_us.saturating_sub(self.at_us);
        let earned = passed.saturating_mul(FLOOD_PER_SECOND) / 1_000_000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(FLOOD);
            self.at_us = at_us;
        }
    }

    const fn spend(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: FLOOD,
            at_us: 0,
        }
    }
}

#[cfg(test)]
mod tests;
