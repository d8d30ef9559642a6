//! Making a file of evidence.

use std::io::{self, Read, Seek, SeekFrom, Write};

use portreeve_protocol::canonical;
use portreeve_protocol::checkpoint::{Trail, VerifierKey};
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::signed::signer_of;
use portreeve_recording::info::{Format, SessionInfo};
use portreeve_recording::read::{ReadError, Recording};
use thiserror::Error;

use super::container::{self, Texts};
use super::keys::{KeyEntry, KeyFile, Role, Source};
use super::readme::readme;
use crate::review::known::Keys;

/// Whose the CA's keys are, in lists of keys.
pub(super) const CA_NAME: &str = "ca";

/// What a file of evidence is made of.
#[derive(Debug)]
pub struct Material {
    texts: Texts,
    seconds: u64,
    session: SessionId,
}

impl Material {
    /// The session that it is about.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }
}

/// Why no file of evidence can be made.
#[derive(Debug, Error)]
pub enum CannotMake {
    /// The recording cannot be read.
    #[error("the recording cannot be read")]
    Recording(#[from] ReadError),
    /// It cannot be read or written.
    #[error("the evidence cannot be written")]
    Io(#[from] io::Error),
    /// The trail names no log.
    #[error("the trail names no log")]
    Log(#[from] portreeve_protocol::checkpoint::NotAVerifierKey),
    /// Trail and recording do not belong together.
    #[error("the trail has no event of session {0}, which the recording is of")]
    OtherSession(SessionId),
    /// Something has no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] canonical::NotCanonical),
}

/// Gathers what goes into the file beside the recording: keys as far as they are known, by whom they
/// were brought, and what follows from them.
///
/// # Errors
/// [`CannotMake`]; whether everything holds is for [`super::judge()`] to say, and also a file that
/// does not is evidence of something.
pub fn make<R: Read + Seek>(
    recording: &mut Recording<R>,
    trail: &Trail,
    given: &Keys,
) -> Result<Material, CannotMake> {
    let info = recording.info().clone();
    let events: Vec<Event> = trail
        .events
        .iter()
        .filter_map(|logged| serde_json::from_str(&logged.event).ok())
        .collect();
    if !events.iter().any(|event| is_of(event, info.session)) {
        return Err(CannotMake::OtherSession(info.session));
    }
    let signature = recording.signature().map_err(ReadError::Io)?;
    let mut keys = KeyFile {
        format: Format,
        session: info.session,
        keys: Vec::new(),
    };
    let log: VerifierKey = trail.log_key.parse()?;
    let found = [
        (
            Role::Log,
            log.name().to_owned(),
            Some((PublicKey::of_ed25519(*log.ed25519()), Source::Trail)),
        ),
        (
            Role::Bastion,
            info.bastion.to_string(),
            signature
                .and_then(|signature| signer_of(&signature))
                .map(|key| (key, Source::Signature)),
        ),
        (
            Role::Host,
            info.host.to_string(),
            host_of(&events, info.session).map(|key| (key, Source::Signature)),
        ),
        (Role::Order, CA_NAME.into(), None),
        (Role::SessionCa, CA_NAME.into(), None),
        (Role::AccessCa, CA_NAME.into(), None),
        (Role::BastionHostCa, CA_NAME.into(), None),
    ];
    for (role, name, found) in found {
        let own = given.of_role(role).map(|key| (key, Source::Given));
        if let Some((key, from)) = own.or(found) {
            keys.keys.push(KeyEntry::new(role, name, key, from));
        }
    }
    material(&info, &keys, trail)
}

pub(super) fn material(
    info: &SessionInfo,
    keys: &KeyFile,
    trail: &Trail,
) -> Result<Material, CannotMake> {
    Ok(Material {
        texts: Texts {
            readme: readme(info, keys).into_bytes(),
            keys: keys.to_json()?.into_bytes(),
            signers: keys.allowed_signers().into_bytes(),
            trail: canonical::to_string(trail)?.into_bytes(),
        },
        seconds: seconds_of(info),
        session: info.session,
    })
}

/// Writes the file: what was gathered, then the recording as it stands in `recording`.
///
/// # Errors
/// When something cannot be read or written.
pub fn write<R: Read + Seek>(
    material: &Material,
    recording: &mut R,
    out: &mut impl Write,
) -> io::Result<()> {
    let size = recording.seek(SeekFrom::End(0))?;
    recording.seek(SeekFrom::Start(0))?;
    container::write(out, &material.texts, recording, size, material.seconds)
}

/// The time of every entry.
pub(super) fn seconds_of(info: &SessionInfo) -> u64 {
    u64::try_from(info.started_at.as_seconds()).unwrap_or(0)
}

fn is_of(event: &Event, id: SessionId) -> bool {
    matches!(event.body, Body::Access { session: Some(session), .. } if session == id)
}

/// The key that the host's attestation names as its own.
fn host_of(events: &[Event], id: SessionId) -> Option<PublicKey> {
    events
        .iter()
        .filter(|event| is_of(event, id))
        .find_map(|event| {
            let Body::Access {
                fact: AccessFact::HostReady { attestation },
                ..
            } = &event.body
            else {
                return None;
            };
            attestation.unverified_signer()
        })
}
