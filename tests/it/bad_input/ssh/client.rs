//! An SSH client that shows what no other would show.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portreeve_tests::Host;
use russh::client::{self, AuthResult, DisconnectReason, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, cipher};
use ssh_key::{Certificate, PrivateKey};
use tokio::runtime::{Builder, Runtime};

const BASTION: &str = "192.0.2.20:2222";
/// A first connection waits for an account on the host.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the bastion may take for its last words.
const LAST_WORDS: Duration = Duration::from_millis(700);

/// What a client shows.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// A password.
    Password(&'static str),
    /// A key without a certificate.
    Key(PrivateKey),
    /// A certificate, and a signature by this key.
    Certificate(Box<Certificate>, PrivateKey),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether the client was let in.
    pub(super) is_in: bool,
    /// The last words of the bastion; empty when it had none.
    pub(super) words: String,
}

/// A connection to the bastion, and the runtime that it lives in.
pub(super) struct Client {
    runtime: Runtime,
    handle: Handle<Listener>,
    words: Arc<Mutex<String>>,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Came {
    /// The exit status, if there was one.
    pub(super) status: Option<u32>,
    /// Standard output and standard error in one.
    pub(super) said: String,
}

impl Client {
    /// Connects from a host, up to where a client shows something.
    pub(super) fn connect(from: &Host) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let address: SocketAddr = BASTION.parse().unwrap();
        let stream = from.dial(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        let words = Arc::new(Mutex::new(String::new()));
        let listener = Listener(Arc::clone(&words));
        let handle = runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let connecting = client::connect_stream(Arc::new(config()), stream, listener);
            tokio::time::timeout(PATIENCE, connecting).await
        });
        Self {
            runtime,
            handle: handle.unwrap().unwrap(),
            words,
        }
    }

    /// Shows something as this user; says whether that was enough.
    pub(super) fn show(&mut self, user: &str, shown: &Shown) -> bool {
        let handle = &mut self.handle;
        let showing = async {
            let shown = match shown.clone() {
                Shown::Nothing => handle.authenticate_none(user).await,
                Shown::Password(password) => handle.authenticate_password(user, password).await,
                Shown::Key(key) => {
                    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
                    handle.authenticate_publickey(user, key).await
                }
                Shown::Certificate(certificate, key) => {
                    handle
                        .authenticate_openssh_cert(user, Arc::new(key), *certificate)
                        .await
                }
            };
            matches!(shown, Ok(AuthResult::Success))
        };
        let shown = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, showing).await });
        shown.expect("the bastion answers")
    }

    /// A channel of the session.
    pub(super) fn channel(&self) -> Result<Channel<client::Msg>, russh::Error> {
        self.runtime.block_on(self.handle.channel_open_session())
    }

    /// Does something in the client's own runtime.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let limited = async { tokio::time::timeout(PATIENCE, future).await };
        self.runtime.block_on(limited).expect("the bastion answers")
    }

    /// The connection, for what else can be asked of it.
    pub(super) fn handle(&self) -> &Handle<Listener> {
        &self.handle
    }

    /// Runs a command.
    pub(super) fn run(&self, command: impl Into<Vec<u8>>) -> Came {
        let Ok(channel) = self.channel() else {
            return Came {
                status: None,
                said: self.words(),
            };
        };
        let command = command.into();
        self.block_on(async move {
            let _ = channel.exec(true, command).await;
            outcome(channel).await
        })
    }

    /// What the bastion said when it closed the connection. Waits a moment for it.
    pub(super) fn last_words(mut self) -> String {
        let handle = &mut self.handle;
        let _ = self
            .runtime
            .block_on(async { tokio::time::timeout(LAST_WORDS, handle).await });
        self.words()
    }

    fn words(&self) -> String {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Shows something to the bastion; who is let in runs a command, which is when a session begins.
pub(super) fn attempt(from: &Host, user: &str, shown: &Shown) -> Told {
    let mut client = Client::connect(from);
    let is_in = client.show(user, shown);
    if is_in {
        client.run("id -un");
    }
    Told {
        is_in,
        words: client.last_words(),
    }
}

/// What a channel comes to.
pub(super) async fn outcome(mut channel: Channel<client::Msg>) -> Came {
    let (mut status, mut said) = (None, Vec::new());
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } = message {
            said.extend_from_slice(&data);
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        } else if matches!(message, ChannelMsg::Failure) {
            said.extend_from_slice(b"(failure)");
        }
    }
    Came {
        status,
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// Believes every server, and keeps what it says at the end.
pub(super) struct Listener(Arc<Mutex<String>>);

impl client::Handler for Listener {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = info.message;
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

fn config() -> client::Config {
    client::Config {
        preferred: russh::Preferred {
            cipher: Cow::Borrowed(&[cipher::AES_128_GCM, cipher::AES_256_GCM]),
            ..russh::Preferred::DEFAULT
        },
        nodelay: true,
        ..client::Config::default()
    }
}
