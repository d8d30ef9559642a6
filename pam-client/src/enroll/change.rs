//! Changes of the host that are taken back unless they are kept.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file;
use crate::log;
use crate::nss;
use crate::run::{self, ToolError};

const USERADD: &str = "/usr/sbin/useradd";
const USERDEL: &str = "/usr/sbin/userdel";
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// A file or directory.
    #[error("cannot change `{path}`: {1}", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// A user.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The name services.
    #[error("cannot look up the user: {0}")]
    NameService(#[from] nix::errno::Errno),
}

/// What was changed so far, to be taken back in reverse order.
#[derive(Debug)]
pub(crate) struct Changes {
    undo: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    Content(PathBuf, Vec<u8>, u32, u32, u32),
    NoFile(PathBuf),
    NoDirectory(PathBuf),
    NoUser(String),
}

impl Changes {
    /// No change so far.
    pub(crate) fn new() -> Self {
        Self { undo: Vec::new() }
    }

    /// What was changed stays.
    pub(crate) fn keep(mut self) {
        self.undo.clear();
    }

    /// A file has this content and mode.
    pub(crate) fn file(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), ChangeError> {
        self.remember(path)?;
        file::replace(path, bytes, mode).map_err(|error| ChangeError::Io(path.into(), error))
    }

    /// A file that is there has this content, its owner and mode as they are.
    pub(crate) fn content(&mut self, path: &Path, bytes: &[u8]) -> Result<(), ChangeError> {
        let io = |error| ChangeError::Io(path.into(), error);
        if fs::read(path).map_err(io)? == bytes {
            return Ok(());
        }
        let facts = fs::metadata(path).map_err(io)?;
        self.file(path, bytes, facts.mode() & 0o7777)?;
        chown(path, Some(facts.uid()), Some(facts.gid())).map_err(io)
    }

    /// A file is not there.
    pub(crate) fn remove_file(&mut self, path: &Path) -> Result<(), ChangeError> {
        self.remember(path)?;
        file::remove_if_there(path).map_err(|error| ChangeError::Io(path.into(), error))
    }

    /// A directory is there.
    pub(crate) fn directory(&mut self, path: &Path, mode: u32) -> Result<(), ChangeError> {
        if path.is_dir() {
            return Ok(());
        }
        self.undo.push(Undo::NoDirectory(path.into()));
        file::directory(path, mode).map_err(|error| ChangeError::Io(path.into(), error))
    }

    /// A user of the system is there, who has no password and no home.
    pub(crate) fn user(&mut self, name: &str) -> Result<(), ChangeError> {
        if nss::account(name)?.is_some() {
            return Ok(());
        }
        self.undo.push(Undo::NoUser(name.into()));
        let arguments = [
            "--system",
            "--user-group",
            "--no-create-home",
            // sshd complains to the bastion about a home that does not exist.
            "--home-dir",
            "/",
            "--shell",
            "/bin/sh",
            "--comment",
            "Portreeve control connections",
            "--",
            name,
        ];
        run::run_well(USERADD, &arguments, PATIENCE)?;
        Ok(())
    }

    fn remember(&mut self, path: &Path) -> Result<(), ChangeError> {
        let io = |error| ChangeError::Io(path.into(), error);
        let undo = match fs::read(path) {
            Ok(bytes) => {
                let facts = fs::metadata(path).map_err(io)?;
                Undo::Content(
                    path.into(),
                    bytes,
                    facts.mode() & 0o7777,
                    facts.uid(),
                    facts.gid(),
                )
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Undo::NoFile(path.into()),
            Err(error) => return Err(io(error)),
        };
        self.undo.push(undo);
        Ok(())
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for undo in self.undo.drain(..).rev() {
            let (what, undone) = match undo {
                Undo::Content(path, bytes, mode, uid, gid) => {
                    let restored = file::replace(&path, &bytes, mode)
                        .and_then(|()| chown(&path, Some(uid), Some(gid)));
                    (
                        path.display().to_string(),
                        restored.map_err(|error| error.to_string()),
                    )
                }
                Undo::NoFile(path) => {
                    let removed = file::remove_if_there(&path);
                    (
                        path.display().to_string(),
                        removed.map_err(|error| error.to_string()),
                    )
                }
                Undo::NoDirectory(path) => {
                    let removed = fs::remove_dir(&path);
                    (
                        path.display().to_string(),
                        removed.map_err(|error| error.to_string()),
                    )
                }
                Undo::NoUser(name) => {
                    let removed = remove_user(&name);
                    (name, removed.map_err(|error| error.to_string()))
                }
            };
            if let Err(error) = undone {
                log::error!("`{what}` could not be put back: {error}");
            }
        }
    }
}

/// Removes a user of the system; none is fine.
pub(crate) fn remove_user(name: &str) -> Result<(), ToolError> {
    if matches!(nss::account(name), Ok(None)) {
        return Ok(());
    }
    run::run_well(USERDEL, &["--", name], PATIENCE).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_not_kept_is_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("old"), "old").unwrap();
        fs::set_permissions(at("old"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(at("gone"), "was here").unwrap();
        let change = |changes: &mut Changes| {
            changes.directory(&at("new"), 0o755).unwrap();
            changes.file(&at("new/file"), b"x", 0o600).unwrap();
            changes.content(&at("old"), b"new").unwrap();
            changes.remove_file(&at("gone")).unwrap();
        };
        let mut changes = Changes::new();
        change(&mut changes);
        drop(changes);
        assert!(!at("new").exists());
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "old");
        assert_eq!(fs::metadata(at("old")).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_to_string(at("gone")).unwrap(), "was here");

        let mut changes = Changes::new();
        change(&mut changes);
        changes.keep();
        assert!(at("new/file").exists() && !at("gone").exists());
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "new");
        assert_eq!(fs::metadata(at("old")).unwrap().mode() & 0o7777, 0o640);
    }
}
