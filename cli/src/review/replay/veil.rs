//! Whether secrets are hidden in what is shown. They are, unless somebody asked for them.

use std::ops::Range;

use portreeve_recording::redact::{self, Redactor, Stream};

/// Over secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Veil {
    /// Secrets are hidden.
    #[default]
    Drawn,
    /// Everything is shown.
    Lifted,
}

impl Veil {
    /// A line that stands alone.
    #[must_use]
    pub fn one_line(self, line: &str) -> String {
        match self {
            Self::Drawn => redact::one_line(line).into_owned(),
            Self::Lifted => line.to_owned(),
        }
    }

    /// For the lines of one stream, from the first to the last.
    #[must_use]
    pub fn over_lines(self) -> VeiledLines {
        VeiledLines(match self {
            Self::Drawn => Some(Redactor::default()),
            Self::Lifted => None,
        })
    }

    /// For a text that comes in any pieces.
    #[must_use]
    pub fn over_text(self) -> VeiledText {
        VeiledText(match self {
            Self::Drawn => Some(Box::default()),
            Self::Lifted => None,
        })
    }
}

/// Hides secrets in whole lines; remembers from line to line, because a private key has many.
#[derive(Debug, Clone)]
pub struct VeiledLines(Option<Redactor>);

impl VeiledLines {
    /// The next line.
    pub fn line(&mut self, line: &str) -> String {
        match &mut self.0 {
            Some(redactor) => redactor.line(line).into_owned(),
            None => line.to_owned(),
        }
    }

    /// Where secrets are in the next line, in bytes.
    pub fn secrets(&mut self, line: &str) -> Vec<Range<usize>> {
        let found = self.0.as_mut().map(|redactor| redactor.find(line));
        let found = found.unwrap_or_default().into_iter();
        found.map(|found| found.range).collect()
    }
}

/// Hides secrets in a text; holds a line back until it ends.
#[derive(Debug)]
pub struct VeiledText(Option<Box<Stream>>);

impl VeiledText {
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
