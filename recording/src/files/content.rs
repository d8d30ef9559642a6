//! One file's content while it passes: its digest, as long as it passes from the first byte on.

use std::collections::BTreeMap;

use portreeve_protocol::digest::{Digest, Hasher};

/// How far ahead of the first missing byte content is kept, so that its order can be restored.
const WINDOW: usize = 2 * 1024 * 1024;
/// The most parts that are kept so.
const MAX_PARTS: usize = 1024;
/// The same as [`WINDOW`] for all files of a channel together.
pub(super) const CHANNEL_WINDOW: usize = 8 * 1024 * 1024;

/// In which direction content passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the agent.
    Read,
    /// To the host.
    Written,
}

/// Why there is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Both directions have passed.
    Both,
    /// Parts passed twice, or further from their place than the window.
    Order,
    /// Parts are missing.
    Gap,
    /// The host refused a part.
    NotTaken,
    /// Whoever sent it could not read it all.
    NotSent,
    /// The size was set while it passed.
    Resized,
    /// Content was copied on the host.
    Copied,
    /// It begins where the file ended.
    Appended,
}

impl Lost {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Both => "it was read and written",
            Self::Order => "it did not pass in order",
            Self::Gap => "parts of it did not pass",
            Self::NotTaken => "the host did not take all of it",
            Self::NotSent => "the sender could not read all of it",
            Self::Resized => "its size was set meanwhile",
            Self::Copied => "content was copied on the host",
            Self::Appended => "it was appended to a file",
        }
    }
}

/// Content that passes.
#[derive(Debug, Default)]
pub(super) struct Content {
    hasher: Hasher,
    next: u64,
    early: BTreeMap<u64, Vec<u8>>,
    early_bytes: usize,
    direction: Option<Direction>,
    lost: Option<Lost>,
}

impl Content {
    /// Takes a part. `room` is what the channel still has for parts that come early.
    pub(super) fn take(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        room: &mut usize,
    ) {
        if self.direction.is_some_and(|before| before != direction) {
            self.lose(Lost::Both, room);
        }
        self.direction = Some(direction);
        if self.lost.is_some() || bytes.is_empty() {
            return;
        }
        if offset == self.next {
            self.hash(bytes);
            self.catch_up(room);
        } else if offset > self.next {
            self.keep(offset, bytes, room);
        } else {
            self.lose(Lost::Order, room);
        }
    }

    /// There will be no digest.
    pub(super) fn lose(&mut self, why: Lost, room: &mut usize) {
        self.lost.get_or_insert(why);
        self.early.clear();
        *room += std::mem::take(&mut self.early_bytes);
    }

    /// How many bytes have passed from the first one on without a gap.
    pub(super) const fn in_order(&self) -> u64 {
        self.next
    }

    /// The digest of everything that passed, and gives back the room that was used.
    pub(super) fn finish(mut self, room: &mut usize) -> Result<Digest, Lost> {
        if !self.early.is_empty() {
            self.lose(Lost::Gap, room);
        }
        match self.lost {
            Some(lost) => Err(lost),
            None => Ok(self.hasher.digest()),
        }
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.next = self.next.saturating_add(bytes.len() as u64);
    }

    /// Takes the parts that came early and whose turn it is now.
    fn catch_up(&mut self, room: &mut usize) {
        while let Some(first) = self.early.first_entry() {
            if *first.key() > self.next {
                return;
            }
            let (offset, bytes) = first.remove_entry();
            self.early_bytes -= bytes.len();
            *room += bytes.len();
            if offset < self.next {
                return self.lose(Lost::Order, room);
            }
            self.hash(&bytes);
        }
    }

    /// Keeps a part until its turn. One that begins where another ends is joined with it, so that it does not matter how
    /// a host cuts what it says.
    fn keep(&mut self, offset: u64, bytes: &[u8], room: &mut usize) {
        let after = self.early_bytes + bytes.len();
        // Nothing has its place behind the last number.
        let is_new = offset
            .checked_add(bytes.len() as u64)
            .is_some_and(|end| self.early_end(end) <= offset);
        if !is_new || after > WINDOW || bytes.len() > *room {
            return self.lose(Lost::Order, room);
        }
        let is_full = self.early.len() >= MAX_PARTS;
        match self.early.range_mut(..offset).next_back() {
            Some((start, part)) if start + part.len() as u64 == offset => {
                part.extend_from_slice(bytes);
            }
            Some(_) | None if is_full => return self.lose(Lost::Order, room),
            Some(_) | None => {
                self.early.insert(offset, bytes.to_vec());
            }
        }
        self.early_bytes = after;
        *room -= bytes.len();
    }

    /// Where the last of the parts ends that begin before `limit`. They do not overlap.
    fn early_end(&self, limit: u64) -> u64 {
        let last = self.early.range(..limit).next_back();
        last.map_or(0, |(start, part)| start + part.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(parts: &[(u64, &[u8])]) -> (Result<Digest, Lost>, usize) {
        let (mut content, mut room) = (Content::default(), CHANNEL_WINDOW);
        for (offset, bytes) in parts {
            content.take(Direction::Read, *offset, bytes, &mut room);
        }
        (content.finish(&mut room), room)
    }

    #[test]
    fn parts_that_come_early_wait_for_their_turn() {
        for (parts, expected) in [
            (vec![], Ok(Digest::of(b""))),
            (
                vec![(0, &b"ab"[..]), (2, b"cd"), (4, b"")],
                Ok(Digest::of(b"abcd")),
            ),
            (
                vec![(4, b"ef"), (2, b"cd"), (0, b"ab")],
                Ok(Digest::of(b"abcdef")),
            ),
            (vec![(0, b"ab"), (4, b"ef")], Err(Lost::Gap)),
            (vec![(0, b"ab"), (1, b"bc")], Err(Lost::Order)),
            (vec![(2, b"cd"), (2, b"cd"), (0, b"ab")], Err(Lost::Order)),
            (vec![(2, b"cd"), (3, b"d")], Err(Lost::Order)),
            (vec![(3, b"de"), (2, b"cd")], Err(Lost::Order)),
            (vec![(2, b"cdef"), (3, b"d")], Err(Lost::Order)),
            (vec![(6, b"g"), (2, b"cd"), (4, b"ef")], Err(Lost::Gap)),
            (vec![(1, b"bc"), (0, b"ab")], Err(Lost::Order)),
            (vec![(u64::MAX - 2, b"ab"), (0, b"ab")], Err(Lost::Gap)),
            (vec![(u64::MAX, b"ab"), (0, b"ab")], Err(Lost::Order)),
        ] {
            let (digest, room) = all(&parts);
            assert_eq!((digest, room), (expected, CHANNEL_WINDOW), "{parts:?}");
        }
    }

    #[test]
    fn what_does_not_fit_the_window_has_no_digest_and_takes_no_memory() {
        let (mut content, mut room) = (Content::default(), CHANNEL_WINDOW);
        let part = vec![0; 1024 * 1024];
        for number in 1..=3 {
            let offset = number * part.len() as u64;
            content.take(Direction::Read, offset, &part, &mut room);
        }
        assert_eq!((content.early.len(), room), (0, CHANNEL_WINDOW));
        assert_eq!(content.finish(&mut room), Err(Lost::Order));

        let (mut content, mut room) = (Content::default(), 10);
        content.take(Direction::Read, 1, &part, &mut room);
        assert_eq!((content.finish(&mut room), room), (Err(Lost::Order), 10));
    }

    #[test]
    fn it_does_not_matter_in_what_pieces_a_part_comes() {
        let whole: Vec<u8> = (0..3 * MAX_PARTS).map(|at| (at % 251) as u8).collect();
        for early in [MAX_PARTS, whole.len() - 1] {
            let (first, rest) = whole.split_at(whole.len() - early);
            let (mut content, mut room) = (Content::default(), CHANNEL_WINDOW);
            for (at, byte) in (first.len() as u64..).zip(rest) {
                content.take(Direction::Read, at, &[*byte], &mut room);
            }
            content.take(Direction::Read, 0, first, &mut room);
            assert_eq!(content.finish(&mut room), Ok(Digest::of(&whole)));
            assert_eq!(room, CHANNEL_WINDOW);
        }
    }

    #[test]
    fn content_in_both_directions_has_no_digest() {
        let (mut content, mut room) = (Content::default(), CHANNEL_WINDOW);
        content.take(Direction::Written, 0, b"ab", &mut room);
        content.take(Direction::Read, 0, b"ab", &mut room);
        assert_eq!(content.finish(&mut room), Err(Lost::Both));
    }

    proptest! {
        #[test]
        fn any_order_within_the_window_gives_the_digest_of_the_whole(
            whole in proptest::collection::vec(any::<u8>(), 0..500),
            cuts in proptest::collection::vec(1_usize..40, 1..20),
            order in any::<u64>(),
        ) {
            let (mut parts, mut at) = (Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                if at >= whole.len() {
                    break;
                }
                let end = (at + cut).min(whole.len());
                parts.push((at as u64, &whole[at..end]));
                at = end;
            }
            parts.sort_by_key(|(offset, _)| offset.wrapping_mul(order | 1).rotate_left(17));
            prop_assert_eq!(all(&parts), (Ok(Digest::of(&whole)), CHANNEL_WINDOW));
        }
    }
}
