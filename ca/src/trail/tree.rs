//! The shape of the log's Merkle tree: what to keep when an event is appended, and what to fetch
//! in order to prove one. Pure; the rows are [`crate::store`]'s.
//!
//! A node is numbered as in RFC 9420, appendix C: leaf `n` has number `2n`, and a perfect subtree
//! of height `h` that begins at leaf `n` has `2n + 2^h - 1`. Such a node never changes once its
//! last leaf is there, and never moves.

use portreeve_protocol::checkpoint::node_hash;
use portreeve_protocol::digest::Digest;

/// The right edge of the tree: the roots of its perfect subtrees, largest first. All that is needed
/// to append and to say what the root is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

/// An inner node that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its number.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) hash: Digest,
}

/// Where a hash of a proof comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    /// The hash of the leaf at this place.
    Leaf(u64),
    /// The complete inner node of this number.
    Node(u64),
    /// Everything from the leaf at this place to the end, which the frontier knows.
    Edge(u64),
}

impl Frontier {
    /// A frontier out of what was stored, in the order of [`Frontier::sources`].
    pub(crate) const fn restore(size: u64, peaks: Vec<Digest>) -> Self {
        Self { size, peaks }
    }

    /// Where the peaks of a tree of `size` leaves are stored.
    pub(crate) fn sources(size: u64) -> Vec<Source> {
        let peaks = Peaks { size, start: 0 };
        peaks.map(|(start, height)| stored(start, height)).collect()
    }

    /// How many leaves the tree has.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf's hash; the inner nodes that are complete now are to be stored.
    pub(crate) fn append(&mut self, leaf: Digest) -> Vec<Node> {
        let mut complete = Vec::new();
        let mut hash = leaf;
        for height in 1..=self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            let start = (self.size + 1) - (1 << height);
            complete.push(Node {
                number: number(start, height),
                hash,
            });
        }
        self.peaks.push(hash);
        self.size += 1;
        complete
    }

    /// The root over all leaves (RFC 6962, section 2.1).
    pub(crate) fn root(&self) -> Digest {
        self.edge(0).unwrap_or_else(|| Digest::of(b""))
    }

    /// The hash over all leaves from the one at `start`, where a perfect subtree begins.
    pub(crate) fn edge(&self, start: u64) -> Option<Digest> {
        let peaks = Peaks {
            size: self.size,
            start: 0,
        };
        let within = peaks.zip(&self.peaks).filter(|((at, _), _)| *at >= start);
        let hashes: Vec<_> = within.map(|(_, hash)| *hash).collect();
        hashes
            .into_iter()
            .rev()
            .reduce(|right, left| node_hash(&left, &right))
    }
}

/// What proves that the leaf at `place` is in a tree of `size` leaves, from leaf to root. A place
/// outside the tree has no proof.
pub(crate) fn proof_sources(size: u64, place: u64) -> Option<Vec<Source>> {
    if place >= size || size > u64::MAX / 4 {
        return None;
    }
    let numbers = ct_merkle::indices_for_inclusion_proof(size, place);
    Some(
        numbers
            .into_iter()
            .map(|number| source(size, number))
            .collect(),
    )
}

fn source(size: u64, number: u64) -> Source {
    let height = number.trailing_ones();
    let start = (number - ((1 << height) - 1)) / 2;
    if start + (1 << height) <= size {
        stored(start, height)
    } else {
        Source::Edge(start)
    }
}

const fn stored(start: u64, height: u32) -> Source {
    if height == 0 {
        Source::Leaf(start)
    } else {
        Source::Node(number(start, height))
    }
}

const fn number(start: u64, height: u32) -> u64 {
    2 * start + ((1 << height) - 1)
}

/// The perfect subtrees of a tree, largest first: where each begins and how high it is.
struct Peaks {
    size: u64,
    start: u64,
}

impl Iterator for Peaks {
    type Item = (u64, u32);

    fn next(&mut self) -> Option<(u64, u32)> {
        let left = self.size - self.start;
        let height = left.checked_ilog2()?;
        let peak = (self.start, height);
        self.start += 1 << height;
        Some(peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use portreeve_protocol::checkpoint::{leaf_hash, root_from_proof};
    use std::collections::HashMap;

    fn leaf(n: u64) -> [u8; 8] {
        n.to_be_bytes()
    }

    /// The rows as the store would have them.
    #[derive(Default)]
    struct Rows(HashMap<Source, Digest>);

    impl Rows {
        fn append(&mut self, frontier: &mut Frontier) {
            let hash = leaf_hash(&leaf(frontier.size()));
            self.0.insert(Source::Leaf(frontier.size()), hash);
            for node in frontier.append(hash) {
                let earlier = self.0.insert(Source::Node(node.number), node.hash);
                assert_eq!(earlier, None, "a complete node is stored once");
            }
        }

        fn fetch(&self, frontier: &Frontier, source: Source) -> Digest {
            match source {
                Source::Edge(start) => frontier.edge(start).unwrap(),
                Source::Leaf(_) | Source::Node(_) => self.0[&source],
            }
        }
    }

    #[test]
    fn every_proof_of_sizes_1_to_200_is_that_of_ct_merkle() {
        let mut rows = Rows::default();
        let mut frontier = Frontier::default();
        let mut judge = MemoryBackedTree::<sha2::Sha256, _>::new();
        assert_eq!(frontier.root().as_bytes()[..], judge.root().as_bytes()[..]);
        for size in 1..=200 {
            rows.append(&mut frontier);
            judge.push(leaf(size - 1));
            let root = frontier.root();
            assert_eq!(root.as_bytes()[..], judge.root().as_bytes()[..], "{size}");
            for place in 0..size {
                let sources = proof_sources(size, place).unwrap();
                let proof: Vec<_> = sources
                    .into_iter()
                    .map(|source| rows.fetch(&frontier, source))
                    .collect();
                let expected = judge.prove_inclusion(usize::try_from(place).unwrap());
                let bytes: Vec<u8> = proof.iter().flat_map(|hash| *hash.as_bytes()).collect();
                assert_eq!(bytes, expected.as_bytes(), "{place} of {size}");
                let leaf = leaf_hash(&leaf(place));
                assert_eq!(root_from_proof(&leaf, place, size, &proof), Some(root));
            }
            assert_eq!(proof_sources(size, size), None);
        }
    }

    #[test]
    fn a_restored_frontier_goes_on_like_the_original() {
        let mut rows = Rows::default();
        let mut frontier = Frontier::default();
        for size in 0..100 {
            let peaks = Frontier::sources(size);
            let peaks = peaks.into_iter().map(|source| rows.0[&source]).collect();
            assert_eq!(Frontier::restore(size, peaks), frontier, "{size}");
            rows.append(&mut frontier);
        }
    }
}
