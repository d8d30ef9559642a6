//! What the running program says of itself, to whoever connects to its socket: one JSON value, and the end.
//!
//! It reads nothing, so nobody can ask it for anything, and answers only root and its own user.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_protocol::time::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};

use super::{Running, Said};
use crate::deliver::Oldest;
use crate::drive::World;
use crate::keep::Keeper;
use crate::sessions::Sessions;

/// The socket's name in the folder of the state.
const SOCKET: &str = "status.sock";
/// How long somebody who asked may take to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// The pauses before the socket is made again.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Where the socket of a bastion with this state is.
#[must_use]
pub fn socket(state: &Path) -> PathBuf {
    state.join(SOCKET)
}

/// What there is to tell: that the program starts, and when it serves what its parts know.
#[derive(Debug)]
pub struct Teller {
    since: Timestamp,
    serving: OnceLock<Serving>,
}

/// The parts of a program that serves which know something.
#[derive(Debug)]
pub struct Serving {
    /// The feed and the events.
    pub world: Arc<World>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The recordings.
    pub keeper: Arc<Keeper>,
    /// The event that waits longest for the CA.
    pub oldest: Arc<Oldest>,
}

impl Teller {
    /// Of a program that starts, since then.
    #[must_use]
    pub const fn starting(since: Timestamp) -> Self {
        Self {
            since,
            serving: OnceLock::new(),
        }
    }

    /// It serves from now on.
    pub fn serves(&self, serving: Serving) {
        // It does so once.
        let _ = self.serving.set(serving);
    }

    /// Tells for ever. A socket that cannot be made is said in the log, and tried again: no session needs it.
    pub async fn tell(self: Arc<Self>, path: PathBuf) {
        let mut pauses = PAUSES;
        let listener = loop {
            match listen(&path) {
                Ok(listener) => break listener,
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "`portreeve-bastion status` does not hear this program");
                    tokio::time::sleep(pauses.pause()).await;
                }
            }
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let teller = Arc::clone(&self);
                    tokio::spawn(tokio::time::timeout(PATIENCE, teller.answer(stream)));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn answer(self: Arc<Self>, mut stream: UnixStream) -> io::Result<()> {
        let peer = stream.peer_cred()?.uid();
        if peer != 0 && peer != nix::unistd::geteuid().as_raw() {
            return Ok(());
        }
        let said = serde_json::to_vec(&self.said())?;
        stream.write_all(&said).await?;
        stream.shutdown().await
    }

    fn said(&self) -> Said {
        match self.serving.get() {
            None => Said::Starting(self.since),
            Some(serving) => Said::Running(Box::new(serving.said(self.since))),
        }
    }
}

impl Serving {
    fn said(&self, since: Timestamp) -> Running {
        let now = self.world.clock.now();
        let spool = &self.world.reporter.spool;
        let heard = self.world.feed.heard();
        let oldest = self.oldest.at();
        Running {
            version: env!("CARGO_PKG_VERSION").into(),
            since,
            shut: self.sessions.shut(),
            sessions: self.sessions.live(),
            max_sessions: self.sessions.most(),
            ca_heard: heard.map(|heard| now.steady.since(heard).as_secs()),
            events_waiting: spool.waiting(),
            events_limit: spool.limits().soft,
            events_oldest: oldest.map(|oldest| now.wall.since(oldest).as_secs()),
            store: self.keeper.said(),
        }
    }
}

/// What an earlier run left is taken away: it would refuse whoever connects.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_program_that_starts_says_so_as_soon_as_its_socket_can_be_made() {
        let state = tempfile::tempdir().unwrap();
        let path = socket(state.path());
        fs::create_dir(&path).unwrap();
        let since = Timestamp::from_seconds(1_790_000_000);
        let teller = Arc::new(Teller::starting(since));
        let telling = tokio::spawn(teller.tell(path.clone()));
        // It has tried and failed, or will never know that it could not have made it.
        tokio::task::yield_now().await;
        fs::remove_dir(&path).unwrap();
        let mut stream = loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => break stream,
                Err(_) if telling.is_finished() => panic!("it gave up"),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        let said: Said = serde_json::from_slice(&said).unwrap();
        assert_eq!(said, Said::Starting(since));
    }
}
