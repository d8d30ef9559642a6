//! What whoever takes files says to each line and file.

use super::line::MAX_LINE;
use crate::files::Breach;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Go on.
    Taken,
    /// No, and why.
    Refused(String),
}

/// Reads answers one after the other.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// A refusal so far, with its first byte.
    text: Vec<u8>,
}

impl Replies {
    /// Takes bytes up to the end of an answer, and says how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Reply>), Breach> {
        if self.text.is_empty() && bytes.first() == Some(&0) {
            return Ok((1, Some(Reply::Taken)));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if self.text.len() + part.len() > MAX_LINE {
            return Err(Breach::LineTooLong);
        }
        self.text.extend_from_slice(part);
        let Some(end) = end else {
            return Ok((bytes.len(), None));
        };
        let text = std::mem::take(&mut self.text);
        let words = match text.split_first() {
            Some((1 | 2, words)) => words,
            _ => &text,
        };
        let words = String::from_utf8_lossy(words).into_owned();
        Ok((end + 1, Some(Reply::Refused(words))))
    }
}
