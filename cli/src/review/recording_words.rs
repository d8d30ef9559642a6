//! What became of a recording, in words.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::pair::Human;
use portreeve_protocol::recording::{Retention, RetentionRule, StoreName};
use portreeve_protocol::task::Purpose;
use portreeve_protocol::time::Timestamp;

use super::words::moment;

/// How far it has come.
pub(super) fn head(segments: u32, head: Digest, bytes: u64) -> String {
    format!("recorded so far: {segments} segments, {bytes} bytes, head {head}")
}

/// It is whole, or as whole as it will be.
pub(super) fn sealed(file: &str, bytes: u64, manifest: Digest, is_cut: bool) -> String {
    let cut = if is_cut {
        ", CUT: its end is missing"
    } else {
        ""
    };
    format!("recording sealed: {file}, {bytes} bytes, manifest {manifest}{cut}")
}

/// A store has every byte of it.
pub(super) fn stored(store: &StoreName, parts: u32, bytes: u64) -> String {
    format!("recording stored in {store}: {bytes} bytes in {parts} parts, read back")
}

/// Somebody had it from the CA.
pub(super) fn reviewed(by: &Human, what: &str) -> String {
    format!("recording {what} by {}", by.name)
}

/// It is kept whatever its retention says.
pub(super) fn held(by: &Human, reason: &Purpose) -> String {
    format!("recording held by {}: {reason}", by.name)
}

/// Its retention decides again.
pub(super) fn released(by: &Human, reason: &Purpose) -> String {
    format!("hold of the recording ended by {}: {reason}", by.name)
}

/// Its time is over.
pub(super) fn expired(rule: RetentionRule, kept_for: Retention, until: Timestamp) -> String {
    format!(
        "recording expired: kept for {kept_for} by {rule}, until {}",
        moment(until)
    )
}

/// A bastion may delete it.
pub(super) fn deletion_permitted(bastion: &BastionName, until: Timestamp) -> String {
    format!(
        "bastion {bastion} may delete the recording, until {}",
        moment(until)
    )
}

/// It is gone; this is its tombstone.
pub(super) fn deleted(manifest: Digest, rule: RetentionRule, bytes: u64, place: &str) -> String {
    format!("recording DELETED by {rule}: {bytes} bytes from {place}; its manifest was {manifest}")
}

/// It goes no further.
pub(super) fn failed(detail: &str) -> String {
    format!("can no longer be recorded: {detail}")
}
