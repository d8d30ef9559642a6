//! What a program without terminal wrote, as lines.

use std::collections::VecDeque;

use portreeve_recording::printable::Printable;

use crate::review::replay::secrets::{RedactedLines, Secrets};

/// How many lines are kept: the last ones.
const MAX_LINES: usize = 2000;
/// How many bytes they have together.
const MAX_BYTES: usize = 256 * 1024;
/// A longer line is shown as several.
const MAX_LINE: usize = 8 * 1024;
const TAB: usize = 8;

/// The lines of standard output and standard error, in the order in which they came.
#[derive(Debug)]
pub struct Text {
    lines: VecDeque<Line>,
    bytes: usize,
    streams: [Stream; 2],
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Safe to show, without line feeds and tabs; secrets are redacted.
    pub text: String,
    /// Whether it came from standard error.
    pub is_error: bool,
}

#[derive(Debug)]
struct Stream {
    printable: Printable,
    redacted: RedactedLines,
    /// The line that has not ended.
    open: String,
}

impl Text {
    /// Nothing yet.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        let stream = || Stream {
            printable: Printable::default(),
            redacted: secrets.in_lines(),
            open: String::new(),
        };
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            streams: [stream(), stream()],
        }
    }

    /// Takes what the program wrote.
    pub fn push(&mut self, bytes: &[u8], is_error: bool) {
        let [output, error] = &mut self.streams;
        let stream = if is_error { error } else { output };
        let mut text = String::new();
        stream.printable.push(bytes, &mut text);
        let (lines, sum) = (&mut self.lines, &mut self.bytes);
        stream.each_line(&text, |line| {
            let text = without_tabs(&line);
            *sum += text.len();
            lines.push_back(Line { text, is_error });
            while lines.len() > MAX_LINES || *sum > MAX_BYTES {
                let Some(gone) = lines.pop_front() else {
                    break;
                };
                *sum -= gone.text.len();
            }
        });
    }

    /// All lines that are kept, with those that have not ended at the end.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let open = self.streams.iter().zip([false, true]);
        let open = open.filter(|(stream, _)| !stream.open.is_empty());
        let open = open.map(|(stream, is_error)| Line {
            text: without_tabs(&stream.redacted.clone().line(&stream.open)),
            is_error,
        });
        self.lines.iter().cloned().chain(open).collect()
    }
}

impl Stream {
    /// Takes text, and tells each line that thereby ended.
    fn each_line(&mut self, text: &str, mut tell: impl FnMut(String)) {
        for part in text.split_inclusive('\n') {
            let (mut part, ends) = match part.strip_suffix('\n') {
                Some(part) => (part, true),
                None => (part, false),
            };
            while self.open.len() + part.len() > MAX_LINE {
                let room = part.floor_char_boundary(MAX_LINE.saturating_sub(self.open.len()));
                let (now, later) = part.split_at(room);
                self.open.push_str(now);
                part = later;
                tell(self.end_line());
            }
            self.open.push_str(part);
            if ends {
                tell(self.end_line());
            }
        }
    }

    fn end_line(&mut self) -> String {
        let line = self.redacted.line(&self.open);
        self.open.clear();
        line
    }
}

fn without_tabs(line: &str) -> String {
    if !line.contains('\t') {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len() + TAB);
    let mut column = 0;
    for character in line.chars() {
        if character == '\t' {
            let blanks = TAB - column % TAB;
            out.extend(std::iter::repeat_n(' ', blanks));
            column += blanks;
        } else {
            out.push(character);
            column += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &Text) -> Vec<String> {
        let lines = text.lines().into_iter();
        let marked =
            lines.map(|line| format!("{}{}", if line.is_error { "!" } else { "" }, line.text));
        marked.collect()
    }

    #[test]
    fn streams_are_apart_and_lines_come_in_order() {
        let mut text = Text::new(Secrets::Redacted);
        text.push(b"one\r\ntw", false);
        text.push(b"bad\x1b[2J\n", true);
        text.push(b"o\na\tb", false);
        assert_eq!(lines(&text), ["one", "!bad\\x1b[2J", "two", "a       b"]);
    }

    #[test]
    fn the_last_lines_are_kept_and_an_endless_one_is_cut() {
        let mut text = Text::new(Secrets::Redacted);
        text.push(&b"line\n".repeat(5000), false);
        assert_eq!(text.lines().len(), MAX_LINES);
        text.push(&vec![b'x'; 10 * 1024 * 1024], false);
        assert!(
            text.lines()
                .iter()
                .map(|line| line.text.len())
                .sum::<usize>()
                < 2 * MAX_BYTES
        );
        assert!(text.lines().len() > 3);
    }

    #[test]
    fn secrets_are_redacted_also_before_their_line_ends() {
        for (secrets, is_redacted) in [(Secrets::Redacted, true), (Secrets::Shown, false)] {
            let mut text = Text::new(secrets);
            text.push(b"x\nAuthorization: Bearer c2VjcmV0c2VjcmV0c2VjcmV0", false);
            assert_eq!(!lines(&text)[1].contains("c2VjcmV0"), is_redacted);
            text.push(b"\n", false);
            assert_eq!(!lines(&text)[1].contains("c2VjcmV0"), is_redacted);
        }
    }
}
