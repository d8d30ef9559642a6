//! A journal without the events that a bastion has, in the place of the one with them.
//!
//! Which records stay is decided by [`shortened`], which is pure. The new file is whole on disk
//! before it takes the old one's name, so a crash leaves one or the other.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::signed::Signed;

use super::{Journal, JournalError, Record, encode};
use crate::chain::Told;
use crate::file;

/// Above this it is worth it: each time costs two writes.
pub(crate) const WORTH_IT: u64 = 256 * 1024;
/// What ends the name of a file that has not taken a journal's place yet.
pub(crate) const UNFINISHED: &str = "shorter";

/// Writes the shorter one beside a journal; the file, open for appending, and its length.
pub(super) fn write(path: &Path) -> Result<(File, u64), JournalError> {
    let records = Journal::read(path)?;
    let mut bytes = Vec::new();
    for record in shortened(records) {
        bytes.extend(encode(&record)?);
    }
    let beside = beside(path);
    let written = file::remove_if_there(&beside).and_then(|()| {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        Ok(file)
    });
    match written {
        Ok(file) => Ok((file, u64::try_from(bytes.len()).unwrap_or(u64::MAX))),
        Err(error) => {
            // A disk that is full gets its room back.
            let _ = file::remove_if_there(&beside);
            Err(JournalError::Io(beside, error))
        }
    }
}

/// Puts the shorter one in the place of the journal, for good.
pub(super) fn replace(path: &Path) -> io::Result<()> {
    fs::rename(beside(path), path)?;
    // What is appended from now on is in a file that a crash must not take the name from.
    file::sync_parent(path)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension(UNFINISHED)
}

/// The records without the first events, as far as a bastion has them: what they came to stands in
/// their place. An event that a bastion has while it lacks one before it stays.
fn shortened(records: Vec<Record>) -> Vec<Record> {
    let mut has: BTreeSet<Digest> = BTreeSet::new();
    for record in &records {
        if let Record::Acknowledged { reports } = record {
            has.extend(reports);
        }
    }
    let mut kept = Vec::new();
    let mut told = None;
    // Where that stands, and whether an event was met that stays.
    let (mut place, mut is_broken) = (None, false);
    for record in records {
        match record {
            Record::Plan { ref plan } => {
                told.get_or_insert_with(|| Told::nothing(plan.order_digest));
                kept.push(record);
            }
            Record::Ready { ref attestation } => {
                told = Some(Told::nothing(attestation.digest()));
                kept.push(record);
            }
            Record::Settled { told: before } => {
                told = Some(before);
                place = place.or(Some(kept.len()));
            }
            Record::Event { event } => {
                let digest = event.digest();
                match (told.as_mut(), fact_of(&event)) {
                    (Some(told), Some(fact)) if !is_broken && has.contains(&digest) => {
                        told.push(digest, &fact);
                        place = place.or(Some(kept.len()));
                    }
                    _ => {
                        is_broken = true;
                        kept.push(Record::Event { event });
                    }
                }
            }
            Record::Acknowledged { .. } => {}
            Record::Failed { .. }
            | Record::Ending { .. }
            | Record::Gone { .. }
            | Record::Tried { .. }
            | Record::Undone { .. } => kept.push(record),
        }
    }
    if let (Some(told), Some(place)) = (told, place) {
        kept.insert(place, Record::Settled { told });
    }
    let here = kept.iter().filter_map(reported);
    let reports: Vec<_> = here.filter(|digest| has.contains(digest)).collect();
    if !reports.is_empty() {
        kept.push(Record::Acknowledged { reports });
    }
    kept
}

/// The digest by which a record's report is acknowledged.
fn reported(record: &Record) -> Option<Digest> {
    match record {
        Record::Event { event } => Some(event.digest()),
        Record::Gone { receipt, .. } => Some(receipt.digest()),
        Record::Plan { .. }
        | Record::Failed { .. }
        | Record::Ready { .. }
        | Record::Settled { .. }
        | Record::Acknowledged { .. }
        | Record::Ending { .. }
        | Record::Tried { .. }
        | Record::Undone { .. } => None,
    }
}

/// The text of our own journal is read without checking our own signature again: its line's check
/// says that it is what we wrote.
pub(crate) fn fact_of(event: &Signed<HostEvent>) -> Option<HostFact> {
    serde_json::from_str::<HostEvent>(event.unverified_payload())
        .ok()
        .map(|event| event.fact)
}

#[cfg(test)]
mod tests;
