//! What the recording gets of bytes that pass: all of them, but for content beyond the limit.

use std::ops::Range;

use bytes::Bytes;
use portreeve_protocol::digest::Digest;

/// A part of what passed, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Kept(Bytes),
    /// As how much it was, and its digest.
    Omitted {
        /// How many bytes.
        bytes: u64,
        /// Their digest.
        digest: Digest,
    },
}

/// Collects what is recorded of one chunk.
pub(super) struct Recording {
    chunk: Bytes,
    kept_from: usize,
    pieces: Vec<Piece>,
}

impl Recording {
    pub(super) const fn of(chunk: Bytes) -> Self {
        Self {
            chunk,
            kept_from: 0,
            pieces: Vec::new(),
        }
    }

    /// This part of the chunk is left out.
    pub(super) fn omit(&mut self, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        self.keep_to(part.start);
        self.kept_from = part.end;
        let left_out = self.chunk.get(part).unwrap_or_default();
        self.pieces.push(Piece::Omitted {
            bytes: left_out.len() as u64,
            digest: Digest::of(left_out),
        });
    }

    /// Bytes that are not of the chunk stand before what comes from `at` on.
    pub(super) fn insert(&mut self, at: usize, bytes: Bytes) {
        self.keep_to(at);
        self.kept_from = at;
        self.pieces.push(Piece::Kept(bytes));
    }

    /// Everything up to `end`; what is after it was not taken.
    pub(super) fn finish(mut self, end: usize) -> Vec<Piece> {
        self.keep_to(end);
        self.pieces
    }

    fn keep_to(&mut self, end: usize) {
        if end > self.kept_from {
            self.pieces
                .push(Piece::Kept(self.chunk.slice(self.kept_from..end)));
        }
    }
}

/// How much of a file's content is still kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(Option<u64>);

impl Budget {
    pub(super) const fn of(limit: Option<u64>) -> Self {
        Self(limit)
    }

    /// How many of `bytes` are kept.
    pub(super) fn take(&mut self, bytes: usize) -> usize {
        match &mut self.0 {
            None => bytes,
            Some(left) => {
                let kept = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes);
                *left -= kept as u64;
                kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_in_its_place() {
        let chunk = Bytes::from_static(b"abcdef");
        let mut recording = Recording::of(chunk.clone());
        recording.omit(1..3);
        recording.insert(4, Bytes::from_static(b"!"));
        recording.omit(5..5);
        let kept = |bytes: &'static str| Piece::Kept(Bytes::from_static(bytes.as_bytes()));
        assert_eq!(
            recording.finish(6),
            [
                kept("a"),
                Piece::Omitted {
                    bytes: 2,
                    digest: Digest::of(b"bc")
                },
                kept("d"),
                kept("!"),
                kept("ef"),
            ]
        );
        assert_eq!(Recording::of(chunk).finish(2), [kept("ab")]);
    }

    #[test]
    fn a_budget_is_used_up() {
        let mut budget = Budget::of(Some(10));
        assert_eq!((budget.take(7), budget.take(7), budget.take(7)), (7, 3, 0));
        assert_eq!(Budget::of(None).take(7), 7);
    }
}
