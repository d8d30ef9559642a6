//! What the running program says of itself, to whoever connects to its socket: one JSON value, and the end.
//!
//! It reads nothing, so nobody can ask it for anything, and answers only root and its own user.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};

use super::Running;
use crate::drive::World;
use crate::keep::Keeper;
use crate::sessions::Sessions;

/// The socket's name in the folder of the state.
const SOCKET: &str = "status.sock";
/// How long somebody who asked may take to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the socket of a bastion with this state is.
#[must_use]
pub fn socket(state: &Path) -> PathBuf {
    state.join(SOCKET)
}

/// The parts of the program that know something.
#[derive(Debug)]
pub struct Teller {
    /// When the program started.
    pub since: Timestamp,
    /// The feed and the events.
    pub world: Arc<World>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The recordings.
    pub keeper: Arc<Keeper>,
}

impl Teller {
    /// Tells for ever. A socket that cannot be made is said in the log: no session needs it.
    pub async fn tell(self: Arc<Self>, path: PathBuf) {
        let listener = match listen(&path) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "`portreeve-bastion status` will not hear this program");
                return;
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

    fn said(&self) -> Running {
        let now = self.world.clock.now();
        let spool = &self.world.reporter.spool;
        let heard = self.world.feed.heard();
        Running {
            version: env!("CARGO_PKG_VERSION").into(),
            since: self.since,
            shut: self.sessions.shut(),
            sessions: self.sessions.live(),
            max_sessions: self.sessions.most(),
            ca_heard: heard.map(|heard| now.steady.since(heard).as_secs()),
            events_waiting: spool.waiting(),
            events_limit: spool.limits().soft,
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
