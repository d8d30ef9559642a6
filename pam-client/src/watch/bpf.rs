//! Watching by eBPF: programs of our own on two tracepoints and four hooks of each session's control
//! group, which write into a ring of that session. Four more, on the group above all, see the
//! connections of processes that have a session's ids and are outside of its group.
//!
//! The programs are made here out of instructions (`programs`, by `assembler`) because nothing that
//! was built elsewhere belongs into this program; where the kernel keeps what they read is looked up
//! in its own description (`layout`). They hold no right to change anything: they read and write
//! down. When the daemon ends, the kernel takes them away.
//!
//! A session's ring is its own, so a session cannot make another's events be lost. A ring is kept
//! for the next session, because the kernel takes its time to learn of a new one.

pub(crate) mod assembler;
pub(crate) mod layout;
pub(crate) mod programs;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

use self::assembler::BadJump;
use self::layout::Layout;
use self::programs::{Family, Kernel, Maps, Whose};
use super::btf::{Btf, BtfError, MOST_BTF};
use super::diary::Lost;
use super::record::{self, Seen};
use crate::counter::SessionUid;
use crate::log;
use crate::sys::bpf::{self, MapKind, MapShape, NotLoaded, ProgramKind};
use crate::sys::ring::Ring;

/// The kernel's description of its types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// Our namespace of process ids.
const NAMESPACE: &str = "/proc/self/ns/pid";
/// Most rings that are kept for sessions to come.
const MOST_SPARE: usize = 8;

/// Why this kernel cannot be watched so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEbpf {
    /// Its processor stores numbers the other way round.
    #[error("programs for this processor are not written")]
    Processor,
    /// It does not describe its types.
    #[error("cannot read `{VMLINUX}`: {0}")]
    NoTypes(#[source] io::Error),
    /// It does not say in which namespace of process ids we are.
    #[error("cannot read `{NAMESPACE}`: {0}")]
    NoNamespace(#[source] io::Error),
    /// It has other structures than we know.
    #[error(transparent)]
    Types(#[from] BtfError),
    /// It refuses a program.
    #[error("the program `{0}` is not loaded: {1}")]
    Program(&'static str, #[source] NotLoaded),
    /// A program was not written well.
    #[error(transparent)]
    Jump(#[from] BadJump),
    /// It refuses something else.
    #[error("cannot {0}: {1}")]
    Kernel(&'static str, #[source] Errno),
}

/// Watching by eBPF, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Ebpf {
    sessions: OwnedFd,
    ids: OwnedFd,
    processes: OwnedFd,
    connections: OwnedFd,
    /// What sees connections; empty where the kernel cannot.
    hooks: Vec<(ProgramKind, OwnedFd)>,
    /// While these are open, the programs run.
    _links: Vec<OwnedFd>,
    /// The same of what sees connections of strays; empty where the kernel cannot.
    strays: Vec<OwnedFd>,
    /// How large a ring is.
    buffer: u32,
    places: Mutex<Places>,
}

/// The rings that no session has now, the places that were given back, and the first place that
/// never had rings.
#[derive(Debug, Default)]
struct Places {
    free: Vec<Rings>,
    empty: Vec<u32>,
    next: u32,
}

impl Places {
    /// A place without rings.
    fn take(&mut self) -> u32 {
        self.empty.pop().unwrap_or_else(|| {
            let place = self.next;
            self.next = place.saturating_add(1);
            place
        })
    }
}

/// The rings of one place.
#[derive(Debug)]
struct Rings {
    place: u32,
    processes: Ring,
    connections: Ring,
}

impl Ebpf {
    /// Loads the programs, for this many sessions at a time; `buffer` is how many bytes the kernel
    /// keeps of what a session's processes do until we look, and as many of its connections;
    /// `groups` is where sessions' control groups are made.
    ///
    /// # Errors
    /// When this kernel has not what it takes, or we may not.
    pub(crate) fn start(most_sessions: u32, buffer: u32, groups: &Path) -> Result<Self, NoEbpf> {
        if cfg!(target_endian = "big") {
            return Err(NoEbpf::Processor);
        }
        let layout = layout()?;
        let kernel = Kernel {
            layout,
            pid_level: pid_level(&layout)?,
            pid_namespace: pid_namespace().map_err(NoEbpf::NoNamespace)?,
        };
        let sessions = map(MapKind::Hash, 8, programs::SESSION_VALUE, most_sessions)?;
        let ids = map(MapKind::Hash, 4, 8, most_sessions)?;
        let processes = rings(buffer, most_sessions)?;
        let connections = rings(buffer, most_sessions)?;
        let scratch = map(MapKind::PerCpuArray, 4, programs::SCRATCH, 1)?;
        let maps = Maps {
            sessions: sessions.as_raw_fd(),
            ids: ids.as_raw_fd(),
            processes: processes.as_raw_fd(),
            connections: connections.as_raw_fd(),
            scratch: scratch.as_raw_fd(),
        };
        let mut links = Vec::new();
        for (name, tracepoint, code) in [
            (
                "portreeve_start",
                c"sched_process_exec",
                programs::started(kernel, maps)?,
            ),
            (
                "portreeve_end",
                c"sched_process_exit",
                programs::ended(kernel, maps)?,
            ),
        ] {
            let program = bpf::load(ProgramKind::RawTracepoint, name, &code)
                .map_err(|error| NoEbpf::Program(name, error))?;
            let link = bpf::attach_to_tracepoint(program.as_fd(), tracepoint)
                .map_err(|error| NoEbpf::Kernel("attach to a tracepoint", error))?;
            links.push(link);
        }
        let hooks = hooks(kernel, maps, Whose::Members).unwrap_or_else(|error| {
            log::warning!("connections of sessions are not watched: {error}");
            Vec::new()
        });
        let strays = if hooks.is_empty() {
            Ok(Vec::new())
        } else {
            above_all(kernel, maps, groups)
        };
        Ok(Self {
            sessions,
            ids,
            processes,
            connections,
            hooks,
            strays: strays.unwrap_or_else(|error| {
                log::warning!(
                    "connections of sessions outside of their control groups are not watched: {error}"
                );
                Vec::new()
            }),
            _links: links,
            buffer,
            places: Mutex::default(),
        })
    }

    /// Whether connections are seen.
    pub(crate) fn sees_connections(&self) -> bool {
        !self.hooks.is_empty()
    }

    /// Whether connections of processes are seen that are outside of their session's control group.
    pub(crate) fn sees_connections_of_strays(&self) -> bool {
        !self.strays.is_empty()
    }

    /// Follows what happens in a control group, and what an account does elsewhere, from now on.
    ///
    /// # Errors
    /// When there are too many, or the kernel has no room.
    pub(crate) fn follow(self: &Arc<Self>, directory: &Path, uid: SessionUid) -> io::Result<Feed> {
        if levels(directory)? > programs::LEVELS {
            let why = format!("it is deeper than {} control groups", programs::LEVELS);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let directory = File::open(directory)?;
        // The number of a group's directory is the group's, on every kernel of 64 bits.
        let group = directory.metadata()?.ino();
        let rings = self.rings()?;
        let value = [u64::from(rings.place), 0, 0];
        let mut feed = Feed {
            ebpf: Arc::clone(self),
            group,
            uid,
            rings: Some(rings),
            links: Vec::new(),
        };
        bpf::update(self.sessions.as_fd(), &group, &value)?;
        bpf::update(self.ids.as_fd(), &uid.as_raw(), &group)?;
        let links = self
            .hooks
            .iter()
            .map(|(kind, program)| bpf::attach_to_group(program.as_fd(), directory.as_fd(), *kind));
        // Half of the hooks would be attested as all of them.
        match links.collect() {
            Ok(links) => feed.links = links,
            Err(error) => {
                log::warning!("connections of a session are not watched: {error}");
            }
        }
        Ok(feed)
    }

    /// Makes the rings of one session before anybody waits for them.
    pub(crate) fn warm(&self) {
        if let Ok(rings) = self.rings() {
            self.keep(rings);
        }
    }

    fn rings(&self) -> io::Result<Rings> {
        let place = {
            let mut places = self.places();
            if let Some(rings) = places.free.pop() {
                return Ok(rings);
            }
            places.take()
        };
        let made = || -> io::Result<Rings> {
            Ok(Rings {
                place,
                processes: ring(&self.processes, place, self.buffer)?,
                connections: ring(&self.connections, place, self.buffer)?,
            })
        };
        made().inspect_err(|_| self.clear(place))
    }

    /// Keeps rings for a session to come, or gives their place back.
    fn keep(&self, rings: Rings) {
        let place = {
            let mut places = self.places();
            if places.free.len() < MOST_SPARE {
                places.free.push(rings);
                return;
            }
            rings.place
        };
        self.clear(place);
    }

    /// Gives a place back, whose rings the kernel frees once no program writes there any more.
    fn clear(&self, place: u32) {
        // What is not there need not be taken away.
        let _ = bpf::delete(self.processes.as_fd(), &place);
        let _ = bpf::delete(self.connections.as_fd(), &place);
        self.places().empty.push(place);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Every change under this lock is one statement, so a panic leaves it whole.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one session does, as it happens.
#[derive(Debug)]
pub(crate) struct Feed {
    ebpf: Arc<Ebpf>,
    group: u64,
    uid: SessionUid,
    /// Always there until this is dropped.
    rings: Option<Rings>,
    /// While these are open, the session's connections are seen.
    links: Vec<OwnedFd>,
}

impl Feed {
    /// Whether connections are seen.
    pub(crate) const fn sees_connections(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether connections are seen of processes outside of the control group.
    pub(crate) fn sees_connections_of_strays(&self) -> bool {
        self.ebpf.sees_connections_of_strays()
    }

    /// What happened since the last time, as far as it is to be taken at once.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Seen> {
        let group = self.group;
        let Some(rings) = &mut self.rings else {
            return Vec::new();
        };
        let mut seen = Vec::new();
        for ring in [&mut rings.processes, &mut rings.connections] {
            let records = std::iter::from_fn(|| ring.next()).take(most);
            seen.extend(records.filter_map(|bytes| record::read(&bytes)));
        }
        // A program that was on its way when the session before ended may have written of it.
        seen.retain(|seen| seen.group == group);
        seen.sort_by_key(|seen| seen.at);
        seen
    }

    /// What was lost so far.
    pub(crate) fn lost(&self) -> Lost {
        let value = bpf::lookup::<u64, [u64; 3]>(self.ebpf.sessions.as_fd(), &self.group);
        let [_, processes, connections] = value.unwrap_or_default();
        Lost {
            processes,
            connections,
            uncounted: 0,
        }
    }

    /// Readable when something happened.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let rings = self.rings.iter();
        rings.flat_map(|rings| [rings.processes.as_fd(), rings.connections.as_fd()])
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.links.clear();
        // The entries are ours; where one is gone there is nothing to take away.
        let _ = bpf::delete(self.ebpf.ids.as_fd(), &self.uid.as_raw());
        let _ = bpf::delete(self.ebpf.sessions.as_fd(), &self.group);
        if let Some(mut rings) = self.rings.take() {
            while rings.processes.next().is_some() {}
            while rings.connections.next().is_some() {}
            self.ebpf.keep(rings);
        }
    }
}

/// How deep a control group is, the root of all being 0.
fn levels(directory: &Path) -> io::Result<i32> {
    let count = groups_above(directory)?.count();
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// The control groups that a control group is in, up to the root of all as far as we see it.
fn groups_above(directory: &Path) -> io::Result<impl Iterator<Item = &Path>> {
    let device = directory.metadata()?.dev();
    let above = directory.ancestors().skip(1);
    Ok(above.take_while(move |above| above.metadata().is_ok_and(|facts| facts.dev() == device)))
}

fn layout() -> Result<Layout, NoEbpf> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST_BTF).unwrap_or(u64::MAX);
    File::open(VMLINUX)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(NoEbpf::NoTypes)?;
    Ok(Layout::find(&Btf::parse(&bytes)?)?)
}

fn pid_namespace() -> io::Result<u32> {
    let number = std::fs::metadata(NAMESPACE)?.ino();
    u32::try_from(number).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn pid_level(layout: &Layout) -> Result<i32, NoEbpf> {
    let name = "portreeve_level";
    let program = bpf::load(
        ProgramKind::RawTracepoint,
        name,
        &programs::pid_level(layout)?,
    )
    .map_err(|error| NoEbpf::Program(name, error))?;
    let level = bpf::run_once(program.as_fd())
        .map_err(|error| NoEbpf::Kernel("ask for the namespace of process ids", error))?;
    // Namespaces are nested 32 deep at most.
    i32::try_from(level)
        .ok()
        .filter(|level| *level <= 32)
        .ok_or(NoEbpf::Kernel(
            "tell the namespace of process ids",
            Errno::ERANGE,
        ))
}

/// Attaches what sees connections of strays to the control group above all.
fn above_all(kernel: Kernel, maps: Maps, groups: &Path) -> Result<Vec<OwnedFd>, NoEbpf> {
    let attach = "attach to the control group above all";
    let unseen = |error: io::Error| {
        let errno = error.raw_os_error().unwrap_or_default();
        NoEbpf::Kernel(attach, Errno::from_raw(errno))
    };
    let top = groups_above(groups).map_err(unseen)?.last();
    let top = File::open(top.unwrap_or(groups)).map_err(unseen)?;
    let hooks = hooks(kernel, maps, Whose::Strays)?.into_iter();
    hooks
        .map(|(kind, program)| bpf::attach_to_group(program.as_fd(), top.as_fd(), kind))
        .collect::<Result<_, _>>()
        .map_err(|error| NoEbpf::Kernel(attach, error))
}

fn hooks(kernel: Kernel, maps: Maps, whose: Whose) -> Result<Vec<(ProgramKind, OwnedFd)>, NoEbpf> {
    let mut hooks = Vec::new();
    for (kind, name, family) in [
        (ProgramKind::Connect4, "portreeve_conn4", Family::Four),
        (ProgramKind::Connect6, "portreeve_conn6", Family::Six),
        (ProgramKind::Send4, "portreeve_send4", Family::Four),
        (ProgramKind::Send6, "portreeve_send6", Family::Six),
    ] {
        let code = programs::connected(kernel, maps, family, whose)?;
        let program = bpf::load(kind, name, &code).map_err(|error| NoEbpf::Program(name, error))?;
        hooks.push((kind, program));
    }
    Ok(hooks)
}

fn map(kind: MapKind, key: u32, value: u32, entries: u32) -> Result<OwnedFd, NoEbpf> {
    let shape = MapShape {
        kind,
        key,
        value,
        entries,
    };
    bpf::make_map(shape, None).map_err(|error| NoEbpf::Kernel("make a map", error))
}

/// A list of rings, none of which is there yet.
fn rings(size: u32, most: u32) -> Result<OwnedFd, NoEbpf> {
    let example = map(MapKind::Ring, 0, 0, size)?;
    let list = MapShape {
        kind: MapKind::ArrayOfMaps,
        key: 4,
        value: 4,
        entries: most,
    };
    bpf::make_map(list, Some(example.as_fd()))
        .map_err(|error| NoEbpf::Kernel("make a list of rings", error))
}

/// A ring at a place of a list.
fn ring(list: &OwnedFd, place: u32, size: u32) -> io::Result<Ring> {
    let shape = MapShape {
        kind: MapKind::Ring,
        key: 0,
        value: 0,
        entries: size,
    };
    let map = bpf::make_map(shape, None)?;
    bpf::update(list.as_fd(), &place, &map.as_raw_fd().unsigned_abs())?;
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(Ring::new(map, size)?)
}
