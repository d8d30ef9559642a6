//! The verdict on a recording: what is proved, by what, and what is not.

mod heads;

use std::fmt;
use std::io::{self, Read, Seek};

use portreeve_protocol::age::{Identity, OpenError};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::{Fingerprint, PublicKey};

use crate::event::Event;
use crate::head::Head;
use crate::manifest::{Manifest, SegmentEntry, Totals, is_signed_by};
use crate::read::{ReadError, Recording, Tail, open_in_chain};
use crate::segment::{OpenSegmentError, Run};

/// What the verifier brings along. The more, the more is proved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// Keys of bastions whose word counts.
    pub bastions: &'a [PublicKey],
    /// Review keys.
    pub identities: &'a [Identity],
    /// The digest of the manifest in the session's trail.
    pub trail: Option<Digest>,
    /// What the session's trail says of the recording while it grew.
    pub heads: &'a [Head],
}

/// What is known about a recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What was proved.
    pub proved: Vec<Proved>,
    /// What was not, and why.
    pub unproved: Vec<Unproved>,
    /// What contradicts itself: the recording was altered, or its bastion is broken.
    pub faults: Vec<Fault>,
}

impl Verdict {
    /// No contradiction was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// A bastion that counts vouches for exactly these bytes, to the end of the session, and
    /// nothing contradicts it.
    #[must_use]
    pub fn is_signed_and_whole(&self) -> bool {
        self.holds()
            && self
                .proved
                .iter()
                .any(|proved| matches!(proved, Proved::Signed(_)))
            && self.proved.contains(&Proved::NothingMissing)
    }
}

/// Something that was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// The manifest is signed by this key.
    Signed(Fingerprint),
    /// The manifest is the one in the trail.
    InTrail,
    /// `session.json` and so many segments are those that the trail named while the session ran.
    Logged(u32),
    /// `session.json` is what the manifest names.
    SessionFile,
    /// The segments are what the manifest names.
    Segments(u32),
    /// The segments open, belong together, and hold so many events.
    Content(u64),
    /// Nothing is missing at the end.
    NothingMissing,
}

/// Something that was not proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproved {
    /// There is no signed manifest.
    NoManifest,
    /// No bastion's key was given.
    NoBastionKey,
    /// No review key was given, or none that fits.
    NoReviewKey,
    /// No digest from the trail was given.
    NoTrail,
    /// The recording is cut.
    Cut,
    /// That the bastion recorded what happened.
    BastionHonest,
}

/// Something that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The signature is of none of the given keys, or of other bytes.
    Signature,
    /// The manifest is no manifest.
    Manifest,
    /// The manifest is not the one in the trail.
    OtherInTrail,
    /// The trail names a manifest, and there is none here.
    EndRemoved,
    /// The trail names more segments than there are.
    CutBelowTrail {
        /// In the trail.
        stated: u32,
        /// In the file.
        found: u32,
    },
    /// `session.json` or one of the first so many segments is not what the trail names.
    OtherThanLogged(u32),
    /// `session.json` is not what the manifest names.
    SessionFile,
    /// There are more or fewer segments than the manifest names.
    SegmentCount {
        /// In the manifest.
        stated: usize,
        /// In the file.
        found: u32,
    },
    /// A segment is not the one that the manifest names.
    Segment(u32),
    /// The manifest's sums are wrong.
    Totals,
    /// The manifest says both that the session ended in order and that it did not.
    End,
    /// A segment does not open or does not belong there.
    Content {
        /// Which.
        number: u32,
        /// Why.
        why: String,
    },
    /// A segment holds another number of events, or of another time, than the manifest says.
    Run(u32),
    /// An event is earlier than the one before it.
    TimeWentBack(u32),
}

/// Checks everything that the evidence allows.
///
/// # Errors
/// Only when the file cannot be read; every finding is in the verdict.
pub fn verify<R: Read + Seek>(
    recording: &mut Recording<R>,
    evidence: Evidence<'_>,
) -> io::Result<Verdict> {
    verify_and_read(recording, evidence, |_| ())
}

/// Checks everything that the evidence allows, and hands out every event of the segments that open,
/// up to the first that does not belong there.
///
/// # Errors
/// Only when the file cannot be read; every finding is in the verdict.
pub fn verify_and_read<R: Read + Seek>(
    recording: &mut Recording<R>,
    evidence: Evidence<'_>,
    mut take: impl FnMut(&Event),
) -> io::Result<Verdict> {
    let mut verdict = Verdict::default();
    let manifest = check_manifest(recording, evidence, &mut verdict)?;
    if let Some(manifest) = &manifest {
        check_against_file(recording, manifest, &mut verdict)?;
    }
    heads::check(recording, evidence.heads, &mut verdict)?;
    check_content(
        recording,
        manifest.as_ref(),
        evidence.identities,
        &mut verdict,
        &mut take,
    )?;
    verdict.unproved.push(Unproved::BastionHonest);
    Ok(verdict)
}

fn check_manifest<R: Read + Seek>(
    recording: &mut Recording<R>,
    evidence: Evidence<'_>,
    verdict: &mut Verdict,
) -> io::Result<Option<Manifest>> {
    let (Some(json), Some(signature)) = (recording.manifest_bytes()?, recording.signature()?)
    else {
        if evidence.trail.is_some() {
            verdict.faults.push(Fault::EndRemoved);
        } else {
            verdict
                .unproved
                .extend([Unproved::NoManifest, Unproved::Cut]);
        }
        return Ok(None);
    };
    match evidence
        .bastions
        .iter()
        .find(|key| is_signed_by(&json, &signature, key))
    {
        Some(key) => verdict.proved.push(Proved::Signed(key.fingerprint())),
        None if evidence.bastions.is_empty() => verdict.unproved.push(Unproved::NoBastionKey),
        None => verdict.faults.push(Fault::Signature),
    }
    match evidence.trail {
        None => verdict.unproved.push(Unproved::NoTrail),
        Some(digest) if digest == Digest::of(&json) => verdict.proved.push(Proved::InTrail),
        Some(_) => verdict.faults.push(Fault::OtherInTrail),
    }
    let manifest = Manifest::from_json(&json).ok();
    if manifest.is_none() {
        verdict.faults.push(Fault::Manifest);
    }
    Ok(manifest)
}

fn check_against_file<R: Read + Seek>(
    recording: &mut Recording<R>,
    manifest: &Manifest,
    verdict: &mut Verdict,
) -> io::Result<()> {
    let before = verdict.faults.len();
    let info = recording.info();
    if manifest.session_file == recording.session_file()
        && manifest.session == info.session
        && manifest.started_at == info.started_at
    {
        verdict.proved.push(Proved::SessionFile);
    } else {
        verdict.faults.push(Fault::SessionFile);
    }
    let found = recording.segment_count();
    if manifest.segments.len() as u64 != u64::from(found) {
        verdict.faults.push(Fault::SegmentCount {
            stated: manifest.segments.len(),
            found,
        });
    }
    let mut are_equal = true;
    for (number, stated) in (0..found).zip(&manifest.segments) {
        let sealed = recording.sealed_segment(number)?.unwrap_or_default();
        if stated.digest != Digest::of(&sealed) || stated.size != sealed.len() as u64 {
            verdict.faults.push(Fault::Segment(number));
            are_equal = false;
        }
    }
    if are_equal && manifest.segments.len() as u64 == u64::from(found) {
        verdict.proved.push(Proved::Segments(found));
    }
    if manifest.totals != Totals::of(&manifest.segments) {
        verdict.faults.push(Fault::Totals);
    }
    if manifest.cut == (manifest.cause.is_some() && manifest.ended_at.is_some()) {
        verdict.faults.push(Fault::End);
    } else if manifest.cut {
        verdict.unproved.push(Unproved::Cut);
    } else if verdict.faults.len() == before && recording.tail() == Tail::Ended {
        verdict.proved.push(Proved::NothingMissing);
    }
    Ok(())
}

fn check_content<R: Read + Seek>(
    recording: &mut Recording<R>,
    manifest: Option<&Manifest>,
    identities: &[Identity],
    verdict: &mut Verdict,
    take: &mut impl FnMut(&Event),
) -> io::Result<()> {
    if identities.is_empty() {
        verdict.unproved.push(Unproved::NoReviewKey);
        return Ok(());
    }
    let mut previous = recording.session_file();
    let mut last_us = 0;
    let mut events: u64 = 0;
    for number in 0..recording.segment_count() {
        let sealed = recording.sealed_segment(number)?.unwrap_or_default();
        let run = match run_of(&sealed, identities, number, recording, previous, take) {
            Ok(run) => run,
            Err(ReadError::Segment {
                source: OpenSegmentError::Unseal(OpenError::NotForUs),
                ..
            }) => {
                verdict.unproved.push(Unproved::NoReviewKey);
                return Ok(());
            }
            Err(error) => {
                verdict.faults.push(Fault::Content {
                    number,
                    why: chain_text(&error),
                });
                return Ok(());
            }
        };
        if run.went_back || run.run.first_us < last_us {
            verdict.faults.push(Fault::TimeWentBack(number));
        }
        let stated = manifest.and_then(|manifest| {
            usize::try_from(number)
                .ok()
                .and_then(|number| manifest.segments.get(number))
        });
        if stated.is_some_and(|stated| !is_stated(stated, &run.run)) {
            verdict.faults.push(Fault::Run(number));
        }
        previous = Digest::of(&sealed);
        last_us = run.run.last_us;
        events += run.run.events;
    }
    verdict.proved.push(Proved::Content(events));
    Ok(())
}

struct Checked {
    run: Run,
    went_back: bool,
}

fn run_of<R: Read + Seek>(
    sealed: &[u8],
    identities: &[Identity],
    number: u32,
    recording: &Recording<R>,
    previous: Digest,
    take: &mut impl FnMut(&Event),
) -> Result<Checked, ReadError> {
    let mut run = Run::default();
    let mut went_back = false;
    for event in open_in_chain(sealed, identities, number, recording.info(), previous)? {
        let event = event.map_err(|source| ReadError::Event { number, source })?;
        if run.events == 0 {
            run.first_us = event.at_us;
        }
        went_back |= event.at_us < run.last_us;
        run.events += 1;
        run.last_us = event.at_us;
        take(&event);
    }
    Ok(Checked { run, went_back })
}

/// After a recovery the manifest says nothing about the content.
fn is_stated(stated: &SegmentEntry, run: &Run) -> bool {
    match (stated.events, stated.first_us, stated.last_us) {
        (None, None, None) => true,
        stated => stated == (Some(run.events), Some(run.first_us), Some(run.last_us)),
    }
}

/// An error and its causes in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(key) => write!(f, "the bastion's key {key} signed this manifest"),
            Self::InTrail => f.write_str("the manifest is the one that the session's trail names"),
            Self::Logged(segments) => write!(
                f,
                "`session.json` and the first {segments} segments are those that the session's trail named while it ran"
            ),
            Self::SessionFile => {
                f.write_str("whose session, where and why is as it was when the session began")
            }
            Self::Segments(count) => {
                write!(f, "all {count} segments are there, in order and unaltered")
            }
            Self::Content(events) => write!(
                f,
                "the segments open, follow one another, and hold {events} events"
            ),
            Self::NothingMissing => f.write_str("nothing is missing at the end"),
        }
    }
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoManifest => "who made this: there is no signed manifest; the bastion adds one when it starts again",
            Self::NoBastionKey => "who made this: name the bastion's public key to check the signature",
            Self::NoReviewKey => "what the segments hold: name a review key that they are sealed to",
            Self::NoTrail => "that this is the only version: compare the manifest's digest with the session's trail",
            Self::Cut => "the end: the bastion stopped before the session did, and what came after the last segment is lost",
            Self::BastionHonest => {
                "that the bastion recorded what happened: compare the host's own events in the trail"
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str(
                "the manifest is not signed by any of the given keys, or was altered after",
            ),
            Self::Manifest => f.write_str("`manifest.json` is not a manifest"),
            Self::OtherInTrail => f.write_str("the session's trail names another manifest"),
            Self::EndRemoved => f.write_str(
                "the session's trail names a manifest, and this file has none: its end was removed",
            ),
            Self::CutBelowTrail { stated, found } => write!(
                f,
                "the session's trail names {stated} segments and the file has {found}: it was cut, or is another"
            ),
            Self::OtherThanLogged(segments) => write!(
                f,
                "the file is not the one that the session's trail names: `session.json` or one of the first {segments} segments was exchanged"
            ),
            Self::SessionFile => {
                f.write_str("`session.json` is not the one that the manifest names")
            }
            Self::SegmentCount { stated, found } => {
                write!(
                    f,
                    "the manifest names {stated} segments and the file has {found}"
                )
            }
            Self::Segment(number) => {
                write!(f, "segment {number} is not the one that the manifest names")
            }
            Self::Totals => f.write_str("the sums in the manifest are wrong"),
            Self::End => f.write_str("the manifest contradicts itself about how the session ended"),
            Self::Content { why, .. } => f.write_str(why),
            Self::Run(number) => {
                write!(
                    f,
                    "segment {number} holds other events than the manifest says"
                )
            }
            Self::TimeWentBack(number) => write!(
                f,
                "in segment {number} an event is earlier than the one before it"
            ),
        }
    }
}
