//! What a session leaves outside its home: schedules, mail, timestamps, IPC objects, files in
//! directories where anybody may write.

use std::fs;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use portreeve_protocol::name::AccountName;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

use crate::counter::SessionUid;
use crate::home;
use crate::step::{Account, Left};
use crate::sys::{self, Ipc};
use crate::tree::{self, Whose};

/// How many entries a search meets before it stops. It bounds how long somebody else's full `/tmp`
/// can hold up the end of a session.
const MOST_ENTRIES: u64 = 500_000;
/// How deep other users' directories are followed; each level is an open file.
const MOST_DEPTH: usize = 32;
/// How many findings that stay are named.
const MOST_NAMED: usize = 16;

/// Removes what belongs to the account by its name or number.
pub(crate) fn named(account: &Account) -> Vec<Left> {
    let mut left = Vec::new();
    let (by_name, by_number) = (by_name(&account.name), by_number(account.uid.as_raw()));
    for path in by_name.into_iter().chain(by_number) {
        if let Err(error) = tree::remove(&path)
            && error != Errno::NOTDIR
        {
            left.push(Left::must_go(format!("`{}`: {error}", path.display())));
        }
    }
    left.extend(home::remove(&runtime_directory(account.uid.as_raw())));
    left
}

/// Where Debian, Red Hat and SUSE keep things under an account's name.
pub(crate) fn by_name(account: &AccountName) -> Vec<PathBuf> {
    let places = [
        // Schedules.
        "/var/spool/cron/crontabs",
        "/var/spool/cron/tabs",
        "/var/spool/cron",
        // Services that outlive a login.
        "/var/lib/systemd/linger",
        // Mail.
        "/var/mail",
        "/var/spool/mail",
        // What sudo remembers.
        "/run/sudo/ts",
        "/run/sudo-rs/ts",
        "/var/lib/sudo/ts",
        "/var/lib/sudo/lectured",
        "/var/db/sudo/ts",
        "/var/db/sudo/lectured",
    ];
    under(&places, account.as_str())
}

/// Where they keep things under its number.
pub(crate) fn by_number(uid: u32) -> Vec<PathBuf> {
    let places = ["/run/sudo/ts", "/run/sudo-rs/ts", "/var/lib/sudo/lectured"];
    under(&places, &uid.to_string())
}

fn under(places: &[&str], name: &str) -> Vec<PathBuf> {
    let places = places.iter().map(|place| Path::new(place).join(name));
    places.collect()
}

/// Where its programs of this boot keep things.
pub(crate) fn runtime_directory(uid: u32) -> PathBuf {
    Path::new("/run/user").join(uid.to_string())
}

/// Removes the System V IPC objects that a UID owns or made.
pub(crate) fn ipc(uid: SessionUid) -> Vec<Left> {
    let mut left = Vec::new();
    for (file, kind, id_field) in [
        ("/proc/sysvipc/shm", Ipc::SharedMemory, "shmid"),
        ("/proc/sysvipc/msg", Ipc::Messages, "msqid"),
        ("/proc/sysvipc/sem", Ipc::Semaphores, "semid"),
    ] {
        // A kernel without System V IPC has none to remove.
        let table = fs::read_to_string(file).unwrap_or_default();
        for id in ipc_of(&table, id_field, uid.as_raw()) {
            if let Err(error) = sys::remove_ipc(kind, id) {
                left.push(Left::must_go(format!("IPC object {kind:?} {id}: {error}")));
            }
        }
    }
    left
}

/// The ids in a table of `/proc/sysvipc` whose owner or maker is `uid`.
fn ipc_of(table: &str, id_field: &str, uid: u32) -> Vec<i32> {
    let mut lines = table.lines();
    let header: Vec<_> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let column = |name: &str| header.iter().position(|field| *field == name);
    let (Some(id), Some(owner), Some(maker)) = (column(id_field), column("uid"), column("cuid"))
    else {
        return Vec::new();
    };
    let uid = uid.to_string();
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| {
            [owner, maker]
                .iter()
                .any(|&at| fields.get(at) == Some(&uid.as_str()))
        })
        .filter_map(|fields| fields.get(id)?.parse().ok())
        .collect()
}

/// Removes the files of a UID below the directories of `search`.
pub(crate) fn files(uid: SessionUid, search: &[PathBuf]) -> Vec<Left> {
    let mut sweep = Sweep {
        uid: uid.as_raw(),
        entries: 0,
        left: Vec::new(),
        unnamed: 0,
    };
    for place in search {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(CWD, place, flags, Mode::empty()) {
            Ok(directory) => sweep.walk(directory.as_fd(), place, 0),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => sweep.stays(place, &error.to_string()),
        }
    }
    sweep.finish()
}

/// A search through directories of other users for what is ours to remove.
struct Sweep {
    uid: u32,
    entries: u64,
    left: Vec<Left>,
    unnamed: u64,
}

impl Sweep {
    fn walk(&mut self, directory: BorrowedFd<'_>, path: &Path, depth: usize) {
        let (Ok(device), Ok(mut entries)) = (
            fstat(directory).map(|f| f.st_dev),
            Dir::read_from(directory),
        ) else {
            return self.stays(path, "cannot be searched");
        };
        while let Some(entry) = entries.read() {
            let Ok(entry) = entry else {
                return self.stays(path, "cannot be searched");
            };
            let name = entry.file_name();
            if tree::is_dots(name) {
                continue;
            }
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return;
            }
            let Ok(facts) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let below = path.join(std::ffi::OsStr::new(&*name.to_string_lossy()));
            let is_directory = FileType::from_raw_mode(facts.st_mode) == FileType::Directory;
            let is_ours = facts.st_uid == self.uid;
            if !is_directory {
                if is_ours && let Err(error) = unlinkat(directory, name, AtFlags::empty()) {
                    self.stays(&below, &error.to_string());
                }
                continue;
            }
            // Other file systems below are searched if the settings name them.
            if facts.st_dev != device {
                continue;
            }
            if depth >= MOST_DEPTH {
                self.stays(&below, "is too deep to be searched");
                continue;
            }
            let Ok(inner) = openat(directory, name, tree::DIRECTORY, Mode::empty()) else {
                continue;
            };
            if is_ours
                && tree::empty(inner.as_fd(), Whose::Only(self.uid))
                    .is_ok_and(|kept| kept.is_empty())
            {
                if let Err(error) = unlinkat(directory, name, AtFlags::REMOVEDIR) {
                    self.stays(&below, &error.to_string());
                }
                continue;
            }
            self.walk(inner.as_fd(), &below, depth + 1);
            if is_ours && unlinkat(directory, name, AtFlags::REMOVEDIR).is_err() {
                self.stays(&below, "holds something that belongs to somebody else");
            }
        }
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
        if self.unnamed > 0 {
            self.left
                .push(Left::stays(format!("and {} more files", self.unnamed)));
        }
        if self.entries > MOST_ENTRIES {
            self.left.push(Left::stays(format!(
                "the search for files stopped after {MOST_ENTRIES} entries"
            )));
        }
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;

    #[test]
    fn ipc_tables_are_read_by_their_header() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime\n\
                     0          3  1600                  4096    10    10      0  4711     0     0     0          0\n\
                     1          5  1600                  4096    10    10      0     0     0  4711     0          0\n\
                     2          7  1600                  4711  4711    10      0     0  4711     0  4711          0\n";
        assert_eq!(ipc_of(table, "shmid", 4711), [3, 5]);
        assert_eq!(ipc_of("", "shmid", 0), [] as [i32; 0]);
        assert_eq!(ipc_of("key uid\nx 1\n", "shmid", 1), [] as [i32; 0]);
    }

    #[test]
    fn nothing_is_looked_for_above_the_account() {
        let account = example().account;
        let (by_name, by_number) = (by_name(&account.name), by_number(account.uid.as_raw()));
        for place in by_name.into_iter().chain(by_number) {
            let last = place.file_name().unwrap().to_str().unwrap();
            assert!(last == account.name.as_str() || last == account.uid.as_raw().to_string());
        }
    }

    #[test]
    fn files_of_the_session_go_wherever_they_are_and_others_stay() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let uid = SessionUid::for_test(2_010_000_007);
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        let own =
            |path: &str| std::os::unix::fs::lchown(at(path), Some(uid.as_raw()), None).unwrap();
        fs::create_dir_all(at("shared/deep")).unwrap();
        fs::create_dir_all(at("mine/deep")).unwrap();
        fs::create_dir_all(at("mixed/theirs")).unwrap();
        for file in [
            "shared/deep/mine",
            "shared/theirs",
            "mine/deep/mine",
            "mixed/theirs/file",
            "file",
        ] {
            fs::write(at(file), "").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        for path in [
            "shared/deep/mine",
            "mine",
            "mine/deep",
            "mine/deep/mine",
            "mixed",
            "link",
            "file",
        ] {
            own(path);
        }
        let left = files(uid, &[place.path().to_owned(), at("missing")]);
        for gone in ["shared/deep/mine", "mine", "link", "file"] {
            assert!(fs::symlink_metadata(at(gone)).is_err(), "{gone}");
        }
        for stays in ["shared/theirs", "shared/deep", "mixed/theirs/file"] {
            assert!(at(stays).exists(), "{stays}");
        }
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].what.contains("mixed") && !left[0].again);
    }
}
