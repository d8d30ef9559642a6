//! The files that a session leaves outside its home: found by their owner, removed or only reported.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::counter::SessionUid;
use crate::receipt::Found;
use crate::search::{Leftovers, SearchRoot};
use crate::step::Left;
use crate::tree::{self, Whose};
use crate::work::{TOO_SLOW, Work};

/// How many entries of others a search meets before it stops. It bounds how long somebody else's full
/// `/tmp` can hold up the end of a session; what is the session's own is bounded by time.
const MOST_ENTRIES: u64 = 500_000;
/// How deep other users' directories are followed; each level is an open file.
const MOST_DEPTH: usize = 32;
/// How many findings that stay are named.
const MOST_NAMED: usize = 16;
/// How long the search may take in each place.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deals with the files of a UID below the directories of `search`, and in the file system of POSIX
/// message queues, which need not be mounted anywhere.
pub(crate) fn deal_with(uid: SessionUid, search: &[SearchRoot], found: &mut Found) -> Vec<Left> {
    let mut left = Vec::new();
    for root in search {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let place = match openat(CWD, &root.path, flags, Mode::empty()) {
            Ok(place) => place,
            Err(Errno::NOENT | Errno::NOTDIR) => continue,
            Err(error) => {
                left.push(Left::stays(format!("`{}` {error}", root.path.display())));
                continue;
            }
        };
        left.extend(Search::new(uid, root, found).through(place.as_fd()));
    }
    left.extend(queues(uid, found));
    left
}

fn queues(uid: SessionUid, found: &mut Found) -> Vec<Left> {
    let open = || {
        let context = fsopen("mqueue", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(context.as_fd())?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        // A mount cannot be read itself.
        openat(mount, ".", tree::DIRECTORY, Mode::empty())
    };
    match open() {
        Ok(top) => {
            let root = SearchRoot::from("/dev/mqueue");
            Search::new(uid, &root, found).through(top.as_fd())
        }
        // A kernel without queues, or without a way to look at them that mounts nothing.
        Err(Errno::NODEV | Errno::NOSYS) => Vec::new(),
        Err(error) => vec![Left::stays(format!(
            "message queues were not searched: {error}"
        ))],
    }
}

/// A search through directories of other users for what is a session's.
struct Search<'a> {
    uid: u32,
    leftovers: Leftovers,
    place: &'a Path,
    work: Work<'a>,
    found: &'a mut Found,
    entries: u64,
    left: Vec<Left>,
    unnamed: u64,
}

impl<'a> Search<'a> {
    fn new(uid: SessionUid, root: &'a SearchRoot, found: &'a mut Found) -> Self {
        Self {
            uid: uid.as_raw(),
            leftovers: root.leftovers,
            place: &root.path,
            work: Work::new(&root.path, PATIENCE),
            found,
            entries: 0,
            left: Vec::new(),
            unnamed: 0,
        }
    }

    fn through(mut self, top: BorrowedFd<'_>) -> Vec<Left> {
        let place = self.place;
        self.walk_all(top, place, 0);
        self.finish()
    }

    /// Whether this stops before its end.
    fn is_over(&self) -> bool {
        self.entries > MOST_ENTRIES || self.work.is_over()
    }

    /// Searches a directory. Where something was removed, reading may have passed over something else,
    /// so it is read again.
    fn walk_all(&mut self, directory: BorrowedFd<'_>, path: &Path, depth: usize) {
        let mut removed = self.walk(directory, path, depth, false);
        while removed && !self.is_over() {
            removed = self.walk(directory, path, depth, true);
        }
    }

    /// Reads a directory once; whether anything was removed from it. What was met before is no news
    /// when it is read `again`.
    fn walk(&mut self, directory: BorrowedFd<'_>, path: &Path, depth: usize, again: bool) -> bool {
        let mut removed = false;
        let Ok(mut entries) = Dir::read_from(directory) else {
            self.stays(path, "cannot be searched");
            return false;
        };
        while let Some(entry) = entries.read() {
            let Ok(entry) = entry else {
                self.stays(path, "cannot be searched");
                return false;
            };
            let name = entry.file_name();
            if tree::is_dots(name) {
                continue;
            }
            if self.is_over() {
                return removed;
            }
            // Other file systems below are searched if the settings name them.
            let Ok(facts) = tree::facts_of(directory, name) else {
                continue;
            };
            let below = path.join(OsStr::from_bytes(name.to_bytes()));
            let is_directory = FileType::from_raw_mode(facts.st_mode) == FileType::Directory;
            if facts.st_uid == self.uid {
                let gone = self.ours(directory, name, &below, is_directory, depth);
                removed |= gone == Some(Ok(()));
                match gone {
                    Some(Ok(())) => self.found.add(&below, true),
                    Some(Err(_)) | None if again => {}
                    Some(Err(why)) => {
                        self.found.add(&below, false);
                        self.stays(&below, &why);
                    }
                    None => self.found.add(&below, false),
                }
            } else if !again {
                self.entries += 1;
                if is_directory {
                    self.into(directory, name, &below, depth);
                }
            }
        }
        removed
    }

    fn into(&mut self, directory: BorrowedFd<'_>, name: &CStr, below: &Path, depth: usize) {
        if depth >= MOST_DEPTH {
            return self.stays(below, "is too deep to be searched");
        }
        if let Ok(inner) = openat(directory, name, tree::DIRECTORY, Mode::empty()) {
            self.walk_all(inner.as_fd(), below, depth + 1);
        }
    }

    /// Removes an entry that is the session's, or says why it stays; nothing if it is only reported.
    fn ours(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        below: &Path,
        is_directory: bool,
        depth: usize,
    ) -> Option<Result<(), String>> {
        if self.leftovers == Leftovers::Report {
            return None;
        }
        let gone = if is_directory {
            self.empty(directory, name, below, depth)
        } else {
            tree::remove_file(directory, name).map_err(|error| error.to_string())
        };
        if gone.is_ok() {
            self.work.removed();
        } else {
            self.entries += 1;
        }
        Some(gone)
    }

    fn empty(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        below: &Path,
        depth: usize,
    ) -> Result<(), String> {
        let text = |error: Errno| error.to_string();
        let inner = openat(directory, name, tree::DIRECTORY, Mode::empty()).map_err(text)?;
        let kept =
            tree::empty(inner.as_fd(), Whose::Only(self.uid), &mut self.work).map_err(text)?;
        if kept.is_empty() {
            return tree::remove_directory(directory, name).map_err(text);
        }
        if kept.is_late {
            return Err(TOO_SLOW.to_owned());
        }
        // What is ours may lie deeper, in what is not.
        self.into(directory, name, below, depth);
        tree::remove_directory(directory, name)
            .map_err(|_| "holds something that belongs to somebody else".to_owned())
    }

    fn stays(&mut self, path: &Path, why: &str) {
        if self.left.len() < MOST_NAMED {
            let path = path.display().to_string();
            self.left
                .push(Left::stays(format!("`{}` {why}", path.escape_debug())));
        } else {
            self.unnamed += 1;
        }
    }

    fn finish(mut self) -> Vec<Left> {
        let place = self.place.display();
        if self.unnamed > 0 {
            let unnamed = format!("and {} more files in `{place}`", self.unnamed);
            self.left.push(Left::stays(unnamed));
        }
        if self.entries > MOST_ENTRIES {
            // It would find as many the next time.
            self.left.push(Left::stays(format!(
                "the search for files in `{place}` stopped after {MOST_ENTRIES} entries"
            )));
        } else if self.work.is_over() {
            self.left
                .push(Left::must_go(format!("files in `{place}`: {TOO_SLOW}")));
        }
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{lchown, symlink};

    const UID: u32 = 2_010_000_007;

    /// A place with files of a session's and of others; nothing where this process is not root.
    fn place() -> Option<tempfile::TempDir> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for directory in ["shared/deep", "mine/deep", "mixed/theirs", "mixed/their/s"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for file in [
            "shared/deep/mine",
            "shared/theirs",
            "mine/deep/mine",
            "mixed/theirs/file",
            "mixed/their/s/mine",
            "file",
        ] {
            fs::write(at(file), "").unwrap();
        }
        symlink("/etc/passwd", at("link")).unwrap();
        for path in [
            "shared/deep/mine",
            "mine",
            "mine/deep",
            "mine/deep/mine",
            "mixed",
            "mixed/their/s/mine",
            "link",
            "file",
        ] {
            lchown(at(path), Some(UID), None).unwrap();
        }
        Some(place)
    }

    fn searched(path: &Path, leftovers: Leftovers) -> (Vec<Left>, Found) {
        let roots = [path, Path::new("/nonexistent/portreeve")].map(|path| SearchRoot {
            path: path.to_owned(),
            leftovers,
        });
        let mut found = Found::default();
        let left = deal_with(SessionUid::for_test(UID), &roots, &mut found);
        (left, found)
    }

    #[test]
    fn files_of_the_session_go_wherever_they_are_and_others_stay() {
        let Some(place) = place() else { return };
        let at = |path: &str| place.path().join(path);
        let (left, found) = searched(place.path(), Leftovers::Remove);
        for gone in [
            "shared/deep/mine",
            "mine",
            "mixed/their/s/mine",
            "link",
            "file",
        ] {
            assert!(fs::symlink_metadata(at(gone)).is_err(), "{gone}");
        }
        for stays in ["shared/theirs", "shared/deep", "mixed/theirs/file"] {
            assert!(at(stays).exists(), "{stays}");
        }
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].what.contains("mixed") && !left[0].again);
        let found = found.into_files();
        assert_eq!(found.files.iter().filter(|file| file.removed).count(), 5);
        assert_eq!(found.files.len(), 6, "{found:?}");
    }

    #[test]
    fn what_is_only_reported_stays_and_is_nothing_left() {
        let Some(place) = place() else { return };
        let (left, found) = searched(place.path(), Leftovers::Report);
        assert_eq!(left, []);
        for stays in ["shared/deep/mine", "mine/deep/mine", "link", "mixed"] {
            assert!(
                place.path().join(stays).symlink_metadata().is_ok(),
                "{stays}"
            );
        }
        let found = found.into_files();
        assert!(found.files.iter().all(|file| !file.removed));
        assert_eq!(found.files.len(), 5, "{found:?}");
    }

    #[test]
    fn somebody_elses_full_directory_holds_nothing_up() {
        let Some(place) = place() else { return };
        let root = SearchRoot::from(place.path().to_str().unwrap());
        let mut found = Found::default();
        let mut search = Search::new(SessionUid::for_test(UID), &root, &mut found);
        search.entries = MOST_ENTRIES + 1;
        let top = fs::File::open(place.path()).unwrap();
        let left = search.through(top.as_fd());
        assert!(
            left.iter()
                .any(|left| left.what.contains("stopped after") && !left.again)
        );
        assert!(place.path().join("file").exists());
    }
}
