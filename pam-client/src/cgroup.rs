//! Control groups of version 2: everything that a session starts is in its group, also what became
//! root or detached itself, and `cgroup.kill` ends all of it at once.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use crate::apply::StepError;
use crate::file;
use crate::paths::Paths;

/// The group of ours in the mount that is found.
const OURS: &str = "portreeve";
/// Groups below a session's group that are followed; only root can make them.
const MOST_DEPTH: usize = 32;

/// Why there is nowhere to put sessions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCgroup {
    /// Nothing is mounted, and mounting failed.
    #[error("there is no cgroup2 file system and none can be mounted: {0}")]
    Mount(#[source] io::Error),
    /// The directory is no control group.
    #[error("`{path}` is no directory of a cgroup2 file system: {1}", path = .0.display())]
    NotACgroup(PathBuf, #[source] io::Error),
}

/// The directory below which sessions get their groups.
pub(crate) fn root(configured: Option<&Path>, paths: &Paths) -> Result<PathBuf, NoCgroup> {
    let root = match configured {
        Some(path) => path.to_owned(),
        None => found_mount().map_or_else(|| mounted(paths), Ok)?.join(OURS),
    };
    let not = |error| NoCgroup::NotACgroup(root.clone(), error);
    fs::create_dir_all(&root).map_err(not)?;
    fs::metadata(root.join("cgroup.procs")).map_err(not)?;
    // Where the controller is there it bounds fork bombs; where it is not, killing still works.
    let _ = fs::write(root.join("cgroup.subtree_control"), "+pids");
    Ok(root)
}

/// The same directory, whether it is there already or not. Mounts and makes nothing.
pub(crate) fn expected_root(configured: Option<&Path>, paths: &Paths) -> PathBuf {
    let found = || found_mount().unwrap_or_else(|| paths.own_cgroup_mount());
    configured.map_or_else(|| found().join(OURS), Path::to_owned)
}

fn found_mount() -> Option<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    let mut mounts = mounts.split(|&byte| byte == b'\n').filter_map(Mount::parse);
    mounts
        .find(|mount| mount.kind == b"cgroup2" && mount.writable)
        .map(|mount| mount.point)
}

fn mounted(paths: &Paths) -> Result<PathBuf, NoCgroup> {
    let point = paths.own_cgroup_mount();
    file::directory(&point, 0o755).map_err(NoCgroup::Mount)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("cgroup2"),
        &point,
        Some("cgroup2"),
        flags,
        None::<&str>,
    )
    .map_err(|error| NoCgroup::Mount(error.into()))?;
    Ok(point)
}

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is mounted.
    pub(crate) point: PathBuf,
    kind: Vec<u8>,
    writable: bool,
}

impl Mount {
    /// Reads a line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let point = unescaped(fields.nth(4)?);
        let options = fields.next()?;
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?.to_vec();
        let writable = options
            .split(|&byte| byte == b',')
            .any(|option| option == b"rw");
        Some(Self {
            point: Path::new(std::ffi::OsStr::from_bytes(&point)).to_owned(),
            kind,
            writable,
        })
    }
}

/// Spaces and line feeds in a mount point are written in octal.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| after.split_at_checked(3))
            .flatten();
        match octal.and_then(|(digits, after)| Some((from_octal(digits)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

fn from_octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// Makes a session's group.
pub(crate) fn make(directory: &Path, max_processes: u32) -> Result<(), StepError> {
    fs::create_dir(directory).map_err(|error| StepError::making(directory, error))?;
    let _ = fs::write(directory.join("pids.max"), max_processes.to_string());
    Ok(())
}

/// Puts a process, and so all that it will start, into a group.
pub(crate) fn enter(directory: &Path, pid: i32) -> io::Result<()> {
    fs::write(directory.join("cgroup.procs"), pid.to_string())
}

/// Stops every process of a group where it is. Takes effect soon, not at once.
pub(crate) fn freeze(directory: &Path) {
    let _ = fs::write(directory.join("cgroup.freeze"), "1");
}

/// The processes of a group and of the groups in it.
pub(crate) fn processes(directory: &Path) -> Vec<i32> {
    let mut pids = Vec::new();
    for group in groups(directory) {
        let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        // A process of another PID namespace is shown as 0.
        pids.extend(
            text.lines()
                .filter_map(|line| line.parse::<i32>().ok())
                .filter(|&pid| pid > 0),
        );
    }
    pids
}

/// Kills every process of a group and of the groups in it, forks in flight included. Says whether
/// the kernel can do that (since 5.14).
pub(crate) fn kill(directory: &Path) -> bool {
    fs::write(directory.join("cgroup.kill"), "1").is_ok()
}

/// Whether there is a process in a group, or in a group in it.
pub(crate) fn is_populated(directory: &Path) -> bool {
    fs::read_to_string(directory.join("cgroup.events"))
        .is_ok_and(|events| events.lines().any(|line| line == "populated 1"))
}

/// Waits until no process is in a group, `patience` at most; says whether that is so.
pub(crate) fn empties(directory: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let mut nap = Duration::from_micros(200);
    while is_populated(directory) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(10));
    }
    true
}

/// Removes a group and the groups in it. Nothing there is fine.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    let mut groups = groups(directory);
    groups.reverse();
    for group in groups {
        match fs::remove_dir(&group) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// A group and the groups in it, outer ones first.
fn groups(directory: &Path) -> Vec<PathBuf> {
    let mut groups = vec![directory.to_owned()];
    let mut at = 0;
    while let Some(group) = groups.get(at) {
        let depth = group
            .components()
            .count()
            .saturating_sub(directory.components().count());
        let entries = fs::read_dir(group).into_iter().flatten().flatten();
        let inner: Vec<_> = entries
            .filter(|entry| depth < MOST_DEPTH && entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        groups.extend(inner);
        at += 1;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_the_kernel_writes_them() {
        let line = br"36 35 98:0 / /mnt/a\040b\134 rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt/a b\\"));
        assert!(mount.writable && mount.kind == b"cgroup2");
        let read_only = br"36 35 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 none rw";
        assert!(!Mount::parse(read_only).unwrap().writable);
        for bad in [&b""[..], b"36 35", b"36 35 98:0 / /mnt rw ext4 x"] {
            assert_eq!(Mount::parse(bad), None);
        }
    }

    #[test]
    fn nothing_there_is_nothing_to_do() {
        let nowhere = Path::new("/nonexistent/portreeve");
        assert!(remove(nowhere).is_ok() && !is_populated(nowhere) && processes(nowhere).is_empty());
        assert!(empties(nowhere, Duration::ZERO));
    }
}
