//! Reading and writing this program's own files.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use portreeve_protocol::secret::SecretText;
use portreeve_recording_store::secret_file::{self, SecretFileError};

/// The longest file that is read. Keys and certificates have a few KiB.
const MAX_FILE: u64 = 1024 * 1024;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is to be a secret and is none.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// It is not a file of ours.
    #[error("`{}` is too large or not a file", .0.display())]
    NotAFile(PathBuf),
}

/// Reads a file that is no secret.
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(FileError::NotAFile(path.to_owned()));
    }
    let mut text = String::new();
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Reads a file that nobody else may read.
///
/// # Errors
/// As [`secret_file::read`].
pub fn read_secret(path: &Path) -> Result<SecretText, FileError> {
    Ok(secret_file::read(path)?)
}

/// Writes a file as a whole: after a crash there is the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    let failed = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let new = path.with_extension("new");
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)
}

/// Makes a folder that nobody else can look into.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| FileError::Io {
            path: path.to_owned(),
            source,
        })
}
