//! The folder of a session that outlives one command.

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{BundleName, HostName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::session::SessionGranted;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::identity::caller::Caller;
use crate::session::request::Granted;
use crate::session::ssh_config::{self, KeyAt};
use crate::settings::TaskSettings;
use crate::variables;

/// The longest `session.json` that is read.
const MAX_STORED: usize = 64 * 1024;
/// A session this close to its end is not used for another command.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Whose session it is and what it was asked for with: another command may use it only if all of
/// this is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The CA.
    pub ca: String,
    /// The agent.
    pub agent: Agent,
    /// The human, as issuer and subject.
    pub human: String,
    /// The host.
    pub host: HostName,
    /// The ticket.
    pub ticket: Ticket,
    /// The purpose.
    pub purpose: Purpose,
    /// The bundle.
    pub bundle: BundleName,
}

impl Asked {
    /// What `caller` asks for; none if the caller is no pair.
    #[must_use]
    pub fn by(caller: &Caller, ca: &str, host: &HostName, task: &TaskSettings) -> Option<Self> {
        let Caller::Pair { token, .. } = caller else {
            return None;
        };
        Some(Self {
            ca: ca.to_owned(),
            agent: token.claims().act.sub.clone(),
            human: token.claims().sub.clone(),
            host: host.clone(),
            ticket: task.ticket.clone(),
            purpose: task.purpose.clone(),
            bundle: task.bundle.clone(),
        })
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// What it was asked for with.
    pub asked: Asked,
    /// What the CA answered.
    pub granted: SessionGranted,
}

/// The folder of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
}

/// Where the key of a new session is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKept {
    /// In a holder's memory.
    InMemory,
    /// In a file of the folder.
    OnDisk,
}

/// The folder of all kept sessions: nobody but the user can have put anything there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime(PathBuf);

impl Runtime {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, is a link, or is somebody else's, who then could have put a session
    /// of theirs there.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        files::own_folder(path).map_err(|error| {
            Failure::from(error)
                .within("there is no safe place for sessions")
                .next(format!(
                    "point {} to a folder of your own",
                    variables::RUNTIME_DIR
                ))
        })?;
        Ok(Self(path.to_owned()))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Place {
    /// The folder of `session`; it may not exist.
    #[must_use]
    pub fn of(runtime: &Runtime, session: SessionId) -> Self {
        Self {
            folder: runtime.path().join(session.to_string()),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The holder's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("agent.sock")
    }

    /// The private key, where it is on disk.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// The ssh_config of the session.
    #[must_use]
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    fn record(&self) -> PathBuf {
        self.folder.join("session.json")
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pub")
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Makes the folder of `session`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(runtime: &Runtime, session: SessionId) -> Result<Self, Failure> {
        let place = Self::of(runtime, session);
        files::own_folder(&place.folder)?;
        Ok(place)
    }

    /// Writes everything about a session but its key.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, asked: Asked, granted: &Granted, kept: KeyKept) -> Result<(), Failure> {
        let answer = granted.answer();
        files::write_private(
            &self.certificate(),
            format!("{}\n", answer.certificate.trim()).as_bytes(),
        )?;
        let (bastion, address) = granted
            .bastions()
            .next()
            .ok_or_else(|| Failure::failed("the session has no bastion"))?;
        files::write_private(
            &self.known_hosts(),
            ssh_config::known_hosts(bastion).as_bytes(),
        )?;
        let (socket, key, certificate) = (self.socket(), self.key(), self.certificate());
        let at = match kept {
            KeyKept::InMemory => KeyAt::Socket(&socket),
            KeyKept::OnDisk => KeyAt::File {
                key: &key,
                certificate: &certificate,
            },
        };
        let block = ssh_config::host_block(
            &answer.host,
            answer.account.as_str(),
            bastion,
            address,
            &self.known_hosts(),
            at,
        )
        .map_err(|error| {
            Failure::failed("the session cannot be written for ssh").because(&error)
        })?;
        files::write_private(&self.ssh_config(), block.as_bytes())?;
        let stored = Stored {
            asked,
            granted: answer.clone(),
        };
        let text = serde_json::to_string_pretty(&stored)
            .map_err(|error| Failure::failed("the session cannot be written").because(&error))?;
        // Last: a folder with this file in it is complete.
        files::write_private(&self.record(), text.as_bytes())?;
        Ok(())
    }

    /// The session in this folder; none if there is none.
    #[must_use]
    pub fn read(&self) -> Option<Stored> {
        let text = files::read_text(&self.record(), MAX_STORED).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whether its key is at hand.
    #[must_use]
    pub fn has_key(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.socket()).is_ok() || self.key().exists()
    }

    /// Removes the folder; the holder notices and stops.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The kept sessions, and the folders of those that are over removed.
#[must_use]
pub fn kept(runtime: &Runtime, now: Timestamp) -> Vec<(Place, Stored)> {
    let Ok(entries) = fs::read_dir(runtime.path()) else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    for entry in entries.flatten() {
        let Some(session) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<SessionId>().ok())
        else {
            continue;
        };
        let place = Place::of(runtime, session);
        match place.read() {
            Some(stored) if stored.granted.expires_at > now => kept.push((place, stored)),
            Some(_) => place.remove(),
            // One that is being written has no record yet.
            None => {}
        }
    }
    kept
}

/// The newest kept session that was asked for with exactly the same, has its key at hand, and
/// goes on for long enough to be used.
#[must_use]
pub fn usable(runtime: &Runtime, asked: &Asked, now: Timestamp) -> Option<(Place, Stored)> {
    kept(runtime, now)
        .into_iter()
        .filter(|(_, stored)| {
            stored.asked == *asked && stored.granted.expires_at > now.plus(MARGIN)
        })
        .filter(|(place, _)| place.has_key())
        .max_by_key(|(_, stored)| stored.granted.expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::request::tests::granted;

    fn asked() -> Asked {
        serde_json::from_value(serde_json::json!({
            "ca": "https://ca.example.com", "agent": "soc/forensics", "human": "https://idp.example.com#a",
            "host": "prod-1", "ticket": "INC-1", "purpose": "look", "bundle": "look",
        }))
        .unwrap()
    }

    #[test]
    fn a_session_is_used_again_only_for_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::open(&folder.path().join("runtime")).unwrap();
        let granted = granted();
        let place = Place::make(&runtime, granted.answer().session).unwrap();
        place.write(asked(), &granted, KeyKept::OnDisk).unwrap();
        let before: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        assert!(usable(&runtime, &asked(), before).is_none(), "no key");
        files::write_private(&place.key(), b"key").unwrap();
        assert_eq!(usable(&runtime, &asked(), before).unwrap().0, place);

        let change = |field: &str, value: &str| {
            let mut json = serde_json::to_value(asked()).unwrap();
            json[field] = value.into();
            serde_json::from_value::<Asked>(json).unwrap()
        };
        for (field, value) in [
            ("ca", "https://ca.example.net"),
            ("agent", "soc/other"),
            ("human", "https://idp.example.com#b"),
            ("host", "prod-2"),
            ("ticket", "INC-2"),
            ("purpose", "change"),
            ("bundle", "touch"),
        ] {
            assert!(
                usable(&runtime, &change(field, value), before).is_none(),
                "{field}"
            );
        }
        let shortly_before_the_end: Timestamp = "2026-01-01T00:14:56Z".parse().unwrap();
        assert!(usable(&runtime, &asked(), shortly_before_the_end).is_none());
        assert!(place.folder().exists());
        let after: Timestamp = "2026-01-01T00:15:00Z".parse().unwrap();
        assert!(kept(&runtime, after).is_empty());
        assert!(!place.folder().exists());
    }
}
