//! Files that are verified: what each of them is, and what it proves beside the others.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use portreeve_protocol::checkpoint::Trail;
use portreeve_recording::read::Recording;
use serde::Serialize;

use super::course::Told;
use super::evidence::{self, KeyShown};
use super::findings::Findings;
use super::judge;
use super::known::Keys;
use crate::failure::Failure;
use crate::files::{self, FileError};

/// The longest trail that is read.
pub const MAX_TRAIL: usize = 256 * 1024 * 1024;
/// How a file of evidence begins: the name of its first entry.
const EVIDENCE_START: &[u8] = b"README.txt\0";

/// What a file is and what it proves.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The file.
    pub file: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// What was found out.
    #[serde(flatten)]
    pub findings: Findings,
    /// The keys that a file of evidence holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyShown>,
    /// Whether it is a recording whose end is missing, which `unproved` says too.
    #[serde(skip)]
    pub is_cut: bool,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A recording.
    Recording,
    /// A trail.
    Trail,
    /// A file of evidence.
    Evidence,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Recording => "recording",
            Self::Trail => "trail",
            Self::Evidence => "evidence",
        })
    }
}

/// A file of evidence, read.
#[derive(Debug)]
pub enum Exhibit {
    /// A recording.
    Recording(PathBuf),
    /// A trail.
    Trail(PathBuf, Box<Trail>),
    /// Both, with keys.
    Evidence(PathBuf),
}

impl Exhibit {
    /// Reads a file: a trail is JSON and begins with a brace, the others are tar files and begin
    /// with the name of their first entry.
    ///
    /// # Errors
    /// When it cannot be read or is none of them.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut file = open(path)?;
        let mut first = Vec::new();
        std::io::Read::by_ref(&mut file)
            .take(EVIDENCE_START.len() as u64)
            .read_to_end(&mut first)
            .and_then(|_| file.rewind())
            .map_err(|error| FileError::Read(path.into(), error))?;
        match first.as_slice() {
            [] => Err(Failure::failed(format!("`{}` is empty", path.display()))),
            EVIDENCE_START => Ok(Self::Evidence(path.to_owned())),
            [b'{', ..] => Ok(Self::Trail(path.to_owned(), Box::new(trail(path)?))),
            _ => Ok(Self::Recording(path.to_owned())),
        }
    }

    /// What a trail proves, for the recordings beside it. A trail that does not verify vouches for no
    /// recording.
    #[must_use]
    pub fn told(&self, keys: &Keys) -> Told {
        match self {
            Self::Trail(_, trail) => {
                let judged = judge::trail(trail, keys);
                if judged.findings.holds() {
                    judged.told
                } else {
                    Told::default()
                }
            }
            Self::Recording(_) | Self::Evidence(_) => Told::default(),
        }
    }

    /// Verifies it. `trails` is what the trails beside it prove.
    ///
    /// # Errors
    /// When it cannot be read; every finding is in the report.
    pub fn verify(&self, keys: &Keys, trails: &Told) -> Result<Report, Failure> {
        match self {
            Self::Trail(path, trail) => Ok(Report {
                file: path.clone(),
                kind: Kind::Trail,
                findings: judge::trail(trail, keys).findings,
                keys: Vec::new(),
                is_cut: false,
            }),
            Self::Recording(path) => recording(path, keys, trails),
            Self::Evidence(path) => {
                let judged = evidence::judge(open(path)?, keys)
                    .map_err(|error| FileError::Read(path.clone(), error))?;
                Ok(Report {
                    file: path.clone(),
                    kind: Kind::Evidence,
                    findings: judged.findings,
                    keys: judged.keys,
                    is_cut: judged.is_cut,
                })
            }
        }
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|error| FileError::Read(path.into(), error))
}

/// Reads a trail.
///
/// # Errors
/// When it cannot be read or is none.
pub fn trail(path: &Path) -> Result<Trail, Failure> {
    let text = files::read(path, MAX_TRAIL)?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::failed(format!(
            "`{}` is neither a recording nor a trail",
            path.display()
        ))
        .because(&error)
        .next("a recording is a `.tar` of a bastion, a trail is made by `portreeve trail --output`")
    })
}

fn recording(path: &Path, keys: &Keys, trails: &Told) -> Result<Report, Failure> {
    let mut report = Report {
        file: path.to_owned(),
        kind: Kind::Recording,
        findings: Findings::default(),
        keys: Vec::new(),
        is_cut: false,
    };
    match Recording::open(open(path)?) {
        Ok(mut recording) => {
            let judged = judge::recording(&mut recording, keys, trails)
                .map_err(|error| FileError::Read(path.into(), error))?;
            report.findings = judged.findings;
            report.is_cut = judged.is_cut;
        }
        Err(error) => report.findings.fault(error.to_string()),
    }
    Ok(report)
}
