//! Verifying files offline: what each of them proves, and what not.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Identity;
use portreeve_protocol::checkpoint::{Trail, VerifierKey};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_recording::read::Recording;
use portreeve_recording::verify::{self, Evidence};
use serde::Serialize;

use crate::failure::Failure;
use crate::files;
use crate::keys::LogKey;
use crate::review::host_chain::{self, Findings};

/// The longest trail that is read.
const MAX_TRAIL: usize = 64 * 1024 * 1024;

/// What the verifier brings along.
#[derive(Debug, Default)]
pub struct Keys {
    /// The audit log's key.
    pub log: Option<LogKey>,
    /// The bastion's key.
    pub bastion: Option<PublicKey>,
    /// The host's key.
    pub host: Option<PublicKey>,
    /// Review keys.
    pub identities: Vec<Identity>,
}

/// What a file is and what it proves.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The file.
    pub file: PathBuf,
    /// `recording` or `trail`.
    pub kind: &'static str,
    /// What was found out.
    #[serde(flatten)]
    pub findings: Findings,
    /// Whether it is a recording whose end is missing, which `unproved` says too.
    #[serde(skip)]
    pub is_cut: bool,
}

/// A file of evidence, read.
#[derive(Debug)]
pub enum Exhibit {
    /// A recording.
    Recording(PathBuf),
    /// A trail.
    Trail(PathBuf, Box<Trail>),
}

impl Exhibit {
    /// Reads a file: a trail is JSON and begins with a brace, a recording is a tar file.
    ///
    /// # Errors
    /// When it cannot be read or is neither.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut file = File::open(path)
            .map_err(|error| Failure::from(files::FileError::Read(path.into(), error)))?;
        let mut first = [0];
        file.read_exact(&mut first)
            .and_then(|()| file.rewind())
            .map_err(|error| {
                Failure::failed(format!("`{}` is empty", path.display())).because(&error)
            })?;
        if first != *b"{" {
            return Ok(Self::Recording(path.to_owned()));
        }
        let text = files::read(path, MAX_TRAIL)?;
        let trail = serde_json::from_slice(&text).map_err(|error| {
            Failure::failed(format!("`{}` is neither a recording nor a trail", path.display()))
                .because(&error)
                .next("a recording is a `.tar` of a bastion, a trail is made by `portreeve trail --output`")
        })?;
        Ok(Self::Trail(path.to_owned(), Box::new(trail)))
    }

    /// The manifests that a trail names, for the recordings beside it.
    #[must_use]
    pub fn manifests(&self) -> Vec<(SessionId, Digest)> {
        let Self::Trail(_, trail) = self else {
            return Vec::new();
        };
        trail
            .events
            .iter()
            .filter_map(|logged| serde_json::from_str::<Event>(&logged.event).ok())
            .filter_map(|event| {
                if let Body::Access {
                    session: Some(session),
                    fact: AccessFact::RecordingSealed { manifest, .. },
                    ..
                } = event.body
                {
                    Some((session, manifest))
                } else {
                    None
                }
            })
            .collect()
    }

    /// Verifies it. `manifests` are those that verified trails beside it name.
    ///
    /// # Errors
    /// When it cannot be read; every finding is in the report.
    pub fn verify(
        &self,
        keys: &Keys,
        manifests: &[(SessionId, Digest)],
    ) -> Result<Report, Failure> {
        match self {
            Self::Trail(path, trail) => Ok(Report {
                file: path.clone(),
                kind: "trail",
                findings: verified_trail(trail, keys),
                is_cut: false,
            }),
            Self::Recording(path) => {
                let (findings, is_cut) = recording(path, keys, manifests)?;
                Ok(Report {
                    file: path.clone(),
                    kind: "recording",
                    findings,
                    is_cut,
                })
            }
        }
    }
}

/// What a trail proves.
#[must_use]
pub fn verified_trail(trail: &Trail, keys: &Keys) -> Findings {
    let mut findings = Findings::default();
    // Without a key of the verifier's own the one in the file is taken, which shows that the file
    // is consistent and not whose it is.
    let key = match &keys.log {
        Some(own) => own.verifier(&trail.checkpoint),
        None => trail.log_key.parse::<VerifierKey>(),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            findings
                .faults
                .push(format!("the trail names no log: {error}"));
            return findings;
        }
    };
    match trail.verify(&key) {
        Err(error) => findings.faults.push(error.to_string()),
        Ok(verified) => {
            let checkpoint = verified.checkpoint();
            findings.proved.push(format!(
                "all {} events are in the log `{}` as it was at {} events",
                verified.events().len(),
                checkpoint.origin,
                checkpoint.size
            ));
            if keys.log.is_some() {
                findings.proved.push(format!(
                    "the checkpoint is signed by the key of `{}` that was given",
                    key.name()
                ));
            } else {
                findings.unproved.push(
                    "whose log this is: give the log's key, got on another way, with --log-key"
                        .into(),
                );
            }
            findings.unproved.push(
                "that no event of the session was left out of the trail; those of the host are counted in its receipt"
                    .into(),
            );
            let events = verified.events().iter().map(|(_, event)| event);
            findings.extend(host_chain::check(events, keys.host.as_ref()));
        }
    }
    findings
}

/// What a recording proves, and whether its end is missing.
fn recording(
    path: &Path,
    keys: &Keys,
    manifests: &[(SessionId, Digest)],
) -> Result<(Findings, bool), Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::from(files::FileError::Read(path.into(), error)))?;
    let mut recording = match Recording::open(file) {
        Ok(recording) => recording,
        Err(error) => {
            let mut findings = Findings::default();
            findings.faults.push(error.to_string());
            return Ok((findings, false));
        }
    };
    let session = recording.info().session;
    let bastions: Vec<_> = keys.bastion.iter().cloned().collect();
    let evidence = Evidence {
        bastions: &bastions,
        identities: &keys.identities,
        trail: manifests
            .iter()
            .find(|(known, _)| *known == session)
            .map(|(_, manifest)| *manifest),
    };
    let verdict = verify::verify(&mut recording, evidence)
        .map_err(|error| Failure::from(files::FileError::Read(path.into(), error)))?;
    let findings = Findings {
        proved: texts(&verdict.proved),
        unproved: texts(&verdict.unproved),
        faults: texts(&verdict.faults),
    };
    Ok((findings, verdict.unproved.contains(&verify::Unproved::Cut)))
}

fn texts<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
