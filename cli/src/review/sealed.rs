//! What everybody who has a recording's file can read of it: whose session it was, how much passed, and for which
//! review keys it is sealed.

use std::io::{Read, Seek};
use std::path::Path;

use portreeve_protocol::age::{Identity, OpenError, Recipient};
use portreeve_protocol::time::Timestamp;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::read::{ReadError, Recording};
use portreeve_recording::segment::OpenSegmentError;
use serde::Serialize;

use super::recordings;
use super::words::moment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::variables;

/// How many keys are named in one sentence.
const MOST_NAMED: usize = 3;

/// What is known of a recording without a review key. Nothing of it is verified.
#[derive(Debug, Serialize)]
pub struct Metadata {
    /// What `session.json` says.
    #[serde(flatten)]
    info: SessionInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    segments: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    /// Whether its end is missing; unknown where there is no manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<bool>,
}

impl Metadata {
    /// Reads it.
    pub fn of<R: Read + Seek>(recording: &mut Recording<R>) -> Self {
        let info = recording.info().clone();
        let segments = recording.segment_count();
        // A manifest that cannot be read is for `verify` to tell of.
        let manifest = recording.unverified_manifest().ok().flatten();
        Self {
            info,
            ended_at: manifest.as_ref().and_then(|manifest| manifest.ended_at),
            segments,
            bytes: manifest.as_ref().map(|manifest| manifest.totals.bytes),
            events: manifest
                .as_ref()
                .and_then(|manifest| manifest.totals.events),
            cut: manifest.as_ref().map(|manifest| manifest.cut),
        }
    }

    /// The same for people.
    #[must_use]
    pub fn words(&self) -> String {
        let mut rows = Vec::from(recordings::whose(&self.info));
        rows.push(("bastion", self.info.bastion.to_string()));
        rows.push(("begun", moment(self.info.started_at)));
        rows.extend(self.ended_at.map(|at| ("ended", moment(at))));
        rows.push(("holds", self.holds()));
        let keys = self.info.recipients.iter();
        rows.extend(keys.map(|key| ("sealed to", key.to_string())));
        output::fields(rows)
    }

    fn holds(&self) -> String {
        let segments = format!("{} segments", self.segments);
        let Some(bytes) = self.bytes else {
            return format!("{segments}, no manifest");
        };
        let events = self
            .events
            .map_or_else(String::new, |events| format!(", {events} events"));
        let cut = if self.cut == Some(true) { ", cut" } else { "" };
        format!("{segments}, {bytes} bytes{events}{cut}")
    }
}

/// Whether a recording cannot be read because it is sealed to other keys.
#[must_use]
pub const fn is_sealed(error: &ReadError) -> bool {
    matches!(
        error,
        ReadError::Segment {
            source: OpenSegmentError::Unseal(OpenError::NotForUs),
            ..
        }
    )
}

/// The failure of whoever wants to read a recording without a key of it. `given` is the file of keys that was
/// tried, with what it holds.
#[must_use]
pub fn without_key(info: &SessionInfo, given: Option<(&Path, &[Identity])>) -> Failure {
    let failure = match given {
        None => Failure::new(
            Exit::Sealed,
            "the recording is sealed, and no review key is given",
        ),
        Some((file, held)) => {
            let held: Vec<_> = held.iter().map(Identity::recipient).collect();
            Failure::new(
                Exit::Sealed,
                format!(
                    "the recording is sealed, and not to a key in `{}`",
                    file.display()
                ),
            )
            .reason(format!("it holds that of {}", named(&held)))
        }
    };
    failure.next(format!(
        "give --identity or set {} to the age identity file of {}; `portreeve verify` needs none",
        variables::REVIEW_KEY,
        named(&info.recipients)
    ))
}

fn named(keys: &[Recipient]) -> String {
    let mut names: Vec<_> = keys
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    if let Some(more) = keys.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        names.push(format!("one of {more} more"));
    }
    names.join(" or ")
}
