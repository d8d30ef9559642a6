//! A screen that is not being drawn on.

use super::meter::Meter;
use super::unseen::Unseen;
use super::{Lost, Screen, Size, State};

/// How many cells are made, and looked at, in the time in which a byte is drawn.
const CELLS: usize = 16;

/// A screen that is not being drawn on, in a few kilobytes: a drawing instead of the emulator's
/// memory.
#[derive(Debug)]
pub struct Resting {
    kept: Kept,
    meter: Meter,
}

#[derive(Debug)]
enum Kept {
    Drawing(Size, Vec<u8>),
    Unseen(Unseen),
    Lost(Lost),
}

impl Screen {
    /// Puts the emulator's memory aside. A screen that cannot be drawn again is unseen when it
    /// wakes up.
    #[must_use]
    pub fn rest(self) -> Resting {
        let drawn = (self.size(), self.drawing());
        let kept = match (self.state, drawn) {
            (State::Drawn(_), (Some(size), Some(drawing))) => Kept::Drawing(size, drawing),
            (State::Drawn(_), (size, _)) => Kept::Unseen(Unseen::new(size)),
            (State::Unseen(unseen), _) => Kept::Unseen(unseen),
            (State::Lost(lost), _) => Kept::Lost(lost),
        };
        Resting {
            kept,
            meter: self.meter,
        }
    }
}

impl Resting {
    /// An empty screen; a lost one when nothing of this size is drawn.
    #[must_use]
    pub fn new(size: Option<Size>) -> Self {
        Self::of(size.map_or(Kept::Lost(Lost::TooLarge), |size| {
            Kept::Drawing(size, Vec::new())
        }))
    }

    /// The screen of a terminal to which nobody knows what was written, as [`Screen::unseen`].
    #[must_use]
    pub fn unseen(size: Option<Size>) -> Self {
        Self::of(Kept::Unseen(Unseen::new(size)))
    }

    const fn of(kept: Kept) -> Self {
        Self {
            kept,
            meter: Meter::FULL,
        }
    }

    /// What is on it is not known any more, until its program resets a terminal of this size.
    pub fn forget(&mut self, size: Option<Size>) {
        self.kept = Kept::Unseen(Unseen::new(size));
    }

    /// What it takes to wake it up and to put it aside again, as bytes that are drawn: the emulator's memory is made,
    /// its drawing drawn, and another one made.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        match &self.kept {
            Kept::Drawing(size, drawing) => (drawing.len() + size.cells() / CELLS) as u64,
            Kept::Unseen(_) | Kept::Lost(_) => 0,
        }
    }

    /// Wakes it up.
    #[must_use]
    pub fn wake(self) -> Screen {
        let woken = match self.kept {
            Kept::Drawing(size, drawing) => Screen::of_drawing(Some(size), &drawing),
            Kept::Unseen(unseen) => Screen::with(State::Unseen(unseen)),
            Kept::Lost(lost) => Screen::with(State::Lost(lost)),
        };
        Screen {
            meter: self.meter,
            ..woken
        }
    }

    /// What draws it again on an empty screen of its size; nothing when it is lost.
    #[must_use]
    pub fn drawing(&self) -> Option<&[u8]> {
        match &self.kept {
            Kept::Drawing(_, drawing) => Some(drawing),
            Kept::Unseen(_) | Kept::Lost(_) => None,
        }
    }
}
