//! The hashes of a Merkle tree (RFC 6962, section 2.1) and the check of an inclusion proof.

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// The hash of a leaf: SHA-256 over a zero byte and the leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::from_bytes(
        Sha256::new_with_prefix([0])
            .chain_update(leaf)
            .finalize()
            .into(),
    )
}

/// The hash of an inner node: SHA-256 over a one byte and both children.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::from_bytes(
        Sha256::new_with_prefix([1])
            .chain_update(left.as_bytes())
            .chain_update(right.as_bytes())
            .finalize()
            .into(),
    )
}

/// The root to which a proof leads (RFC 9162, section 2.1.3.2), or nothing when the proof has not
/// the length that this place in a tree of this size demands.
#[must_use]
pub fn root_from_proof(leaf: &Digest, index: u64, size: u64, proof: &[Digest]) -> Option<Digest> {
    let mut place = Place::of_leaf(leaf, index, size)?;
    for sibling in proof {
        place = place.up(sibling)?;
    }
    place.root()
}

/// Where one is on the way from a leaf to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The node's number on its level, and that of the last one there.
    node: u64,
    last: u64,
    hash: Digest,
}

impl Place {
    /// At the leaf with this index in a tree of this size.
    pub(super) fn of_leaf(leaf: &Digest, index: u64, size: u64) -> Option<Self> {
        let last = size.checked_sub(1)?;
        (index <= last).then_some(Self {
            node: index,
            last,
            hash: *leaf,
        })
    }

    /// One step of the proof further; nothing above the root.
    pub(super) fn up(self, sibling: &Digest) -> Option<Self> {
        let Self {
            mut node,
            mut last,
            mut hash,
        } = self;
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a sibling of its own is its parent: go up until there is one.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        Some(Self {
            node: node >> 1,
            last: last >> 1,
            hash,
        })
    }

    /// The hash of the root, if this is the root.
    pub(super) fn root(self) -> Option<Digest> {
        (self.last == 0).then_some(self.hash)
    }
}
