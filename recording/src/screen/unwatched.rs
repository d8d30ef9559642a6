//! A screen at which nobody looks while it is drawn on.
//!
//! What is written to it waits until somebody does. So a flood is seen as a whole, however small
//! the pieces are in which it comes, and most of it need not be drawn ([`super::flood`]). What is
//! seen in the end is the same as on a [`Screen`]; only the lines that left in between are told to
//! nobody. Used by the recorder.

use super::flood::{self, Steady};
use super::unseen::Unseen;
use super::{Lost, Screen, Size, State, shown};
use crate::printable::Utf8Stream;

/// A screen, and what was written to it since it was last drawn. It holds as much as it is given:
/// whoever feeds it has it drawn now and then.
#[derive(Debug)]
pub struct Unwatched {
    screen: Screen,
    waiting: String,
}

impl Unwatched {
    /// Nobody looks at `screen` from now on.
    #[must_use]
    pub const fn new(screen: Screen) -> Self {
        Self {
            screen,
            waiting: String::new(),
        }
    }

    /// Takes what a program wrote.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_pieces(bytes, 1);
    }

    /// Takes what a program wrote in so many pieces.
    pub fn feed_pieces(&mut self, bytes: &[u8], pieces: u64) {
        self.screen.meter.earn_ahead(bytes.len(), pieces);
        if let Some(bytes) = self.screen.drawn_of(bytes) {
            let waiting = &mut self.waiting;
            let utf8 = &mut self.screen.utf8;
            utf8.push(bytes, |piece| waiting.push_str(shown(piece)));
        }
    }

    /// How much was written since it was last drawn, in bytes.
    #[must_use]
    pub const fn waits(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Draws what was written, with no more work than `most` bytes may cause, and says how much of
    /// it had to be drawn, in bytes: of those that were drawn, or of those that may cause the work
    /// that it was, if these are more.
    pub fn draw(&mut self, most: u64) -> u64 {
        let mut drawn = 0;
        if !self.waiting.is_empty() {
            let held = self.screen.meter.hold_back(most);
            drawn = self.draw_waiting();
            self.screen.meter.give_back(held);
        }
        self.screen.meter.cap();
        drawn.max(self.screen.meter.charge())
    }

    fn draw_waiting(&mut self) -> u64 {
        let text = std::mem::take(&mut self.waiting);
        let mut drawn = 0;
        let mut text = text.as_str();
        while let State::Drawn(terminal) = &self.screen.state {
            let (_, rows) = terminal.size();
            let Some(flood) = flood::find(text, rows) else {
                drawn += self.draw_text(text);
                break;
            };
            drawn += self.draw_text(flood.before);
            drawn += self.draw_head(flood.head);
            text = flood.rest;
        }
        drawn
    }

    /// Draws what of the head of a flood has to be.
    fn draw_head(&mut self, head: &str) -> u64 {
        let mut steady = Steady::default();
        let mut rest = head;
        while !steady.is_proven()
            && let Some(line) = rest.split_inclusive('\n').next()
        {
            self.screen.feed_text(line, &mut steady);
            rest = rest.split_at(line.len()).1;
        }
        let drawn = head.len() - rest.len();
        drawn as u64 + self.draw_text(&flood::kept(rest))
    }

    fn draw_text(&mut self, text: &str) -> u64 {
        self.screen.feed_text(text, &mut ());
        text.len() as u64
    }

    /// What was written since it was last drawn will not be drawn: what is on it is not known any
    /// more, until its program resets a terminal of this size. Says whether it had been drawn on
    /// since it was last forgotten.
    pub fn forget(&mut self, size: Option<Size>) -> bool {
        self.waiting.clear();
        self.screen.utf8 = Utf8Stream::default();
        self.screen.meter.cap();
        let before = std::mem::replace(&mut self.screen.state, State::Unseen(Unseen::new(size)));
        !matches!(before, State::Unseen(_))
    }

    /// Why the screen is lost, if it was when it was last drawn.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        self.screen.lost()
    }

    /// The window has another size.
    pub fn resize(&mut self, size: Option<Size>) {
        self.draw(u64::MAX);
        self.screen.resize(size);
    }

    /// Somebody looks at it.
    #[must_use]
    pub fn look(mut self) -> Screen {
        self.draw(u64::MAX);
        self.screen
    }
}

#[cfg(test)]
mod tests;
