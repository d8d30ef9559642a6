//! One connection: HTTP over whatever protects it, until it is over, idle for too long, or the
//! service stops.
//!
//! Which HTTP is spoken is settled by TLS, never guessed from what a client sends first: a client
//! that sends nothing would be waited for without an end.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::Service as _;

/// From here on a head is not read further, which holds two tokens at most. What came with the last
/// read is looked at all the same, so a head of twice this size is refused.
const MAX_HEAD: usize = 64 * 1024;
/// The most headers.
const MAX_HEADERS: usize = 64;
/// The most requests at a time on one connection.
const MAX_STREAMS: u32 = 256;
/// How long a connection may take to end once it was told to.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until a request's head is there; over HTTP/1 this is also how long the next one may take.
    pub(super) head: Duration,
    /// While there is no request on the connection.
    pub(super) idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Answers requests on `stream` with `router`.
pub(super) async fn serve<S>(
    version: Version,
    stream: S,
    peer: SocketAddr,
    router: Router,
    patience: Patience,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (busy, requests) = watch::channel(0_usize);
    let service = hyper::service::service_fn(move |request| {
        let answer = answer(router.clone(), peer, request);
        let turn = Turn::begin(&busy);
        async move {
            answer
                .await
                .map(|response| response.map(|body| turn.with(body)))
        }
    });
    let stream = TokioIo::new(stream);
    let idle = idle(requests, patience.idle);
    let ended = match version {
        Version::One => {
            let http = http1(patience.head).serve_connection(stream, service);
            run(http, idle, stop).await
        }
        Version::Two => run(http2().serve_connection(stream, service), idle, stop).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

/// Runs a connection to its end. One that is idle or not wanted any more is told to end, and cut
/// off when it does not.
async fn run<C: GracefulConnection>(
    connection: C,
    idle: impl Future<Output = ()>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = idle => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::time::timeout(FAREWELL, connection)
        .await
        .unwrap_or(Ok(()))
}

/// Resolves when there was no request for so long.
async fn idle(mut requests: watch::Receiver<usize>, patience: Duration) {
    loop {
        // The sender goes with the connection, which ends this too.
        if requests.wait_for(|open| *open == 0).await.is_err() {
            return;
        }
        let next = requests.wait_for(|open| *open > 0);
        if tokio::time::timeout(patience, next).await.is_err() {
            return;
        }
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

fn http1(head: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD);
    builder
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// One request, from its head to the last byte of its answer.
#[derive(Debug)]
struct Turn(watch::Sender<usize>);

impl Turn {
    fn begin(busy: &watch::Sender<usize>) -> Self {
        busy.send_modify(|open| *open += 1);
        Self(busy.clone())
    }

    /// The answer's body; the turn is over with it.
    fn with(self, body: Body) -> Held {
        Held { body, _turn: self }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// A body that holds its turn.
#[derive(Debug)]
struct Held {
    body: Body,
    _turn: Turn,
}

impl HttpBody for Held {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
