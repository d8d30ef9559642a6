//! A file of evidence: made of a recording, a trail and keys, and judged without any server.
//!
//! The format is `docs/spec/evidence.md`. Judging is [`super::judge`]'s; here is what a single file
//! adds: its framing, the texts that follow from the rest, and the keys that came with it.

mod container;
mod keys;
mod make;
mod readme;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use portreeve_protocol::canonical;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::key::PublicKey;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::read::Recording;
use portreeve_recording::ustar::Part;
use serde::Serialize;

use super::course::{self, Told};
use super::findings::Findings;
use super::judge;
use super::known::{Keys, Known};
use crate::keys::LogKey;

pub use container::{NotEvidence, Parts, Texts};
pub use keys::{KeyEntry, KeyFile, Role, Source};
pub use make::{CannotMake, Material, make, write};

/// A key of a file of evidence, as a verdict shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyShown {
    /// The key.
    #[serde(flatten)]
    pub entry: KeyEntry,
    /// Whether the one who checks brought the same along.
    pub is_brought: bool,
}

/// A file of evidence after it was judged.
#[derive(Debug, Default)]
pub struct Judged {
    /// What it proves.
    pub findings: Findings,
    /// The keys in it.
    pub keys: Vec<KeyShown>,
    /// Whether the recording's end is missing, which `unproved` says too.
    pub is_cut: bool,
}

/// What a file of evidence proves to somebody with these keys.
///
/// # Errors
/// When it cannot be read; every finding is in the verdict.
pub fn judge<R: Read + Seek>(file: R, keys: &Keys) -> io::Result<Judged> {
    let mut judged = Judged::default();
    let parts = match container::read(file) {
        Ok(parts) => parts,
        Err(NotEvidence::Io(error)) => return Err(error),
        Err(error) => {
            judged.findings.fault(error.to_string());
            return Ok(judged);
        }
    };
    let Parts {
        texts,
        recording,
        seconds,
    } = parts;
    let mut recording = match Recording::open(recording) {
        Ok(recording) => recording,
        Err(error) => {
            judged.findings.fault(format!("`recording.tar`: {error}"));
            return Ok(judged);
        }
    };
    let (Some(file_keys), Some(trail)) = (
        KeyFile::from_json(&texts.keys),
        exactly_a_trail(&texts.trail),
    ) else {
        judged
            .findings
            .fault("`keys.json` or `trail.json` does not have the one form that it must have");
        return Ok(judged);
    };
    let mut findings = Findings::default();
    let info = recording.info().clone();
    check_texts(&texts, seconds, &info, &file_keys, &mut findings);
    check_names(&info, &file_keys, &trail, &mut findings);
    let keys = reconcile(&file_keys, keys, &mut judged.keys, &mut findings);
    judge_both(&trail, &mut recording, &keys, &mut judged, findings)?;
    Ok(judged)
}

fn judge_both<R: Read + Seek>(
    trail: &Trail,
    recording: &mut Recording<Part<R>>,
    keys: &Keys,
    judged: &mut Judged,
    mut findings: Findings,
) -> io::Result<()> {
    let of_trail = judge::trail(trail, keys);
    let session = recording.info().session;
    // A trail that does not hold vouches for nothing.
    let told = if of_trail.findings.holds() {
        of_trail.told
    } else {
        Told::default()
    };
    if !told.events.is_empty() && !course::sessions(&told).contains_key(&session) {
        findings.fault("trail and recording are of different sessions");
    }
    findings.extend(of_trail.findings);
    let of_recording = judge::recording(recording, keys, &told)?;
    findings.extend(of_recording.findings);
    judged.is_cut = of_recording.is_cut;
    judged.findings = findings;
    Ok(())
}

/// A trail in its one form.
fn exactly_a_trail(bytes: &[u8]) -> Option<Trail> {
    let trail: Trail = serde_json::from_slice(bytes).ok()?;
    let is_exact = canonical::to_string(&trail).is_ok_and(|text| text.as_bytes() == bytes);
    is_exact.then_some(trail)
}

/// README, list of signers and times follow from the rest.
fn check_texts(
    texts: &Texts,
    seconds: u64,
    info: &SessionInfo,
    keys: &KeyFile,
    findings: &mut Findings,
) {
    if texts.readme != readme::readme(info, keys).as_bytes() {
        findings.fault("`README.txt` is not the one that this format has: believe nothing in it");
    }
    if texts.signers != keys.allowed_signers().as_bytes() {
        findings.fault("`allowed_signers` does not have the keys of `keys.json`");
    }
    if seconds != make::seconds_of(info) {
        findings.fault("the entries do not have the time at which the session began");
    }
    if keys.session != info.session {
        findings.fault("`keys.json` is of another session");
    }
}

/// Keys are of those whom recording and trail name.
fn check_names(info: &SessionInfo, keys: &KeyFile, trail: &Trail, findings: &mut Findings) {
    let origin = trail.checkpoint.lines().next().unwrap_or_default();
    for entry in &keys.keys {
        let is_right = match entry.role {
            Role::Log => entry.name == origin && is_of_log(trail, &entry.key),
            Role::Bastion => entry.name == info.bastion.to_string(),
            Role::Host => entry.name == info.host.to_string(),
            Role::Order | Role::SessionCa | Role::AccessCa | Role::BastionHostCa => {
                entry.name == make::CA_NAME
            }
        };
        if !is_right {
            findings.fault(format!(
                "`keys.json` names as {} one that is not of this session",
                entry.role.words()
            ));
        }
    }
}

fn is_of_log(trail: &Trail, key: &PublicKey) -> bool {
    trail
        .log_key
        .parse::<portreeve_protocol::checkpoint::VerifierKey>()
        .is_ok_and(|log| Some(*log.ed25519()) == key.ed25519())
}

/// The keys to check with: those that were brought along, and hints for what is missing.
fn reconcile(
    file: &KeyFile,
    brought: &Keys,
    shown: &mut Vec<KeyShown>,
    findings: &mut Findings,
) -> Keys {
    for entry in &file.keys {
        let own = brought.of_role(entry.role);
        if own.as_ref().is_some_and(|own| *own != entry.key) {
            findings.fault(format!(
                "the file names another key as {} than the one that was given",
                entry.role.words()
            ));
        }
        shown.push(KeyShown {
            entry: entry.clone(),
            is_brought: own.is_some_and(|own| own == entry.key),
        });
    }
    let hint = |role| file.of(role).map(|entry| Known::hint(entry.key.clone()));
    let keys = Keys {
        log: brought.log.clone().or_else(|| {
            let key = file.of(Role::Log)?.key.ed25519()?;
            Some(Known::hint(LogKey::Alone(key)))
        }),
        bastion: brought.bastion.clone().or_else(|| hint(Role::Bastion)),
        host: brought.host.clone().or_else(|| hint(Role::Host)),
        identities: Arc::clone(&brought.identities),
        of_ca: Vec::new(),
    };
    let hints = [
        (
            keys.log.as_ref().map(|known| known.is_hint),
            "the log's (--log-key)",
        ),
        (
            keys.bastion.as_ref().map(|known| known.is_hint),
            "the bastion's (--bastion-key)",
        ),
        (
            keys.host.as_ref().map(|known| known.is_hint),
            "the host's (--host-key)",
        ),
    ];
    let hints: Vec<_> = hints
        .iter()
        .filter(|(is_hint, _)| *is_hint == Some(true))
        .map(|(_, name)| *name)
        .collect();
    if !hints.is_empty() {
        findings.unproved(format!(
            "WHOSE KEYS THESE ARE: {} came IN THIS FILE, chosen by whoever made it; get them from whoever holds them, on another way, and give them",
            hints.join(", ")
        ));
    }
    keys
}
