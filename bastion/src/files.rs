//! Reading and writing this program's own files.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

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
    /// Others can read a secret.
    #[error("`{}` can be read by others; run `chmod 600` on it", .0.display())]
    Exposed(PathBuf),
    /// It is not a file of ours.
    #[error("`{}` is too large or not a file", .0.display())]
    NotAFile(PathBuf),
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read(path: &Path) -> Result<String, FileError> {
    open(path, false).map(|text| text.to_string())
}

/// Reads a file that nobody else may read.
///
/// # Errors
/// When somebody else may, when it cannot be read, or is too large.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, FileError> {
    open(path, true)
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

fn open(path: &Path, is_secret: bool) -> Result<Zeroizing<String>, FileError> {
    let failed = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(FileError::NotAFile(path.to_owned()));
    }
    if is_secret && metadata.mode() & 0o077 != 0 {
        return Err(FileError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, "secret", 0o644).unwrap();
        assert!(matches!(read_secret(&path), Err(FileError::Exposed(_))));
        assert_eq!(read(&path).unwrap(), "secret");
        write(&path, "secret", 0o600).unwrap();
        assert_eq!(*read_secret(&path).unwrap(), "secret");
    }
}
