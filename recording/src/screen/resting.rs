//! A screen that is not being drawn on.

use super::meter::Meter;
use super::unseen::Unseen;
use super::{Lost, Screen, Size, State};

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
