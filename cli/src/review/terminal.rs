//! Output of a terminal as text: control sequences left out, everything else shown.
//!
//! A program on a terminal colours and moves; shown as escapes that would hide the text, and let
//! through it would drive the reader's terminal. So sequences (ECMA-48) are counted and left out.
//! One that does not end is shown, so a host cannot make the rest of a recording vanish behind an
//! opening that nobody closes.

use portreeve_recording::printable::Printable;

/// The longest control sequence that is left out; terminals themselves allow little more.
const MAX_CONTROL: usize = 64;
/// The longest string sequence (a title, a colour table) that is left out.
const MAX_STRING: usize = 1024;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// One terminal's output, piece by piece.
#[derive(Debug, Default)]
pub struct Screenless {
    printable: Printable,
    state: State,
    /// The bytes of the sequence that has begun.
    held: Vec<u8>,
    left_out: u64,
    ends_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// A carriage return: part of a line end, or a return to the line's start.
    Return,
    Escape,
    /// Between `ESC` and a final byte, as in `ESC ( B`.
    Intermediate,
    /// A control sequence: `ESC [` … final byte.
    Control,
    /// A string: `ESC ]`, `ESC P` and the like … `BEL` or `ESC \`.
    String,
    StringEscape,
}

impl Screenless {
    /// Appends what `bytes` show to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        for byte in bytes {
            self.byte(*byte, out);
        }
    }

    /// Appends what was held back: the terminal is closed.
    pub fn finish(&mut self, out: &mut String) {
        self.give_back(out);
        self.printable.finish(out);
    }

    /// How many sequences were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn byte(&mut self, byte: u8, out: &mut String) {
        match self.state {
            State::Text => match byte {
                ESCAPE => self.hold(byte, State::Escape),
                b'\r' => self.state = State::Return,
                BELL => self.left_out = self.left_out.saturating_add(1),
                _ => self.text(byte, out),
            },
            State::Return => {
                self.state = State::Text;
                // A return to the start of the line begins a new one: nothing is overwritten.
                if byte != b'\n' && byte != b'\r' && !self.ends_line {
                    self.text(b'\n', out);
                }
                self.byte(byte, out);
            }
            State::Escape => match byte {
                b'[' => self.hold(byte, State::Control),
                b']' | b'P' | b'X' | b'^' | b'_' => self.hold(byte, State::String),
                0x20..=0x2f => self.hold(byte, State::Intermediate),
                0x30..=0x7e => self.leave_out(),
                _ => self.not_a_sequence(byte, out),
            },
            State::Intermediate => match byte {
                0x20..=0x2f if self.held.len() < MAX_CONTROL => self.held.push(byte),
                0x30..=0x7e => self.leave_out(),
                _ => self.not_a_sequence(byte, out),
            },
            State::Control => match byte {
                0x20..=0x3f if self.held.len() < MAX_CONTROL => self.held.push(byte),
                0x40..=0x7e => self.leave_out(),
                _ => self.not_a_sequence(byte, out),
            },
            State::String => match byte {
                BELL => self.leave_out(),
                ESCAPE => self.hold(byte, State::StringEscape),
                _ if self.held.len() < MAX_STRING => self.held.push(byte),
                _ => self.not_a_sequence(byte, out),
            },
            State::StringEscape => match byte {
                b'\\' => self.leave_out(),
                _ => self.not_a_sequence(byte, out),
            },
        }
    }

    fn text(&mut self, byte: u8, out: &mut String) {
        self.ends_line = byte == b'\n';
        self.printable.push(&[byte], out);
    }

    fn hold(&mut self, byte: u8, state: State) {
        self.held.push(byte);
        self.state = state;
    }

    fn leave_out(&mut self) {
        self.held.clear();
        self.state = State::Text;
        self.left_out = self.left_out.saturating_add(1);
    }

    /// What looked like a sequence is shown as it came, and `byte` looked at anew.
    fn not_a_sequence(&mut self, byte: u8, out: &mut String) {
        self.give_back(out);
        self.byte(byte, out);
    }

    fn give_back(&mut self, out: &mut String) {
        self.state = State::Text;
        for byte in std::mem::take(&mut self.held) {
            self.text(byte, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_protocol::unseen::is_unseen;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        let mut screen = Screenless::default();
        screen.push(bytes, &mut out);
        screen.finish(&mut out);
        out
    }

    #[test]
    fn text_stays_and_sequences_go() {
        for (bytes, text) in [
            (&b"\x1b[1;31mred\x1b[0m\r\n"[..], "red\n"),
            (b"\x1b]0;title\x07prompt$ ", "prompt$ "),
            (b"\x1b]8;;http://x\x1b\\link", "link"),
            (b"\x1b(Bplain\x1b[?2004h", "plain"),
            (b"10%\r20%\r\n", "10%\n20%\n"),
            (b"a\r\r\nb", "a\nb"),
            ("ünï\u{202e}".as_bytes(), "ünï\\u{202e}"),
            (b"\x9b2J", "\\x9b2J"),
        ] {
            assert_eq!(shown(bytes), text, "{bytes:x?}");
        }
    }

    #[test]
    fn an_opening_that_nobody_closes_hides_nothing() {
        let hidden = [b"\x1b]0;".as_slice(), &b"x".repeat(5_000), b"rm -rf /"].concat();
        assert!(shown(&hidden).ends_with("rm -rf /"));
        assert_eq!(shown(b"\x1b[31"), "\\x1b[31");
        assert_eq!(shown(b"\x1b]0;a\nb"), "\\x1b]0;a\nb");
        assert_eq!(shown(b"\x1b[\nls"), "\\x1b[\nls");
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_ever_passes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(shown(&bytes).chars().all(|c| c == '\n' || c == '\t' || !is_unseen(c)));
        }
    }
}
