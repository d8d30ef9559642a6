//! What every program of a session stands at, followed by the thread that writes its recording.
//!
//! Readers begin in the middle with the help of it ([`crate::read`]). It costs the forwarding path
//! nothing: the thread looks at segments that it has written already. Between two looks a terminal
//! is kept as its drawing, a few kilobytes, because most terminals are idle most of the time.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::event::standing::{Drawing, MAX_PROGRAMS, Running, Standing};
use crate::event::{Channel, Event, Kind, MAX_CONTENT};
use crate::screen::{Resting, Screen, Size};
use crate::segment::Pending;

/// After how much output of terminals a reader gets a new place to begin at.
const OUTPUT: u64 = 256 * 1024;
/// After how many segments at the latest.
const SEGMENTS: u32 = 8;
/// How much output of terminals is drawn at once, and how much more in each second of the session.
/// Drawing takes many times as long as recording, and the thread has other sessions: the terminal
/// of a program that floods it is given up.
const FLOOD: u64 = 4 * 1024 * 1024;
const FLOOD_PER_SECOND: u64 = 512 * 1024;
/// How much all drawings of one moment may have together.
const MAX_DRAWINGS: usize = MAX_CONTENT;

/// The programs of one session.
#[derive(Debug)]
pub(super) struct Screens {
    running: BTreeMap<Channel, Program>,
    /// Output of terminals since a reader could last begin.
    output: u64,
    /// Segments since then.
    segments: u32,
    /// How much may still be drawn, and when that was last added to.
    allowance: u64,
    allowed_us: u64,
}

impl Default for Screens {
    fn default() -> Self {
        Self {
            running: BTreeMap::new(),
            output: 0,
            segments: 0,
            allowance: FLOOD,
            allowed_us: 0,
        }
    }
}

#[derive(Debug)]
struct Program {
    started_us: u64,
    segment: u32,
    terminal: Terminal,
}

#[derive(Debug)]
enum Terminal {
    Absent,
    /// Nothing was written to it since the last look.
    Resting(Resting),
    /// Being drawn on.
    Awake(Screen),
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
        segment.begin_with(&Standing {
            at_us: segment.first_us(),
            programs: self.standing(),
        });
    }

    fn standing(&self) -> Vec<Running> {
        let mut room = MAX_DRAWINGS;
        let running = self.running.iter().map(|(channel, program)| Running {
            channel: *channel,
            started_us: program.started_us,
            segment: program.segment,
            screen: program.terminal.drawing(&mut room),
        });
        running.collect()
    }

    /// Follows what passed in segment `number`, which has been written.
    pub(super) fn follow(&mut self, segment: &mut Pending, number: u32) {
        self.segments = self.segments.saturating_add(1);
        // What this program encoded, it decodes.
        let _ = segment.each_event(|event| self.event(event, number));
        for program in self.running.values_mut() {
            program.terminal.rest();
        }
    }

    fn event(&mut self, event: &Event, number: u32) {
        match &event.kind {
            Kind::Started(started) => {
                if self.running.len() >= MAX_PROGRAMS {
                    return;
                }
                let terminal = match &started.terminal {
                    None => Terminal::Absent,
                    Some(terminal) => Terminal::Awake(Screen::new(Size::of_window(&terminal.size))),
                };
                let program = Program {
                    started_us: event.at_us,
                    segment: number,
                    terminal,
                };
                self.running.insert(event.channel, program);
            }
            Kind::Output(bytes) | Kind::ErrorOutput(bytes) => {
                let is_allowed = self.allows(event.at_us, bytes.len() as u64);
                match self.screen(event.channel) {
                    Some(screen) if is_allowed => screen.feed(bytes),
                    Some(_) => return self.give_up(event.channel),
                    None => return,
                }
                let drawn = bytes.len() as u64;
                self.allowance = self.allowance.saturating_sub(drawn);
                self.output = self.output.saturating_add(drawn);
            }
            Kind::Window(size) => {
                if let Some(screen) = self.screen(event.channel) {
                    screen.resize(Size::of_window(size));
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

    /// Whether so much may be drawn now.
    fn allows(&mut self, at_us: u64, bytes: u64) -> bool {
        let passed = at_us.saturating_sub(self.allowed_us);
        let earned = passed.saturating_mul(FLOOD_PER_SECOND) / 1_000_000;
        if earned > 0 {
            self.allowance = self.allowance.saturating_add(earned).min(FLOOD);
            self.allowed_us = at_us;
        }
        bytes <= self.allowance
    }

    /// Nobody knows any more what is on this terminal.
    fn give_up(&mut self, channel: Channel) {
        if let Some(program) = self.running.get_mut(&channel) {
            program.terminal = Terminal::Absent;
        }
    }

    /// The screen of a channel that has one, awake.
    fn screen(&mut self, channel: Channel) -> Option<&mut Screen> {
        let program = self.running.get_mut(&channel)?;
        program.terminal.wake();
        match &mut program.terminal {
            Terminal::Awake(screen) => Some(screen),
            Terminal::Absent | Terminal::Resting(_) => None,
        }
    }
}

impl Terminal {
    fn drawing(&self, room: &mut usize) -> Option<Drawing> {
        let Self::Resting(resting) = self else {
            return None;
        };
        let (size, bytes) = resting.drawing()?;
        *room = room.checked_sub(bytes.len())?;
        Some(Drawing {
            columns: u32::try_from(size.columns()).ok()?,
            rows: u32::try_from(size.rows()).ok()?,
            bytes: Bytes::copy_from_slice(bytes),
        })
    }

    fn wake(&mut self) {
        *self = match std::mem::replace(self, Self::Absent) {
            Self::Resting(resting) => Self::Awake(resting.wake()),
            other @ (Self::Absent | Self::Awake(_)) => other,
        };
    }

    fn rest(&mut self) {
        *self = match std::mem::replace(self, Self::Absent) {
            Self::Awake(screen) => Self::Resting(screen.rest()),
            other @ (Self::Absent | Self::Resting(_)) => other,
        };
    }
}
