//! A text with a name, and places in it.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Largest bundle file that is read at all, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Bytes of a text, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A place as an editor shows it; both numbers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A line of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'s> {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// The offset of its first byte.
    pub(crate) start: usize,
    /// What it says, without its end.
    pub(crate) text: &'s str,
}

/// A text and the file name that messages about it show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// Joins a text with the name that it was found under.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// The name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at `offset` stands; an offset behind the end is the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..self.floor(offset)).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }

    /// The text of a span, without the blanks and line ends at its end.
    pub(crate) fn marked(&self, span: Span) -> &str {
        let start = self.floor(span.start);
        let end = self.floor(span.end.max(start));
        self.text.get(start..end).unwrap_or("").trim_end()
    }

    /// The lines that a span touches; at least one.
    pub(crate) fn lines_of(&self, span: Span) -> Vec<Line<'_>> {
        let start = self.floor(span.start);
        let end = start + self.marked(span).len();
        let before = self.text.get(..start).unwrap_or("");
        let first = before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut at = first;
        let mut lines = Vec::new();
        for (number, line) in
            (self.position(start).line..).zip(self.text.get(first..).unwrap_or("").split('\n'))
        {
            lines.push(Line {
                number,
                start: at,
                text: line.trim_end_matches('\r'),
            });
            at += line.len() + 1;
            if at > end {
                break;
            }
        }
        lines
    }

    /// The nearest character border at or before `offset`.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self
            .text
            .as_str()
            .read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            found.column(),
            found.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_lines_and_characters_from_one() {
        let source = Source::new("a", "é=1\nb = \"x\"\n");
        for (offset, line, column) in [
            (0, 1, 1),
            (2, 1, 2),
            (1, 1, 1),
            (5, 2, 1),
            (9, 2, 5),
            (999, 3, 1),
        ] {
            assert_eq!(
                source.position(offset),
                Position { line, column },
                "{offset}"
            );
        }
    }

    #[test]
    fn a_span_touches_the_lines_from_its_first_to_its_last_visible_character() {
        let source = Source::new("a", "one\r\ntwo three\n\nfour");
        let touched = |start, end| {
            let lines = source.lines_of(Span { start, end });
            lines
                .iter()
                .map(|line| (line.number, line.start, line.text))
                .collect::<Vec<_>>()
        };
        let (one, two, four) = ((1, 0, "one"), (2, 5, "two three"), (4, 16, "four"));
        for (start, end, wanted) in [
            (0, 3, vec![one]),
            (0, 5, vec![one]),
            (9, 14, vec![two]),
            (9, 16, vec![two]),
            (1, 6, vec![one, two]),
            (5, 99, vec![two, (3, 15, ""), four]),
            (99, 99, vec![four]),
            (7, 2, vec![two]),
        ] {
            assert_eq!(touched(start, end), wanted, "{start} {end}");
        }
        assert_eq!(Source::new("a", "").lines_of(Span::default()).len(), 1);
    }
}
