//! A terminal of which nobody knows what stands on it, until its program resets it.
//!
//! A reset (RIS, `ESC c`) makes a terminal as it was when it was new, whatever it showed, whichever
//! modes it had, and in the middle of whatever sequence it stood. So from there on it can be drawn
//! again, and nothing has to be guessed; after anything less something of before may still be there.

use super::{Lost, Size};

const ESCAPE: u8 = 0x1b;
const RESET: [u8; 2] = [ESCAPE, b'c'];

/// Waits for a reset.
#[derive(Debug)]
pub(super) struct Unseen {
    size: Option<Size>,
    /// The last byte may begin a reset.
    is_escaped: bool,
}

impl Unseen {
    pub(super) const fn new(size: Option<Size>) -> Self {
        Self {
            size,
            is_escaped: false,
        }
    }

    /// The size that the terminal has now, if one of that size is drawn.
    pub(super) const fn size(&self) -> Option<Size> {
        self.size
    }

    /// Why nothing is drawn.
    pub(super) const fn lost(&self) -> Lost {
        match self.size {
            Some(_) => Lost::Unseen,
            None => Lost::TooLarge,
        }
    }

    pub(super) const fn resize(&mut self, size: Option<Size>) {
        self.size = size;
    }

    /// What follows the first reset in what the program wrote, if there is one.
    pub(super) fn after_reset<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let was_escaped = self.is_escaped;
        if let Some(last) = bytes.last() {
            self.is_escaped = *last == ESCAPE;
        }
        if let (true, Some((b'c', after))) = (was_escaped, bytes.split_first()) {
            return Some(after);
        }
        let at = bytes.windows(RESET.len()).position(|two| two == RESET)?;
        bytes.get(at + RESET.len()..)
    }
}
