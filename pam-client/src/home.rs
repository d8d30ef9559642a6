//! The session's home: made empty, removed with whatever is in it or mounted on it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, openat};
use rustix::process::{Gid, Uid};

use crate::apply::StepError;
use crate::counter::SessionUid;
use crate::mounts;
use crate::step::Left;
use crate::tree;

/// Makes the home. Nothing is copied into it: what a session finds there is the same on every host.
pub(crate) fn make(directory: &Path, uid: SessionUid) -> Result<(), StepError> {
    let failed = |what: &str, error: io::Error| {
        StepError::Io(format!("cannot {what} `{}`", directory.display()), error)
    };
    DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .map_err(|error| StepError::making(directory, error))?;
    let give = || {
        let opened = openat(CWD, directory, tree::DIRECTORY, Mode::empty())?;
        let (owner, group) = (Uid::from_raw(uid.as_raw()), Gid::from_raw(uid.as_raw()));
        rustix::fs::fchown(opened, Some(owner), Some(group))
    };
    give().map_err(|error| failed("give away", error.into()))
}

/// Removes the home.
pub(crate) fn remove(directory: &Path) -> Vec<Left> {
    let mut left = mounts::detach_below(directory);
    let name = directory.display();
    match tree::remove(directory) {
        Ok(kept) => {
            let what = kept
                .named
                .iter()
                .map(|kept| Left::must_go(format!("home `{name}`: {kept}")));
            left.extend(what);
            if kept.more > 0 {
                left.push(Left::must_go(format!(
                    "home `{name}`: and {} more",
                    kept.more
                )));
            }
        }
        Err(error) => left.push(Left::must_go(format!("home `{name}`: {error}"))),
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_home_is_private_and_somebodys() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let home = base.path().join("pr-0123456789abcdef");
        let uid = SessionUid::for_test(2_010_000_000);
        make(&home, uid).unwrap();
        let facts = fs::metadata(&home).unwrap();
        assert_eq!(
            (facts.uid(), facts.gid(), facts.mode() & 0o7777),
            (uid.as_raw(), uid.as_raw(), 0o700)
        );
        assert!(make(&home, uid).is_err(), "what is there is not taken over");
        assert_eq!(remove(&home), []);
        assert_eq!(remove(&home), []);
        assert!(!home.exists());
    }
}
