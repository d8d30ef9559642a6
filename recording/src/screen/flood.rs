//! Which parts of a flood need not be drawn.
//!
//! Pure: looks at text, and never at a screen. A program that floods its terminal writes lines that
//! leave at the top before anybody could see them, and drawing them costs many times what
//! everything else costs. They are left out where that changes nothing, which is shown here for
//! *what stays in its row*: characters, and the controls and sequences that [`staying`] lists. None
//! of them moves the cursor to another row, but for a line feed, or a character behind the last
//! column: and these, at the bottom margin, scroll instead.
//!
//! 1. Somewhere in such a run a line feed scrolls ([`Steady`] sees it). Then the cursor is at the
//!    bottom margin, and to the end of the run it stays there: each further line feed scrolls too.
//!    A character was printed before in the same run, so the parser stood between two sequences,
//!    and does so again after each whole sequence of the run.
//! 2. Behind a later `CR LF` of the run the cursor is in the first column of a new line at the
//!    bottom margin, blank in the colours of the pen. What comes now depends on the pen, on the
//!    character set, on what this run does not change (margins, modes, tabs, the size), and on the
//!    lines that began here; older ones are only moved up.
//! 3. With as many line feeds as the screen has rows, all older lines between the margins have
//!    left, and with them everything that was written between 1 and 2, but for pen and character
//!    set. Outside of the margins such a run changes nothing that the line feed of 1 did not.
//!
//! So a flood is drawn up to 1; then of what follows up to the `CR LF` only what sets pen and
//! character set ([`kept`]); then that `CR LF` and the rest, which has so many line feeds. The
//! property test of [`super::unwatched`] holds that against hostile mixtures.

use std::ops::Range;

use avt::parser::Function;
use avt::{Observation, Observer, Operation};

/// A flood in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flood<'a> {
    /// What comes before it.
    pub(super) before: &'a str,
    /// Need not be drawn from where [`Steady`] says so, but for what is [`kept`].
    pub(super) head: &'a str,
    /// The end of a line, the lines that may stay on the screen, and everything after the flood.
    pub(super) rest: &'a str,
}

/// The first flood in a text for a screen of so many rows, if there is one.
pub(super) fn find(text: &str, rows: usize) -> Option<Flood<'_>> {
    let mut from = 0;
    loop {
        let (before, after) = text.split_at(from);
        let (run, beyond) = after.split_at(staying(after));
        if let Some(cut) = cut(run, rows) {
            let (head, rest) = after.split_at(cut);
            return Some(Flood { before, head, rest });
        }
        from += run.len() + beyond.chars().next()?.len_utf8();
    }
}

/// How much at the beginning of a text stays in its row.
fn staying(text: &str) -> usize {
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            // Not SO and SI, which choose a character set.
            [0x00..=0x0d | 0x20..=0x7f, after @ ..] => after,
            // The controls U+0080 to U+009F: some begin sequences, some move.
            [0xc2, 0x80..=0x9f, ..] => break,
            [0x80..=0xff, after @ ..] => after,
            [0x1b, b'(', b'B', after @ ..] => after,
            [0x1b, b'[', after @ ..] => match sequence(after) {
                Some(after) => after,
                None => break,
            },
            [0x1b, b']', after @ ..] => match string(after) {
                Some(after) => after,
                None => break,
            },
            _ => break,
        };
    }
    text.len() - rest.len()
}

/// What follows a sequence without private marks that colours, or works inside of the cursor's row:
/// ICH, CUF, CUB, CHA, EL, DCH, ECH, HPA, HPR, SGR.
fn sequence(after_introducer: &[u8]) -> Option<&[u8]> {
    let is_parameter = |byte: &u8| matches!(byte, b'0'..=b';');
    let end = after_introducer
        .iter()
        .position(|byte| !is_parameter(byte))?;
    match after_introducer.split_at(end).1 {
        [
            b'@' | b'C' | b'D' | b'G' | b'K' | b'P' | b'X' | b'`' | b'a' | b'm',
            after @ ..,
        ] => Some(after),
        _ => None,
    }
}

/// What follows the text of an operating system command, which means nothing to a screen: a title,
/// a link.
fn string(after_introducer: &[u8]) -> Option<&[u8]> {
    let is_end = |byte: &u8| matches!(byte, 0x00..=0x1f | 0x7f | 0xc2);
    let end = after_introducer.iter().position(is_end)?;
    match after_introducer.split_at(end).1 {
        [0x07, after @ ..] | [0x1b, b'\\', after @ ..] => Some(after),
        _ => None,
    }
}

/// Before the last `CR LF` of a run that so many line feeds follow, if something is before it.
fn cut(run: &str, rows: usize) -> Option<usize> {
    let mut following = 0;
    for (at, two) in run.as_bytes().windows(2).enumerate().rev() {
        match two {
            [b'\r', b'\n'] if following >= rows => return (at > 0).then_some(at),
            [_, b'\n'] => following += 1,
            _ => {}
        }
    }
    None
}

/// What of a part of a run has to be drawn although the rest is not: the sequences that set the
/// pen, but for those before one that resets it, and the one that chooses letters.
pub(super) fn kept(skipped: &str) -> String {
    let mut pens = String::new();
    let mut chooses_letters = false;
    for sequence in skipped.split('\x1b').skip(1) {
        chooses_letters |= sequence.starts_with("(B");
        let colours = sequence.strip_prefix('[').and_then(|sequence| {
            let end = sequence.find(|c: char| !matches!(c, '0'..=';'))?;
            let (parameters, after) = sequence.split_at(end);
            after.starts_with('m').then_some(parameters)
        });
        if let Some(parameters) = colours {
            if matches!(parameters, "" | "0") || parameters.starts_with("0;") {
                pens.clear();
            }
            pens.extend(["\x1b[", parameters, "m"]);
        }
    }
    if chooses_letters {
        pens.push_str("\x1b(B");
    }
    pens
}

/// Sees that the screen scrolls whenever a line ends. Made anew for each run.
#[derive(Debug, Default)]
pub(super) struct Steady {
    has_printed: bool,
    is_line_feed: bool,
    is_proven: bool,
}

impl Steady {
    /// Whether it does, for the rest of the run.
    pub(super) const fn is_proven(&self) -> bool {
        self.is_proven
    }
}

impl Observer for Steady {
    type Output = ();

    fn before(&mut self, _: &mut Observation<'_>, operation: &Operation) {
        if let Operation::Function(function) = operation {
            self.has_printed |= matches!(function, Function::Print(_));
            self.is_line_feed = matches!(function, Function::Lf);
        }
    }

    // A line feed changes rows only by scrolling, and scrolls only at the bottom margin.
    fn dirty(&mut self, _: Range<usize>) {
        self.is_proven |= self.has_printed && self.is_line_feed;
    }

    fn end(&mut self, _: &mut Observation<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_before_the_end_of_a_line_that_enough_lines_follow() {
        let parts =
            |text, rows| find(text, rows).map(|flood| (flood.before, flood.head, flood.rest));
        for (text, rows, flood) in [
            ("a\r\nb\r\nc\r\nd", 2, Some(("", "a", "\r\nb\r\nc\r\nd"))),
            ("a\r\nb\r\nc\r\nd", 3, None),
            ("a\r\nb\nc\nd\n", 3, Some(("", "a", "\r\nb\nc\nd\n"))),
            ("a\nb\nc\nd\n", 1, None),
            ("\r\nb\nc\nd\n", 3, None),
            (
                "\x1b[H\x1b[1ma\r\nb\r\n\x1b[Hc\r\nd",
                1,
                Some(("\x1b", "[H\x1b[1ma", "\r\nb\r\n\x1b[Hc\r\nd")),
            ),
            (
                "\x1b]0;t\u{e9}\x07a\r\n\x1b]8;;\x1b\\\x1b(Bb\r\n",
                1,
                Some(("", "\x1b]0;t\u{e9}\x07a", "\r\n\x1b]8;;\x1b\\\x1b(Bb\r\n")),
            ),
            ("a\r\n\x1b]0;\u{9c}b\r\n\x1b]0;\r\nc", 1, None),
            ("a\r\n\u{85}b\r\n\x0ec\r\n\x1b[?K", 1, None),
        ] {
            assert_eq!(parts(text, rows), flood, "{text:?}");
        }
    }

    #[test]
    fn of_what_is_skipped_pen_and_letters_stay() {
        for (skipped, expected) in [
            ("text\r\n", ""),
            ("\x1b]8;;m\x1b\\m\x1b(Ba\x1b[1m\x1b(B\r\n", "\x1b[1m\x1b(B"),
            ("\x1b[1mA\x1b[K\x1b[31;40mm\r\n", "\x1b[1m\x1b[31;40m"),
            ("\x1b[1mA\x1b[0mm\x1b[3m\x1b[5Cm\r\n", "\x1b[0m\x1b[3m"),
            ("\x1b[1mA\x1b[m\r\n", "\x1b[m"),
            ("\x1b[1mA\x1b[0;32mB\x1b[0:1m\r\n", "\x1b[0;32m\x1b[0:1m"),
        ] {
            assert_eq!(kept(skipped), expected, "{skipped:?}");
        }
    }
}
