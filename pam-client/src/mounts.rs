//! What is mounted on this host, and taking off what a session mounted.
//!
//! A session mounts with `fusermount`, which is setuid, or as root through sudo. What it mounts in a
//! namespace of its own goes with its processes.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use crate::counter::SessionUid;
use crate::search::SearchRoot;
use crate::step::Left;

/// Where the kernel says what is mounted.
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is mounted.
    pub(crate) point: PathBuf,
    /// What it is.
    pub(crate) kind: Vec<u8>,
    /// Whether it may be written.
    pub(crate) writable: bool,
    /// Who mounted it, where the file system says so: FUSE does.
    user: Option<u32>,
}

impl Mount {
    /// Reads a line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ');
        let point = unescaped(fields.nth(4)?);
        let options = fields.next()?;
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let kind = fields.next()?.to_vec();
        let of_the_kind = fields.nth(1).unwrap_or_default();
        Some(Self {
            point: Path::new(std::ffi::OsStr::from_bytes(&point)).to_owned(),
            kind,
            writable: options_of(options).any(|option| option == b"rw"),
            user: options_of(of_the_kind).find_map(user_of),
        })
    }

    fn is_fuse(&self) -> bool {
        self.kind.starts_with(b"fuse")
    }

    /// Whether a session mounted it: it says so; or it lies in a directory of the session's, or its
    /// own top is the session's. The top of a FUSE is not asked, for whoever serves it need not
    /// answer.
    fn is_of(&self, uid: u32, search: &[SearchRoot]) -> bool {
        let owner = |path: &Path| fs::symlink_metadata(path).ok().map(|facts| facts.uid());
        let is_below =
            |root: &SearchRoot| self.point != root.path && self.point.starts_with(&root.path);
        if self.is_fuse() {
            return self.user == Some(uid);
        }
        search.iter().any(is_below)
            && (owner(&self.point) == Some(uid)
                || self
                    .point
                    .parent()
                    .is_some_and(|parent| owner(parent) == Some(uid)))
    }
}

fn options_of(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|&byte| byte == b',')
}

fn user_of(option: &[u8]) -> Option<u32> {
    let number = option.strip_prefix(b"user_id=")?;
    std::str::from_utf8(number).ok()?.parse().ok()
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

/// What is mounted, as the kernel writes it; nothing where `/proc` is not there.
pub(crate) fn text() -> String {
    String::from_utf8_lossy(&fs::read(MOUNTINFO).unwrap_or_default()).into_owned()
}

/// Everything that is mounted, in the order in which it was.
pub(crate) fn all() -> Vec<Mount> {
    let text = fs::read(MOUNTINFO).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n');
    lines.filter_map(Mount::parse).collect()
}

/// Takes off what is mounted on a directory or below it.
pub(crate) fn detach_below(directory: &Path) -> Vec<Left> {
    detach(|mount| mount.point.starts_with(directory))
}

/// Takes off what a session mounted elsewhere.
pub(crate) fn detach_of(uid: SessionUid, search: &[SearchRoot]) -> Vec<Left> {
    detach(|mount| mount.is_of(uid.as_raw(), search))
}

/// The last mounted first: what lies on another mount is in its way.
fn detach(is_meant: impl Fn(&Mount) -> bool) -> Vec<Left> {
    let meant = all().into_iter().rev().filter(is_meant);
    let flags = MntFlags::MNT_DETACH.union(MntFlags::UMOUNT_NOFOLLOW);
    meant
        .filter_map(|mount| {
            let error = umount2(&mount.point, flags).err()?;
            let point = mount.point.display().to_string();
            Some(Left::must_go(format!(
                "mount `{}`: {error}",
                point.escape_debug()
            )))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_the_kernel_writes_them() {
        let line = br"36 35 98:0 / /mnt/a\040b\134 rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(mount.point, Path::new("/mnt/a b\\"));
        assert!(mount.writable && mount.kind == b"cgroup2" && mount.user.is_none());
        let read_only = br"36 35 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 none rw";
        assert!(!Mount::parse(read_only).unwrap().writable);
        for bad in [&b""[..], b"36 35", b"36 35 98:0 / /mnt rw ext4 x"] {
            assert_eq!(Mount::parse(bad), None);
        }
    }

    #[test]
    fn a_fuse_is_the_one_s_who_mounted_it_wherever_it_is() {
        let line =
            br"9 8 0:50 / /srv/x rw,nosuid - fuse.sshfs far rw,user_id=2010000007,group_id=1";
        let mount = Mount::parse(line).unwrap();
        assert!(mount.is_of(2_010_000_007, &[]) && !mount.is_of(2_010_000_000, &[]));
        let forged = br"9 8 0:50 / /tmp/user_id=7 rw - tmpfs user_id=7 rw,size=4k";
        assert!(!Mount::parse(forged).unwrap().is_of(7, &[]));
    }
}
