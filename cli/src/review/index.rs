//! The index of searches: what reviewers' recordings hold, redacted, in one SQLite file.
//!
//! Everything that names SQLite is here: [`mod@write`] puts recordings in and takes them out,
//! [`find`] answers. What goes in is made by [`portreeve_recording::moment`], what is asked by
//! [`query`]. `docs/spec/search.md` says what is kept and how it is numbered;
//! `docs/decisions/0010` why by SQLite.

pub mod find;
pub mod query;
mod schema;
pub mod write;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::failure::Failure;
use crate::files::{self, FileError};

/// The name of the file in the index's folder.
const FILE: &str = "moments.db";

/// An open index.
#[derive(Debug)]
pub struct Index {
    db: Connection,
    path: PathBuf,
}

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its folder or file cannot be made or is open to others.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not one.
    #[error("`{}` is no index of this program", .0.display())]
    Foreign(PathBuf),
    /// It has another version.
    #[error("the index `{}` has version {version}, and this program makes version {}", path.display(), schema::VERSION)]
    Version {
        /// Its file.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// Another process is changing it, and does not come to an end.
    #[error("the index is being changed by another process")]
    Busy,
    /// It cannot be read or written.
    #[error("the index cannot be used")]
    Database(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Busy
            }
            _ => Self::Database(error),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        let next = match &error {
            IndexError::File(_) => None,
            IndexError::Foreign(path) | IndexError::Version { path, .. } => Some(format!(
                "remove `{}` and run `portreeve index` again",
                path.display()
            )),
            IndexError::Busy => Some("try again when the other `portreeve index` is done".into()),
            IndexError::Database(_) => Some(
                "if it stays so, remove the index and run `portreeve index` again: it holds nothing that recordings do not"
                    .into(),
            ),
        };
        let failure = if let IndexError::File(error) = error {
            Self::from(error)
        } else {
            let failure = Self::failed(error.to_string());
            match std::error::Error::source(&error) {
                Some(source) => failure.because(source),
                None => failure,
            }
        };
        match next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

impl Index {
    /// Opens the index in a folder, and makes both where they are missing, closed to others.
    ///
    /// # Errors
    /// When it cannot be made, or something else is there.
    pub fn create(folder: &Path) -> Result<Self, IndexError> {
        files::own_folder(folder)?;
        let path = folder.join(FILE);
        // SQLite gives the files beside it the mode of this one.
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FileError::Write(path, error).into()),
        }
        let index = Self::at(path)?;
        schema::ensure(&index.db, &index.path)?;
        Ok(index)
    }

    /// Opens the index in a folder, if there is one.
    ///
    /// # Errors
    /// When there is something and it cannot be used.
    pub fn open(folder: &Path) -> Result<Option<Self>, IndexError> {
        let path = folder.join(FILE);
        match fs::symlink_metadata(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::Read(path, error).into()),
        }
        let index = Self::at(path)?;
        schema::check(&index.db, &index.path)?;
        Ok(Some(index))
    }

    fn at(path: PathBuf) -> Result<Self, IndexError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(&path, flags)?;
        match schema::settle(&db) {
            Ok(()) => Ok(Self { db, path }),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                Err(IndexError::Foreign(path))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests;
