//! A connection to a bastion, authenticated with the session's certificate.
//!
//! The handler at the end answers all of the library's callbacks and lets the server open nothing.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::name::AccountName;
use portreeve_protocol::session::BastionContact;
use russh::client::{self, AuthResult, ChannelOpenHandle, DisconnectReason, Handle, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::agent::client::AgentClient;
use russh::{Channel, cipher, compression, kex};
use ssh_key::{Algorithm, Certificate, EcdsaCurve, PrivateKey};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

use crate::clock;
use crate::session::address::Address;
use crate::ssh::trust::{self, NotTheBastion};

/// How long each step of the way to an authenticated connection may take. A first login waits for
/// the account on the host.
const STEP: Duration = Duration::from_secs(20);
/// How many things a server may say that nobody has read yet.
const SAID: usize = 16;

/// The key of the session's certificate.
#[derive(Debug)]
pub enum Key {
    /// In this process.
    Here(Arc<PrivateKey>),
    /// In a holder, behind this socket.
    Held(std::path::PathBuf),
}

/// A connection that is authenticated.
pub struct Connection {
    handle: Handle<Bastion>,
    said: mpsc::Receiver<Said>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// What a server says beside the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A text before the login.
    Banner(String),
    /// Why it closed the connection.
    Closed(String),
    /// It is not the bastion.
    NotTrusted(NotTheBastion),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers at the address.
    #[error("`{address}` cannot be reached")]
    Unreachable {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A step took too long.
    #[error("`{address}` did not answer in time")]
    Silent {
        /// The address.
        address: String,
    },
    /// Whoever answers is not the bastion.
    #[error("the server is not the bastion that the CA named")]
    NotTrusted(#[source] NotTheBastion),
    /// The bastion did not take the certificate.
    #[error("the bastion refused the session")]
    Refused {
        /// What it said.
        said: Vec<String>,
    },
    /// The key did not sign.
    #[error("the session's key did not sign: {0}")]
    Key(String),
    /// The protocol failed.
    #[error("the connection to the bastion failed")]
    Protocol {
        /// What it said.
        said: Vec<String>,
        /// Why.
        #[source]
        source: russh::Error,
    },
}

/// Connects to a bastion and logs in.
///
/// # Errors
/// When nobody or somebody else answers, or the bastion refuses.
pub async fn connect(
    bastion: &BastionContact,
    address: &Address,
    account: &AccountName,
    certificate: &Certificate,
    key: &Key,
) -> Result<Connection, ConnectError> {
    let silent = || ConnectError::Silent {
        address: address.to_string(),
    };
    let stream = tokio::time::timeout(STEP, TcpStream::connect((address.host(), address.port())))
        .await
        .map_err(|_| silent())?
        .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
        .map_err(|source| ConnectError::Unreachable {
            address: address.to_string(),
            source,
        })?;
    let (say, mut said) = mpsc::channel(SAID);
    let handler = Bastion {
        expected: bastion.clone(),
        say,
    };
    let connecting = client::connect_stream(Arc::new(config()), stream, handler);
    let mut handle = match tokio::time::timeout(STEP, connecting).await {
        Err(_) => return Err(silent()),
        Ok(Err(source)) => return Err(failed(source, &mut said)),
        Ok(Ok(handle)) => handle,
    };
    let login = login(&mut handle, account, certificate, key);
    match tokio::time::timeout(STEP, login).await {
        Err(_) => Err(silent()),
        Ok(Ok(AuthResult::Success)) => Ok(Connection { handle, said }),
        Ok(Ok(AuthResult::Failure { .. })) => {
            // Why stands in a message that comes right behind the refusal.
            let _ = tokio::time::timeout(Duration::from_millis(200), &mut handle).await;
            Err(ConnectError::Refused {
                said: heard(&mut said),
            })
        }
        Ok(Err(LoginError::Key(error))) => Err(ConnectError::Key(error)),
        Ok(Err(LoginError::Protocol(source))) => Err(failed(source, &mut said)),
    }
}

impl Connection {
    /// Opens a channel for one command.
    ///
    /// # Errors
    /// When the bastion does not open one.
    pub async fn channel(&self) -> Result<Channel<client::Msg>, russh::Error> {
        tokio::time::timeout(STEP, self.handle.channel_open_session())
            .await
            .unwrap_or(Err(russh::Error::ConnectionTimeout))
    }

    /// What the bastion said and nobody has read yet. Waits a moment for the connection to end if
    /// it is about to.
    pub async fn last_words(&mut self) -> Vec<String> {
        let _ = tokio::time::timeout(Duration::from_millis(200), &mut self.handle).await;
        heard(&mut self.said)
    }

    /// Says good-bye.
    pub async fn close(self) {
        let bye = self
            .handle
            .disconnect(russh::Disconnect::ByApplication, "done", "en");
        let _ = tokio::time::timeout(Duration::from_millis(500), bye).await;
    }
}

enum LoginError {
    Key(String),
    Protocol(russh::Error),
}

async fn login(
    handle: &mut Handle<Bastion>,
    account: &AccountName,
    certificate: &Certificate,
    key: &Key,
) -> Result<AuthResult, LoginError> {
    match key {
        Key::Here(key) => handle
            .authenticate_openssh_cert(account.as_str(), Arc::clone(key), certificate.clone())
            .await
            .map_err(LoginError::Protocol),
        Key::Held(socket) => {
            let stream = UnixStream::connect(socket)
                .await
                .map_err(|error| LoginError::Key(error.to_string()))?;
            let mut holder = AgentClient::connect(stream);
            handle
                .authenticate_certificate_with(
                    account.as_str(),
                    certificate.clone(),
                    None,
                    &mut holder,
                )
                .await
                .map_err(|error| LoginError::Key(error.to_string()))
        }
    }
}

fn failed(source: russh::Error, said: &mut mpsc::Receiver<Said>) -> ConnectError {
    let mut words = Vec::new();
    while let Ok(item) = said.try_recv() {
        match item {
            Said::NotTrusted(why) => return ConnectError::NotTrusted(why),
            Said::Banner(text) | Said::Closed(text) => words.push(text),
        }
    }
    ConnectError::Protocol {
        said: words,
        source,
    }
}

fn heard(said: &mut mpsc::Receiver<Said>) -> Vec<String> {
    let mut words = Vec::new();
    while let Ok(item) = said.try_recv() {
        match item {
            Said::Banner(text) | Said::Closed(text) => words.push(text),
            Said::NotTrusted(_) => {}
        }
    }
    words
}

fn config() -> client::Config {
    const KEYS: &[Algorithm] = &[
        Algorithm::Ed25519,
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
    ];
    client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-portreeve_",
            env!("CARGO_PKG_VERSION")
        ))),
        preferred: russh::Preferred {
            kex: Cow::Borrowed(&[
                kex::MLKEM768X25519_SHA256,
                kex::CURVE25519,
                kex::CURVE25519_PRE_RFC_8731,
                kex::EXTENSION_SUPPORT_AS_CLIENT,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            ]),
            key: Cow::Borrowed(KEYS),
            host_key_certificates: Cow::Borrowed(KEYS),
            cipher: Cow::Borrowed(&[cipher::AES_128_GCM, cipher::AES_256_GCM]),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..russh::Preferred::DEFAULT
        },
        // Large windows go with large packets; either alone is slower than neither.
        window_size: 8 * 1024 * 1024,
        maximum_packet_size: 65_535,
        channel_buffer_size: 1_000,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        nodelay: true,
        ..client::Config::default()
    }
}

/// The library's callbacks. It decides nothing but whom to believe, and that by [`trust::check`].
struct Bastion {
    expected: BastionContact,
    say: mpsc::Sender<Said>,
}

impl Bastion {
    fn say(&self, said: Said) {
        // A server that says more than is read is not listened to.
        let _ = self.say.try_send(said);
    }
}

impl client::Handler for Bastion {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let checked = match shown {
            PublicKeyOrCertificate::Certificate(certificate) => {
                trust::check(certificate, &self.expected, clock::now())
            }
            PublicKeyOrCertificate::PublicKey { .. } => Err(NotTheBastion::NoCertificate),
        };
        if let Err(why) = checked {
            self.say(Said::NotTrusted(why));
        }
        Ok(checked.is_ok())
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), russh::Error> {
        self.say(Said::Banner(banner.to_owned()));
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.say(Said::Closed(info.message));
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<client::Msg>,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<client::Msg>,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        refused: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        drop(refused);
        Ok(())
    }
}
