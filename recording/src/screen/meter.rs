//! How much work a terminal's output may cause.
//!
//! Two bytes can ask an emulator to make a whole screen anew, so a few kilobytes of them could keep
//! a thread busy for minutes. Each byte earns some work and each operation costs some; whoever has
//! spent everything is drawn no further. Ordinary programs, also ones that clear and redraw all the
//! time, use a small part of it.

use std::cell::Cell;

use avt::parser::{DecMode, DecModes, Function};
use avt::{Observation, Observer, Operation};

use super::{Lost, Size};

/// What one byte earns. One unit is about what it takes to print a character.
const PER_BYTE: u64 = 32;
/// What each piece of output earns: a program that clears its screen and writes a word, again and
/// again, does so in packets of their own, and each packet costs its sender more than this.
const PER_PIECE: u64 = 2048;
/// How many cells are filled for one unit.
const CELLS: u64 = 16;
/// The most that can be saved up: enough to draw the largest screen several times over.
const MOST: u64 = 4 * 1024 * 1024;

/// What may still be spent.
#[derive(Debug)]
pub(super) struct Meter {
    left: u64,
    /// What was spent since [`Meter::charge`] last said it.
    spent: u64,
}

impl Meter {
    /// That of a new screen.
    pub(super) const FULL: Self = Self {
        left: MOST,
        spent: 0,
    };

    /// A piece of output came.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.earn_ahead(bytes, 1);
        self.cap();
    }

    /// Pieces of output came that are drawn later, together with others. Until [`Meter::cap`] the
    /// earnings of all of them count, so that none is lost by waiting.
    pub(super) fn earn_ahead(&mut self, bytes: usize, pieces: u64) {
        let earned = (bytes as u64)
            .saturating_mul(PER_BYTE)
            .saturating_add(PER_PIECE.saturating_mul(pieces));
        self.left = self.left.saturating_add(earned);
    }

    /// Everything that came is drawn.
    pub(super) fn cap(&mut self) {
        self.left = self.left.min(MOST);
    }

    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    pub(super) const fn set_left(&mut self, left: u64) -> Result<(), Lost> {
        self.spent = self.spent.saturating_add(self.left.saturating_sub(left));
        self.left = left;
        if left == 0 {
            return Err(Lost::TooMuchWork);
        }
        Ok(())
    }

    /// Pays for an empty screen of this size before it is made. Where there is not enough nothing
    /// is spent, so that a later reset can be paid.
    pub(super) fn spend_anew(&mut self, size: Size) -> Option<()> {
        let cost = cost(&Function::Ris, size.columns as u64, size.rows as u64);
        let left = self.left.checked_sub(cost).filter(|left| *left > 0)?;
        self.set_left(left).ok()
    }

    /// Every line is laid out again.
    pub(super) fn spend_resize(&mut self, cells: usize) -> Result<(), Lost> {
        let cost = (cells as u64).div_ceil(4);
        self.set_left(self.left.saturating_sub(cost))
    }

    /// Leaves no more to spend than so many bytes earn, and says what was taken away.
    pub(super) fn hold_back(&mut self, bytes: u64) -> u64 {
        let before = self.left;
        self.left = before.min(bytes.saturating_mul(PER_BYTE));
        before - self.left
    }

    /// What was held back may be spent again.
    pub(super) const fn give_back(&mut self, held: u64) {
        self.left = self.left.saturating_add(held);
    }

    /// How many bytes earn what was spent since this was last asked.
    pub(super) fn charge(&mut self) -> u64 {
        std::mem::take(&mut self.spent).div_ceil(PER_BYTE)
    }
}

/// Pays for each operation.
pub(super) struct Toll<'a> {
    left: &'a Cell<u64>,
    columns: u64,
    rows: u64,
    /// What a character costs; nearly every operation is one.
    print: u64,
}

impl<'a> Toll<'a> {
    /// On a screen of this size, out of `left`.
    pub(super) fn new(left: &'a Cell<u64>, (columns, rows): (usize, usize)) -> Self {
        let (columns, rows) = (columns as u64, rows as u64);
        Self {
            left,
            columns,
            rows,
            print: print(columns, rows),
        }
    }
}

impl Observer for Toll<'_> {
    type Output = ();

    fn before(&mut self, _: &mut Observation<'_>, operation: &Operation) {
        let cost = match operation {
            Operation::Function(Function::Print(_)) => self.print,
            Operation::Function(function) => cost(function, self.columns, self.rows),
            Operation::Resize { .. } => 0,
        };
        self.left.set(self.left.get().saturating_sub(cost));
    }

    fn end(&mut self, _: &mut Observation<'_>) {}
}

/// What an operation costs at most on a screen of this size.
fn cost(function: &Function, columns: u64, rows: u64) -> u64 {
    let fill = |lines: u64| 1 + (columns * lines.min(rows)).div_ceil(CELLS);
    match function {
        Function::Print(_) => print(columns, rows),
        Function::Rep(n) => u64::from(*n).max(1) * print(columns, rows),
        // A new line may scroll, which makes one line blank and moves the places of all.
        Function::Lf | Function::Nel | Function::Ri => fill(1) + rows.div_ceil(CELLS),
        Function::Ich(_) | Function::Dch(_) | Function::Ech(_) | Function::El(_) => fill(1),
        Function::Il(n) | Function::Dl(n) | Function::Su(n) | Function::Sd(n) => {
            fill(u64::from(*n)) + rows
        }
        Function::Ed(_) | Function::Decaln => fill(rows),
        Function::Decset(modes) | Function::Decrst(modes) => switches(modes) * fill(rows) + 1,
        // Both screens are made anew.
        Function::Ris => 4 * fill(rows),
        Function::Bs
        | Function::Cbt(_)
        | Function::Cha(_)
        | Function::Cht(_)
        | Function::Cnl(_)
        | Function::Cpl(_)
        | Function::Cr
        | Function::Ctc(_)
        | Function::Cub(_)
        | Function::Cud(_)
        | Function::Cuf(_)
        | Function::Cup(..)
        | Function::Cuu(_)
        | Function::Decrc
        | Function::Decsc
        | Function::Decstbm(..)
        | Function::Decstr
        | Function::G1d4(_)
        | Function::Gzd4(_)
        | Function::Ht
        | Function::Hts
        | Function::Osc(_)
        | Function::Rm(_)
        | Function::Scorc
        | Function::Scosc
        | Function::Sgr(_)
        | Function::Si
        | Function::Sm(_)
        | Function::So
        | Function::Tbc(_)
        | Function::Vpa(_)
        | Function::Vpr(_)
        | Function::Xtwinops(_) => 1,
    }
}

/// A character may move the rest of its line, or, once in a line, all lines.
const fn print(columns: u64, rows: u64) -> u64 {
    1 + columns / 512 + rows / (columns * 8)
}

/// How many of the modes switch to the other screen, which is then cleared.
fn switches(modes: &DecModes) -> u64 {
    let switching = modes.as_slice().iter().filter(|mode| match mode {
        DecMode::AltScreenBuffer | DecMode::SaveCursorAltScreenBuffer => true,
        DecMode::CursorKeys
        | DecMode::Origin
        | DecMode::AutoWrap
        | DecMode::TextCursorEnable
        | DecMode::SaveCursor => false,
    });
    switching.count() as u64
}
