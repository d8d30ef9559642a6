//! Which file systems lie where, so that nothing is asked of one that may never answer. Pure.

use std::path::{Path, PathBuf};

/// Most links on the way to a directory.
const MOST_LINKS: usize = 40;

/// Kinds of file system whose answers come from elsewhere, or from a process of somebody.
const REMOTE: [&str; 22] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "autofs",
    "afs",
    "ceph",
    "9p",
    "virtiofs",
    "glusterfs",
    "lustre",
    "gpfs",
    "beegfs",
    "orangefs",
    "ocfs2",
    "gfs2",
    "coda",
    "ncpfs",
    "davfs",
    "panfs",
    "vboxsf",
];

/// The mounts of this host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounts(Vec<(PathBuf, String)>);

impl Mounts {
    /// Reads `/proc/self/mountinfo`.
    pub(crate) fn read(text: &str) -> Self {
        let mount = |line: &str| {
            let (left, right) = line.split_once(" - ")?;
            let point = left.split(' ').nth(4)?;
            let kind = right.split(' ').next()?;
            Some((PathBuf::from(unescaped(point)), kind.to_owned()))
        };
        Self(text.lines().filter_map(mount).collect())
    }

    /// Whether no mount is known, which is so on no host.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kind of the file system on which `path` lies, if it is one that may never answer.
    pub(crate) fn remote(&self, path: &Path) -> Option<&str> {
        // Of two mounts at one place the later one hides the earlier one.
        let (_, kind) = self
            .0
            .iter()
            .filter(|(point, _)| path.starts_with(point))
            .max_by_key(|(point, _)| point.components().count())?;
        let is_remote = REMOTE.contains(&kind.as_str()) || kind.starts_with("fuse");
        is_remote.then_some(kind)
    }

    /// Whether something is mounted right at `path`.
    pub(crate) fn is_point(&self, path: &Path) -> bool {
        self.0.iter().any(|(point, _)| point == path)
    }

    /// Where `path` really leads, hop by hop, with the first file system on the way that may never
    /// answer; `link` says where a path points that is a link.
    ///
    /// # Errors
    /// The kind of that file system, or that there are too many links.
    pub(crate) fn way(
        &self,
        path: &Path,
        link: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Result<PathBuf, String> {
        let mut real = PathBuf::from("/");
        let mut rest: Vec<_> = components(path);
        rest.reverse();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                real.pop();
                continue;
            }
            let next = real.join(&name);
            if let Some(kind) = self.remote(&next) {
                return Err(format!("it lies on a file system of the kind `{kind}`"));
            }
            let Some(target) = link(&next) else {
                real = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return Err("too many links on the way".to_owned());
            }
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            rest.extend(components(&target).into_iter().rev());
        }
        Ok(real)
    }
}

fn components(path: &Path) -> Vec<std::ffi::OsString> {
    use std::path::Component;
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        })
        .collect()
}

/// A field of mountinfo, in which blanks and backslashes are octal.
fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut rest = field;
    while let Some((head, tail)) = rest.split_once('\\') {
        text.push_str(head);
        let code = tail
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (code, tail.get(3..)) {
            (Some(code), Some(after)) => {
                text.push(char::from(code));
                rest = after;
            }
            _ => {
                text.push('\\');
                rest = tail;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        40 22 0:35 / /home\\040of\\040all rw - nfs4 server.example.com:/home rw\n\
        41 22 0:36 / /srv rw - autofs systemd-1 rw\n\
        42 41 0:37 / /srv/a rw - ext4 /dev/sdb rw\n\
        43 22 0:38 / /mnt rw - fuse.sshfs x rw\n";

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = Mounts::read(MOUNTINFO);
        for (path, expected) in [
            ("/", None),
            ("/home", None),
            ("/home of all/alice", Some("nfs4")),
            ("/srv/b", Some("autofs")),
            ("/srv/a/b", None),
            ("/mnt", Some("fuse.sshfs")),
            ("/mntx", None),
        ] {
            assert_eq!(mounts.remote(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_link_is_followed_only_as_far_as_somebody_answers() {
        let mounts = Mounts::read(MOUNTINFO);
        let link = |path: &Path| {
            [
                ("/home", "/var/home"),
                ("/net", "srv/b"),
                ("/loop", "loop"),
                ("/up", "/a/../home"),
            ]
            .into_iter()
            .find(|(from, _)| path == Path::new(from))
            .map(|(_, to)| PathBuf::from(to))
        };
        let way = |path: &str| {
            mounts
                .way(Path::new(path), link)
                .map(|real| real.display().to_string())
        };
        assert_eq!(way("/home/alice").as_deref(), Ok("/var/home/alice"));
        assert_eq!(way("/up/bob").as_deref(), Ok("/var/home/bob"));
        assert!(way("/net/alice").unwrap_err().contains("autofs"));
        assert!(way("/loop/x").unwrap_err().contains("links"));
    }
}
