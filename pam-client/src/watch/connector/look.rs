//! What `/proc` says of a process in which a program has just begun.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::str::FromStr;

use nix::sys::stat::{major, minor};

use crate::watch::record::{FileId, Started};

/// How much of the arguments is read.
const MOST_ARGUMENTS: u64 = 8192;

/// The program; nothing when the process is gone, or was replaced while it was looked at.
pub(super) fn at(pid: i32) -> Option<Started> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let exe = directory.join("exe");
    let program = fs::read_link(&exe).ok()?;
    let mut arguments = Vec::new();
    File::open(directory.join("cmdline"))
        .and_then(|file| file.take(MOST_ARGUMENTS + 1).read_to_end(&mut arguments))
        .ok()?;
    let most = usize::try_from(MOST_ARGUMENTS).ok()?;
    let is_cut = arguments.len() > most;
    arguments.truncate(most);
    let working = fs::read_link(directory.join("cwd")).ok();
    // The link is followed by the kernel to the file itself, wherever its name leads by now.
    let file = fs::metadata(&exe).ok().and_then(|facts| {
        let device = (major(facts.dev()), minor(facts.dev()));
        Some(FileId {
            device: (u32::try_from(device.0).ok()?, u32::try_from(device.1).ok()?),
            inode: facts.ino(),
        })
    });
    let (parent, uid) = of_status(&fs::read(directory.join("status")).ok()?)?;
    Some(Started {
        parent,
        uid,
        program: program.into_os_string().into_vec(),
        directory: working.map(|path| path.into_os_string().into_vec()),
        arguments,
        is_cut,
        file,
    })
}

/// Whether a process is in a control group whose directory, or one above it, has this name.
pub(super) fn is_in(pid: i32, name: &[u8]) -> bool {
    let groups = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let of_version_2 = groups
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"));
    of_version_2.is_some_and(|path| path.split(|&byte| byte == b'/').any(|part| part == name))
}

/// The ids by which a process is a session's: its UID and the effective one.
pub(super) fn ids_of(pid: i32) -> Vec<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let ids = [1, 2].map(|number| field(&status, b"Uid:", number));
    ids.into_iter().flatten().collect()
}

/// The parent and the effective user. In a name the kernel escapes line feeds.
fn of_status(status: &[u8]) -> Option<(i32, u32)> {
    Some((field(status, b"PPid:", 1)?, field(status, b"Uid:", 2)?))
}

fn field<T: FromStr>(status: &[u8], name: &[u8], number: usize) -> Option<T> {
    let mut lines = status.split(|&byte| byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(name))?;
    let text = line.split(|&byte| byte == b'\t').nth(number)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_looked_at_as_it_is() {
        let mut child = std::process::Command::new("/bin/sleep")
            .arg("1000")
            .current_dir("/usr")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        // It goes on here a moment before the kernel has set its arguments.
        let mut looks = std::iter::repeat_with(|| at(pid)).take(1_000_000);
        let started = looks.find(|look| {
            look.as_ref()
                .is_some_and(|started| !started.arguments.is_empty())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let started = started.flatten().unwrap();
        let sleep = fs::metadata("/bin/sleep").unwrap();
        assert_eq!(started.file.unwrap().inode, sleep.ino());
        assert_eq!(started.arguments, b"/bin/sleep\x001000\0");
        assert_eq!(started.directory.as_deref(), Some(&b"/usr"[..]));
        assert_eq!(started.parent, std::process::id().cast_signed());
    }

    #[test]
    fn ids_are_read_as_the_kernel_writes_them() {
        let status = b"Name:\tUid:\\n\nPid:\t9\nPPid:\t7\nUid:\t1\t2\t3\t4\n";
        assert_eq!(of_status(status), Some((7, 2)));
        assert_eq!(of_status(b"Name:\tx\n"), None);
    }
}
