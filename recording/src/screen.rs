//! A terminal's screen as a person saw it, drawn from the bytes that a program wrote.
//!
//! A thin, bounded shell around the terminal emulator `avt`: bytes in, lines and cells out. It
//! obeys what moves and colours text; titles, clipboards, queries and whatever else would reach
//! out of the screen mean nothing to it, and it answers nobody. The bytes are hostile, so
//! everything is bounded: the size of the screen, the work that a byte may cause, the length of a
//! drawing. Past a bound, or if the emulator panics, the screen is *lost* and stays so; its bytes
//! are still in the recording.
//!
//! What it shows is not safe to print: a cell may hold any character. Readers print through
//! [`crate::printable`] or cell by cell. Used by the recorder for its drawings, by replay and by
//! search.

mod meter;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use avt;
use avt::Terminal;
use thiserror::Error;

use crate::event::WindowSize;
use crate::printable::{Piece, Utf8Stream};
use meter::{Gone, Meter};

/// The most cells that a screen may have.
pub const MAX_CELLS: usize = 512 * 512;
/// The most columns, and the most rows.
pub const MAX_SIDE: usize = 1024;
/// The longest drawing of a screen, in bytes.
pub const MAX_DRAWING: usize = 512 * 1024;
/// What a terminal has whose size nobody said.
const DEFAULT: (usize, usize) = (80, 24);

/// One terminal's screen.
pub struct Screen {
    utf8: Utf8Stream,
    meter: Meter,
    state: State,
}

enum State {
    Drawn(Box<Terminal>),
    Lost(Lost),
}

/// Why there is no screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Lost {
    /// It has more cells than are drawn.
    #[error("the terminal is too large to be drawn")]
    TooLarge,
    /// Its output asks for more work than output of its length may.
    #[error("the output asks for too much work to be drawn")]
    TooMuchWork,
    /// The emulator failed.
    #[error("the terminal emulator failed on the output")]
    Failed,
}

/// A size that a screen may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    /// The size of a screen in cells; nothing when it would be too large. A side that is 0 was not
    /// said, and is that of the usual terminal.
    #[must_use]
    pub fn new(columns: u32, rows: u32) -> Option<Self> {
        let side = |said: u32, default: usize| match usize::try_from(said) {
            Ok(0) => Some(default),
            Ok(side) if side <= MAX_SIDE => Some(side),
            Ok(_) | Err(_) => None,
        };
        let size = Self {
            columns: side(columns, DEFAULT.0)?,
            rows: side(rows, DEFAULT.1)?,
        };
        (size.cells() <= MAX_CELLS).then_some(size)
    }

    /// That of a window.
    #[must_use]
    pub fn of_window(window: &WindowSize) -> Option<Self> {
        Self::new(window.columns, window.rows)
    }

    /// Cells in a row.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.columns
    }

    /// Rows.
    #[must_use]
    pub const fn rows(self) -> usize {
        self.rows
    }

    const fn cells(self) -> usize {
        self.columns.saturating_mul(self.rows)
    }
}

/// A line of text on a screen, or one that has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// Its characters, without the blanks at its end. Not safe to print.
    pub text: &'a str,
    /// Whether it goes on in the next one: it was too long for the screen.
    pub goes_on: bool,
}

impl Screen {
    /// An empty screen; a lost one when nothing of this size is drawn.
    #[must_use]
    pub fn new(size: Option<Size>) -> Self {
        let terminal = size.and_then(|size| Terminal::new(size.columns, size.rows).ok());
        match terminal {
            Some(terminal) => Self {
                utf8: Utf8Stream::default(),
                meter: Meter::FULL,
                state: State::Drawn(Box::new(terminal)),
            },
            None => Self::without_emulator(Lost::TooLarge),
        }
    }

    fn without_emulator(lost: Lost) -> Self {
        Self {
            utf8: Utf8Stream::default(),
            meter: Meter::FULL,
            state: State::Lost(lost),
        }
    }

    /// The screen that `drawing` draws; what [`Screen::drawing`] made, or what somebody else claims
    /// it did.
    #[must_use]
    pub fn of_drawing(size: Option<Size>, drawing: &[u8]) -> Self {
        let mut screen = Self::new(size);
        screen.feed(drawing);
        screen
    }

    /// Takes what a program wrote.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_telling(bytes, |_| {});
    }

    /// Takes what a program wrote, and tells each line that thereby left the screen at its top.
    pub fn feed_telling(&mut self, bytes: &[u8], mut gone: impl FnMut(Text<'_>)) {
        if matches!(self.state, State::Lost(_)) {
            return;
        }
        self.meter.earn(bytes.len());
        let mut utf8 = std::mem::take(&mut self.utf8);
        utf8.push(bytes, |piece| match piece {
            Piece::Text(text) => self.feed_text(text, &mut gone),
            // What a terminal shows for bytes that are no text.
            Piece::Invalid(_) => self.feed_text("\u{fffd}", &mut gone),
        });
        self.utf8 = utf8;
    }

    fn feed_text(&mut self, text: &str, gone: &mut dyn FnMut(Text<'_>)) {
        let meter = &mut self.meter;
        self.state.change(|terminal| {
            let left = std::cell::Cell::new(meter.left());
            let affordable = text.chars().take_while(|_| left.get() > 0);
            terminal.feed_with(
                affordable,
                Gone {
                    left: &left,
                    tell: gone,
                },
            );
            meter.set_left(left.get())
        });
    }

    /// The window has another size.
    pub fn resize(&mut self, size: Option<Size>) {
        let Some(size) = size else {
            self.state = State::Lost(Lost::TooLarge);
            return;
        };
        let meter = &mut self.meter;
        self.state.change(|terminal| {
            if terminal.size() == (size.columns, size.rows) {
                return Ok(());
            }
            let (columns, rows) = terminal.size();
            meter.spend_resize(columns.saturating_mul(rows).max(size.cells()))?;
            terminal.resize(size.columns, size.rows);
            Ok(())
        });
    }

    /// Why the screen is lost, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        match &self.state {
            State::Drawn(_) => None,
            State::Lost(lost) => Some(*lost),
        }
    }

    /// The emulator with everything on the screen, for readers that paint cell by cell.
    #[must_use]
    pub fn terminal(&self) -> Option<&Terminal> {
        match &self.state {
            State::Drawn(terminal) => Some(terminal),
            State::Lost(_) => None,
        }
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        let (columns, rows) = self.terminal()?.size();
        Some(Size { columns, rows })
    }

    /// What stands on each of its lines now, from the top. Not safe to print.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.terminal().map_or_else(Vec::new, |terminal| {
            let lines = terminal.screen().visible_lines();
            lines
                .map(|line| line.text().trim_end().to_owned())
                .collect()
        })
    }

    /// The bytes that draw it again on an empty screen of its size, the beginnings of an unfinished
    /// sequence and of an unfinished character included; nothing when it is lost, or cannot be
    /// drawn in [`MAX_DRAWING`] bytes.
    #[must_use]
    pub fn drawing(&self) -> Option<Vec<u8>> {
        let terminal = self.terminal()?;
        let dump = catch_unwind(AssertUnwindSafe(|| terminal.dump())).ok()?;
        let mut drawing = dump.into_bytes();
        drawing.extend_from_slice(self.utf8.partial());
        (drawing.len() <= MAX_DRAWING).then_some(drawing)
    }

    /// Puts the emulator's memory aside: what is left is a drawing.
    #[must_use]
    pub fn rest(self) -> Resting {
        let drawn = match (self.size(), self.drawing(), self.lost()) {
            (Some(size), Some(drawing), _) => Ok((size, drawing)),
            (_, _, lost) => Err(lost.unwrap_or(Lost::TooLarge)),
        };
        Resting {
            drawn,
            meter: self.meter,
        }
    }
}

/// A screen that is not being drawn on, in a few kilobytes.
#[derive(Debug)]
pub struct Resting {
    drawn: Result<(Size, Vec<u8>), Lost>,
    meter: Meter,
}

impl Resting {
    /// Wakes it up.
    #[must_use]
    pub fn wake(self) -> Screen {
        let woken = match self.drawn {
            Ok((size, drawing)) => Screen::of_drawing(Some(size), &drawing),
            Err(lost) => Screen::without_emulator(lost),
        };
        Screen {
            meter: self.meter,
            ..woken
        }
    }

    /// Its size and what draws it again; nothing when it is lost.
    #[must_use]
    pub fn drawing(&self) -> Option<(Size, &[u8])> {
        let (size, drawing) = self.drawn.as_ref().ok()?;
        Some((*size, drawing))
    }
}

impl State {
    /// Changes the terminal, if there is one; it is lost when that fails or panics.
    fn change(&mut self, change: impl FnOnce(&mut Terminal) -> Result<(), Lost>) {
        let Self::Drawn(terminal) = self else {
            return;
        };
        // After a panic nothing of the emulator is used any more, so nothing half-changed is seen.
        let changed = catch_unwind(AssertUnwindSafe(|| change(terminal)));
        if let Err(lost) = changed.unwrap_or(Err(Lost::Failed)) {
            *self = Self::Lost(lost);
        }
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("size", &self.size())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
