//! The daemon: root, one socket, no network.
//!
//! Starts, finishes what an earlier one did not, listens, and ends everything when it is asked to
//! end. Asked to make room for another daemon, it first waits for its last session to end
//! (`retire.rs`). A connection is a thread (`serve.rs`).

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::id::SessionId;

use crate::account;
use crate::at_once;
use crate::clock;
use crate::end;
use crate::exit::Exit;
use crate::file;
use crate::host::{CONTROL_USER, Host, NoHost};
use crate::log;
use crate::nss;
use crate::paths::Paths;
use crate::serve;
use crate::service_manager::ServiceManager;
use crate::uid;

/// How long a lock may outlive the daemon that held it.
const FORKED: Duration = Duration::from_secs(1);
/// How often journals that nobody needs are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// How often a daemon that was asked to make room looks whether it can.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often what is left of a session is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(60);
/// The signal that asks the daemon to make room.
const HANG_UP: u32 = nix::libc::SIGHUP.cast_unsigned();
/// How long sessions may take to end when the daemon is asked to.
const SHUTDOWN: Duration = Duration::from_secs(60);
/// Connections beside those that hold sessions: logins of root's, and of the control user's.
const SPARE: usize = 128;

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    /// Another one runs.
    #[error("another daemon runs")]
    Another,
    /// This host cannot be served.
    #[error(transparent)]
    Host(#[from] NoHost),
    /// The socket or the signals cannot be set up.
    #[error("cannot listen: {0}")]
    Io(#[from] io::Error),
    /// Somebody else than root runs it.
    #[error("run this as root")]
    NotRoot,
    /// A name service does not answer.
    #[error("cannot look up the group `{CONTROL_USER}`: {0}")]
    NameService(Errno),
}

impl DaemonError {
    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Another => Exit::Busy,
            Self::Host(_) | Self::Io(_) | Self::NotRoot | Self::NameService(_) => Exit::Failed,
        }
    }
}

/// Runs until it is asked to end.
pub(crate) fn run(paths: Paths) -> Result<(), DaemonError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(DaemonError::NotRoot);
    }
    // Before any thread, which inherits it: signals arrive where they are read and nowhere else.
    let signals = signals().map_err(io::Error::from)?;
    file::directory(&paths.state(), 0o700)?;
    let _lock = only_one(&paths, FORKED)?;
    if let Err(error) = account::settle(&paths.tools_lock()) {
        // Sessions must be removed all the same; only what that tool still makes would be missed.
        log::error!("a tool of an earlier daemon may still run: {error}");
    }
    let (host, unfinished) = Host::find(paths)?;
    let host = Arc::new(host);
    let listener = listen(&host)?;
    // The socket is there before the removal is done, because PAM asks it about every login and
    // is told that no account has a lease.
    let recovery = finish(&host, [unfinished, host.to_retry()].concat());
    host.checker.warm();
    let looks = Arc::clone(&host);
    // A name service that does not answer takes minutes to say so.
    thread::spawn(move || uid::say_what_is_wrong(&looks));
    let mut manager = ServiceManager::of_this_process(Instant::now());
    manager.ready();
    log::info!(
        "host `{}` listens on `{}`",
        host.trust.host,
        host.paths.socket().display()
    );
    let why = serve_until_over(&host, &listener, &signals, &recovery, &mut manager)?;
    manager.stopping();
    match why {
        Over::Told => log::info!("asked to end: all sessions end"),
        Over::MadeRoom => log::info!("no session is left: makes room for another daemon"),
    }
    host.stop();
    wait_for_the_last(&host, &mut manager);
    let _ = recovery.join();
    let _ = file::remove_if_there(&host.paths.socket());
    Ok(())
}

fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    mask.add(Signal::SIGHUP);
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// Takes the lock of the one daemon. A child that a killed daemon had just forked holds it until it
/// becomes its program, which is no other daemon.
fn only_one(paths: &Paths, patience: Duration) -> Result<File, DaemonError> {
    let lock = File::create(paths.lock())?;
    let deadline = Instant::now() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(DaemonError::Another);
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

fn listen(host: &Host) -> Result<UnixListener, DaemonError> {
    let path = host.paths.socket();
    file::remove_if_there(&path)?;
    file::remove_if_there(&host.paths.socket_put_away())?;
    let listener = UnixListener::bind(&path)?;
    // Standing users cannot even connect; who may ask what is decided by credentials all the same.
    let group = nss::group(CONTROL_USER).map_err(DaemonError::NameService)?;
    chown(&path, Some(0), group)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Removes the sessions that an earlier daemon did not finish: as many at a time as may live, because
/// the files of one must not keep the processes of another alive.
fn finish(host: &Arc<Host>, unfinished: Vec<SessionId>) -> thread::JoinHandle<()> {
    let host = Arc::clone(host);
    thread::spawn(move || {
        at_once::each(unfinished, host.config.max_sessions, |session| {
            log::warning!("session {session}: an earlier daemon did not finish it");
            end::resume(&host, session, EndCause::Restarted);
        });
    })
}

/// Why the daemon serves no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// It was told to end, whatever is live.
    Told,
    /// It was asked to make room, and nothing is live.
    MadeRoom,
}

fn serve_until_over(
    host: &Arc<Host>,
    listener: &UnixListener,
    signals: &SignalFd,
    recovery: &thread::JoinHandle<()>,
    manager: &mut ServiceManager,
) -> io::Result<Over> {
    let connections = Connections::new(host.config.max_sessions);
    let mut retried_at = Instant::now();
    loop {
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        let retires = host.retirement().is_some();
        let own = if retires { LOOK_EVERY } else { TIDY_EVERY };
        let patience = own.min(manager.patience(Instant::now()));
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        match signals.read_signal() {
            Ok(Some(signal)) if signal.ssi_signo == HANG_UP => host.retire(clock::now()),
            Ok(Some(_)) => return Ok(Over::Told),
            Ok(None) | Err(_) => {}
        }
        accept_all(host, listener, &connections);
        host.tidy(clock::now().wall);
        if retires && recovery.is_finished() && makes_room(host, listener, &connections)? {
            return Ok(Over::MadeRoom);
        }
        if retried_at.elapsed() >= RETRY_EVERY {
            retried_at = Instant::now();
            drop(finish(host, host.to_retry()));
        }
        manager.works(Instant::now(), || host.leases.wait_until_free());
    }
}

/// Whether nothing is live and nobody is on the way in. Then the socket is put away and nobody
/// arrives any more: those who look for it wait for the next daemon.
fn makes_room(
    host: &Arc<Host>,
    listener: &UnixListener,
    connections: &Connections,
) -> io::Result<bool> {
    let is_idle = || host.leases.is_empty() && connections.is_empty();
    if !is_idle() {
        return Ok(false);
    }
    let (socket, put_away) = (host.paths.socket(), host.paths.socket_put_away());
    std::fs::rename(&socket, &put_away)?;
    // Who connected a moment ago is not turned away.
    accept_all(host, listener, connections);
    if !is_idle() {
        std::fs::rename(&put_away, &socket)?;
        return Ok(false);
    }
    file::remove_if_there(&put_away)?;
    Ok(true)
}

fn accept_all(host: &Arc<Host>, listener: &UnixListener, connections: &Connections) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => serve_in_thread(host, stream, connections),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                host.complain(&format!("cannot accept a connection: {error}"));
                // Out of files: trying again at once would only burn the processor.
                thread::sleep(Duration::from_millis(50));
                return;
            }
        }
    }
}

fn serve_in_thread(host: &Arc<Host>, stream: UnixStream, connections: &Connections) {
    let peer = match stream
        .set_nonblocking(false)
        .and_then(|()| serve::peer_of(&stream))
    {
        Ok(peer) => peer,
        Err(error) => return host.complain(&format!("cannot tell who connects: {error}")),
    };
    // Root's questions decide about logins; control connections must not crowd them out.
    let Some(ticket) = connections.ticket(peer.uid == 0) else {
        return host.complain("too many connections at a time; one was closed");
    };
    let thread_host = Arc::clone(host);
    let serve = move || {
        let _ticket = ticket;
        if let Err(error) = serve::serve(&thread_host, stream, peer) {
            log::info!("process {} of user {}: {error}", peer.pid, peer.uid);
        }
    };
    if let Err(error) = thread::Builder::new()
        .name("connection".into())
        .spawn(serve)
    {
        host.complain(&format!("cannot start a thread: {error}"));
    }
}

/// Counts connections, root's apart from the others'.
#[derive(Debug)]
struct Connections {
    of_root: Arc<AtomicUsize>,
    of_others: Arc<AtomicUsize>,
    most_of_others: usize,
}

/// One connection that counts until it is dropped.
#[derive(Debug)]
struct Ticket(Arc<AtomicUsize>);

impl Connections {
    fn new(sessions: usize) -> Self {
        Self {
            of_root: Arc::default(),
            of_others: Arc::default(),
            most_of_others: sessions.saturating_add(SPARE),
        }
    }

    fn ticket(&self, root: bool) -> Option<Ticket> {
        let (counter, most) = if root {
            (&self.of_root, SPARE)
        } else {
            (&self.of_others, self.most_of_others)
        };
        let ticket = Ticket(Arc::clone(counter));
        let before = counter.fetch_add(1, Ordering::SeqCst);
        (before < most).then_some(ticket)
    }

    fn is_empty(&self) -> bool {
        [&self.of_root, &self.of_others]
            .iter()
            .all(|counter| counter.load(Ordering::SeqCst) == 0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn wait_for_the_last(host: &Host, manager: &mut ServiceManager) {
    let deadline = Instant::now() + SHUTDOWN;
    while !host.leases.is_empty() || host.looks.is_busy() {
        if Instant::now() >= deadline {
            return log::error!("some sessions did not end in time; the next start removes them");
        }
        manager.works(Instant::now(), || host.leases.wait_until_free());
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_waited_for_and_another_daemon_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::below(directory.path());
        file::directory(&paths.state(), 0o700).unwrap();
        let held = only_one(&paths, Duration::ZERO).unwrap();
        let another = only_one(&paths, Duration::from_millis(30));
        assert!(matches!(another, Err(DaemonError::Another)));
        let released = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            drop(held);
        });
        assert!(only_one(&paths, Duration::from_secs(60)).is_ok());
        released.join().unwrap();
    }

    #[test]
    fn control_connections_do_not_crowd_out_logins() {
        let connections = Connections::new(2);
        let held: Vec<_> = std::iter::from_fn(|| connections.ticket(false)).collect();
        assert_eq!(held.len(), 2 + SPARE);
        assert!(connections.ticket(true).is_some());
        assert!(!connections.is_empty());
        drop(held);
        assert!(connections.is_empty());
        assert!(connections.ticket(false).is_some());
    }
}
