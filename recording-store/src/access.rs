//! What keeps a program out of a folder that is a store, in words that say how to let it in. Blocking.
//!
//! The system says "permission denied" and not where: it may be any folder above the one that is wanted. Here each is
//! looked at in turn, with the rights that the process has.

mod id;

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess, getegid, geteuid, getgroups};

use self::id::{Id, Namespace};

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
    found: Option<Found>,
    caller: Caller,
}

/// What is there, where that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    mode: u32,
    user: Id,
    group: Id,
}

/// As whom the program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Caller {
    user: Id,
    /// Its own group first.
    groups: Vec<Id>,
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
        one_folder(folder, AccessFlags::X_OK)?;
    }
    let read = AccessFlags::X_OK | AccessFlags::R_OK;
    match wanted {
        Use::Read => one_folder(path, read),
        Use::Write => one_folder(path, read | AccessFlags::W_OK),
    }
}

/// Whether there is anything else than a folder where one should be.
///
/// # Errors
/// [`NoAccess`] when there is.
pub(crate) fn no_file(path: &Path) -> Result<(), NoAccess> {
    match fs::metadata(path) {
        Ok(data) if !data.is_dir() => Err(NoAccess::of(path, AccessFlags::X_OK, Errno::ENOTDIR)),
        Ok(_) | Err(_) => Ok(()),
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

fn one_folder(path: &Path, wanted: AccessFlags) -> Result<(), NoAccess> {
    // Of a file the system says "permission denied", since it cannot be passed through.
    no_file(path)?;
    one(path, wanted)
}

fn one(path: &Path, wanted: AccessFlags) -> Result<(), NoAccess> {
    eaccess(path, wanted).map_err(|errno| NoAccess::of(path, wanted, errno))
}

impl Caller {
    fn this(namespace: Namespace) -> Self {
        let mut groups = vec![namespace.group(getegid().as_raw())];
        for group in getgroups().unwrap_or_default() {
            let group = namespace.group(group.as_raw());
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Self {
            user: namespace.user(geteuid().as_raw()),
            groups,
        }
    }
}

impl NoAccess {
    fn of(path: &Path, wanted: AccessFlags, errno: Errno) -> Self {
        let namespace = Namespace::this();
        let found = fs::metadata(path).ok().map(|data| Found {
            mode: data.mode() & 0o7777,
            user: namespace.user(data.uid()),
            group: namespace.group(data.gid()),
        });
        Self {
            path: path.to_owned(),
            wanted,
            errno,
            found,
            caller: Caller::this(namespace),
        }
    }

    /// What whoever wants in lacks, as `chmod` has it.
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
            (Errno::ENOENT, _) => {
                "mount its disk, or make it; it is looked for again, and nothing needs a restart".into()
            }
            (Errno::ENOTDIR, _) => "it is no folder; name another one".into(),
            (Errno::EROFS, _) => {
                "it is read-only here; name it in `ReadWritePaths=` of the program's unit".into()
            }
            (_, Some(found)) if found.user != Id::Hidden && found.user == self.caller.user => {
                format!("`chmod u+{letters} {path}`")
            }
            // What everybody passes through belongs to no group of ours.
            (_, Some(_)) if letters == "x" => format!("`chmod o+x {path}`"),
            // Who writes makes folders of their own, in which nobody else of the group may delete.
            (_, Some(_)) if letters == "rwx" => match self.caller.user {
                Id::Known(user) => format!("it belongs to whoever writes it: `chown {user} {path}`"),
                Id::Hidden => "it belongs to the user that writes it, the bastion's: `chown` it to that one".into(),
            },
            (_, Some(found)) if self.shares(found.group) => format!(
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

    /// Whether the program is in a group; of two that it cannot tell apart it does not know.
    fn shares(&self, group: Id) -> bool {
        group != Id::Hidden && self.caller.groups.contains(&group)
    }
}

impl std::error::Error for NoAccess {}

impl fmt::Display for NoAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.errno == Errno::ENOENT {
            return write!(f, "`{path}` is not there: {}", self.advice());
        }
        let Caller { user, groups } = &self.caller;
        let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
        write!(
            f,
            "this program, as user {user} with the groups {}, may not {} `{path}`",
            groups.join(" "),
            self.verb(),
        )?;
        if let Some(Found { mode, user, group }) = self.found {
            write!(
                f,
                ", which has mode {mode:04o}, user {user} and group {group}"
            )?;
            if [user, group].contains(&Id::Hidden) {
                write!(
                    f,
                    ", as far as its user namespace shows (`PrivateUsers=`; `ls -ldn {path}` outside of it has the numbers)"
                )?;
            }
        }
        write!(f, " ({}): {}", self.errno.desc(), self.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: AccessFlags = AccessFlags::R_OK.union(AccessFlags::X_OK);
    const WRITE: AccessFlags = READ.union(AccessFlags::W_OK);
    /// The mode, the user and the group of what is there.
    type There = (u32, u32, u32);

    /// What is told a program of user 990 and the groups 990 and 985, in a namespace that has all users and groups or
    /// these two users only.
    fn denied(
        has_all: bool,
        wanted: AccessFlags,
        (mode, user, group): There,
        errno: Errno,
    ) -> String {
        let namespace = Namespace::with(has_all);
        let found = Found {
            mode,
            user: namespace.user(user),
            group: namespace.group(group),
        };
        let other = if has_all { 985 } else { Namespace::NOBODY };
        NoAccess {
            path: "/srv/recordings".into(),
            wanted,
            errno,
            found: Some(found),
            caller: Caller {
                user: namespace.user(990),
                groups: vec![namespace.group(990), namespace.group(other)],
            },
        }
        .to_string()
    }

    #[test]
    fn what_is_told_names_the_folder_who_wants_in_and_what_lets_them() {
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
            (
                WRITE,
                (0o2750, 0, 985),
                Errno::EACCES,
                "`chown 990 /srv/recordings`",
            ),
            (
                WRITE,
                (0o755, 0, 0),
                Errno::EACCES,
                "`chown 990 /srv/recordings`",
            ),
            (WRITE, (0o2750, 990, 985), Errno::EROFS, "`ReadWritePaths=`"),
            (
                AccessFlags::X_OK,
                (0o644, 0, 0),
                Errno::ENOTDIR,
                "it is no folder",
            ),
            (
                READ,
                (0o700, 65534, 65534),
                Errno::EACCES,
                "which has mode 0700, user 65534 and group 65534 (",
            ),
        ] {
            let said = denied(true, wanted, found, errno);
            assert!(said.contains(told), "{told}: {said}");
            let all = [
                "as user 990 with the groups 990 985",
                "`/srv/recordings`, which has mode",
            ];
            assert!(all.iter().all(|part| said.contains(part)), "{said}");
            // Whoever writes cannot be let in as a reader.
            let is_reading = said.contains("g+rX") || said.contains("guide");
            assert!(!is_reading || wanted != WRITE, "{said}");
        }
    }

    #[test]
    fn an_owner_that_the_namespace_hides_is_not_called_nobody() {
        for (wanted, found, told) in [
            (
                WRITE,
                (0o755, 65534, 65534),
                "mode 0755, user unknown and group unknown, as far as its user namespace shows",
            ),
            (
                WRITE,
                (0o755, 65534, 65534),
                "belongs to whoever writes it: `chown 990 /srv/recordings`",
            ),
            (
                WRITE,
                (0o555, 990, 65534),
                "`ls -ldn /srv/recordings` outside of it has the numbers",
            ),
            // Its group and ours may be two.
            (
                READ,
                (0o750, 65534, 65534),
                "put this program's user into a group",
            ),
        ] {
            let said = denied(false, wanted, found, Errno::EACCES);
            assert!(said.contains(told), "{told}: {said}");
            assert!(said.contains("with the groups 990 unknown"), "{said}");
            assert!(!said.contains("65534"), "{said}");
        }
        // What can be seen is not explained.
        let said = denied(false, WRITE, (0o555, 990, 990), Errno::EACCES);
        assert!(!said.contains("namespace"), "{said}");
    }

    #[test]
    fn what_is_not_there_or_no_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        super::folder(folder.path(), Use::Write).unwrap();
        let absent = folder.path().join("a/b");
        let told = super::folder(&absent, Use::Read).unwrap_err().to_string();
        assert!(told.contains("/a` is not there: mount its disk"), "{told}");

        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [&file, &file.join("below")] {
            let told = super::folder(path, Use::Write).unwrap_err().to_string();
            assert!(told.contains("/file`, which has mode"), "{told}");
            assert!(
                told.ends_with("it is no folder; name another one"),
                "{told}"
            );
        }
        assert!(no_file(&absent).is_ok());
    }
}
