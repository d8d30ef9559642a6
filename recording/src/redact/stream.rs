//! Lines out of text that comes in any pieces.

use super::{MAX_WINDOW, OVERLAP, Redactor, redacted, rules};

/// Redacts a text that comes piece by piece, cut anywhere.
///
/// The last line is held back until it ends; of one that grows beyond a window, all but the part
/// that the next window needs is given out.
#[derive(Debug, Default)]
pub struct Stream {
    redactor: Redactor,
    held: String,
    /// A secret reached the end of what was given out of this line: it goes on.
    goes_on: bool,
}

impl Stream {
    /// Takes the next piece and appends what can be said of it to `out`.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        for part in piece.split_inclusive('\n') {
            self.take(part, out);
        }
    }

    /// Appends the line that is held back, as if it ended here: the stream is over, or rests.
    pub fn flush(&mut self, out: &mut String) {
        self.end_line(out);
        self.goes_on = false;
    }

    fn take(&mut self, mut part: &str, out: &mut String) {
        // In portions, so that a long line never needs more than two windows of memory.
        while !part.is_empty() {
            let cut = part.floor_char_boundary(MAX_WINDOW);
            let (now, later) = part.split_at(cut);
            self.held.push_str(now);
            part = later;
            if self.held.ends_with('\n') {
                self.held.pop();
                self.end_line(out);
                self.goes_on = false;
                out.push('\n');
            } else {
                self.shorten(out);
            }
        }
    }

    fn end_line(&mut self, out: &mut String) {
        self.shorten(out);
        let line = std::mem::take(&mut self.held);
        out.push_str(&self.redactor.line(&line));
    }

    /// Gives out the beginning of a line that is longer than a window.
    fn shorten(&mut self, out: &mut String) {
        self.skip_rest_of_secret();
        while self.held.len() > MAX_WINDOW {
            let window = self.held.floor_char_boundary(MAX_WINDOW);
            let keep_from = self.held.floor_char_boundary(window - OVERLAP);
            // The state of the lines is untouched: this one has not ended.
            let found = self
                .redactor
                .clone()
                .find(self.held.get(..window).unwrap_or_default());
            let mut shown: Vec<_> = found
                .into_iter()
                .filter(|found| found.range.start < keep_from)
                .collect();
            let mut cut = keep_from;
            if let Some(last) = shown.last_mut().filter(|last| last.range.end > keep_from) {
                cut = last.range.end;
                self.goes_on = cut == window;
            }
            let rest = self.held.split_off(cut);
            out.push_str(&redacted(&self.held, &shown));
            self.held = rest;
            self.skip_rest_of_secret();
        }
    }

    fn skip_rest_of_secret(&mut self) {
        if self.goes_on {
            let rest = rules::rest_of_secret(&self.held);
            self.goes_on = rest == self.held.len();
            self.held.drain(..rest);
        }
    }
}
