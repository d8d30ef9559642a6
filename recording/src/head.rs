//! The head of a recording: one digest that stands for everything in the file so far.
//!
//! Pure. The writer makes heads, the bastion puts them into the audit log, and a verifier makes them
//! again from the file. Each is made from the one before, so a later head vouches for every segment
//! that an earlier one does, and needs no review key.

use portreeve_protocol::digest::Digest;

/// What the trail says of a recording while it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many segments.
    pub segments: u32,
    /// The digest that stands for `session.json` and all of them.
    pub digest: Digest,
    /// The size of the file up to and with the last of them, in bytes.
    pub bytes: u64,
}

/// Makes heads, segment by segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain(Digest);

impl Chain {
    /// The chain of a recording without segments.
    #[must_use]
    pub const fn begin(session_file: Digest) -> Self {
        Self(session_file)
    }

    /// The chain with one segment more, which has this digest as it stands in the file.
    #[must_use]
    pub fn with(self, segment: Digest) -> Self {
        let mut both = [0; 64];
        let (before, added) = both.split_at_mut(32);
        before.copy_from_slice(self.0.as_bytes());
        added.copy_from_slice(segment.as_bytes());
        Self(Digest::of(&both))
    }

    /// The digest that stands for everything so far.
    #[must_use]
    pub const fn digest(self) -> Digest {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_depends_on_every_segment_and_their_order() {
        let [session, one, two] = [b"session", b"one....", b"two...."].map(|text| Digest::of(text));
        let of = |segments: &[Digest]| {
            let begun = Chain::begin(session);
            segments
                .iter()
                .fold(begun, |chain, segment| chain.with(*segment))
                .digest()
        };
        assert_eq!(of(&[]), session);
        let heads = [
            of(&[]),
            of(&[one]),
            of(&[two]),
            of(&[one, two]),
            of(&[two, one]),
        ];
        let distinct: std::collections::BTreeSet<_> = heads.iter().collect();
        assert_eq!(distinct.len(), heads.len());
        // By the specification, without the type.
        let bytes = [session.as_bytes().as_slice(), one.as_bytes()].concat();
        assert_eq!(of(&[one]), Digest::of(&bytes));
    }
}
