//! What is on this host of a session that is to begin. Everything that a session's end removes by
//! name or number is looked at: what is there before the session is not the session's.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use portreeve_protocol::name::AccountName;

use crate::account::Half;
use crate::discover::Mounts;
use crate::file;
use crate::log;
use crate::nss;
use crate::paths::Paths;
use crate::plan::{Observed, Place};
use crate::range::{Range, Sources};
use crate::sweep;

/// The most of one file of accounts that is read.
const MAX_SOURCE: u64 = 16 * 1024 * 1024;
/// How many entries of one directory are looked at.
const MOST_ENTRIES: usize = 100_000;
/// How many numbers of the range the name services are asked about at the start.
const PROBES: u32 = 16;

/// What is there under an account's name.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn names(place: &Place<'_>, account: &AccountName) -> Result<Observed, Errno> {
    let name = account.as_str();
    let mut occupied = Vec::new();
    if nss::account(name)?.is_some() {
        occupied.push(format!("an account `{name}`"));
    }
    if nss::group(name)?.is_some() {
        occupied.push(format!("a group `{name}`"));
    }
    // One that cannot be read will not let useradd make an account either.
    if let Ok(half) = Half::of(name) {
        occupied.extend(
            half.files()
                .map(|file| format!("a line for `{name}` in `{file}`")),
        );
    }
    let rules = place.paths.rules(account);
    let mut paths = vec![
        place.home_base.join(name),
        place.cgroup_root.join(name),
        place.paths.sudo_log(account),
    ];
    paths.extend(file::beside(&rules));
    paths.push(rules);
    paths.extend(sweep::by_name(account));
    let there = paths.iter().filter(|path| file::is_there(path));
    occupied.extend(there.map(|path| format!("`{}`", path.display())));
    Ok(Observed { occupied })
}

/// Whether anybody has a number, or anything is there under it.
///
/// # Errors
/// When a name service cannot say.
pub(crate) fn is_taken(uid: u32) -> Result<bool, Errno> {
    let mut places = sweep::by_number(uid);
    places.push(sweep::runtime_directory(uid));
    Ok(nss::is_taken(uid)? || places.iter().any(|path| file::is_there(path)))
}

/// The files that say who else hands out numbers. One that cannot be read says nothing, as it does
/// to the tools.
pub(crate) fn sources(paths: &Paths) -> Sources {
    Sources {
        passwd: text(&paths.etc("passwd")),
        group: text(&paths.etc("group")),
        subuid: text(&paths.etc("subuid")),
        subgid: text(&paths.etc("subgid")),
        login_defs: text(&paths.etc("login.defs")),
    }
}

fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SOURCE).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// A number of the range that a name service knows although no session has it: one of a few over
/// the whole range, because nobody can be asked about a hundred million.
pub(crate) fn stranger(range: Range) -> Option<u32> {
    let apart = (range.last - range.first) / PROBES;
    // The first ones are those of sessions; they are asked about one by one.
    let probes = (1..=PROBES).map(|probe| range.first.saturating_add(apart.saturating_mul(probe)));
    probes
        .filter(|uid| *uid <= range.last)
        .find(|uid| nss::is_taken(*uid) == Ok(true))
}

/// The highest number of the range that owns something right below these directories: what a
/// session left, also one that no journal and no counter remember any more.
///
/// Nothing is asked of what is mounted there, nor of a file system that may never answer: the daemon
/// does not start before this returns.
pub(crate) fn highest_owner<'p>(
    range: Range,
    directories: impl IntoIterator<Item = &'p PathBuf>,
    mountinfo: &str,
) -> Option<u32> {
    let mounts = Mounts::read(mountinfo);
    let entries = directories
        .into_iter()
        .filter_map(|directory| answering(&mounts, directory))
        .flat_map(|directory| {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            entries.take(MOST_ENTRIES).map(|entry| entry.path())
        });
    entries
        .filter(|path| !mounts.is_point(path))
        .filter_map(|path| Some(fs::symlink_metadata(path).ok()?.uid()))
        .filter(|uid| (range.first..=range.last).contains(uid))
        .max()
}

/// Where a directory really is, unless a file system that may never answer lies there.
fn answering(mounts: &Mounts, directory: &Path) -> Option<PathBuf> {
    let real = mounts.way(directory, |path| path.read_link().ok());
    if let Err(why) = &real {
        let directory = directory.display();
        log::warning!("`{directory}` is not searched for UIDs that were used: {why}");
    }
    real.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range {
        first: 2_010_000_000,
        last: 2_010_000_099,
    };

    #[test]
    fn what_a_forgotten_session_left_counts() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let places = [directory.path().to_owned(), "/nonexistent".into()];
        assert_eq!(highest_owner(RANGE, &places, ""), None);
        for (name, uid) in [("a", 2_010_000_007), ("b", 2_010_000_100), ("c", 1000)] {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            std::os::unix::fs::chown(&path, Some(uid), None).unwrap();
        }
        assert_eq!(highest_owner(RANGE, &places, ""), Some(2_010_000_007));
    }

    #[test]
    fn what_may_never_answer_is_not_asked_who_owns_it() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        for (name, uid) in [("a", 2_010_000_003), ("mounted", 2_010_000_007)] {
            let path = real.join(name);
            fs::create_dir(&path).unwrap();
            std::os::unix::fs::chown(&path, Some(uid), None).unwrap();
        }
        let mount =
            |point: &Path, kind| format!("9 1 0:9 / {} rw - {kind} x rw\n", point.display());
        let root = mount(Path::new("/"), "ext4");
        let home = mount(&real.join("mounted"), "nfs4");
        let all = mount(&real, "fuse.sshfs");
        for place in [real, link] {
            let highest = |mountinfo: &str| highest_owner(RANGE, [&place], mountinfo);
            assert_eq!(highest(&root), Some(2_010_000_007));
            assert_eq!(highest(&format!("{root}{home}")), Some(2_010_000_003));
            assert_eq!(highest(&format!("{root}{all}")), None);
        }
    }
}
