//! Accepting connections and answering on them, one thread each.

use std::io::{self, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::Until;
use crate::clock::Clock;
use crate::entropy;
use crate::sign::frame::{self, Answer, Ask, MAX_BATCH};
use crate::sign::signatory::Signatory;

/// The most connections at a time; a server needs one.
const MAX_CONNECTIONS: usize = 32;
/// How long a server may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers until `until`.
pub(super) fn serve(
    listener: &UnixListener,
    allowed: u32,
    signatory: &Arc<Signatory>,
    clock: &Clock,
    until: Until,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let open = Arc::new(AtomicUsize::new(0));
    while wait(listener, until)? {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // Whoever knocked is gone again, or there are no file descriptors left for a moment.
            Err(error) => {
                tracing::warn!(%error, "a connection is not accepted");
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
        };
        if let Err(error) = admit(&stream, allowed, &open) {
            tracing::warn!(%error, "a connection is refused");
            continue;
        }
        let place = Place::taken(&open);
        let (signatory, clock) = (Arc::clone(signatory), clock.clone());
        std::thread::Builder::new()
            .name("connection".into())
            .spawn(move || {
                let _place = place;
                match converse(stream, &signatory, &clock) {
                    Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                        tracing::warn!(%error, "a connection is closed");
                    }
                    _ => {}
                }
            })?;
    }
    Ok(())
}

/// Waits for somebody to connect; says no when it is time to end.
fn wait(listener: &UnixListener, until: Until) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    if until == Until::StdinClosed {
        fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
    }
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) => {}
        Err(nix::errno::Errno::EINTR) => return Ok(true),
        Err(error) => return Err(error.into()),
    }
    let stdin_ready = fds.get(1).and_then(PollFd::any).unwrap_or(false);
    // Nobody writes there; readable means closed.
    Ok(!stdin_ready)
}

fn admit(stream: &UnixStream, allowed: u32, open: &AtomicUsize) -> io::Result<()> {
    let peer = getsockopt(stream, PeerCredentials)?.uid();
    if peer != allowed {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("user {peer} is not the server's"),
        ));
    }
    if open.load(Ordering::SeqCst) >= MAX_CONNECTIONS {
        return Err(io::Error::new(
            io::ErrorKind::QuotaExceeded,
            "too many connections",
        ));
    }
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// One of the connections that may be open; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn taken(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers batches until the other side closes. What is not understood ends the connection: the
/// server on the other side is our own.
fn converse(stream: UnixStream, signatory: &Signatory, clock: &Clock) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut body = Vec::new();
    loop {
        let mut head = [0; 4];
        reader.read_exact(&mut head)?;
        body.resize(frame::length(head).map_err(invalid)?, 0);
        reader.read_exact(&mut body)?;
        let Ask { number, requests } = frame::decode(&body).map_err(invalid)?;
        if requests.len() > MAX_BATCH {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the batch is too large",
            ));
        }
        let responses = requests
            .into_iter()
            .map(|request| signatory.answer(request, clock.now(), entropy::random()))
            .collect();
        let answer = Answer { number, responses };
        writer.write_all(&frame::encode(&answer).map_err(invalid)?)?;
    }
}

fn invalid(error: frame::NotAFrame) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
