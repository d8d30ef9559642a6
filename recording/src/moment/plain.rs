//! Text out of what a program wrote, with nothing left in it that hides a word.
//!
//! Control sequences and invisible characters go, a backspace takes a character back, a carriage
//! return begins a new line, and what is no text becomes a blank.

use portreeve_protocol::unseen::{EMOJI_STYLE, is_unseen};

use crate::printable::{Piece, Utf8Stream};
use crate::redact;

/// A line with fewer letters than this beside more that is no text is dropped.
const SOME_TEXT: usize = 4;

/// Takes what a program wrote, in any pieces.
#[derive(Debug, Default)]
pub(super) struct Plain {
    utf8: Utf8Stream,
    state: State,
    /// How much of the current line is text, and how much is not.
    good: usize,
    bad: usize,
}

/// Inside which control sequence the next character stands (ECMA-48).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte.
    Intermediate,
    /// After CSI.
    Control,
    /// In a string that ends with ST or BEL; and after an ESC in it.
    Text7,
    Text7Escape,
}

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    Char(char),
    /// The last character of this line is taken back.
    Back,
    /// The line ends; `is_text` unless most of it was none.
    LineEnd {
        is_text: bool,
    },
}

impl Plain {
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Out)) {
        let mut utf8 = std::mem::take(&mut self.utf8);
        utf8.push(bytes, |piece| self.piece(piece, out));
        self.utf8 = utf8;
    }

    /// The stream is over; so is its line.
    pub(super) fn finish(&mut self, out: &mut impl FnMut(Out)) {
        let mut utf8 = std::mem::take(&mut self.utf8);
        utf8.finish(|piece| self.piece(piece, out));
        self.end_line(out);
    }

    fn piece(&mut self, piece: Piece<'_>, out: &mut impl FnMut(Out)) {
        match piece {
            Piece::Text(text) => text.chars().for_each(|c| self.take(c, out)),
            Piece::Invalid(bytes) => {
                self.state = State::Text;
                self.bad += bytes.len();
                out(Out::Char(' '));
            }
        }
    }

    fn take(&mut self, c: char, out: &mut impl FnMut(Out)) {
        self.state = match self.state {
            State::Text => return self.text(c, out),
            State::Escape => match c {
                '[' => State::Control,
                ']' | 'P' | 'X' | '^' | '_' => State::Text7,
                ' '..='/' => State::Intermediate,
                // A line end inside of a sequence is one all the same.
                '\n' | '\r' => return self.text(c, out),
                '\x1b' => State::Escape,
                _ => State::Text,
            },
            State::Intermediate => match c {
                ' '..='/' => State::Intermediate,
                _ => State::Text,
            },
            State::Control => match c {
                '@'..='~' => State::Text,
                '\x1b' => State::Escape,
                ' '..='?' => State::Control,
                _ => return self.text(c, out),
            },
            State::Text7 => match c {
                '\x07' | '\u{9c}' | '\x18' | '\x1a' => State::Text,
                '\x1b' => State::Text7Escape,
                // Real ones fit on a line; what never ends must not swallow everything.
                '\n' => return self.text(c, out),
                _ => State::Text7,
            },
            State::Text7Escape => match c {
                '\\' => State::Text,
                '[' => State::Control,
                _ => State::Text7,
            },
        };
    }

    fn text(&mut self, c: char, out: &mut impl FnMut(Out)) {
        self.state = State::Text;
        match c {
            '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                self.end_line(out);
            }
            '\t' => out(Out::Char(' ')),
            '\x08' | '\x7f' => out(Out::Back),
            '\x1b' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Control,
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => self.state = State::Text7,
            // A bell and shifts of character sets say nothing.
            '\x07' | '\x0e' | '\x0f' => {}
            '\u{fffd}' => {
                self.bad += 1;
                out(Out::Char(' '));
            }
            _ if c.is_control() => {
                self.bad += 1;
                out(Out::Char(' '));
            }
            _ if is_unseen(c) || c == EMOJI_STYLE => {}
            _ => {
                self.good += 1;
                out(Out::Char(c));
            }
        }
    }

    fn end_line(&mut self, out: &mut impl FnMut(Out)) {
        let is_text = self.bad == 0 || (self.good >= SOME_TEXT && self.good > self.bad);
        self.good = 0;
        self.bad = 0;
        out(Out::LineEnd { is_text });
    }
}

/// The whole of a short text in plain lines, secrets redacted.
pub(super) fn whole(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut take = |out| match out {
        Out::Char(c) => text.push(c),
        Out::Back => {
            if !text.ends_with('\n') {
                text.pop();
            }
        }
        Out::LineEnd { .. } => text.push('\n'),
    };
    let mut plain = Plain::default();
    plain.push(bytes, &mut take);
    plain.finish(&mut take);
    let mut redactor = redact::Redactor::default();
    let lines: Vec<_> = text
        .lines()
        .map(|line| redactor.line(line.trim_end()))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}
