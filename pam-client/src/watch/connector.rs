//! Watching by the kernel's process connector, where there is no eBPF: the kernel says which process
//! began a program and which one ended, and `/proc` says the rest, if the process is still there.
//!
//! Tells less than eBPF does: a process that is gone before it is looked at is a loss that is
//! counted, what the kernel had no room for is one that is not, and connections are not seen. Only
//! the first network and process namespaces of a host have it, and it asks for CAP_NET_ADMIN.

pub(crate) mod message;

mod look;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

use self::message::Message;
use super::diary::Lost;
use super::record::{Seen, What};
use crate::clock;
use crate::counter::SessionUid;
use crate::leases::Waker;
use crate::log;

/// `NETLINK_CONNECTOR`, and its group for processes.
const CONNECTOR: u32 = 11;
const PROCESSES: u32 = 1;
/// How much the kernel keeps for us: some tens of thousands of messages.
const BUFFER: usize = 8 * 1024 * 1024;
/// How long the kernel may take to answer the question to be told.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much waits for a session's thread.
const MOST_WAITING: usize = 16_384;

/// Why this host cannot be watched so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnector {
    /// The kernel refuses something.
    #[error("cannot use the process connector: {0}")]
    Kernel(#[from] io::Error),
    /// The kernel does not answer: we are in a namespace of our own.
    #[error("the process connector does not answer")]
    Silent,
    /// The kernel refuses to tell.
    #[error("the process connector refuses: {0}; it asks for CAP_NET_ADMIN")]
    Refused(io::Error),
}

/// Watching by the process connector.
#[derive(Debug)]
pub(crate) struct Connector {
    table: Arc<Mutex<Table>>,
}

/// Who is followed.
#[derive(Debug, Default)]
struct Table {
    /// By the name of the group's directory.
    sessions: BTreeMap<Vec<u8>, Arc<Inbox>>,
    /// The processes of sessions, by what the kernel said of their parents.
    members: HashMap<i32, Member>,
    /// Nobody listens any more.
    is_deaf: bool,
}

/// Whose a process is.
#[derive(Debug, Clone)]
struct Member {
    inbox: Arc<Inbox>,
    /// By its ids only: it is not in the control group.
    is_outside: bool,
}

/// What waits for a session's thread.
#[derive(Debug)]
struct Inbox {
    /// The session's account.
    uid: SessionUid,
    waker: Waker,
    waiting: Mutex<(Vec<Seen>, Lost)>,
}

impl Connector {
    /// Asks the kernel to tell, and listens in a thread of its own.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn start() -> Result<Self, NoConnector> {
        let socket = socket().map_err(io::Error::from)?;
        let question = message::listen(0);
        rustix::net::send(&socket, &question, SendFlags::empty()).map_err(io::Error::from)?;
        answered(&socket)?;
        let table = Arc::new(Mutex::new(Table::default()));
        let heard = Arc::clone(&table);
        thread::Builder::new()
            .name("connector".into())
            .spawn(move || listen(&socket, &heard))?;
        Ok(Self { table })
    }

    /// Follows what happens in a control group, and what an account does elsewhere, from now on.
    ///
    /// # Errors
    /// When nobody listens, or there are no descriptors.
    pub(crate) fn follow(&self, directory: &Path, uid: SessionUid) -> io::Result<Feed> {
        let name = directory.file_name().unwrap_or_default().as_bytes();
        let inbox = Arc::new(Inbox {
            uid,
            waker: Waker::new()?,
            waiting: Mutex::default(),
        });
        let mut table = locked(&self.table);
        if table.is_deaf {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        table.sessions.insert(name.to_vec(), Arc::clone(&inbox));
        Ok(Feed {
            table: Arc::clone(&self.table),
            name: name.to_vec(),
            inbox,
        })
    }
}

/// What one session does, as it happens.
#[derive(Debug)]
pub(crate) struct Feed {
    table: Arc<Mutex<Table>>,
    name: Vec<u8>,
    inbox: Arc<Inbox>,
}

impl Feed {
    /// What happened since the last time.
    pub(crate) fn take(&mut self) -> Vec<Seen> {
        self.inbox.waker.clear();
        std::mem::take(&mut locked(&self.inbox.waiting).0)
    }

    /// What was lost so far.
    pub(crate) fn lost(&self) -> Lost {
        locked(&self.inbox.waiting).1
    }

    /// Readable when something happened.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.inbox.waker.as_fd()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut table = locked(&self.table);
        table.sessions.remove(&self.name);
        table
            .members
            .retain(|_, member| !Arc::ptr_eq(&member.inbox, &self.inbox));
    }
}

impl Member {
    fn add(&self, pid: i32, what: Option<What>) {
        let mut waiting = locked(&self.inbox.waiting);
        match what {
            Some(what) if waiting.0.len() < MOST_WAITING => waiting.0.push(Seen {
                at: clock::now().boot,
                group: 0,
                pid,
                is_outside: self.is_outside,
                what,
            }),
            Some(_) | None => waiting.1.processes = waiting.1.processes.saturating_add(1),
        }
        drop(waiting);
        self.inbox.waker.wake();
    }
}

impl Table {
    fn hear(&mut self, message: Message) {
        if self.sessions.is_empty() {
            return;
        }
        match message {
            Message::Answer(_) => {}
            Message::Forked { parent, child } => {
                // While the parent is there: its child may be gone before it is looked at.
                if let Some(member) = self.session_of(parent) {
                    self.members.insert(child, member);
                }
            }
            Message::Began(pid) => {
                if let Some(member) = self.session_of(pid) {
                    member.add(pid, look::at(pid).map(What::Started));
                    self.members.insert(pid, member);
                }
            }
            Message::Ended { pid, status } => {
                if let Some(member) = self.members.remove(&pid) {
                    member.add(pid, Some(What::Ended { status }));
                }
            }
        }
    }

    /// A process is of its parent's session, unless it was put into a group by root, or was given the
    /// ids of an account: the first one.
    fn session_of(&self, pid: i32) -> Option<Member> {
        let known = self.members.get(&pid);
        if let Some(member) = known.filter(|member| !member.is_outside) {
            return Some(member.clone());
        }
        // A login has its ids before it is put into the group.
        self.member_by_group(pid)
            .or_else(|| known.cloned())
            .or_else(|| self.member_by_ids(pid))
    }

    fn member_by_group(&self, pid: i32) -> Option<Member> {
        let mut sessions = self.sessions.iter();
        let found = sessions.find(|(name, _)| look::is_in(pid, name));
        found.map(|(_, inbox)| Member {
            inbox: Arc::clone(inbox),
            is_outside: false,
        })
    }

    fn member_by_ids(&self, pid: i32) -> Option<Member> {
        let ids = look::ids_of(pid);
        let mut inboxes = self.sessions.values();
        let found = inboxes.find(|inbox| ids.contains(&inbox.uid.as_raw()));
        found.map(|inbox| Member {
            inbox: Arc::clone(inbox),
            is_outside: true,
        })
    }

    /// Something was not heard, of whomever.
    fn miss(&mut self) {
        for inbox in self.sessions.values() {
            let mut waiting = locked(&inbox.waiting);
            waiting.1.uncounted = waiting.1.uncounted.saturating_add(1);
            drop(waiting);
            inbox.waker.wake();
        }
        // Who ended meanwhile is not known, and another process may have its number.
        self.members.clear();
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    let connector = NonZeroU32::new(CONNECTOR).map(Protocol::from_raw);
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        connector,
    )?;
    // Without the right to force it, the host's own bound is what there is.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER)
        .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER));
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, PROCESSES))?;
    Ok(socket)
}

/// Waits for the kernel's answer.
fn answered(socket: &OwnedFd) -> Result<(), NoConnector> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) => return Err(NoConnector::Silent),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        if left.is_zero() {
            return Err(NoConnector::Silent);
        }
        for message in heard(socket).map_err(io::Error::from)? {
            if let Message::Answer(error) = message {
                return match i32::try_from(error) {
                    Ok(0) => Ok(()),
                    error => {
                        let error = io::Error::from_raw_os_error(error.unwrap_or_default());
                        Err(NoConnector::Refused(error))
                    }
                };
            }
        }
    }
}

/// The next messages. What anybody but the kernel sent is nothing.
fn heard(socket: &OwnedFd) -> Result<Vec<Message>, Errno> {
    let mut buffer = [0; 8192];
    let (_, length, from) = rustix::net::recvfrom(socket, &mut buffer, RecvFlags::empty())?;
    let is_kernel = from
        .and_then(|from| SocketAddrNetlink::try_from(from).ok())
        .is_some_and(|from| from.pid() == 0);
    let datagram = buffer.get(..length).filter(|_| is_kernel);
    Ok(message::read(datagram.unwrap_or_default()))
}

fn listen(socket: &OwnedFd, table: &Mutex<Table>) {
    loop {
        match heard(socket) {
            Ok(messages) => {
                let mut table = locked(table);
                messages.into_iter().for_each(|message| table.hear(message));
            }
            Err(Errno::NOBUFS) => locked(table).miss(),
            Err(Errno::INTR) => {}
            Err(error) => {
                log::error!("the process connector is not heard any more: {error}");
                let mut table = locked(table);
                table.is_deaf = true;
                return table.miss();
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is whole after each statement under them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
