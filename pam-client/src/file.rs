//! Files that root reads and writes: read only when nobody else could have written them, replaced
//! as a whole, on disk when the function returns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is none.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// Somebody else could have written it.
    #[error("`{}` must be a plain file of root that nobody else may write", .0.display())]
    NotTrusted(PathBuf),
    /// Others can read a secret.
    #[error("`{}` can be read by others; run `chmod 600` on it", .0.display())]
    Exposed(PathBuf),
    /// Larger than anything that we would have written.
    #[error("`{path}` is larger than {1} bytes", path = .0.display())]
    TooLong(PathBuf, u64),
    /// The system refused.
    #[error("cannot read `{path}`: {1}", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// Reads a file that decides what root does.
///
/// # Errors
/// When it is missing, larger than `most` bytes, a link, or writable by anybody but its owner, who
/// must be root or ourselves.
pub(crate) fn read_trusted(path: &Path, most: u64) -> Result<String, ReadError> {
    read(path, most, false)
}

/// Reads a file with a key.
///
/// # Errors
/// As [`read_trusted`], and when others may read it.
pub(crate) fn read_secret(path: &Path, most: u64) -> Result<String, ReadError> {
    read(path, most, true)
}

fn read(path: &Path, most: u64, is_secret: bool) -> Result<String, ReadError> {
    let io = |error| ReadError::Io(path.to_owned(), error);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReadError::Missing(path.to_owned()));
        }
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(ReadError::NotTrusted(path.to_owned()));
        }
        Err(error) => return Err(io(error)),
    };
    let facts = file.metadata().map_err(io)?;
    let owner = facts.uid() == 0 || facts.uid() == nix::unistd::geteuid().as_raw();
    if !facts.is_file() || !owner || facts.mode() & 0o022 != 0 {
        return Err(ReadError::NotTrusted(path.to_owned()));
    }
    if is_secret && facts.mode() & 0o077 != 0 {
        return Err(ReadError::Exposed(path.to_owned()));
    }
    let mut text = String::new();
    Read::by_ref(&mut file)
        .take(most.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(io)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > most {
        return Err(ReadError::TooLong(path.to_owned(), most));
    }
    Ok(text)
}

/// Puts `bytes` in place of the file at `path` in one step: whoever looks sees the old file or the
/// new one, also after a power cut.
///
/// # Errors
/// When the system refuses; then the old file is untouched.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = beside(path)?;
    let written = remove_if_there(&beside)
        .and_then(|()| write_new(&beside, bytes, mode))
        .and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // Nothing more can be done about a leftover that cannot be removed either.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    sync_parent(path)
}

/// Puts a new file with `bytes` at `path`, whole or not at all, and only where nothing is.
///
/// # Errors
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when something is there, which is untouched; or
/// when the system refuses.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = beside(path)?;
    write_new(&beside, bytes, mode)?;
    // A second name is given only where there is none, on every file system.
    let linked = fs::hard_link(&beside, path);
    let removed = remove_if_there(&beside);
    linked.and(removed)?;
    sync_parent(path)
}

/// The name under which a replacement is written: in the same directory, and with a dot in it,
/// which makes sudo skip it in `sudoers.d`.
pub(crate) fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(".new");
    Ok(path.with_file_name(beside))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(bytes)
        // The mode is set by name and not left to the process's umask.
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)))
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // Nothing more can be done about a leftover that cannot be removed either.
        let _ = fs::remove_file(path);
    }
    written
}

/// Removes a file; that there is none is fine.
///
/// # Errors
/// When the system refuses.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the entry of `path` in its directory durable.
///
/// # Errors
/// When the system refuses.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes a directory of ours with this mode, parents included, or sets the mode of the one there.
///
/// # Errors
/// When the system refuses.
pub(crate) fn directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Whether something is there, a dangling link included.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_has_the_new_content_and_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        replace(&path, b"one", 0o440).unwrap();
        replace(&path, b"two", 0o440).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o440);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_takes_no_place_that_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        create(&path, b"ours", 0o440).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o440);
        fs::remove_file(&path).unwrap();
        for taken in [path.clone(), beside(&path).unwrap()] {
            fs::write(&taken, "theirs").unwrap();
            let error = create(&path, b"ours", 0o440).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&taken).unwrap(), b"theirs");
            fs::remove_file(&taken).unwrap();
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_leftover_of_a_crash_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        fs::write(beside(&path).unwrap(), "half").unwrap();
        replace(&path, b"whole", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn only_files_that_nobody_else_may_write_are_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trust");
        assert!(matches!(read_trusted(&path, 9), Err(ReadError::Missing(_))));
        replace(&path, b"123456789", 0o644).unwrap();
        assert_eq!(read_trusted(&path, 9).unwrap(), "123456789");
        assert!(matches!(
            read_trusted(&path, 8),
            Err(ReadError::TooLong(..))
        ));
        assert!(matches!(read_secret(&path, 9), Err(ReadError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_secret(&path, 9).unwrap(), "123456789");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert!(matches!(
            read_trusted(&path, 9),
            Err(ReadError::NotTrusted(_))
        ));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(
            read_trusted(&link, 9),
            Err(ReadError::NotTrusted(_))
        ));
    }
}
