//! The russh adapter towards hosts: pins host keys, accepts nothing that a host would open, decides nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::key::PublicKey;
use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Sig};
use ssh_key::{Certificate, PrivateKey};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::socket::{Cutter, Socket};

/// How long TCP and the key exchange may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long to wait before asking again for the way to a host.
const REACH_AGAIN: Duration = Duration::from_millis(500);
/// How long a login may take; the host asks its daemon meanwhile.
const LOGIN_TIME: Duration = Duration::from_secs(10);

/// Why there is no connection to a host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no way to it.
    #[error("cannot connect to `{address}`: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("`{address}` does not answer in time: {what}")]
    Silent {
        /// Where to.
        address: String,
        /// What took too long.
        what: &'static str,
    },
    /// It showed a key other than those in the registry.
    #[error(
        "`{0}` showed a host key that is not registered; enrol the host again if its keys were changed"
    )]
    OtherKey(String),
    /// It did not let us in.
    #[error(
        "`{address}` does not accept the certificate for `{user}`; is its daemon running? ask `portreeve-host status` and sshd's log there"
    )]
    NotAccepted {
        /// Where to.
        address: String,
        /// As whom.
        user: String,
    },
    /// The connection broke, or the host does not follow the protocol.
    #[error("the connection to the host failed: {0}")]
    Ssh(#[from] russh::Error),
    /// The host does not start what it was asked for.
    #[error("the host refused {0}")]
    Refused(&'static str),
}

/// A connection whose host proved that it is the one, and to which nobody has logged in.
pub struct Transport {
    handle: client::Handle<HostAdapter>,
    cutter: Cutter,
    address: String,
}

/// A connection that somebody is logged in to.
pub struct Connection {
    handle: client::Handle<HostAdapter>,
    cutter: Cutter,
}

/// Connects by TCP, and asks again while there is no way; `None` when nothing was answered in time.
///
/// The kernel says "no route to host" at once, and to everybody, when its last look-up of the neighbour failed: a host whose
/// cable is back, or that has just booted, is reachable a moment later.
async fn reach(address: &str) -> Option<io::Result<TcpStream>> {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable};
    let deadline = Instant::now() + CONNECT_TIME;
    loop {
        let connecting = TcpStream::connect(address);
        let answer = timeout_at(deadline, connecting).await.ok()?;
        let no_way = matches!(&answer, Err(error) if matches!(error.kind(), HostUnreachable | NetworkUnreachable));
        if !no_way || Instant::now() + REACH_AGAIN > deadline {
            return Some(answer);
        }
        sleep(REACH_AGAIN).await;
    }
}

impl Transport {
    /// Connects and exchanges keys.
    ///
    /// # Errors
    /// When there is no way, or another key than a pinned one.
    pub async fn open(
        config: Arc<client::Config>,
        address: &str,
        pinned: Arc<[PublicKey]>,
    ) -> Result<Self, HostError> {
        let silent = |what| HostError::Silent {
            address: address.into(),
            what,
        };
        let failed = |source| HostError::Connect {
            address: address.into(),
            source,
        };
        let stream = reach(address)
            .await
            .ok_or_else(|| silent("no connection"))?
            .map_err(failed)?;
        let (socket, cutter) = Socket::new(stream).map_err(failed)?;
        let exchange = client::connect_stream(config, socket, HostAdapter { pinned });
        let handle = timeout(CONNECT_TIME, exchange)
            .await
            .map_err(|_| silent("no end of the key exchange"))?
            .map_err(|error| {
                if matches!(error, russh::Error::UnknownKey) {
                    HostError::OtherKey(address.into())
                } else {
                    HostError::Ssh(error)
                }
            })?;
        Ok(Self {
            handle,
            cutter,
            address: address.into(),
        })
    }

    /// Logs in with a certificate.
    ///
    /// # Errors
    /// When the host does not accept it.
    pub async fn log_in(
        mut self,
        user: &str,
        key: Arc<PrivateKey>,
        certificate: Certificate,
    ) -> Result<Connection, HostError> {
        let login = self
            .handle
            .authenticate_openssh_cert(user, key, certificate);
        let result = timeout(LOGIN_TIME, login)
            .await
            .map_err(|_| HostError::Silent {
                address: self.address.clone(),
                what: "no answer to the login",
            })??;
        if result.success() {
            Ok(Connection {
                handle: self.handle,
                cutter: self.cutter,
            })
        } else {
            Err(HostError::NotAccepted {
                address: self.address,
                user: user.into(),
            })
        }
    }
}

impl Connection {
    /// Opens a session channel.
    ///
    /// # Errors
    /// When the connection broke or the host refuses.
    pub async fn open(&self) -> Result<Channel<Msg>, HostError> {
        timeout(LOGIN_TIME, self.handle.channel_open_session())
            .await
            .map_err(|_| HostError::Refused("a channel in time"))?
            .map_err(HostError::Ssh)
    }

    /// Whether the connection ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye, and ends the connection even if the host does not listen.
    pub async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let _ = timeout(Duration::from_millis(200), goodbye).await;
        let closed = async {
            while self.cutter.is_open() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = timeout(Duration::from_secs(1), closed).await;
        self.cutter.cut();
    }

    /// What ends the connection from outside.
    #[must_use]
    pub fn cutter(&self) -> Cutter {
        self.cutter.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.cutter.cut();
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({})", self.address)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

/// What russh calls back.
pub struct HostAdapter {
    pinned: Arc<[PublicKey]>,
}

impl std::fmt::Debug for HostAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostAdapter")
    }
}

/// No host has a reason to open a channel to us.
async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
    Ok(())
}

impl client::Handler for HostAdapter {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self
                .pinned
                .iter()
                .any(|pinned| pinned.data() == key.key_data()),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }

    async fn auth_banner(&mut self, _: &str, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        _: &russh::Names,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        _: ChannelId,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_success(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_failure(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        _: ChannelOpenFailure,
        _: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn should_accept_unknown_server_channel(&mut self, _: ChannelId, _: &str) -> bool {
        false
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn data(&mut self, _: ChannelId, _: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn extended_data(
        &mut self,
        _: ChannelId,
        _: u32,
        _: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn xon_xoff(
        &mut self,
        _: ChannelId,
        _: bool,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn exit_status(
        &mut self,
        _: ChannelId,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        _: ChannelId,
        _: Sig,
        _: bool,
        _: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn window_adjusted(
        &mut self,
        _: ChannelId,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    fn adjust_window(&mut self, _: ChannelId, window: u32) -> u32 {
        window
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        _: Vec<ssh_key::PublicKey>,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn disconnected(&mut self, _: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        Ok(())
    }
}
