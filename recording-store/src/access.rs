//! What keeps a program out of a folder that is a store, in words that say how to let it in. Blocking.
//!
//! The system says "permission denied" and not where: it may be any folder above the one that is wanted. Here each is
//! looked at in turn, with the rights that the process has.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess, getegid, geteuid, getgroups};

/// What a program does in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It lists and reads recordings.
    Read,
    /// It makes, reads and deletes them.
    Write,
}

/// A folder or file that this program may not use as it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAccess {
    path: PathBuf,
    wanted: AccessFlags,
    errno: Errno,
    /// Mode, user and group of what is there, where that can be seen.
    found: Option<(u32, u32, u32)>,
    caller: Caller,
}

/// As whom the program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Caller {
    user: u32,
    /// Its own group first.
    groups: Vec<u32>,
}

/// Whether this program may use a folder, and every folder on the way to it.
///
/// # Errors
/// [`NoAccess`] for the first that it may not.
pub(crate) fn folder(path: &Path, wanted: Use) -> Result<(), NoAccess> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    for folder in above
        .into_iter()
        .filter(|path| !path.as_os_str().is_empty())
    {
        one(folder, AccessFlags::X_OK)?;
    }
    let read = AccessFlags::X_OK | AccessFlags::R_OK;
    match wanted {
        Use::Read => one(path, read),
        Use::Write => one(path, read | AccessFlags::W_OK),
    }
}

/// Whether this program may read a file in a folder that it may use.
///
/// # Errors
/// [`NoAccess`] when it may not.
pub(crate) fn file(path: &Path) -> Result<(), NoAccess> {
    one(path, AccessFlags::R_OK)
}

/// The first recording in a folder, and the first part of it, that this program may not read; only the first few
/// are looked at. They are made under another user's `umask`, which the folder itself does not show.
///
/// # Errors
/// [`NoAccess`] for it.
pub(crate) fn some_recordings(store: &Path) -> Result<(), NoAccess> {
    const SOME: usize = 8;
    let entries = |path: &Path| {
        let listed = fs::read_dir(path).into_iter().flatten().flatten();
        listed.map(|entry| entry.path()).take(SOME)
    };
    for recording in entries(store).filter(|path| path.is_dir()) {
        folder(&recording, Use::Read)?;
        if let Some(part) = entries(&recording).next() {
            file(&part)?;
        }
    }
    Ok(())
}

fn one(path: &Path, wanted: AccessFlags) -> Result<(), NoAccess> {
    eaccess(path, wanted).map_err(|errno| NoAccess {
        path: path.to_owned(),
        wanted,
        errno,
        found: fs::metadata(path)
            .ok()
            .map(|data| (data.mode() & 0o7777, data.uid(), data.gid())),
        caller: Caller::this(),
    })
}

impl Caller {
    fn this() -> Self {
        let mut groups = vec![getegid().as_raw()];
        for group in getgroups().unwrap_or_default() {
            if !groups.contains(&group.as_raw()) {
                groups.push(group.as_raw());
            }
        }
        Self {
            user: geteuid().as_raw(),
            groups,
        }
    }
}

impl NoAccess {
    /// What the group of what is there lacks, as `chmod` has it.
    fn letters(&self) -> &'static str {
        match (
            self.wanted.contains(AccessFlags::R_OK),
            self.wanted.contains(AccessFlags::W_OK),
            self.wanted.contains(AccessFlags::X_OK),
        ) {
            (_, true, _) => "rwx",
            (true, false, true) => "rx",
            (true, false, false) => "r",
            (false, false, _) => "x",
        }
    }

    fn verb(&self) -> &'static str {
        match self.letters() {
            "rwx" => "make files in",
            "x" => "pass through",
            _ => "read",
        }
    }

    fn advice(&self) -> String {
        let path = self.path.display();
        let letters = self.letters();
        match (self.errno, self.found) {
            (Errno::ENOENT, _) => format!("`{path}` is not there; is its disk mounted?"),
            (Errno::EROFS, _) => {
                "it is read-only here; name it in `ReadWritePaths=` of the program's unit".into()
            }
            (_, Some((_, user, _))) if user == self.caller.user => {
                format!("`chmod u+{letters} {path}`")
            }
            // What everybody passes through belongs to no group of ours.
            (_, Some(_)) if letters == "x" => format!("`chmod o+x {path}`"),
            (_, Some((_, _, group))) if self.caller.groups.contains(&group) => format!(
                "`chmod -R g+rX {path}`, and `UMask=0027` in the unit of the bastion, which makes what is in it"
            ),
            (_, Some(_)) => {
                "put this program's user into a group of its own with the bastion, and give the folder to that group; \
                 the administrator's guide has the commands"
                    .into()
            }
            (_, None) => "look at it as root".into(),
        }
    }
}

impl std::error::Error for NoAccess {}

impl fmt::Display for NoAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Caller { user, groups } = &self.caller;
        let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
        write!(
            f,
            "this program, as user {user} with the groups {}, may not {} `{}`",
            groups.join(" "),
            self.verb(),
            self.path.display()
        )?;
        if let Some((mode, owner, group)) = self.found {
            write!(
                f,
                ", which has mode {mode:04o}, user {owner} and group {group}"
            )?;
        }
        write!(f, " ({}): {}", self.errno.desc(), self.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(wanted: AccessFlags, found: (u32, u32, u32), errno: Errno) -> String {
        let caller = Caller {
            user: 990,
            groups: vec![990, 985],
        };
        NoAccess {
            path: "/srv/recordings".into(),
            wanted,
            errno,
            found: Some(found),
            caller,
        }
        .to_string()
    }

    #[test]
    fn what_is_told_names_the_folder_who_wants_in_and_what_lets_them() {
        const READ: AccessFlags = AccessFlags::R_OK.union(AccessFlags::X_OK);
        const WRITE: AccessFlags = READ.union(AccessFlags::W_OK);
        for (wanted, found, errno, told) in [
            (
                READ,
                (0o700, 991, 991),
                Errno::EACCES,
                "the administrator's guide",
            ),
            (
                READ,
                (0o2700, 991, 985),
                Errno::EACCES,
                "`chmod -R g+rX /srv/recordings`",
            ),
            (
                AccessFlags::R_OK,
                (0o600, 991, 985),
                Errno::EACCES,
                "`UMask=0027`",
            ),
            (
                AccessFlags::X_OK,
                (0o700, 0, 0),
                Errno::EACCES,
                "`chmod o+x /srv/recordings`",
            ),
            (
                WRITE,
                (0o500, 990, 990),
                Errno::EACCES,
                "`chmod u+rwx /srv/recordings`",
            ),
            (WRITE, (0o2750, 990, 985), Errno::EROFS, "`ReadWritePaths=`"),
        ] {
            let said = denied(wanted, found, errno);
            assert!(said.contains(told), "{told}: {said}");
            let all = [
                "as user 990 with the groups 990 985",
                "`/srv/recordings`, which has mode",
            ];
            assert!(all.iter().all(|part| said.contains(part)), "{said}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        super::folder(folder.path(), Use::Write).unwrap();
        let absent = folder.path().join("a/b");
        let told = super::folder(&absent, Use::Read).unwrap_err().to_string();
        assert!(told.contains("/a` is not there"), "{told}");
    }
}
