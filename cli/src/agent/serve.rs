//! The agent's socket: who may connect, and the loop that answers.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::stat::{Mode, umask};
use portreeve_protocol::time::Timestamp;

use crate::agent::answer::Identity;
use crate::agent::wire;

/// How many clients may be connected at once; `ssh` needs one for a moment.
const MAX_CLIENTS: usize = 32;
/// How long a client may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How often the agent looks whether it is still wanted, in milliseconds.
const LOOK: u16 = 1_000;

/// Makes the socket, open to its owner only.
///
/// # Errors
/// When it cannot be made; a path of a socket has 107 bytes at most.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    // The folder is closed to others already; the mode is a second wall. There is one thread yet,
    // so nothing else is made under this mask.
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

/// Answers until `until`, or until the socket's file is gone.
///
/// # Errors
/// When the socket fails.
pub fn serve(
    listener: &UnixListener,
    path: &Path,
    identity: Identity,
    until: Timestamp,
    now: impl Fn() -> Timestamp,
) -> io::Result<()> {
    let identity = Arc::new(identity);
    let clients = Arc::new(AtomicUsize::new(0));
    while now() < until && path.exists() {
        let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(LOOK)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let (stream, _) = listener.accept()?;
        if !is_own(&stream) || clients.load(Ordering::Relaxed) >= MAX_CLIENTS {
            continue;
        }
        clients.fetch_add(1, Ordering::Relaxed);
        let (identity, count) = (Arc::clone(&identity), Arc::clone(&clients));
        std::thread::spawn(move || {
            // A client that breaks off harms nobody but itself.
            let _ = answer_all(stream, &identity);
            count.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

/// Whether the peer runs as the same user as we do. Not even root is answered: it needs no
/// socket to take what it wants, and a confused root process must not sign for somebody.
fn is_own(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials)
        .is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}

fn answer_all(mut stream: UnixStream, identity: &Identity) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    while let Some(message) = wire::read_message(&mut stream)? {
        stream.write_all(&wire::framed(&identity.answer(&message)))?;
    }
    Ok(())
}
