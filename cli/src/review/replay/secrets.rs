//! Whether secrets are redacted in what is shown. They are, unless somebody asked for them.

use portreeve_recording::redact::{self, Found, Redactor, Stream};

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    /// A marker stands where each was.
    #[default]
    Redacted,
    /// They are shown like everything else.
    Shown,
}

impl Secrets {
    /// A line that stands alone.
    #[must_use]
    pub fn one_line(self, line: &str) -> String {
        match self {
            Self::Redacted => redact::one_line(line).into_owned(),
            Self::Shown => line.to_owned(),
        }
    }

    /// For the lines of one stream, from the first to the last.
    #[must_use]
    pub fn in_lines(self) -> RedactedLines {
        RedactedLines(match self {
            Self::Redacted => Some(Redactor::default()),
            Self::Shown => None,
        })
    }

    /// For a text that comes in any pieces.
    #[must_use]
    pub fn in_text(self) -> RedactedText {
        RedactedText(match self {
            Self::Redacted => Some(Box::default()),
            Self::Shown => None,
        })
    }
}

/// Redacts secrets in whole lines; remembers from line to line, because a private key has many.
#[derive(Debug, Clone)]
pub struct RedactedLines(Option<Redactor>);

impl RedactedLines {
    /// The next line.
    pub fn line(&mut self, line: &str) -> String {
        match &mut self.0 {
            Some(redactor) => redactor.line(line).into_owned(),
            None => line.to_owned(),
        }
    }

    /// The secrets of the next line.
    pub fn secrets(&mut self, line: &str) -> Vec<Found> {
        let found = self.0.as_mut().map(|redactor| redactor.find(line));
        found.unwrap_or_default()
    }
}

/// Redacts secrets in a text; holds a line back until it ends.
#[derive(Debug)]
pub struct RedactedText(Option<Box<Stream>>);

impl RedactedText {
    /// Appends what can be shown of it now.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        match &mut self.0 {
            Some(stream) => stream.push(piece, out),
            None => out.push_str(piece),
        }
    }

    /// Appends the line that is held back: the text is over, or rests.
    pub fn flush(&mut self, out: &mut String) {
        if let Some(stream) = &mut self.0 {
            stream.flush(out);
        }
    }
}
