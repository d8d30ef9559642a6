//! What stood on a terminal's screen, as the person before it saw it.

use std::collections::{BTreeSet, VecDeque};

use portreeve_protocol::unseen::{EMOJI_STYLE, is_unseen};

use super::gather::{Block, fingerprint};
use crate::redact::Redactor;
use crate::screen::{Screen, Size};

/// What stands so long is seen, in microseconds.
const SEEN_US: u64 = 100_000;
/// How many different lines are remembered, not to tell them again.
const MEMORY: usize = 4096;
/// A run of base64 of this length alone on its line may be the middle of a private key whose
/// beginning has left the screen; what a stream says of it is in the stream's own lines.
const KEY_LINE: usize = 40;

/// Follows one terminal.
#[derive(Debug)]
pub(super) struct Seen {
    screen: Screen,
    /// When something last came, and whether the screen has been looked at since.
    last_us: u64,
    is_fresh: bool,
    /// What stood there when it was looked at last, and since when.
    before: Vec<String>,
    before_us: u64,
    told: Told,
    block: Block,
}

impl Seen {
    pub(super) fn new(size: Option<Size>) -> Self {
        Self {
            screen: Screen::new(size),
            last_us: 0,
            is_fresh: true,
            before: Vec::new(),
            before_us: 0,
            told: Told::default(),
            block: Block::default(),
        }
    }

    /// Lines of the stream itself, which are in the index without the screen.
    pub(super) fn know(&mut self, lines: Vec<u64>) {
        for line in lines {
            self.told.is_new(line);
        }
    }

    pub(super) fn push(&mut self, at_us: u64, bytes: &[u8], put: &mut impl FnMut(u64, String)) {
        self.look_after_a_rest(at_us, put);
        self.screen.feed(bytes);
        self.is_fresh = false;
        self.last_us = at_us;
    }

    pub(super) fn resize(
        &mut self,
        at_us: u64,
        size: Option<Size>,
        put: &mut impl FnMut(u64, String),
    ) {
        self.look_after_a_rest(at_us, put);
        self.screen.resize(size);
        self.is_fresh = false;
        self.last_us = at_us;
    }

    pub(super) fn finish(mut self, put: &mut impl FnMut(u64, String)) {
        self.look(put);
        let last = std::mem::take(&mut self.before);
        self.tell(self.before_us, &last, put);
        self.block.flush(put);
    }

    /// Looks at the screen if nothing has come for long enough.
    fn look_after_a_rest(&mut self, at_us: u64, put: &mut impl FnMut(u64, String)) {
        if !self.is_fresh && at_us.saturating_sub(self.last_us) >= SEEN_US {
            self.look(put);
        }
    }

    /// Tells the lines that are gone since it was looked at last. A line that was only the
    /// beginning of one that stands there now was being written.
    fn look(&mut self, put: &mut impl FnMut(u64, String)) {
        let now = self.lines();
        let before = std::mem::replace(&mut self.before, now);
        let gone: Vec<String> = before
            .into_iter()
            .filter(|line| {
                !self
                    .before
                    .iter()
                    .any(|other| other.starts_with(line.as_str()))
            })
            .collect();
        self.tell(self.before_us, &gone, put);
        self.before_us = self.last_us;
        self.is_fresh = true;
    }

    /// The lines of the screen, those that were broken at its edge put together.
    fn lines(&self) -> Vec<String> {
        let Some(terminal) = self.screen.terminal() else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let mut whole = String::new();
        for line in terminal.screen().visible_lines() {
            let seen = |c: &char| !is_unseen(*c) && *c != EMOJI_STYLE;
            whole.extend(line.chars().filter(seen));
            if !line.is_wrapped() {
                lines.push(std::mem::take(&mut whole));
            }
        }
        lines.push(whole);
        lines
            .into_iter()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    }

    fn tell(&mut self, at_us: u64, lines: &[String], put: &mut impl FnMut(u64, String)) {
        let mut redactor = Redactor::default();
        for line in lines {
            let shown = redactor.line(line);
            if !may_be_key(&shown) && self.told.is_new(fingerprint(line)) {
                self.block.line(at_us, &shown, put);
            }
        }
    }
}

fn may_be_key(line: &str) -> bool {
    let line = line.trim();
    line.len() >= KEY_LINE
        && line
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// Lines that were told, by their hashes.
#[derive(Debug, Default)]
struct Told {
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

impl Told {
    fn is_new(&mut self, hash: u64) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
