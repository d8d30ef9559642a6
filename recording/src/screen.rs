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

mod flood;
mod meter;
mod resting;
mod unseen;
mod unwatched;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use avt;
use avt::{Line, Observation, Observer, Terminal};
use thiserror::Error;

use crate::event::WindowSize;
use crate::event::standing::{Display, Shown};
use crate::printable::{Piece, Utf8Stream};
use meter::{Meter, Toll};
pub use resting::Resting;
use unseen::Unseen;
pub use unwatched::Unwatched;

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
    Unseen(Unseen),
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
    /// What was written to it before is not known. It comes back when it is reset.
    #[error("nobody drew this terminal")]
    Unseen,
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
        Self::with(State::empty(size))
    }

    /// The screen of a terminal to which nobody knows what was written. It is lost until its
    /// program resets the terminal, which makes it empty whatever was on it.
    #[must_use]
    pub fn unseen(size: Option<Size>) -> Self {
        Self::with(State::Unseen(Unseen::new(size)))
    }

    fn with(state: State) -> Self {
        Self {
            utf8: Utf8Stream::default(),
            meter: Meter::FULL,
            state,
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

    /// The screen that a recording says a terminal had.
    #[must_use]
    pub fn of_display(display: &Display) -> Self {
        let size = Size::new(display.columns, display.rows);
        match &display.shown {
            Shown::Drawing(bytes) => Self::of_drawing(size, bytes),
            Shown::NotSince(_) => Self::unseen(size),
        }
    }

    /// Takes what a program wrote.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_observed(bytes, &mut ());
    }

    /// Takes what a program wrote, and tells each line that thereby left the screen at its top.
    pub fn feed_telling(&mut self, bytes: &[u8], gone: impl FnMut(Text<'_>)) {
        self.feed_observed(bytes, &mut Gone(gone));
    }

    fn feed_observed(&mut self, bytes: &[u8], observer: &mut impl Observer) {
        self.meter.earn(bytes.len());
        let Some(bytes) = self.drawn_of(bytes) else {
            return;
        };
        let mut utf8 = std::mem::take(&mut self.utf8);
        utf8.push(bytes, |piece| self.feed_text(shown(piece), observer));
        self.utf8 = utf8;
    }

    /// How much of `bytes` is drawn: all of it, the rest after a reset that makes the screen known,
    /// or nothing.
    fn drawn_of<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match &mut self.state {
            State::Drawn(_) => Some(bytes),
            State::Lost(_) => None,
            State::Unseen(unseen) => {
                let after = unseen.after_reset(bytes)?;
                let size = unseen.size();
                if let Some(size) = size {
                    self.meter.spend_anew(size)?;
                }
                self.state = State::empty(size);
                Some(after)
            }
        }
    }

    fn feed_text(&mut self, text: &str, observer: &mut impl Observer) {
        let meter = &mut self.meter;
        self.state.change(|terminal| {
            let left = Cell::new(meter.left());
            let toll = Toll::new(&left, terminal.size());
            let affordable = text.chars().take_while(|_| left.get() > 0);
            terminal.feed_with(affordable, (toll, observer));
            meter.set_left(left.get())
        });
    }

    /// The window has another size.
    pub fn resize(&mut self, size: Option<Size>) {
        if let State::Unseen(unseen) = &mut self.state {
            return unseen.resize(size);
        }
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
            State::Unseen(unseen) => Some(unseen.lost()),
            State::Lost(lost) => Some(*lost),
        }
    }

    /// The emulator with everything on the screen, for readers that paint cell by cell.
    #[must_use]
    pub fn terminal(&self) -> Option<&Terminal> {
        match &self.state {
            State::Drawn(terminal) => Some(terminal),
            State::Unseen(_) | State::Lost(_) => None,
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
}

/// What a terminal shows for what a program wrote: also for bytes that are no text.
const fn shown(piece: Piece<'_>) -> &str {
    match piece {
        Piece::Text(text) => text,
        Piece::Invalid(_) => "\u{fffd}",
    }
}

/// Tells lines that leave the screen.
struct Gone<F>(F);

impl<F: FnMut(Text<'_>)> Observer for Gone<F> {
    type Output = ();

    fn evicted(&mut self, _: &mut Observation<'_>, line: &Line) {
        let text = line.text();
        (self.0)(Text {
            text: if line.is_wrapped() {
                &text
            } else {
                text.trim_end()
            },
            goes_on: line.is_wrapped(),
        });
    }

    fn end(&mut self, _: &mut Observation<'_>) {}
}

impl State {
    /// Nothing was written yet.
    fn empty(size: Option<Size>) -> Self {
        match size.and_then(|size| Terminal::new(size.columns, size.rows).ok()) {
            Some(terminal) => Self::Drawn(Box::new(terminal)),
            None => Self::Lost(Lost::TooLarge),
        }
    }

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
