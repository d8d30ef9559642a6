//! A small log: RFC 6962, section 2.1, word by word.

use ed25519_dalek::{Signer as _, SigningKey};
use portreeve_protocol::checkpoint::{
    Checkpoint, LoggedEvent, NotAVerifierKey, Trail, VerifierKey, encode_hash, leaf_hash, node_hash,
};
use portreeve_protocol::digest::Digest;

/// A log with a key.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its events, as they are hashed.
    pub leaves: Vec<String>,
    /// Its name.
    pub name: String,
    /// What it signs with.
    pub key: SigningKey,
}

impl Log {
    /// The trail of the events at `places`, which must be in order.
    ///
    /// # Errors
    /// When the name is none of a log.
    pub fn trail(&self, places: &[usize]) -> Result<Trail, NotAVerifierKey> {
        let hashes: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| leaf_hash(leaf.as_bytes()))
            .collect();
        let verifier = VerifierKey::new(&self.name, self.key.verifying_key().as_bytes())?;
        let head = Checkpoint {
            origin: self.name.clone(),
            size: hashes.len() as u64,
            root: root(&hashes),
        };
        let signature = self.key.sign(head.text().as_bytes()).to_bytes();
        let events = places.iter().filter_map(|place| {
            let proof = path(*place, &hashes);
            Some(LoggedEvent {
                index: *place as u64,
                event: self.leaves.get(*place)?.clone(),
                proof: proof.iter().map(encode_hash).collect(),
            })
        });
        Ok(Trail {
            events: events.collect(),
            checkpoint: head.signed(&verifier, &signature),
            log_key: verifier.to_string(),
        })
    }
}

fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = halves(leaves);
            node_hash(&root(left), &root(right))
        }
    }
}

fn path(place: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = halves(leaves);
    let (mut proof, other) = match place.checked_sub(left.len()) {
        None => (path(place, left), right),
        Some(place) => (path(place, right), left),
    };
    proof.push(root(other));
    proof
}

/// The left one has the largest power of two of leaves that leaves something to the right.
fn halves(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    leaves.split_at((leaves.len().next_power_of_two() / 2).min(leaves.len()))
}
