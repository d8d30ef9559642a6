//! bpf(2): maps, programs and where they are attached. Nothing here knows what a program is for.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const MAP_UPDATE: libc::c_long = 2;
const MAP_DELETE: libc::c_long = 3;
const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const LINK_CREATE: libc::c_long = 28;

/// What the verifier may say about a program that it refuses.
const MOST_LOG: usize = 1024 * 1024;
/// The licence that a program declares: some helpers are for such programs only.
const LICENCE: &CStr = c"Dual MIT/GPL";

/// A kind of map, by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MapKind {
    /// A table.
    Hash = 1,
    /// One value for each processor.
    PerCpuArray = 6,
    /// A list of maps.
    ArrayOfMaps = 12,
    /// A buffer from the kernel to us.
    Ring = 27,
}

/// A map to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapShape {
    /// Its kind.
    pub(crate) kind: MapKind,
    /// Bytes of a key.
    pub(crate) key: u32,
    /// Bytes of a value.
    pub(crate) value: u32,
    /// How many values, or bytes of a ring.
    pub(crate) entries: u32,
}

/// Where a program may be attached, by the kernel's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgramKind {
    /// A tracepoint, with its arguments as they are.
    RawTracepoint,
    /// `connect` of IPv4 in a control group.
    Connect4,
    /// `connect` of IPv6.
    Connect6,
    /// `sendmsg` without `connect`, of IPv4.
    Send4,
    /// The same of IPv6.
    Send6,
}

impl ProgramKind {
    const fn program_type(self) -> u32 {
        match self {
            Self::RawTracepoint => 17,
            Self::Connect4 | Self::Connect6 | Self::Send4 | Self::Send6 => 18,
        }
    }

    const fn attach_type(self) -> u32 {
        match self {
            Self::RawTracepoint => 0,
            Self::Connect4 => 10,
            Self::Connect6 => 11,
            Self::Send4 => 14,
            Self::Send6 => 15,
        }
    }
}

/// Why a program is not loaded.
#[derive(Debug, thiserror::Error)]
#[error("the kernel refuses the program: {errno}{}", last_words(.log))]
pub(crate) struct NotLoaded {
    /// The kernel's answer.
    pub(crate) errno: Errno,
    /// What the verifier said; empty unless it was asked.
    pub(crate) log: String,
}

/// The end of the verifier's log is where it says why.
fn last_words(log: &str) -> String {
    let mut lines: Vec<_> = log.lines().rev().take(3).collect();
    lines.reverse();
    if lines.is_empty() {
        String::new()
    } else {
        format!(": {}", lines.join("; "))
    }
}

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
    inner: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    returned: u32,
    // Data, context, repetitions, flags and processor: none.
    rest: [u32; 18],
}

#[repr(C)]
struct RawTracepoint {
    name: u64,
    program: u32,
    padding: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// Makes a map; a map of maps is given one of those that it will hold, for their shape.
///
/// # Errors
/// When the kernel has no such map, or we may not.
pub(crate) fn make_map(shape: MapShape, inner: Option<BorrowedFd<'_>>) -> Result<OwnedFd, Errno> {
    let mut attributes = MapCreate {
        kind: shape.kind as u32,
        key: shape.key,
        value: shape.value,
        entries: shape.entries,
        flags: 0,
        inner: inner.map_or(0, number),
    };
    // SAFETY: `MapCreate` is the beginning of the kernel's structure for this command and holds no
    // pointer.
    unsafe { call_for_fd(MAP_CREATE, &mut attributes) }
}

/// Puts a value into a map. Key and value have the sizes that the map was made with.
///
/// # Errors
/// When the map is full or has no such key.
pub(crate) fn update<K: Plain, V: Plain>(
    map: BorrowedFd<'_>,
    key: &K,
    value: &V,
) -> Result<(), Errno> {
    let mut attributes = Element {
        map: number(map),
        padding: 0,
        key: address(key),
        value: address(value),
        flags: 0,
    };
    // SAFETY: the kernel reads a key and a value of the map's sizes, and the callers in `watch`
    // made the map for `K` and `V`; both live until the call returns.
    unsafe { call(MAP_UPDATE, &mut attributes) }.map(drop)
}

/// Reads a value of a map.
///
/// # Errors
/// When there is none for this key.
pub(crate) fn lookup<K: Plain, V: Plain>(map: BorrowedFd<'_>, key: &K) -> Result<V, Errno> {
    let mut value = V::default();
    let mut attributes = Element {
        map: number(map),
        padding: 0,
        key: address(key),
        value: std::ptr::from_mut(&mut value).expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: the kernel reads a key of the map's size and writes a value of the map's size, and
    // the callers in `watch` made the map for `K` and `V`, which hold any bytes (`Plain`).
    unsafe { call(MAP_LOOKUP, &mut attributes) }.map(|_| value)
}

/// Takes a value out of a map.
///
/// # Errors
/// When there is none for this key.
pub(crate) fn delete<K: Plain>(map: BorrowedFd<'_>, key: &K) -> Result<(), Errno> {
    let mut attributes = Element {
        map: number(map),
        padding: 0,
        key: address(key),
        value: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads a key of the map's size, which is that of `K`.
    unsafe { call(MAP_DELETE, &mut attributes) }.map(drop)
}

/// Loads a program.
///
/// # Errors
/// When the kernel refuses it; with the verifier's words.
pub(crate) fn load(kind: ProgramKind, name: &str, code: &[u64]) -> Result<OwnedFd, NotLoaded> {
    match load_once(kind, name, code, &mut []) {
        Ok(program) => Ok(program),
        Err(_) => {
            // Only a program that is refused pays for being told why.
            let mut log = vec![0; MOST_LOG];
            load_once(kind, name, code, &mut log).map_err(|errno| {
                let text = log.split(|&byte| byte == 0).next().unwrap_or_default();
                NotLoaded {
                    errno,
                    log: String::from_utf8_lossy(text).into_owned(),
                }
            })
        }
    }
}

fn load_once(
    kind: ProgramKind,
    name: &str,
    code: &[u64],
    log: &mut [u8],
) -> Result<OwnedFd, Errno> {
    let mut short = [0; 16];
    // The last byte stays 0.
    for (to, from) in short.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    let log_size = u32::try_from(log.len()).map_err(|_| Errno::E2BIG)?;
    let mut attributes = ProgLoad {
        kind: kind.program_type(),
        instructions: u32::try_from(code.len()).map_err(|_| Errno::E2BIG)?,
        code: code.as_ptr().expose_provenance() as u64,
        licence: LICENCE.as_ptr().expose_provenance() as u64,
        log_level: u32::from(log_size > 0),
        log_size,
        log: if log.is_empty() {
            0
        } else {
            log.as_mut_ptr().expose_provenance() as u64
        },
        kernel_version: 0,
        flags: 0,
        name: short,
        interface: 0,
        attach_type: kind.attach_type(),
    };
    // SAFETY: the kernel reads `instructions` times 8 bytes at `code` and a string that ends in 0
    // at `licence`, and writes `log_size` bytes at most at `log`; all three outlive the call.
    unsafe { call_for_fd(PROG_LOAD, &mut attributes) }
}

/// Runs a program for raw tracepoints once, as the calling thread; what it returns.
///
/// # Errors
/// When the kernel cannot (before 5.10).
pub(crate) fn run_once(program: BorrowedFd<'_>) -> Result<u32, Errno> {
    let mut attributes = TestRun {
        program: number(program),
        ..TestRun::default()
    };
    // SAFETY: no data and no context are given, so the kernel reads and writes this structure only.
    unsafe { call(PROG_TEST_RUN, &mut attributes) }?;
    Ok(attributes.returned)
}

/// Attaches a program to a tracepoint, until the link is closed.
///
/// # Errors
/// When there is no such tracepoint.
pub(crate) fn attach_to_tracepoint(program: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let mut attributes = RawTracepoint {
        name: name.as_ptr().expose_provenance() as u64,
        program: number(program),
        padding: 0,
    };
    // SAFETY: the kernel reads a string that ends in 0 at `name`, which outlives the call.
    unsafe { call_for_fd(RAW_TRACEPOINT_OPEN, &mut attributes) }
}

/// Attaches a program to a control group, until the link is closed or the group is gone.
///
/// # Errors
/// When the kernel cannot.
pub(crate) fn attach_to_group(
    program: BorrowedFd<'_>,
    group: BorrowedFd<'_>,
    kind: ProgramKind,
) -> Result<OwnedFd, Errno> {
    let mut attributes = LinkCreate {
        program: number(program),
        target: number(group),
        attach_type: kind.attach_type(),
        flags: 0,
    };
    // SAFETY: `LinkCreate` is the beginning of the kernel's structure for this command and holds
    // no pointer.
    unsafe { call_for_fd(LINK_CREATE, &mut attributes) }
}

/// What may be a key or a value: any bytes are one, and none of them is padding.
pub(crate) trait Plain: Copy + Default {}

impl Plain for u32 {}
impl Plain for u64 {}
impl<const N: usize> Plain for [u64; N] where [u64; N]: Default {}

fn number(fd: BorrowedFd<'_>) -> u32 {
    // A descriptor that is open is never negative.
    fd.as_raw_fd().unsigned_abs()
}

fn address<T>(of: &T) -> u64 {
    std::ptr::from_ref(of).expose_provenance() as u64
}

/// # Safety
/// `attributes` is laid out as the kernel's structure for this command begins, and every address
/// in it is valid for what the command does with it.
unsafe fn call<A>(command: libc::c_long, attributes: &mut A) -> Result<i64, Errno> {
    // Justification: there is no wrapper of bpf(2) in libc, nix or rustix.
    // SAFETY: the kernel reads and writes `size_of::<A>()` bytes at `attributes`, which is
    // exclusively ours; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<A>(),
        )
    };
    Errno::result(result)
}

/// # Safety
/// As [`call`], and the command answers with a new descriptor.
unsafe fn call_for_fd<A>(command: libc::c_long, attributes: &mut A) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller's promise.
    let fd = unsafe { call(command, attributes) }?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else knows it. bpf(2) makes
    // all of its descriptors close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
