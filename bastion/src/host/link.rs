//! The connections of one session to its host.
//!
//! Each channel has an SSH connection of its own, so that a stalled one holds up nobody else, and one more is kept warm so
//! that the next channel waits for no key exchange. Nothing is opened for a channel without the permit of a decision and
//! the proof that the decision is on disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portreeve_protocol::certificate::CONTROL_USER;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HostName;
use portreeve_recording::event::Program;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Pty, client};
use ssh_key::{Certificate, PrivateKey};
use tokio::task::JoinHandle;

use crate::accept::AccessProven;
use crate::channel::Setup;
use crate::decide::ChannelPermit;
use crate::spool::Recorded;
use crate::ssh::client::{Connection, HostError, Transport};
use crate::ssh::settings;

/// How long a host may take to start a program.
const START_TIME: Duration = Duration::from_secs(15);
/// The subsystem for file transfer.
const SFTP: &str = "sftp";

/// One session's way to its host. Dropping it ends every connection that no channel has.
#[derive(Debug)]
pub struct HostLink {
    access: Arc<AccessProven>,
    config: Arc<client::Config>,
    pinned: Arc<[PublicKey]>,
    key: Arc<PrivateKey>,
    warm: Mutex<Warm>,
}

/// The connection that is ready for the next channel, or will be.
#[derive(Debug)]
enum Warm {
    None,
    Transport(JoinHandle<Result<Transport, HostError>>),
    Connection(JoinHandle<Result<Connection, HostError>>),
}

/// A program's channel on a host, alone on its connection.
#[derive(Debug)]
pub struct HostChannel {
    channel: Channel<client::Msg>,
    connection: Connection,
}

impl HostChannel {
    /// The side to read, the side to write, and what to close at the end.
    #[must_use]
    pub fn into_parts(self) -> (ChannelReadHalf, ChannelWriteHalf<client::Msg>, Connection) {
        let (read, write) = self.channel.split();
        (read, write, self.connection)
    }
}

impl HostLink {
    /// A way to the host that a grant names. Nothing is connected yet.
    #[must_use]
    pub fn new(access: Arc<AccessProven>) -> Self {
        let host = &access.grant().host;
        Self {
            config: Arc::new(settings::client(&host.host_keys)),
            pinned: host.host_keys.clone().into(),
            key: Arc::new(access.session_key().clone()),
            warm: Mutex::new(Warm::None),
            access,
        }
    }

    /// Begins the key exchange of the first session connection, so that only the login waits for the attestation.
    pub fn prepare(&self) {
        let transport = self.transport();
        self.set_warm(Warm::Transport(tokio::spawn(transport)));
    }

    /// Logs the prepared connection in.
    pub fn log_in(&self) {
        let prepared = match self.take_warm() {
            Warm::Transport(prepared) => Some(prepared),
            Warm::None | Warm::Connection(_) => None,
        };
        let (login, fresh) = (self.login(), self.transport());
        self.set_warm(Warm::Connection(tokio::spawn(async move {
            let transport = match prepared {
                Some(prepared) => prepared.await.ok().and_then(Result::ok),
                None => None,
            };
            let transport = match transport {
                Some(transport) => transport,
                None => fresh.await?,
            };
            login(transport).await
        })));
    }

    /// The host's name.
    pub(super) fn access_host(&self) -> HostName {
        self.access.grant().host.name.clone()
    }

    /// Opens the control connection up to its channel.
    ///
    /// # Errors
    /// When the host cannot be reached, is another one, or does not accept the control certificate.
    pub async fn control(&self) -> Result<HostChannel, HostError> {
        let transport = self.transport().await?;
        let certificate = self.access.control_certificate().clone();
        open_control(transport, Arc::clone(&self.key), certificate).await
    }

    /// Opens a channel and starts what is permitted on it.
    ///
    /// # Errors
    /// When the host cannot be reached or does not start it.
    pub async fn open(
        &self,
        permit: &ChannelPermit,
        _recorded: Recorded,
        setup: &Setup,
    ) -> Result<HostChannel, HostError> {
        let connection = self.connection().await?;
        let mut channel = connection.open().await?;
        request(&channel, permit.program(), setup).await?;
        started(&mut channel, "the program").await?;
        // Only now, so that warming the next connection up does not delay the program that was asked for.
        self.log_in();
        Ok(HostChannel {
            channel,
            connection,
        })
    }

    /// The warm connection, or another one.
    async fn connection(&self) -> Result<Connection, HostError> {
        if let Warm::Connection(warm) = self.take_warm()
            && let Ok(Ok(connection)) = warm.await
            && !connection.is_closed()
        {
            return Ok(connection);
        }
        let login = self.login();
        login(self.transport().await?).await
    }

    fn transport(&self) -> impl Future<Output = Result<Transport, HostError>> + Send + 'static {
        let (config, pinned) = (Arc::clone(&self.config), Arc::clone(&self.pinned));
        let address = self.access.grant().host.address.clone();
        async move { Transport::open(config, &address, pinned).await }
    }

    fn login(
        &self,
    ) -> impl FnOnce(
        Transport,
    )
        -> std::pin::Pin<Box<dyn Future<Output = Result<Connection, HostError>> + Send>>
    + Send
    + 'static {
        let (access, key) = (Arc::clone(&self.access), Arc::clone(&self.key));
        move |transport| {
            Box::pin(async move {
                let account = access.grant().account.as_str();
                let certificate = access.session_certificate().clone();
                transport.log_in(account, key, certificate).await
            })
        }
    }

    fn take_warm(&self) -> Warm {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *warm, Warm::None)
    }

    fn set_warm(&self, to: Warm) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *warm, to) {
            Warm::None => {}
            Warm::Transport(unused) => unused.abort(),
            Warm::Connection(unused) => unused.abort(),
        }
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        self.set_warm(Warm::None);
    }
}

/// Opens a control connection up to its channel.
///
/// # Errors
/// When the host does not accept the certificate, or does not start the control program.
pub(crate) async fn open_control(
    transport: Transport,
    key: Arc<PrivateKey>,
    certificate: Certificate,
) -> Result<HostChannel, HostError> {
    let connection = transport.log_in(CONTROL_USER, key, certificate).await?;
    let mut channel = connection.open().await?;
    channel.exec(true, "control").await?;
    started(&mut channel, "the control program").await?;
    Ok(HostChannel {
        channel,
        connection,
    })
}

/// Asks for terminal, variables and program in one go; only the last is waited for.
async fn request(
    channel: &Channel<client::Msg>,
    program: &Program,
    setup: &Setup,
) -> Result<(), HostError> {
    if let Some(terminal) = &setup.terminal {
        let modes: Vec<(Pty, u32)> = terminal
            .modes
            .iter()
            .filter_map(|(opcode, value)| Some((Pty::from_u8(*opcode)?, *value)))
            .collect();
        let term = String::from_utf8_lossy(&terminal.term);
        let size = terminal.size;
        channel
            .request_pty(
                false,
                &term,
                size.columns,
                size.rows,
                size.pixel_width,
                size.pixel_height,
                &modes,
            )
            .await?;
    }
    for (name, value) in &setup.environment {
        channel.set_env(false, name, value).await?;
    }
    match program {
        Program::Shell => channel.request_shell(true).await?,
        Program::Exec(command) => channel.exec(true, command.to_vec()).await?,
        Program::Sftp => channel.request_subsystem(true, SFTP).await?,
    }
    Ok(())
}

/// Waits for the host's answer to what was asked for last.
async fn started(channel: &mut Channel<client::Msg>, what: &'static str) -> Result<(), HostError> {
    let answer = async {
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                // A host that says anything else first did not start it.
                _ => return Err(HostError::Refused(what)),
            }
        }
    };
    tokio::time::timeout(START_TIME, answer)
        .await
        .map_err(|_| HostError::Refused(what))?
}
