//! The way to a file, hop by hop: who could put another file where root is going to run one.
//!
//! Every directory on the way counts, and where a hop is a link, every directory on the way that
//! the link takes. Pure: the file system is an argument.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::acl::Acl;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// The file system as it is looked at.
pub(crate) trait Eyes {
    /// What lies at a path, a link itself and not its target.
    fn look(&self, path: &Path) -> io::Result<Seen>;
    /// Where a link points.
    fn target(&self, link: &Path) -> io::Result<PathBuf>;
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its owner.
    pub(crate) owner: u32,
    /// Its mode, without the kind.
    pub(crate) mode: u32,
    /// Its access control list, if it has one.
    pub(crate) acl: Option<Acl>,
    /// What changes when the file does.
    pub(crate) mark: Mark,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a socket, a pipe.
    Other,
}

/// What changes when a file does: device, inode, size, and the time of the last change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The device.
    pub(crate) device: u64,
    /// The inode.
    pub(crate) inode: u64,
    /// The size in bytes.
    pub(crate) size: u64,
    /// When the inode changed, which nobody can set.
    pub(crate) changed: (i64, i64),
}

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

impl Seen {
    /// Who beside root and the owner may write it, in words; none when nobody may.
    pub(crate) fn other_writer(&self) -> Option<String> {
        // With a list the mode's group bits are its mask, so the list alone says who writes.
        match &self.acl {
            Some(acl) => acl.other_writer(),
            None if self.mode & OTHERS_WRITE != 0 => Some("everybody".into()),
            None if self.mode & GROUP_WRITES != 0 => Some("its group".into()),
            None => None,
        }
    }

    fn is_sticky(&self) -> bool {
        self.mode & STICKY != 0
    }
}

/// What the way to a file is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where it ends.
    pub(crate) end: End,
    /// Who could lead it elsewhere.
    pub(crate) gaps: Vec<Gap>,
}

/// Where a way ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// At something, under its real path.
    There(PathBuf, Seen),
    /// At nothing.
    Missing,
    /// It could not be followed, and why.
    NotSeen(PathBuf, String),
}

/// A place where somebody beside root could lead a way elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The file or directory.
    pub(crate) path: PathBuf,
    /// What is wrong with it.
    pub(crate) what: What,
}

/// What is wrong with a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Somebody else may write it: this one.
    WrittenBy(String),
    /// Somebody else owns it.
    OwnedBy(u32),
}

/// Follows a path from the root to its end.
pub(crate) fn walk(path: &Path, eyes: &impl Eyes) -> Way {
    let mut walk = Walk {
        eyes,
        at: PathBuf::from("/"),
        ahead: names(path),
        links: 0,
        gaps: Vec::new(),
    };
    let end = walk.follow_to_end();
    walk.gaps.dedup();
    Way {
        end,
        gaps: walk.gaps,
    }
}

struct Walk<'e, E> {
    eyes: &'e E,
    /// The directory where we are, under its real path.
    at: PathBuf,
    ahead: VecDeque<OsString>,
    links: usize,
    gaps: Vec<Gap>,
}

impl<E: Eyes> Walk<'_, E> {
    fn follow_to_end(&mut self) -> End {
        let mut here = match self.eyes.look(&self.at) {
            Ok(root) => root,
            Err(error) => return End::NotSeen(self.at.clone(), error.to_string()),
        };
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                self.at.pop();
                match self.eyes.look(&self.at) {
                    Ok(parent) => here = parent,
                    Err(error) => return End::NotSeen(self.at.clone(), error.to_string()),
                }
                continue;
            }
            let next = self.at.join(&name);
            let seen = match self.eyes.look(&next) {
                Ok(seen) => seen,
                Err(error) if is_missing(&error) => {
                    // Who may write here could put something there.
                    self.judge_directory(&here, None);
                    return End::Missing;
                }
                Err(error) => return End::NotSeen(next, error.to_string()),
            };
            self.judge_directory(&here, Some(&seen));
            match seen.kind {
                Kind::Link => {
                    if let Err(end) = self.follow(&next) {
                        return end;
                    }
                    match self.eyes.look(&self.at) {
                        Ok(directory) => here = directory,
                        Err(error) => return End::NotSeen(self.at.clone(), error.to_string()),
                    }
                }
                Kind::Directory | Kind::File | Kind::Other => {
                    self.at = next;
                    here = seen;
                }
            }
        }
        if here.kind != Kind::Directory {
            self.judge(&here);
        }
        End::There(self.at.clone(), here)
    }

    /// What a directory lets others do with one entry of it.
    fn judge_directory(&mut self, directory: &Seen, entry: Option<&Seen>) {
        // In a sticky directory only root may take away what root owns.
        let is_held = directory.is_sticky() && entry.is_some_and(|entry| entry.owner == 0);
        if directory.owner != 0 || !is_held {
            self.judge(directory);
        }
    }

    /// What the thing where we are lets others do. A gap is told once.
    fn judge(&mut self, seen: &Seen) {
        let path = self.at.clone();
        let gap = if seen.owner != 0 {
            Gap {
                path,
                what: What::OwnedBy(seen.owner),
            }
        } else if let Some(writer) = seen.other_writer() {
            Gap {
                path,
                what: What::WrittenBy(writer),
            }
        } else {
            return;
        };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    fn follow(&mut self, link: &Path) -> Result<(), End> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(End::NotSeen(link.to_owned(), "too many links".into()));
        }
        let target = self
            .eyes
            .target(link)
            .map_err(|error| End::NotSeen(link.to_owned(), error.to_string()))?;
        if target.is_absolute() {
            self.at = PathBuf::from("/");
        }
        for name in names(&target).into_iter().rev() {
            self.ahead.push_front(name);
        }
        Ok(())
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The names in a path; `..` is one, because after a link it cannot be taken away on paper.
fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
