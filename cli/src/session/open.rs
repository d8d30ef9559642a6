//! Making a session ready to be used: asking for it, and putting its key where it is wanted.

use std::path::PathBuf;

use portreeve_protocol::name::HostName;
use portreeve_protocol::session::{SessionGranted, SessionState, SessionSummary};
use portreeve_protocol::time::Timestamp;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

use crate::agent::hold::{Charge, Holder};
use crate::ca::client::Ca;
use crate::clock;
use crate::failure::Failure;
use crate::files;
use crate::identity::caller::Caller;
use crate::session::place::{self, Asked, KeyKept, Place, Runtime, Stored};
use crate::session::request::{self, Granted};
use crate::settings::TaskSettings;

/// A session with the key in this process, for one command.
#[derive(Debug)]
pub struct OwnSession {
    /// What the CA granted.
    pub granted: Granted,
    /// The session's key.
    pub key: PrivateKey,
}

/// Asks for a session whose key never leaves this process.
///
/// # Errors
/// When the CA refuses.
pub async fn own(
    ca: &Ca,
    caller: &Caller,
    host: &HostName,
    task: &TaskSettings,
) -> Result<OwnSession, Failure> {
    let key = new_key()?;
    let granted = request::request(ca, caller, host, task, &public_of(&key)?).await?;
    Ok(OwnSession { granted, key })
}

/// Asks for a session that outlives this process.
///
/// # Errors
/// When the CA refuses, or the session cannot be kept.
pub async fn kept(
    ca: &Ca,
    caller: &Caller,
    host: &HostName,
    task: &TaskSettings,
    runtime: &Runtime,
    kept: KeyKept,
) -> Result<(Place, Granted), Failure> {
    let asked = Asked::by(caller, ca.issuer(), host, task)
        .ok_or_else(|| Failure::usage("only an agent together with its human has sessions"))?;
    match kept {
        KeyKept::OnDisk => {
            let OwnSession { granted, key } = own(ca, caller, host, task).await?;
            let place = Place::make(runtime, granted.answer().session)?;
            let text = key
                .to_openssh(LineEnding::LF)
                .map_err(|error| Failure::failed("the key cannot be written").because(&error))?;
            files::write_private(&place.key(), text.as_bytes())?;
            place.write(asked, &granted, kept)?;
            Ok((place, granted))
        }
        KeyKept::InMemory => {
            let holder = Holder::start(&own_program()?)?;
            let granted = request::request(ca, caller, host, task, holder.public()).await?;
            let place = Place::make(runtime, granted.answer().session)?;
            holder.charge(&Charge {
                socket: place.socket(),
                certificate: granted.answer().certificate.clone(),
                expires_at: granted.answer().expires_at,
            })?;
            place.write(asked, &granted, kept)?;
            Ok((place, granted))
        }
    }
}

/// A kept session for the same host and task if there is one that still goes on, else a new one.
///
/// # Errors
/// When the CA refuses, or the session cannot be kept.
pub async fn ready(
    ca: &Ca,
    caller: &Caller,
    host: &HostName,
    task: &TaskSettings,
    runtime: &Runtime,
) -> Result<(Place, SessionGranted), Failure> {
    let now = clock::now();
    if let Some(asked) = Asked::by(caller, ca.issuer(), host, task)
        && let Some((place, stored)) = place::usable(runtime, &asked, now)
    {
        match request::show(ca, caller, stored.granted.session).await {
            Ok(summary) if goes_on(&summary, &stored, clock::now()) => {
                return Ok((place, stored.granted));
            }
            // Over, or not ours any more: what is kept of it is of no use.
            Ok(_) => place.remove(),
            Err(failure) if failure.exit() == crate::exit::Exit::NotPermitted => place.remove(),
            Err(failure) => return Err(failure),
        }
    }
    let (place, granted) = kept(ca, caller, host, task, runtime, KeyKept::InMemory).await?;
    Ok((place, granted.answer().clone()))
}

/// Whether a session can take another connection.
fn goes_on(summary: &SessionSummary, stored: &Stored, now: Timestamp) -> bool {
    match summary.state {
        SessionState::Issued => stored.granted.connect_by > now,
        SessionState::Claimed | SessionState::Open => true,
        SessionState::NotConfirmed | SessionState::Ended | SessionState::Unused => false,
    }
}

fn new_key() -> Result<PrivateKey, Failure> {
    let seed = zeroize::Zeroizing::new(clock::random::<32>()?);
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), "")
        .map_err(|error| Failure::failed("no key was made").because(&error))
}

fn public_of(key: &PrivateKey) -> Result<portreeve_protocol::key::PublicKey, Failure> {
    portreeve_protocol::key::PublicKey::new(key.public_key().key_data().clone())
        .map_err(|error| Failure::failed("no key was made").because(&error))
}

/// The file of this program, which also is the holder.
///
/// # Errors
/// When the system does not say which it is.
pub fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::failed("the system does not say where this program is").because(&error)
    })
}
