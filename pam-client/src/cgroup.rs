//! Control groups of version 2: everything that a session starts is in its group, also what became
//! root or detached itself, and `cgroup.kill` ends all of it at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

use crate::apply::StepError;
use crate::file;
use crate::mounts;
use crate::paths::Paths;

/// The group of ours in the mount that is found.
const OURS: &str = "portreeve";
/// How deep groups below a session's group are followed; only root can make them. A path says so many.
const MOST_DEPTH: usize = 1500;

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
    mounts::all()
        .into_iter()
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

/// The processes of a group and of the groups in it; their threads where root has made the group one
/// of threads, whose processes the kernel does not tell.
pub(crate) fn processes(directory: &Path) -> Vec<i32> {
    let mut pids = Vec::new();
    for group in groups(directory) {
        let text = fs::read_to_string(group.join("cgroup.procs"))
            .or_else(|_| fs::read_to_string(group.join("cgroup.threads")))
            .unwrap_or_default();
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
    fn nothing_there_is_nothing_to_do() {
        let nowhere = Path::new("/nonexistent/portreeve");
        assert!(remove(nowhere).is_ok() && !is_populated(nowhere) && processes(nowhere).is_empty());
        assert!(empties(nowhere, Duration::ZERO));
    }
}
