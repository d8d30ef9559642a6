//! Forgeries that need somebody's key: what insiders could do, and what stops them.

use std::io::Cursor;

use ed25519_dalek::SigningKey;
use portreeve_protocol::age;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::digest::Digest;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::{Manifest, ManifestSigner, SegmentEntry, Totals};
use portreeve_recording::segment::MAX_SEALED;
use ssh_key::PrivateKey;

use super::archive::{self, Entry};
use super::specimen::{Makers, Specimen};
use super::tree::Log;
use crate::review::evidence;
use crate::review::known::Keys;

/// Writes the manifest anew for what stands in the entries now, and signs it.
///
/// Nothing when there is no manifest to begin with.
pub(super) fn signed_anew(
    mut entries: Vec<Entry>,
    key: &PrivateKey,
    change: impl FnOnce(&mut Manifest),
) -> Option<Vec<Entry>> {
    let is = |entry: &Entry, name: &str| entry.name == name;
    let session = entries.iter().find(|entry| is(entry, "session.json"))?;
    let session = Digest::of(&session.content);
    let at = entries
        .iter()
        .position(|entry| is(entry, "manifest.json"))?;
    let mut manifest = Manifest::from_json(&entries.get(at)?.content).ok()?;
    manifest.session_file = session;
    manifest.segments = entries
        .iter()
        .filter(|entry| entry.name.starts_with("segments/"))
        .zip(manifest.segments.iter())
        .map(|(entry, stated)| SegmentEntry {
            digest: Digest::of(&entry.content),
            size: entry.content.len() as u64,
            ..*stated
        })
        .collect();
    manifest.totals = Totals::of(&manifest.segments);
    change(&mut manifest);
    let json = manifest.to_json().ok()?.into_bytes();
    let signature = ManifestSigner::sign(key, &json).ok()?.into_bytes();
    entries.get_mut(at)?.content = json;
    entries.get_mut(at + 1)?.content = signature;
    Some(entries)
}

/// The same content, sealed once more to the same recipients, whose public halves stand in
/// `session.json`; from `first` on, each naming the one before it as it is now.
pub(super) fn sealed_anew(
    specimen: &Specimen,
    mut entries: Vec<Entry>,
    first: usize,
    entropy: &mut impl FnMut(&mut [u8]),
) -> Option<Vec<Entry>> {
    let head = entries.first()?.content.clone();
    let info = SessionInfo::from_json(&head).ok()?;
    let mut previous = Digest::of(&head);
    let segments = entries
        .iter_mut()
        .filter(|entry| entry.name.starts_with("segments/"));
    for (segment, number) in segments.zip(0..) {
        if number >= first {
            let compressed =
                age::open(&specimen.keys.identities, &segment.content, MAX_SEALED).ok()?;
            let mut raw = zstd_of(&compressed)?;
            // The header item has a fixed length and ends in the digest.
            raw.get_mut(47..79)?.copy_from_slice(previous.as_bytes());
            let compressed = portreeve_recording::segment::compress(&raw).ok()?;
            segment.content = age::seal(&info.recipients, &compressed, entropy).ok()?;
        }
        previous = Digest::of(&segment.content);
    }
    Some(entries)
}

fn zstd_of(compressed: &[u8]) -> Option<Vec<u8>> {
    portreeve_recording::segment::decompress(compressed).ok()
}

/// The session's trail after whoever holds the log's key rewrote the log.
pub(super) fn rewritten(
    makers: &Makers,
    change: impl FnOnce(&mut Vec<String>, &mut Vec<usize>),
) -> Option<Trail> {
    let mut log = makers.log.clone();
    let mut places = makers.places.clone();
    change(&mut log.leaves, &mut places);
    log.trail(&places).ok()
}

/// The same events in a log of the forger's own.
pub(super) fn of_another_log(makers: &Makers, key: SigningKey) -> Option<Trail> {
    let log = Log {
        key,
        ..makers.log.clone()
    };
    log.trail(&makers.places).ok()
}

/// A file of evidence in which everything agrees with everything, by keys of the forger's own.
pub(super) fn evidence(recording: &[u8], trail: &Trail) -> Option<Vec<u8>> {
    let mut opened = portreeve_recording::read::Recording::open(Cursor::new(recording)).ok()?;
    let material = evidence::make(&mut opened, trail, &Keys::default()).ok()?;
    let mut file = Vec::new();
    evidence::write(&material, &mut Cursor::new(recording), &mut file).ok()?;
    Some(file)
}

/// A recording whose manifest a stranger signed.
pub(super) fn by_a_stranger(recording: &[u8], stranger: &PrivateKey) -> Option<Vec<u8>> {
    let entries = signed_anew(archive::entries(recording), stranger, |_| ())?;
    Some(archive::archive(&entries))
}
