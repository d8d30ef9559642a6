//! The files that sudoers consists of: the one that sudo begins with, and everything that it
//! includes.
//!
//! sudo itself says what they mean; here they are only found, so that a change of any of them is
//! noticed and so that it is known whom they name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::everybody::{Inclusion, inclusions, names};
use super::finding::Finding;
use super::program::{mark, not_seen};
use super::walk::Mark;
use crate::file;

/// The largest file that is read; a person's has a thousandth of it.
const MAX_FILE: u64 = 1024 * 1024;
/// More files than anybody keeps beside sudoers.
const MOST_FILES: usize = 1000;

/// What sudoers consists of.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
    /// The directories that are read.
    directories: BTreeSet<PathBuf>,
    /// What could not be read, and why.
    unread: Vec<(PathBuf, String)>,
}

#[derive(Debug)]
struct Source {
    mark: Mark,
    text: String,
}

impl Sources {
    /// Everything that a file includes, and itself. The rules of sessions are left out.
    pub(crate) fn of(main: &Path) -> Self {
        let mut sources = Self::default();
        let mut known = BTreeSet::new();
        let mut open = vec![main.to_owned()];
        while let Some(path) = open.pop() {
            if !known.insert(path.clone()) {
                continue;
            }
            if known.len() > MOST_FILES {
                sources
                    .unread
                    .push((path, "there are too many files".into()));
                break;
            }
            match read(&path) {
                Ok(source) => {
                    for inclusion in inclusions(&source.text) {
                        sources.follow(inclusion, &path, &mut open);
                    }
                    sources.files.push(source);
                }
                Err(why) => sources.unread.push((path, why)),
            }
        }
        sources
    }

    fn follow(&mut self, inclusion: Inclusion, from: &Path, open: &mut Vec<PathBuf>) {
        let (path, is_directory) = match inclusion {
            Inclusion::File(path) => (path, false),
            Inclusion::Directory(path) => (path, true),
        };
        let beside = from.parent().unwrap_or(Path::new("/"));
        let path = beside.join(path);
        // Which host sudo takes itself for is its own affair.
        if path.to_string_lossy().contains("%h") {
            let why = "its name depends on the host's".to_owned();
            self.unread.push((path, why));
        } else if is_directory {
            open.extend(within(&path).take(MOST_FILES));
            self.directories.insert(path);
        } else {
            open.push(path);
        }
    }

    /// What the files look like from outside: when it is the same, nothing changed.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.files.iter().map(|source| source.mark).collect()
    }

    /// Whether the files of this directory are among them.
    pub(crate) fn read_directory(&self, directory: &Path) -> bool {
        self.directories.contains(directory)
    }

    /// Whether any of them names a user, a group or a number.
    pub(crate) fn name(&self, word: &str) -> bool {
        self.files.iter().any(|source| names(&source.text, word))
    }

    /// What could not be read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = Finding> {
        self.unread.iter().map(|(path, why)| not_seen(path, why))
    }
}

fn read(path: &Path) -> Result<Source, String> {
    let facts = fs::metadata(path).map_err(|error| error.to_string())?;
    let text = file::read_trusted(path, MAX_FILE).map_err(|error| error.to_string())?;
    Ok(Source {
        mark: mark(&facts),
        text,
    })
}

/// The files of a directory that sudo reads: a dot or a tilde at the end keeps one out.
fn within(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let is_read = |name: &OsStr| {
        let name = name.to_string_lossy();
        !name.contains('.') && !name.ends_with('~') && !name.contains("portreeve-pr-")
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| is_read(&entry.file_name()))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_included_is_a_source() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir(at("d")).unwrap();
        let main = format!(
            "@include beside\n#includedir {}\n@include {}\n@include {}/%h\n",
            at("d").display(),
            at("missing").display(),
            root.path().display(),
        );
        for (path, text) in [
            ("main", main.as_str()),
            ("beside", "ann ALL=ALL\n@include main\n"),
            ("d/zz-bob", "bob ALL=ALL\n"),
            ("d/old.bak", "carl ALL=ALL\n"),
            ("d/old~", "dora ALL=ALL\n"),
            ("d/portreeve-pr-0123456789abcdef", "erik ALL=ALL\n"),
        ] {
            fs::write(at(path), text).unwrap();
        }
        let sources = Sources::of(&at("main"));
        for (name, is_named) in [
            ("ann", true),
            ("bob", true),
            ("carl", false),
            ("dora", false),
            ("erik", false),
        ] {
            assert_eq!(sources.name(name), is_named, "{name}");
        }
        assert!(sources.read_directory(&at("d")));
        assert!(!sources.read_directory(root.path()));
        assert_eq!(sources.marks().len(), 3);
        let unread: Vec<_> = sources
            .unread()
            .filter_map(|finding| finding.path)
            .collect();
        let expected = [at("%h"), at("missing")].map(|path| path.display().to_string());
        assert_eq!(unread.len(), expected.len(), "{unread:?}");
        assert!(
            expected.iter().all(|path| unread.contains(path)),
            "{unread:?}"
        );
    }

    #[test]
    fn a_change_of_any_source_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let (main, more) = (root.path().join("main"), root.path().join("more"));
        fs::write(&main, "@include more\n").unwrap();
        fs::write(&more, "").unwrap();
        let before = Sources::of(&main).marks();
        assert_eq!(Sources::of(&main).marks(), before);
        fs::write(&more, "ALL ALL=(ALL) ALL\n").unwrap();
        assert_ne!(Sources::of(&main).marks(), before);
    }
}
