//! Proofs of one tree, checked one after the other.

use super::merkle::Place;
use super::{Checkpoint, MAX_PROOF, decode_hash};
use crate::digest::Digest;

/// The way of the last proof that held.
///
/// Neighbours in a log share most of their ways to the root. Where a proof arrives at a node of
/// the way before, and says the same from there on, it goes where that one went: two hashes for
/// each event on average instead of one for each level of the tree.
#[derive(Debug)]
pub(super) struct Way<'a> {
    checkpoint: &'a Checkpoint,
    /// Where it was before each step of `proof`.
    places: Vec<Place>,
    proof: &'a [String],
}

impl<'a> Way<'a> {
    pub(super) const fn to(checkpoint: &'a Checkpoint) -> Self {
        Self {
            checkpoint,
            places: Vec::new(),
            proof: &[],
        }
    }

    /// Whether `proof` leads from the leaf at `index` to the root of the checkpoint. After one that does not, the way is
    /// of no use.
    pub(super) fn leads_from(&mut self, leaf: &Digest, index: u64, proof: &'a [String]) -> bool {
        let arrived = proof.len() <= MAX_PROOF && self.walk(leaf, index, proof).is_some();
        self.proof = if arrived { proof } else { &[] };
        arrived
    }

    fn walk(&mut self, leaf: &Digest, index: u64, proof: &[String]) -> Option<()> {
        let mut place = Place::of_leaf(leaf, index, self.checkpoint.size)?;
        for (number, step) in proof.iter().enumerate() {
            if self.places.get(number) == Some(&place)
                && self.proof.get(number..) == proof.get(number..)
            {
                return Some(());
            }
            match self.places.get_mut(number) {
                Some(known) => *known = place,
                None => self.places.push(place),
            }
            place = place.up(&decode_hash(step)?)?;
        }
        self.places.truncate(proof.len());
        (place.root()? == self.checkpoint.root).then_some(())
    }
}
