//! Lines of one stream, gathered into moments.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::Kind;
use super::plain::{Out, Plain};
use crate::redact;

/// The most text of one moment, in bytes.
const MAX_TEXT: usize = 2048;
/// A line that begins later than this after the first one begins another moment, in microseconds.
const MAX_SPAN_US: u64 = 1_000_000;
/// What two pieces of a longer line have in common, in characters: as long as the longest term.
const OVERLAP: usize = 256;

/// Which stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Input,
    Output,
    ErrorOutput,
}

impl Stream {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Input => Kind::Input,
            Self::Output | Self::ErrorOutput => Kind::Output,
        }
    }
}

/// Makes moments of the bytes of one stream.
#[derive(Debug)]
pub(super) struct Gather {
    stream: Stream,
    plain: Plain,
    line: Line,
    block: Block,
}

impl Gather {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            plain: Plain::default(),
            line: Line::default(),
            block: Block::default(),
        }
    }

    pub(super) fn stream(&self) -> Stream {
        self.stream
    }

    /// The fingerprints of the lines that ended since this was asked last.
    pub(super) fn take_ended(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.line.ended)
    }

    pub(super) fn push(&mut self, at_us: u64, bytes: &[u8], put: &mut impl FnMut(u64, String)) {
        let Self {
            plain, line, block, ..
        } = self;
        plain.push(bytes, &mut |out| line.take(at_us, out, block, put));
    }

    pub(super) fn finish(mut self, put: &mut impl FnMut(u64, String)) {
        let Self {
            plain, line, block, ..
        } = &mut self;
        let at_us = line.at_us;
        plain.finish(&mut |out| line.take(at_us, out, block, put));
        block.flush(put);
    }
}

/// The line that is being written.
#[derive(Debug, Default)]
struct Line {
    /// When its first character came.
    at_us: u64,
    /// What can still be taken back.
    text: String,
    has_begun: bool,
    redact: redact::Stream,
    /// What was said of it already, when it is long.
    said: String,
    /// The fingerprints of lines that ended.
    ended: Vec<u64>,
}

impl Line {
    fn take(&mut self, at_us: u64, out: Out, block: &mut Block, put: &mut impl FnMut(u64, String)) {
        if !self.has_begun {
            self.at_us = at_us;
            self.has_begun = true;
        }
        match out {
            Out::Char(c) => {
                self.text.push(c);
                if self.text.len() > redact::MAX_WINDOW {
                    self.redact.push(&self.text, &mut self.said);
                    self.text.clear();
                    self.say_begin(block, put);
                }
            }
            Out::Back => {
                self.text.pop();
            }
            Out::LineEnd { is_text } => {
                if !self.text.is_empty() {
                    self.ended.push(fingerprint(&self.text));
                }
                self.redact.push(self.text.trim_end(), &mut self.said);
                self.redact.push("\n", &mut self.said);
                self.text.clear();
                if is_text && !self.said.trim().is_empty() {
                    block.line(self.at_us, self.said.trim_end(), put);
                }
                self.said.clear();
                self.has_begun = false;
            }
        }
    }

    /// Passes on the beginning of a long line, whatever the rest of it is.
    fn say_begin(&mut self, block: &mut Block, put: &mut impl FnMut(u64, String)) {
        if self.said.len() > MAX_TEXT {
            block.line(self.at_us, &self.said, put);
            let from = self
                .said
                .floor_char_boundary(self.said.len().saturating_sub(OVERLAP));
            self.said.drain(..from);
        }
    }
}

/// What a line is known by: its letters without the blanks between them, which a terminal sets by
/// its own tabs.
pub(super) fn fingerprint(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.chars()
        .filter(|c| !c.is_whitespace())
        .for_each(|c| c.hash(&mut hasher));
    hasher.finish()
}

/// Lines that become one moment.
#[derive(Debug, Default)]
pub(super) struct Block {
    at_us: u64,
    text: String,
}

impl Block {
    pub(super) fn line(&mut self, at_us: u64, line: &str, put: &mut impl FnMut(u64, String)) {
        let is_late = at_us.saturating_sub(self.at_us) > MAX_SPAN_US;
        if is_late || self.text.len() + line.len() >= MAX_TEXT {
            self.flush(put);
        }
        if line.len() >= MAX_TEXT {
            return pieces(line, |piece| put(at_us, piece));
        }
        if self.text.is_empty() {
            self.at_us = at_us;
        } else {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    pub(super) fn flush(&mut self, put: &mut impl FnMut(u64, String)) {
        if !self.text.is_empty() {
            put(self.at_us, std::mem::take(&mut self.text));
        }
    }
}

/// A text that is one moment whatever its length: what is too long for one is left out.
pub(super) fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

/// A text in pieces that are short enough for a moment: of whole lines where they are, else with
/// what a term across the border needs on both sides.
pub(super) fn pieces(text: &str, mut put: impl FnMut(String)) {
    let mut rest = text;
    while rest.len() > MAX_TEXT {
        let most = rest.floor_char_boundary(MAX_TEXT);
        let (piece, next) = match rest.get(..most).and_then(|piece| piece.rfind('\n')) {
            Some(end) if end > 0 => (end, end + 1),
            _ => {
                let overlap = OVERLAP.min(MAX_TEXT / 2);
                (most, rest.floor_char_boundary(most - overlap))
            }
        };
        put(rest.get(..piece).unwrap_or_default().to_owned());
        rest = rest.get(next..).unwrap_or_default();
    }
    if !rest.trim().is_empty() {
        put(rest.to_owned());
    }
}
