//! Bytes of a host as text that cannot drive a reader's terminal.
//!
//! Printable text, line feeds and tabs pass. A carriage return right before a line feed is left
//! out. Everything else is shown: bytes and ASCII control characters as `\x1b`, other characters
//! that move, hide or reorder text as `\u{202e}`.

use portreeve_protocol::unseen::is_unseen;

/// Makes one stream printable, piece by piece: a character may be split between two pieces.
#[derive(Debug, Default)]
pub struct Printable {
    utf8: Utf8Stream,
    /// A carriage return that was not shown yet, because a line feed may follow.
    held_return: bool,
}

impl Printable {
    /// Appends the printable form of `bytes` to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        let held_return = &mut self.held_return;
        self.utf8.push(bytes, |piece| show(piece, held_return, out));
    }

    /// Appends what was held back: the stream is over.
    pub fn finish(&mut self, out: &mut String) {
        let held_return = &mut self.held_return;
        self.utf8.finish(|piece| show(piece, held_return, out));
        if std::mem::take(held_return) {
            out.push_str("\\x0d");
        }
    }
}

/// The printable form of a whole value on one line: line feeds and tabs are shown as escapes too.
#[must_use]
pub fn one_line(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut printable = Printable::default();
    printable.push(bytes, &mut text);
    printable.finish(&mut text);
    text.replace('\n', "\\n").replace('\t', "\\t")
}

/// JSON text made by `serde_json`, with the characters escaped that it leaves as they are and that a
/// terminal obeys or does not show. They occur only inside strings, so the value stays the same.
#[must_use]
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A run of valid text, or bytes that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Invalid(&'a [u8]),
}

/// Splits a stream of bytes into text and what is none, across the borders of its pieces.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    /// The beginning of a character whose rest has not come yet; at most three bytes.
    partial: Vec<u8>,
}

impl Utf8Stream {
    /// The beginning of a character that is held back.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial
    }

    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        let mut joined = std::mem::take(&mut self.partial);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            joined.as_slice()
        };
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok("") => return,
                Ok(text) => return each(Piece::Text(text)),
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            match std::str::from_utf8(valid) {
                Ok("") | Err(_) => {}
                Ok(text) => each(Piece::Text(text)),
            }
            let Some(len) = error.error_len() else {
                self.partial = after.to_vec();
                return;
            };
            let (invalid, more) = after.split_at(len);
            each(Piece::Invalid(invalid));
            rest = more;
        }
    }

    pub(crate) fn finish(&mut self, mut each: impl FnMut(Piece<'_>)) {
        let partial = std::mem::take(&mut self.partial);
        if !partial.is_empty() {
            each(Piece::Invalid(&partial));
        }
    }
}

fn show(piece: Piece<'_>, held_return: &mut bool, out: &mut String) {
    match piece {
        Piece::Text(text) => text.chars().for_each(|c| show_char(c, held_return, out)),
        Piece::Invalid(bytes) => {
            release_return(held_return, out);
            bytes
                .iter()
                .for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
        }
    }
}

fn show_char(c: char, held_return: &mut bool, out: &mut String) {
    if c == '\n' {
        *held_return = false;
    } else {
        release_return(held_return, out);
    }
    match c {
        '\r' => *held_return = true,
        '\n' | '\t' => out.push(c),
        _ if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        _ if is_unseen(c) => out.extend(c.escape_unicode()),
        _ => out.push(c),
    }
}

fn release_return(held_return: &mut bool, out: &mut String) {
    if std::mem::take(held_return) {
        out.push_str("\\x0d");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printable(pieces: &[&[u8]]) -> String {
        let mut out = String::new();
        let mut printable = Printable::default();
        pieces
            .iter()
            .for_each(|piece| printable.push(piece, &mut out));
        printable.finish(&mut out);
        out
    }

    #[test]
    fn only_printable_text_passes() {
        for (bytes, expected) in [
            (&b"plain text\n\ttabbed"[..], "plain text\n\ttabbed"),
            (
                "caf\u{e9} \u{65e5}\u{672c} \u{1f600}".as_bytes(),
                "caf\u{e9} \u{65e5}\u{672c} \u{1f600}",
            ),
            (b"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
            (b"line\r\nline\r", "line\nline\\x0d"),
            (b"over\rwritten", "over\\x0dwritten"),
            (b"\x9b31m", "\\x9b31m"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("a\u{202e}b\u{200b}c".as_bytes(), "a\\u{202e}b\\u{200b}c"),
            (b"\xff\xfe\x00\x7f", "\\xff\\xfe\\x00\\x7f"),
            (b"\xe2\x82", "\\xe2\\x82"),
        ] {
            assert_eq!(printable(&[bytes]), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_character_split_between_two_pieces_is_one() {
        assert_eq!(printable(&[b"\xe2", b"\x82", b"\xac!"]), "\u{20ac}!");
        assert_eq!(printable(&[b"a\r", b"\nb"]), "a\nb");
        assert_eq!(printable(&[b"a\r", b"\xff"]), "a\\x0d\\xff");
    }

    #[test]
    fn one_line_stays_on_one_line() {
        assert_eq!(one_line(b"a\nb\tc\x1b"), "a\\nb\\tc\\x1b");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"a": "\u{9b}2J \u{202e} \u{e0041} \u{7f} ü"});
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| is_unseen(c) && c != '\n'), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_ever_passes(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let out = printable(&pieces);
            prop_assert!(out.chars().all(|c| c == '\n' || c == '\t' || !is_unseen(c)));
        }

        #[test]
        fn where_pieces_are_cut_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in any::<prop::sample::Index>()) {
            let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(printable(&[a, b]), printable(&[&bytes]));
        }
    }
}
