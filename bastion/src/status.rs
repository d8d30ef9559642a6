//! How a bastion is, for whoever is called at night: what `portreeve-bastion status` finds, says, and takes for a reason to
//! look. The format's page is `docs/spec/status.md`. Pure.
//!
//! Two sources, so that there is an answer when one of them is silent: [`find`] looks at the configuration and the disks,
//! and the running program says the rest to whoever connects to its socket ([`tell`]).

pub mod find;
pub mod tell;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use portreeve_protocol::id::SessionId;
use portreeve_protocol::look::shortened;
use portreeve_protocol::name::{BastionName, HostName};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

pub use text::text;

/// How long the store may take to have the recording of a session that ended.
const STORED_WITHIN: Duration = Duration::from_secs(10 * 60);
/// How long before a host certificate ends it is told.
const RENEW: Duration = Duration::from_secs(30 * 24 * 3600);

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The bastion's name.
    pub bastion: BastionName,
    /// Its configuration.
    pub config: ConfigFound,
    /// What the running program says, or why nothing of that is heard.
    #[serde(flatten, serialize_with = "what_is_said")]
    pub running: Result<Running, Unheard>,
    /// The recordings on this disk; nothing when they cannot be looked at.
    pub recordings: Option<Recordings>,
    /// The disks of recordings and of events, once if they are one; empty when they do not answer.
    pub disks: Vec<DiskFound>,
    /// What somebody should look at; empty when all is well.
    pub look: Vec<String>,
}

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFound {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, or with a key that it names.
    pub wrong: Option<String>,
    /// When the host certificate ends, if there is one.
    pub certificate_ends: Option<Timestamp>,
}

/// Why a program is not heard. Its messages are for [`Found::look`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// There is no socket.
    #[error(
        "it does not run, or is of a version that has no status yet, or begins to start: \
         `systemctl is-active portreeve-bastion`; if not, `systemctl start portreeve-bastion`; \
         `journalctl -u portreeve-bastion` says why it ended"
    )]
    NoSocket,
    /// There is a socket, and nobody listens. One that begins to start has not replaced it yet.
    #[error(
        "it does not run, or begins to start: `systemctl is-active portreeve-bastion`; if not, \
         `systemctl start portreeve-bastion`; `journalctl -u portreeve-bastion` says why it ended"
    )]
    NobodyListens,
    /// It does not serve yet.
    #[error(
        "it is starting since {}: it recovers recordings of before, and no session begins until it has them", text::moment(*.0)
    )]
    Starting(Timestamp),
    /// Somebody listens, and the answer is not there in time.
    #[error(
        "it runs and does not answer: `journalctl -u portreeve-bastion` may say what holds it up; \
         `systemctl restart portreeve-bastion` ends its sessions"
    )]
    Silent,
    /// The answer is none.
    #[error(
        "it runs and does not answer as this version does: {0}; after an upgrade, \
         `systemctl restart portreeve-bastion`, which ends its sessions"
    )]
    NotUnderstood(String),
    /// The socket cannot be used.
    #[error("it cannot be asked: {0}; `systemctl status portreeve-bastion` says whether it runs")]
    CannotBeAsked(String),
}

/// What a program says to whoever connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It does not serve yet; since when it starts.
    Starting(Timestamp),
    /// It serves.
    Running(Box<Running>),
}

/// What the running program says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub since: Timestamp,
    /// Why no session begins; nothing when they do.
    pub shut: Option<String>,
    /// The sessions that are live.
    pub sessions: Vec<LiveSession>,
    /// The most that may be.
    pub max_sessions: usize,
    /// How many seconds ago the CA was heard last; nothing when never.
    pub ca_heard: Option<u64>,
    /// How many bytes of events the CA has not taken.
    pub events_waiting: u64,
    /// How many there may be before sessions end.
    pub events_limit: u64,
    /// How many seconds the oldest of them waits; nothing when none does.
    pub events_oldest: Option<u64>,
    /// The store of recordings, if there is one.
    pub store: Option<StoreSaid>,
}

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// Its id.
    pub session: SessionId,
    /// Whose it is.
    pub pair: Pair,
    /// Where.
    pub host: HostName,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// What the running program knows of its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSaid {
    /// Its name.
    pub name: String,
    /// Since when it takes no recordings, and why; nothing when it does, as far as that is known.
    pub away: Option<Away>,
    /// Recordings that are not stored before the program is started again.
    pub given_up: Vec<SessionId>,
}

/// Something that does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}

/// The recordings on a bastion's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Recordings {
    /// How many.
    pub count: u64,
    /// How large they are together.
    pub bytes: u64,
    /// How many are of sessions that ended.
    pub ended: u64,
    /// For how many seconds nothing was added to the oldest of those.
    pub oldest: Option<u64>,
}

/// A disk that must have room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskFound {
    /// A folder on it.
    pub folder: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How much of it the bastion may still use.
    pub left: u64,
    /// Below how much no session begins.
    pub reserve: u64,
}

impl Away {
    /// What does not work now, and maybe did not before.
    #[must_use]
    pub fn after(
        before: Option<Self>,
        now: Timestamp,
        why: &(dyn std::error::Error + 'static),
    ) -> Self {
        let why = anyhow::Chain::new(why).map(ToString::to_string);
        Self {
            since: before.map_or(now, |before| before.since),
            // A store chooses how much of this there is.
            why: shortened(&why.collect::<Vec<_>>().join(": ")),
        }
    }
}

impl Found {
    /// The exit code, which `--help` explains.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        if self.config.wrong.is_some() {
            3
        } else if matches!(
            self.running,
            Err(Unheard::NoSocket | Unheard::NobodyListens | Unheard::Starting(_))
        ) {
            4
        } else if self.look.is_empty() {
            0
        } else {
            5
        }
    }

    /// The same with what somebody should look at.
    #[must_use]
    pub fn judged(self, now: Timestamp) -> Self {
        Self {
            look: self.to_look_at(now),
            ..self
        }
    }

    fn to_look_at(&self, now: Timestamp) -> Vec<String> {
        let mut look = Vec::new();
        if let Some(wrong) = &self.config.wrong {
            look.push(format!("the configuration: {wrong}"));
        }
        if let Some(ends) = self.config.certificate_ends
            && ends < now.plus(RENEW)
        {
            let ends = text::moment(ends);
            look.push(format!(
                "the host certificate ends at {ends}: enrol again and restart"
            ));
        }
        if self.recordings.is_none() {
            look.push(
                "the recordings cannot be looked at: their disk does not answer, or this is not root"
                    .into(),
            );
        }
        match &self.running {
            Ok(running) => self.look_at(running, &mut look),
            Err(unheard) => look.push(unheard.to_string()),
        }
        look
    }

    fn look_at(&self, running: &Running, look: &mut Vec<String>) {
        if let Some(shut) = &running.shut {
            look.push(format!("no session begins: {shut}"));
        }
        let Some(store) = &running.store else {
            return;
        };
        if let Some(away) = &store.away {
            look.push(format!(
                "the store takes no recordings since {}: {}",
                text::moment(away.since),
                away.why
            ));
        }
        for session in &store.given_up {
            look.push(format!(
                "the recording of {session} is not stored before a restart; an alarm in `portreeve log` says why"
            ));
        }
        let oldest = self.recordings.and_then(|recordings| recordings.oldest);
        if let Some(oldest) = oldest.filter(|oldest| *oldest > STORED_WITHIN.as_secs()) {
            look.push(format!(
                "a session ended {} ago, and its recording is not in the store",
                text::duration(oldest)
            ));
        }
    }
}

/// What a program said, as `running` and `starting`; null where it said no such thing.
fn what_is_said<S: Serializer>(
    running: &Result<Running, Unheard>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'a> {
        running: Option<&'a Running>,
        starting: Option<Timestamp>,
    }
    let starting = match running {
        Err(Unheard::Starting(since)) => Some(*since),
        Ok(_) | Err(_) => None,
    };
    let running = running.as_ref().ok();
    Told { running, starting }.serialize(serializer)
}

#[cfg(test)]
mod tests;
