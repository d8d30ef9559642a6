//! Files with a secret in them: keys, tokens, credentials.
//!
//! Whoever may open one that only its owner may read is its owner, or root, who prepares it for
//! another user; so it is the mode that is looked at.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portreeve_protocol::secret::SecretText;
use zeroize::Zeroizing;

/// The longest file that is read, in bytes. Keys and session tokens have a few KiB.
const MOST: usize = 64 * 1024;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a folder, a pipe, or too large for a secret.
    #[error("`{}` is not a regular file of at most {MOST} bytes", .0.display())]
    NotAFile(PathBuf),
    /// Others can read it.
    #[error("`{}` can be read by others; run `chmod 600` on it", .0.display())]
    Exposed(PathBuf),
}

/// Reads a file that nobody but its owner may read.
///
/// # Errors
/// When somebody else may, or it cannot be read as a whole.
pub fn read(path: &Path) -> Result<SecretText, SecretFileError> {
    let failed = |source| SecretFileError::Io {
        path: path.to_owned(),
        source,
    };
    // Before it is opened: a pipe would hold us up.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(SecretFileError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(SecretFileError::Exposed(path.to_owned()));
    }
    // With room for all of it, so that none of it is left behind where it grew out of.
    let mut text = Zeroizing::new(String::with_capacity(MOST + 1));
    file.take(MOST as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() > MOST {
        return Err(SecretFileError::NotAFile(path.to_owned()));
    }
    Ok(SecretText::new(std::mem::take(&mut *text)))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_read_only_where_nobody_else_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, "hunter2").unwrap();
        for (mode, is_read) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o610, false),
        ] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match read(&path) {
                Ok(secret) => assert!(is_read && secret.expose() == "hunter2", "{mode:o}"),
                Err(SecretFileError::Exposed(_)) => assert!(!is_read, "{mode:o}"),
                Err(other) => panic!("{mode:o}: {other}"),
            }
        }
    }

    #[test]
    fn nothing_is_read_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (len, is_read) in [(0, true), (MOST, true), (MOST + 1, false)] {
            write(&path, "x".repeat(len)).unwrap();
            set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read(&path).is_ok(), is_read, "{len}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/zero")] {
            assert!(matches!(read(path), Err(SecretFileError::NotAFile(_))));
        }
        let absent = read(&folder.path().join("none"));
        assert!(matches!(absent, Err(SecretFileError::Io { .. })));
    }
}
