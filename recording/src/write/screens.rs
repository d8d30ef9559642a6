//! What every program of a session stands at, followed by the thread that writes its recording.
//!
//! Readers begin in the middle with the help of it ([`crate::read`]). It costs the forwarding path
//! nothing: the thread looks at segments that it has written already. Between two looks a terminal
//! is kept as its drawing, a few kilobytes, because most terminals are idle most of the time.
//! Drawing takes many times as long as recording, and the thread has other sessions, so a session
//! has an allowance for what really has to be drawn. A flood of lines needs little of it; the
//! terminal of a program that floods it otherwise is given up until the program resets it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::event::standing::{Display, MAX_PROGRAMS, Running, Shown, Standing};
use crate::event::{Channel, Event, Kind, MAX_CONTENT, WindowSize};
use crate::screen::{Lost, Resting, Screen, Size, Unwatched};
use crate::segment::Pending;

/// After how much output of terminals a reader gets a new place to begin at.
const OUTPUT: u64 = 256 * 1024;
/// After how many segments at the latest.
const SEGMENTS: u32 = 8;
/// How many bytes are drawn at once, and how many more in each second of the session. Work counts
/// as the bytes that may cause it: a few of them, in packets of their own, can cause more.
const FLOOD: u64 = 4 * 1024 * 1024;
const FLOOD_PER_SECOND: u64 = 512 * 1024;
/// How much all drawings of one moment may have together.
const MAX_DRAWINGS: usize = MAX_CONTENT;

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
    screen: Drawn,
    /// Since when nobody knows what is on it.
    not_since: Option<u64>,
    /// When a reader was last given what is on it.
    told_us: u64,
    /// Given up in the segment that is looked at: windows and resets in turn would have it made
    /// anew, and given up, without end.
    is_given_up: bool,
}

#[derive(Debug)]
enum Drawn {
    /// Nothing was written to it since the last look.
    Resting(Resting),
    /// Being drawn on.
    Awake(Unwatched),
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
        for program in self.running.values_mut() {
            if let Some(terminal) = &mut program.terminal {
                terminal.draw(&mut self.allowance, since_us);
                terminal.screen.rest();
                terminal.is_given_up = false;
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
                let terminal = terminal.filter(|terminal| !terminal.is_given_up);
                if let Some(screen) = terminal.and_then(Terminal::awake) {
                    screen.feed(bytes);
                    if screen.lost().is_none() {
                        self.output = self.output.saturating_add(bytes.len() as u64);
                    }
                }
            }
            Kind::Window(window) => {
                self.allowance.earn(event.at_us);
                let program = self.running.get_mut(&event.channel);
                if let Some(terminal) = program.and_then(|program| program.terminal.as_mut()) {
                    terminal.draw(&mut self.allowance, since_us);
                    terminal.resize(*window);
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
        let screen = Screen::new(Size::of_window(&window));
        Self {
            window,
            screen: Drawn::Awake(Unwatched::new(screen)),
            not_since: None,
            told_us: started_us,
            is_given_up: false,
        }
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

    /// Draws what was written to it since `since_us`, or gives it up.
    fn draw(&mut self, allowance: &mut Allowance, since_us: u64) {
        let Drawn::Awake(screen) = &mut self.screen else {
            return;
        };
        if screen.waits() <= allowance.left {
            allowance.spend(screen.draw(allowance.left));
        } else {
            self.is_given_up |= screen.forget(Size::of_window(&self.window));
        }
        if screen.lost().is_some_and(|lost| lost != Lost::Unseen) {
            self.is_given_up |= screen.forget(Size::of_window(&self.window));
        }
        self.not_since = screen.lost().and(self.not_since.or(Some(since_us)));
    }

    fn resize(&mut self, window: WindowSize) {
        self.window = window;
        if let Some(screen) = self.awake() {
            screen.resize(Size::of_window(&window));
        }
    }

    /// Its screen, to be drawn on.
    fn awake(&mut self) -> Option<&mut Unwatched> {
        self.screen.turn(|screen| match screen {
            Drawn::Resting(resting) => Drawn::Awake(Unwatched::new(resting.wake())),
            awake @ Drawn::Awake(_) => awake,
        });
        match &mut self.screen {
            Drawn::Awake(screen) => Some(screen),
            Drawn::Resting(_) => None,
        }
    }
}

impl Drawn {
    fn drawing(&self) -> Option<&[u8]> {
        match self {
            Self::Resting(resting) => resting.drawing(),
            Self::Awake(_) => None,
        }
    }

    fn rest(&mut self) {
        self.turn(|screen| match screen {
            Self::Awake(screen) => Self::Resting(screen.look().rest()),
            resting @ Self::Resting(_) => resting,
        });
    }

    fn turn(&mut self, turn: impl FnOnce(Self) -> Self) {
        let between = Self::Awake(Unwatched::new(Screen::unseen(None)));
        *self = turn(std::mem::replace(self, between));
    }
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
