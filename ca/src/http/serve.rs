//! The listener: connections in, within limits, until the service stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

/// The most connections at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 8192;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
/// The largest head, which holds two tokens at most.
const MAX_HEAD: usize = 64 * 1024;
/// The most headers.
const MAX_HEADERS: usize = 64;
/// The most requests at a time on one connection.
const MAX_STREAMS: u32 = 256;
/// How long connections may take to end when the service stops.
const FAREWELL: Duration = Duration::from_secs(10);

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
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    if matches!(transport, Transport::Plain) && !address.ip().is_loopback() {
        return Err(ServeError::PlainBeyondLoopback(address));
    }
    let connections = Connections {
        transport,
        router,
        builder: builder(),
        graceful: GracefulShutdown::new(),
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    break;
                };
                let connection = connections.begin(stream, peer);
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            // Out of file descriptors, or the other end went away: neither is cured by haste.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, connections.graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were cut off");
    }
    Ok(())
}

struct Connections {
    transport: Transport,
    router: Router,
    builder: Builder<TokioExecutor>,
    graceful: GracefulShutdown,
}

impl Connections {
    /// Everything that happens on one connection.
    fn begin(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + use<> {
        let transport = self.transport.clone();
        let router = self.router.clone();
        let builder = self.builder.clone();
        let watcher = self.graceful.watcher();
        async move {
            // A kill waits for nobody's next packet.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "packets may be held back");
            }
            match transport {
                Transport::Plain => drive(&builder, stream, peer, router, watcher).await,
                Transport::Tls(acceptor) => {
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => drive(&builder, stream, peer, router, watcher).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
                        Err(_) => tracing::debug!(%peer, "the TLS handshake takes too long"),
                    }
                }
            }
        }
    }
}

async fn drive<S>(
    builder: &Builder<TokioExecutor>,
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| answer(router.clone(), peer, request));
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request).await
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
