//! What of some bytes is passed on: without a copy where nothing is held back or left out.

use std::ops::Range;

use bytes::Bytes;

/// Collects what is passed on.
pub(super) struct Outgoing {
    chunk: Bytes,
    /// The part of the chunk that passes, while it is one.
    run: Range<usize>,
    /// Everything so far, once it is more than one part of the chunk.
    copied: Option<Vec<u8>>,
}

impl Outgoing {
    pub(super) const fn of(chunk: Bytes) -> Self {
        Self {
            chunk,
            run: 0..0,
            copied: None,
        }
    }

    /// A part of the chunk passes.
    pub(super) fn pass(&mut self, part: Range<usize>) {
        if let Some(copied) = &mut self.copied {
            copied.extend_from_slice(self.chunk.get(part).unwrap_or_default());
        } else if self.run.is_empty() {
            self.run = part;
        } else if self.run.end == part.start {
            self.run.end = part.end;
        } else {
            let part = self.chunk.slice(part);
            self.insert(&part);
        }
    }

    /// Bytes pass that are not of the chunk.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        let copied = self
            .copied
            .get_or_insert_with(|| self.chunk.slice(self.run.clone()).to_vec());
        copied.extend_from_slice(bytes);
    }

    pub(super) fn finish(self) -> Bytes {
        match self.copied {
            Some(copied) => copied.into(),
            None => self.chunk.slice(self.run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_chunk_is_not_copied_and_parts_are_joined() {
        let chunk = Bytes::from_static(b"abcdef");
        let mut whole = Outgoing::of(chunk.clone());
        whole.pass(0..2);
        whole.pass(2..6);
        assert_eq!(whole.finish().as_ptr(), chunk.as_ptr());

        let mut parts = Outgoing::of(chunk.clone());
        parts.insert(b"held");
        parts.pass(1..3);
        parts.pass(4..6);
        assert_eq!(parts.finish(), "heldbcef");

        let mut parts = Outgoing::of(chunk.clone());
        parts.pass(1..3);
        parts.pass(4..6);
        assert_eq!(parts.finish(), "bcef");
        assert_eq!(Outgoing::of(chunk).finish(), "");
    }
}
