//! Everything that can be said of a file system, to be compared with what can be said of it later.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

/// What stands at each path, in the order of the paths.
#[derive(Debug)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Entry>);

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    device: u64,
    digest: Option<Vec<u8>>,
    target: Option<PathBuf>,
    /// Extended attributes: access lists, capabilities, labels.
    attributes: BTreeMap<String, Vec<u8>>,
    /// When it was last written to. A directory's time only says that a name came and went.
    written_at: Option<(i64, i64)>,
}

impl Snapshot {
    /// Looks at everything below `root`, apart from what is below one of `skipped`.
    pub(super) fn of(root: &Path, skipped: &[&Path]) -> Self {
        let mut seen = BTreeMap::new();
        let mut waiting = vec![PathBuf::new()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(root.join(&directory)).unwrap() {
                let entry = entry.unwrap();
                let path = directory.join(entry.file_name());
                if skipped
                    .iter()
                    .any(|skipped| *skipped == Path::new("/").join(&path))
                {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(path.clone());
                }
                seen.insert(Path::new("/").join(&path), Entry::of(&entry.path()));
            }
        }
        Self(seen)
    }

    /// What is not as it was, a line each, where `allowed` does not say that it may be.
    pub(super) fn differences(
        &self,
        later: &Self,
        allowed: impl Fn(&Path, Difference) -> bool,
    ) -> Vec<String> {
        let mut paths: Vec<_> = self.0.keys().chain(later.0.keys()).collect();
        paths.sort();
        paths.dedup();
        let lines = paths.into_iter().filter_map(|path| {
            let (before, after) = (self.0.get(path), later.0.get(path));
            let difference = Difference::between(before, after)?;
            (!allowed(path, difference))
                .then(|| format!("{difference:?} {}: {before:?} -> {after:?}", path.display()))
        });
        lines.collect()
    }
}

/// How something is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// It was written to, and says the same as before.
    Written,
    /// It is there or not, or says something else.
    Other,
}

impl Difference {
    fn between(before: Option<&Entry>, after: Option<&Entry>) -> Option<Self> {
        if before == after {
            return None;
        }
        let timeless = |entry: Option<&Entry>| {
            entry.map(|entry| Entry {
                written_at: None,
                ..entry.clone()
            })
        };
        Some(if timeless(before) == timeless(after) {
            Self::Written
        } else {
            Self::Other
        })
    }
}

impl Entry {
    fn of(path: &Path) -> Self {
        let facts = fs::symlink_metadata(path).unwrap();
        let is = facts.file_type();
        let kind = if is.is_dir() {
            "directory"
        } else if is.is_symlink() {
            "link"
        } else if is.is_socket() {
            "socket"
        } else if is.is_file() {
            "file"
        } else {
            "device"
        };
        Self {
            kind,
            mode: facts.mode() & 0o7777,
            owner: (facts.uid(), facts.gid()),
            device: facts.rdev(),
            digest: is
                .is_file()
                .then(|| digest(&SHA256, &fs::read(path).unwrap()).as_ref().to_vec()),
            target: is.is_symlink().then(|| fs::read_link(path).unwrap()),
            attributes: attributes(path),
            written_at: (!is.is_dir()).then(|| (facts.mtime(), facts.mtime_nsec())),
        }
    }
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 64 * 1024];
    // A file system without attributes has none.
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let name = String::from_utf8(name.to_vec()).unwrap();
            let mut value = vec![0; 64 * 1024];
            let length = rustix::fs::lgetxattr(path, name.as_str(), &mut value[..]).unwrap();
            value.truncate(length);
            (name, value)
        })
        .collect()
}
