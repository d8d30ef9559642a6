//! One connection of an agent, from TCP to its end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use russh::server::{self, Handle};
use tokio::net::TcpStream;

use super::opened::Gauges;
use super::server::AgentAdapter;
use super::socket::Socket;
use super::starting::Place;
use crate::channel::SessionLink;
use crate::drive::Message;
use crate::session::{ConnectionId, Input};
use crate::sessions::Sessions;

/// How long a client may take until it has proved its access.
const LOGIN_GRACE: Duration = Duration::from_secs(20);

/// Serves one connection until it ends.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    connection: ConnectionId,
    sessions: Arc<Sessions>,
    config: Arc<server::Config>,
    starting: Place,
) {
    let Ok((socket, cutter)) = Socket::new(stream) else {
        return;
    };
    let gauges = Gauges::default();
    let socket = socket.held_by(gauges.clone());
    let known = Arc::new(Known {
        handle: OnceLock::new(),
        link: OnceLock::new(),
        starting: Mutex::new(Some(starting)),
        tried: Mutex::new(None),
    });
    let adapter = AgentAdapter::new(
        Arc::clone(&sessions),
        peer,
        connection,
        cutter.clone(),
        Arc::clone(&known),
        gauges,
    );
    let begun =
        tokio::time::timeout(LOGIN_GRACE, server::run_stream(config, socket, adapter)).await;
    let Ok(Ok(mut running)) = begun else {
        tracing::debug!(%peer, "a connection did not get as far as SSH");
        return;
    };
    let _ = known.handle.set(running.handle());
    let ended = match tokio::time::timeout(LOGIN_GRACE, &mut running).await {
        Ok(ended) => ended,
        Err(_) => {
            if known.link.get().is_none() {
                cutter.cut();
            }
            running.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
    if let Some(user) = known.tried().take() {
        sessions.refused_without_proof(&user, peer.ip());
    }
    if let Some(link) = known.link.get() {
        let _ = link
            .inbox
            .send(Message::Input(Input::ConnectionClosed(connection)))
            .await;
    }
}

/// What the connection's task and russh's task both know.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) handle: OnceLock<Handle>,
    pub(super) link: OnceLock<SessionLink>,
    /// Given back when access is proved.
    pub(super) starting: Mutex<Option<Place>>,
    /// As whom somebody tried to log in, until a certificate was judged. russh turns away by itself whoever shows an
    /// expired one or one with a broken signature.
    tried: Mutex<Option<String>>,
}

impl Known {
    /// A panic elsewhere leaves a name or none.
    pub(super) fn tried(&self) -> MutexGuard<'_, Option<String>> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
