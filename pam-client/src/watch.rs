//! What runs in sessions: every program that begins or ends in a session's control group, or
//! elsewhere with the ids of its account, and every connection that is asked for, however it came
//! about.
//!
//! The daemon finds out at its start by what this kernel can be watched ([`Source`]). A session is
//! followed from before its account is ready until its last process is dead ([`Sight`]), by the
//! thread that holds it. What was seen becomes host events (`diary`). Nothing here stops anything,
//! and no session waits for it: a host that cannot watch says so in its attestations.

pub(crate) mod bpf;
pub(crate) mod btf;
pub(crate) mod connector;
pub(crate) mod diary;
pub(crate) mod record;

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::attest::{HostFact, HostWatch, OutsideWatch, Watcher};

use self::bpf::Ebpf;
use self::connector::Connector;
use self::diary::{Diary, Lost};
use self::record::Seen;
use crate::clock::Moment;
use crate::config::Config;
use crate::counter::SessionUid;
use crate::log;

/// How long what was seen is collected before it is told: an event costs a signature and a write to
/// the disk, and one event has room for hundreds of programs.
const PAUSE: Duration = Duration::from_millis(50);
/// How much is taken of each ring at once, so that the thread also looks at its lease.
const MOST_AT_ONCE: usize = 4096;

/// By what this host watches.
#[derive(Debug)]
pub(crate) enum Source {
    /// Programs in the kernel.
    Ebpf(Arc<Ebpf>),
    /// What the kernel says of processes, and `/proc`.
    Connector(Connector),
    /// Nothing.
    Nobody,
}

impl Source {
    /// Finds out; `groups` is where sessions' control groups are made.
    pub(crate) fn find(config: &Config, groups: &Path) -> Self {
        let most = u32::try_from(config.max_sessions).unwrap_or(u32::MAX);
        let buffer = config.watch_buffer_kib.saturating_mul(1024);
        let no_ebpf = match Ebpf::start(most, buffer, groups) {
            Ok(ebpf) => {
                ebpf.warm();
                return Self::Ebpf(Arc::new(ebpf));
            }
            Err(error) => error,
        };
        match Connector::start() {
            Ok(connector) => {
                log::warning!(
                    "what runs in sessions is watched by the process connector: {no_ebpf}"
                );
                Self::Connector(connector)
            }
            Err(error) => {
                log::warning!("what runs in sessions is not watched: {no_ebpf}; {error}");
                Self::Nobody
            }
        }
    }

    /// What an attestation says.
    pub(crate) fn watch(&self) -> HostWatch {
        match self {
            Self::Ebpf(ebpf) => by_ebpf(ebpf.sees_connections(), ebpf.sees_connections_of_strays()),
            Self::Connector(_) => BY_CONNECTOR,
            Self::Nobody => HostWatch::NOTHING,
        }
    }

    /// Follows a session's control group, and its account elsewhere, from now on; nothing where that
    /// cannot be done.
    pub(crate) fn follow(&self, group: &Path, uid: SessionUid, now: Moment) -> Option<Sight> {
        let feed = match self {
            Self::Ebpf(ebpf) => ebpf.follow(group, uid).map(Feed::Ebpf),
            Self::Connector(connector) => connector.follow(group, uid).map(Feed::Connector),
            Self::Nobody => return None,
        };
        match feed {
            Ok(feed) => Some(Sight {
                watch: feed.watch(),
                feed,
                diary: Diary::new(now),
                looked_at: None,
                is_behind: false,
            }),
            Err(error) => {
                log::error!("`{}` is not watched: {error}", group.display());
                None
            }
        }
    }
}

const BY_CONNECTOR: HostWatch = HostWatch {
    processes: Watcher::ProcessConnector,
    connections: Watcher::Absent,
    outside: Some(OutsideWatch {
        processes: Watcher::ProcessConnector,
        connections: Watcher::Absent,
    }),
};

const fn by_ebpf(sees_connections: bool, also_of_strays: bool) -> HostWatch {
    const fn ebpf_if(sees: bool) -> Watcher {
        if sees { Watcher::Ebpf } else { Watcher::Absent }
    }
    HostWatch {
        processes: Watcher::Ebpf,
        connections: ebpf_if(sees_connections),
        outside: Some(OutsideWatch {
            processes: Watcher::Ebpf,
            connections: ebpf_if(also_of_strays),
        }),
    }
}

/// What one session does, by whatever it is watched.
#[derive(Debug)]
enum Feed {
    Ebpf(bpf::Feed),
    Connector(connector::Feed),
}

impl Feed {
    /// What of this session is seen, which can be less than what the host could see at its start.
    fn watch(&self) -> HostWatch {
        match self {
            Self::Ebpf(feed) => by_ebpf(feed.sees_connections(), feed.sees_connections_of_strays()),
            Self::Connector(_) => BY_CONNECTOR,
        }
    }

    fn take(&mut self, most: usize) -> Vec<Seen> {
        match self {
            Self::Ebpf(feed) => feed.take(most),
            // What waits there is bounded.
            Self::Connector(feed) => feed.take(),
        }
    }

    fn lost(&self) -> Lost {
        match self {
            Self::Ebpf(feed) => feed.lost(),
            Self::Connector(feed) => feed.lost(),
        }
    }

    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Ebpf(feed) => feed.fds().collect(),
            Self::Connector(feed) => vec![feed.fd()],
        }
    }
}

/// A session that is followed.
#[derive(Debug)]
pub(crate) struct Sight {
    feed: Feed,
    diary: Diary,
    /// When there was something to tell, lately.
    looked_at: Option<Duration>,
    is_behind: bool,
    watch: HostWatch,
}

impl Sight {
    /// What the session's attestation says.
    pub(crate) const fn watch(&self) -> HostWatch {
        self.watch
    }

    /// How long to leave what is there alone; nothing when it is to be waited for.
    pub(crate) fn patience(&self, now: Moment) -> Option<Duration> {
        if self.is_behind {
            return Some(Duration::ZERO);
        }
        let passed = now.boot.saturating_sub(self.looked_at?);
        PAUSE.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// Readable when something was seen.
    pub(crate) fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.feed.fds()
    }

    /// What was seen since the last time; `room` is how much of it the journal takes.
    pub(crate) fn look(&mut self, room: u64, now: Moment) -> Vec<HostFact> {
        if self.patience(now).is_some_and(|left| !left.is_zero()) {
            return Vec::new();
        }
        let seen = self.feed.take(MOST_AT_ONCE);
        self.is_behind = seen.len() >= MOST_AT_ONCE;
        self.looked_at = (!seen.is_empty()).then_some(now.boot);
        self.diary.tell(seen, self.feed.lost(), room, now)
    }

    /// The rest, once every process of the session is dead.
    pub(crate) fn finish(mut self, room: u64, now: Moment) -> Vec<HostFact> {
        let seen = self.feed.take(usize::MAX);
        self.diary.close(seen, self.feed.lost(), room, now)
    }
}
