//! Removing directory trees that an enemy made: links are never followed, nothing outside is
//! touched, and neither memory nor open files grow with the depth or size of the tree.
//!
//! A directory that is not empty has its own directories moved up to the top of the tree, so the
//! tree is never deeper than two while it is worked on, and each directory moves once.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, IFlags, Mode, OFlags, RenameFlags, ResolveFlags, Stat, fstat,
    ioctl_getflags, ioctl_setflags, openat, openat2, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::work::{TOO_SLOW, Work};

/// How a directory is opened: never through a link.
pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// How many names are tried for a directory that moves up.
const MOST_NAMES: u64 = 100_000;
/// How many things that stay are named.
const MOST_KEPT: usize = 8;
/// How long a tree is worked on at once: time for some ten million files. Somebody else who lives on
/// may fill a directory that is open to them as fast as it is emptied.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which entries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// All.
    Everybody,
    /// Those of one user.
    Only(u32),
}

/// What stays, and why: the first few.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Names with reasons.
    pub(crate) named: Vec<String>,
    /// How many more.
    pub(crate) more: u64,
    /// Whether time was over before everything was tried.
    pub(crate) is_late: bool,
}

impl Kept {
    /// Notes something that stays.
    pub(crate) fn note(&mut self, name: &CStr, why: &str) {
        if self.named.len() < MOST_KEPT {
            self.named.push(format!(
                "`{}`: {why}",
                name.to_string_lossy().escape_debug()
            ));
        } else {
            self.more += 1;
        }
    }

    /// Notes that there is no time for this and what comes after it.
    fn stop(&mut self, name: &CStr) {
        self.note(name, TOO_SLOW);
        self.is_late = true;
    }

    /// Whether nothing stays.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}

/// Removes whatever is at `path`, and everything in it. Nothing there is fine.
///
/// # Errors
/// When it cannot be opened or removed.
pub(crate) fn remove(path: &Path) -> Result<Kept, Errno> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(Kept::default()),
        Err(_) => {}
    }
    let top = match openat(CWD, path, DIRECTORY, Mode::empty()) {
        Ok(top) => top,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            remove_file_at(path)?;
            return Ok(Kept::default());
        }
        Err(error) => return Err(error),
    };
    let kept = empty(
        top.as_fd(),
        Whose::Everybody,
        &mut Work::new(path, PATIENCE),
    )?;
    if kept.is_empty() {
        unlinkat(CWD, path, AtFlags::REMOVEDIR)?;
    }
    Ok(kept)
}

/// Removes a file, also one that an attribute holds. Nothing there is fine.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn remove_file_at(path: &Path) -> Result<(), Errno> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::PERM) => {
            free_named(CWD, path)?;
            unlinkat(CWD, path, AtFlags::empty())
        }
        Err(error) => Err(error),
    }
}

/// Removes what is in a directory, as far as the time for the work goes.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn empty(top: BorrowedFd<'_>, whose: Whose, work: &mut Work<'_>) -> Result<Kept, Errno> {
    let mut lift = Lift { top, next: 0, work };
    loop {
        let mut kept = Kept::default();
        let mut progress = false;
        let mut entries = Dir::read_from(top)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if is_dots(name) {
                continue;
            }
            if lift.work.is_over() {
                kept.stop(name);
                return Ok(kept);
            }
            match take(top, name, entry.file_type(), whose) {
                Taken::Gone => {
                    lift.work.removed();
                    progress = true;
                }
                Taken::Stays(why) => kept.note(name, why),
                Taken::Full(directory) => {
                    let (moved, inner) = flatten(&directory, whose, &mut lift)?;
                    let gone = remove_directory(top, name);
                    progress |= moved || gone.is_ok();
                    match gone {
                        Ok(()) => {}
                        Err(_) if !inner.is_empty() => {
                            kept.named.extend(inner.named);
                            kept.named.truncate(MOST_KEPT);
                            kept.more += inner.more + 1;
                            kept.is_late |= inner.is_late;
                        }
                        Err(error) => kept.note(name, &error.to_string()),
                    }
                }
            }
        }
        if !progress {
            return Ok(kept);
        }
    }
}

/// What became of an entry.
enum Taken {
    Gone,
    Stays(&'static str),
    /// A directory that is not empty.
    Full(OwnedFd),
}

fn take(parent: BorrowedFd<'_>, name: &CStr, kind: FileType, whose: Whose) -> Taken {
    if let Whose::Only(uid) = whose {
        match facts_of(parent, name) {
            Ok(facts) if facts.st_uid == uid => {}
            Ok(_) => return Taken::Stays("belongs to somebody else"),
            Err(Errno::NOENT) => return Taken::Gone,
            Err(Errno::XDEV) => return Taken::Stays("something is mounted there"),
            Err(_) => return Taken::Stays("cannot be looked at"),
        }
    }
    let unlinked = if kind == FileType::Directory {
        Err(Errno::ISDIR)
    } else {
        remove_file(parent, name)
    };
    match unlinked {
        Ok(()) | Err(Errno::NOENT) => return Taken::Gone,
        Err(Errno::ISDIR) => {}
        Err(Errno::BUSY) => return Taken::Stays("is in use"),
        Err(_) => return Taken::Stays("cannot be removed"),
    }
    match remove_directory(parent, name) {
        Ok(()) | Err(Errno::NOENT) => Taken::Gone,
        Err(Errno::NOTEMPTY | Errno::EXIST) => match openat(parent, name, DIRECTORY, Mode::empty())
        {
            Ok(directory) => Taken::Full(directory),
            Err(_) => Taken::Stays("cannot be opened"),
        },
        Err(Errno::BUSY) => Taken::Stays("something is mounted there"),
        Err(_) => Taken::Stays("cannot be removed"),
    }
}

/// Empties a directory, its directories that are not empty moved up. Says whether any moved.
fn flatten(
    directory: &OwnedFd,
    whose: Whose,
    lift: &mut Lift<'_, '_>,
) -> Result<(bool, Kept), Errno> {
    let mut moved = false;
    let mut kept = Kept::default();
    let mut entries = Dir::read_from(directory)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if is_dots(name) {
            continue;
        }
        if lift.work.is_over() {
            kept.stop(name);
            break;
        }
        match take(directory.as_fd(), name, entry.file_type(), whose) {
            Taken::Gone => lift.work.removed(),
            Taken::Stays(why) => kept.note(name, why),
            Taken::Full(_) => match lift.up(directory.as_fd(), name) {
                Ok(()) => moved = true,
                Err(error) => kept.note(name, &error.to_string()),
            },
        }
    }
    Ok((moved, kept))
}

/// Moves directories to the top of the tree under names that nobody has there.
struct Lift<'a, 'w> {
    top: BorrowedFd<'a>,
    next: u64,
    work: &'a mut Work<'w>,
}

impl Lift<'_, '_> {
    fn up(&mut self, from: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        let give_up = self.next.saturating_add(MOST_NAMES);
        while self.next < give_up {
            let fresh = format!(".portreeve-{}", self.next);
            self.next += 1;
            match freed(from, name, || {
                renameat_with(from, name, self.top, fresh.as_str(), RenameFlags::NOREPLACE)
            }) {
                Err(Errno::EXIST) => {}
                other => return other,
            }
        }
        Err(Errno::EXIST)
    }
}

/// What an entry is. Where something is mounted that is an error, and whoever serves the mount is not
/// asked: it need not ever answer.
///
/// # Errors
/// `XDEV` at a mount, else when it cannot be looked at.
pub(crate) fn facts_of(parent: BorrowedFd<'_>, name: &CStr) -> Result<Stat, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let here = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    match openat2(parent, name, flags, Mode::empty(), here) {
        Ok(entry) => fstat(entry),
        // The link itself is what is asked for.
        Err(Errno::LOOP) => statat(parent, name, AtFlags::SYMLINK_NOFOLLOW),
        Err(error) => Err(error),
    }
}

/// Removes an entry that is no directory.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn remove_file(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    freed(parent, name, || unlinkat(parent, name, AtFlags::empty()))
}

/// Removes an empty directory.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn remove_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    freed(parent, name, || unlinkat(parent, name, AtFlags::REMOVEDIR))
}

/// Does something to an entry; if that is not permitted even to us, takes the attributes away that
/// hold the entry or its directory in place, and tries once more.
fn freed(
    parent: BorrowedFd<'_>,
    name: &CStr,
    act: impl Fn() -> Result<(), Errno>,
) -> Result<(), Errno> {
    match act() {
        Err(Errno::PERM) => {
            let _ = free(parent);
            let _ = free_named(parent, name);
            act()
        }
        other => other,
    }
}

fn free_named<P: rustix::path::Arg>(parent: impl AsFd, name: P) -> Result<(), Errno> {
    // Only files and directories have attributes; opening anything else could do something.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    name.into_with_c_str(|name| {
        let kind =
            FileType::from_raw_mode(statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
        if matches!(kind, FileType::RegularFile | FileType::Directory) {
            free(openat(&parent, name, flags, Mode::empty())?)?;
        }
        Ok(())
    })
}

fn free(fd: impl AsFd) -> Result<(), Errno> {
    let flags = ioctl_getflags(&fd)?;
    let held = IFlags::IMMUTABLE | IFlags::APPEND;
    if flags.intersects(held) {
        ioctl_setflags(&fd, flags.difference(held))?;
    }
    Ok(())
}

/// Whether an entry is the directory itself or the one above.
pub(crate) fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_removed_and_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        let home = directory.path().join("home");
        fs::create_dir_all(home.join("a")).unwrap();
        symlink(&outside, home.join("link")).unwrap();
        symlink(outside.join("precious"), home.join("a/file")).unwrap();
        symlink("..", home.join("a/up")).unwrap();
        assert!(remove(&home).unwrap().is_empty());
        assert!(!home.exists() && outside.join("precious").exists());
        symlink(&outside, &home).unwrap();
        assert!(remove(&home).unwrap().is_empty());
        assert!(outside.join("precious").exists());
    }

    #[test]
    fn depth_costs_neither_open_files_nor_memory() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        // Deeper than a path can say, so it is built from directory to directory.
        let mut at = openat(CWD, &home, DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            rustix::fs::mkdirat(&at, "e", Mode::RWXU).unwrap();
            at = openat(&at, "d", DIRECTORY, Mode::empty()).unwrap();
        }
        drop(at);
        assert!(remove(&home).unwrap().is_empty());
        assert!(!home.exists());
    }

    #[test]
    fn a_tree_that_is_filled_all_the_time_is_left_for_later() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        fs::create_dir_all(home.join("a/b")).unwrap();
        fs::write(home.join("file"), "").unwrap();
        let top = openat(CWD, &home, DIRECTORY, Mode::empty()).unwrap();
        let mut work = Work::new(&home, Duration::ZERO);
        let kept = empty(top.as_fd(), Whose::Everybody, &mut work).unwrap();
        assert!(!kept.is_empty() && kept.is_late);
        assert!(remove(&home).unwrap().is_empty());
        assert!(!home.exists());
    }

    #[test]
    fn names_may_be_anything() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        for name in [
            &b"\xff\xfe"[..],
            b"-rf",
            b" ",
            b"a\nb",
            b".portreeve-0",
            b"*",
        ] {
            let inner = home.join(std::ffi::OsStr::from_bytes(name)).join("x/y");
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("f"), "").unwrap();
        }
        assert!(remove(&home).unwrap().is_empty());
        assert!(!home.exists());
    }

    #[test]
    fn many_files_go() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        for n in 0..3000 {
            fs::write(home.join(format!("file-{n}")), "").unwrap();
        }
        assert!(remove(&home).unwrap().is_empty());
    }

    #[test]
    fn nothing_there_is_fine() {
        assert!(
            remove(Path::new("/nonexistent/portreeve/home"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn only_one_users_entries_go_where_that_is_asked() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().join("top");
        fs::create_dir_all(top.join("mine/deep/er")).unwrap();
        fs::write(top.join("mine/deep/er/mine"), "").unwrap();
        fs::write(top.join("mine/foreign"), "").unwrap();
        for path in ["", "mine", "mine/deep", "mine/deep/er", "mine/deep/er/mine"] {
            std::os::unix::fs::chown(top.join(path), Some(4711), None).unwrap();
        }
        let fd = openat(CWD, &top, DIRECTORY, Mode::empty()).unwrap();
        let mut work = Work::new(&top, PATIENCE);
        let kept = empty(fd.as_fd(), Whose::Only(4711), &mut work).unwrap();
        assert!(!kept.is_empty());
        assert!(top.join("mine/foreign").exists() && !top.join("mine/deep").exists());
        assert_eq!(fs::read_dir(&top).unwrap().count(), 1);
    }
}
