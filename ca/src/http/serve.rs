//! The listener: connections in, within limits, until the service stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::connection::{self, FAREWELL, Patience, Version};
use super::places::Places;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How connections are protected.
#[derive(Clone)]
pub enum Transport {
    /// TLS.
    Tls(TlsAcceptor),
    /// Nothing, on loopback only.
    Plain,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tls(_) => "Tls",
            Self::Plain => "Plain",
        })
    }
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP would leave the machine.
    #[error("plain HTTP is served on loopback only, and `{0}` is not: configure TLS")]
    PlainBeyondLoopback(SocketAddr),
    /// The listener's address is not known.
    #[error("the listener has no address")]
    Listener(#[source] std::io::Error),
}

/// Serves `router` on `listener` until `stop` turns true, then lets what runs come to its end.
///
/// # Errors
/// When plain HTTP is asked for on an address that others can reach.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    router: Router,
    stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    serve_with(Patience::default(), listener, transport, router, stop).await
}

/// The same with another patience.
pub(super) async fn serve_with(
    patience: Patience,
    listener: TcpListener,
    transport: Transport,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    if matches!(transport, Transport::Plain) && !address.ip().is_loopback() {
        return Err(ServeError::PlainBeyondLoopback(address));
    }
    // Every connection holds a sender; when the last one is gone, so are the connections.
    let (alive, mut gone) = mpsc::channel::<Infallible>(1);
    let places = Places::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    place = places.take(peer.ip()) => place,
                    _ = stop.wait_for(|stopped| *stopped) => break,
                };
                let Some(place) = place else {
                    tracing::warn!(%peer, "its network has as many connections as it may");
                    continue;
                };
                let begun = begin(
                    transport.clone(),
                    (stream, peer),
                    router.clone(),
                    patience,
                    stop.clone(),
                );
                let alive = alive.clone();
                tokio::spawn(async move {
                    begun.await;
                    drop((place, alive));
                });
            }
            // Out of file descriptors, or the other end went away: neither is cured by haste.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, alive));
    if tokio::time::timeout(FAREWELL, gone.recv()).await.is_err() {
        tracing::warn!("connections were cut off");
    }
    Ok(())
}

/// Everything that happens on one connection.
async fn begin(
    transport: Transport,
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    patience: Patience,
    stop: watch::Receiver<bool>,
) {
    // A kill waits for nobody's next packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "packets may be held back");
    }
    match transport {
        Transport::Plain => {
            connection::serve(Version::One, stream, peer, router, patience, stop).await;
        }
        Transport::Tls(acceptor) => {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let version = match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => Version::Two,
                        Some(_) | None => Version::One,
                    };
                    connection::serve(version, stream, peer, router, patience, stop).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
                Err(_) => tracing::debug!(%peer, "the TLS handshake takes too long"),
            }
        }
    }
}
