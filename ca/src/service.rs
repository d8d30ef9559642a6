//! The running service: the signer beside it, the API in front of it, until it is told to stop.
//!
//! Caller: `portreeve-ca serve`.

mod child;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_recording_store::store::Store as RecordingStore;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use self::child::SignerProcess;
use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::http::{self, ServeError, TlsError, Transport};
use crate::sign::{SignerClient, SignerError};

/// How long the signer may take until it answers.
const SIGNER_READY: Duration = Duration::from_secs(15);

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The signer cannot be started.
    #[error("the signer cannot be started")]
    Signer(#[source] io::Error),
    /// The signer that was started ended instead of answering; it said why.
    #[error("the signer did not start; it says above why")]
    SignerEnded,
    /// The signer does not answer.
    #[error("the signer at `{}` did not answer within {} s", socket.display(), SIGNER_READY.as_secs())]
    SignerSilent {
        /// Its socket.
        socket: PathBuf,
        /// What happened at the last attempt.
        source: SignerError,
    },
    /// The CA cannot start.
    #[error("the CA cannot start")]
    Start(#[from] StartError),
    /// TLS cannot be served.
    #[error("TLS cannot be served")]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error("`{address}` cannot be listened on")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("signals cannot be caught")]
    Signals(#[source] io::Error),
    /// The API cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves until the process is asked to stop. `recordings` is the store that `config` names, opened; `config_path` is
/// what the signer is started with.
///
/// # Errors
/// When something that the service needs is not there.
pub async fn run(
    config: &Config,
    recordings: Option<RecordingStore>,
    config_path: &Path,
) -> Result<(), ServiceError> {
    let stop = stop_signal().map_err(ServiceError::Signals)?;
    let mut signer = if config.signer.spawn {
        Some(SignerProcess::start(config_path).map_err(ServiceError::Signer)?)
    } else {
        None
    };
    let served = serve(config, recordings, signer.as_mut(), stop).await;
    if let Some(signer) = signer {
        signer.stop().await;
    }
    served
}

async fn serve(
    config: &Config,
    recordings: Option<RecordingStore>,
    signer: Option<&mut SignerProcess>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let transport = transport(&config.transport)?;
    let listener =
        TcpListener::bind(config.listen)
            .await
            .map_err(|source| ServiceError::Listen {
                address: config.listen,
                source,
            })?;
    tokio::select! {
        ready = signer_ready(&config.signer.socket) => ready?,
        () = first_end(signer) => return Err(ServiceError::SignerEnded),
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    }
    let app = App::start(config, recordings, Clock::system()).await?;
    let keeper = tokio::spawn(Arc::clone(&app).keep());
    tracing::info!(issuer = app.issuer(), listen = %config.listen, "serving");
    let served = http::serve(
        listener,
        transport,
        http::router(Arc::clone(&app), stop.clone()),
        stop,
    )
    .await;
    app.stop().await;
    keeper.abort();
    Ok(served?)
}

fn transport(config: &config::Transport) -> Result<Transport, TlsError> {
    match config {
        config::Transport::Tls { certificate, key } => {
            http::load_tls(certificate, key).map(Transport::Tls)
        }
        config::Transport::PlainOnLoopback => Ok(Transport::Plain),
    }
}

/// Resolves when the signer that was started here ends before it was ready. One that ends later is
/// started again.
async fn first_end(signer: Option<&mut SignerProcess>) {
    match signer {
        Some(signer) => signer.ended().await,
        None => std::future::pending().await,
    }
}

async fn signer_ready(socket: &Path) -> Result<(), ServiceError> {
    let client = SignerClient::new(socket.to_owned());
    let attempts = async {
        let mut pauses = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        loop {
            match client.public_keys().await {
                Ok(_) => return,
                Err(error) => tracing::debug!(%error, "waiting for the signer"),
            }
            tokio::time::sleep(pauses.pause()).await;
        }
    };
    if tokio::time::timeout(SIGNER_READY, attempts).await.is_ok() {
        return Ok(());
    }
    match client.public_keys().await {
        Ok(_) => Ok(()),
        Err(source) => Err(ServiceError::SignerSilent {
            socket: socket.to_owned(),
            source,
        }),
    }
}

/// Turns true when the process is asked to stop.
fn stop_signal() -> io::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        sender.send_replace(true);
        // The channel stays open for those who still look at it.
        sender.closed().await;
    });
    Ok(receiver)
}
