//! Files that only their owner may read: tokens, keys, and the folders that they lie in.

mod scratch;
mod unnamed;
mod whole;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use portreeve_protocol::secret::SecretText;

use crate::failure::Failure;

pub use scratch::ScratchFolder;
pub use unnamed::UnnamedFile;
pub use whole::WholeFile;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It cannot be written.
    #[error("cannot write `{}`", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// It is larger than what it should hold can be.
    #[error("`{}` has more than {most} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it may have.
        most: usize,
    },
    /// It is not UTF-8.
    #[error("`{}` is no text", .0.display())]
    NotText(PathBuf),
    /// Others can read or change it.
    #[error("`{}` is accessible to others (mode {mode:04o}, owner {owner})", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its owner.
        owner: u32,
    },
}

impl FileError {
    /// Whether the file is simply not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read(_, error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let next = match &error {
            FileError::NotPrivate { path, .. } => Some(format!("chmod go= '{}'", path.display())),
            FileError::Read(..)
            | FileError::Write(..)
            | FileError::TooLong { .. }
            | FileError::NotText(..) => None,
        };
        let failure = Self::failed(error.to_string());
        let failure = match std::error::Error::source(&error) {
            Some(source) => failure.because(source),
            None => failure,
        };
        match next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// When it cannot be read or is longer.
pub fn read(path: &Path, most: usize) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(|error| FileError::Read(path.into(), error))?;
    bounded(file, path, most)
}

/// Reads the first bytes of a file, `most` of them where there are more.
///
/// # Errors
/// When it cannot be read.
pub fn read_start(path: &Path, most: usize) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::Read(path.into(), error);
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

/// Reads a text of at most `most` bytes.
///
/// # Errors
/// When it cannot be read, is longer, or is no text.
pub fn read_text(path: &Path, most: usize) -> Result<String, FileError> {
    String::from_utf8(read(path, most)?).map_err(|_| FileError::NotText(path.into()))
}

/// Reads a secret text from a file that nobody but its owner, who is the caller or root, may read.
///
/// # Errors
/// When others have access to it, or it cannot be read, is longer than `most`, or is no text.
pub fn read_secret(path: &Path, most: usize) -> Result<SecretText, FileError> {
    let file = File::open(path).map_err(|error| FileError::Read(path.into(), error))?;
    let data = file
        .metadata()
        .map_err(|error| FileError::Read(path.into(), error))?;
    let mine = data.uid() == nix::unistd::geteuid().as_raw() || data.uid() == 0;
    // A pipe, as a shell's `<(…)` makes one, has no mode worth the name.
    if data.is_file() && (data.mode() & 0o077 != 0 || !mine) {
        return Err(not_private(path, &data));
    }
    let bytes = bounded(file, path, most)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SecretText::new(text)),
        Err(_) => Err(FileError::NotText(path.into())),
    }
}

fn not_private(path: &Path, data: &fs::Metadata) -> FileError {
    FileError::NotPrivate {
        path: path.into(),
        mode: data.mode() & 0o7777,
        owner: data.uid(),
    }
}

fn bounded(from: impl io::Read, path: &Path, most: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| FileError::Read(path.into(), error))?;
    if bytes.len() > most {
        Err(FileError::TooLong {
            path: path.into(),
            most,
        })
    } else {
        Ok(bytes)
    }
}

/// Writes a file that only its owner may read, all of it or nothing.
///
/// # Errors
/// When it, or the folder it is in, cannot be made.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, content, 0o600)
}

/// Writes a file that anybody may read, all of it or nothing.
///
/// # Errors
/// When it, or the folder it is in, cannot be made.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace(path, content, 0o644)
}

/// Where a file is while it is written. The process id keeps two writers apart; the rename lets the
/// last one win as a whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let failed = |error| FileError::Write(path.to_path_buf(), error);
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        make_private_folder(parent)?;
    }
    let beside = beside(path);
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

/// Makes a folder, and those above it, that only their owner may enter. Folders that exist stay
/// as they are.
///
/// # Errors
/// When it cannot be made.
pub fn make_private_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| FileError::Write(path.into(), error))
}

/// Makes sure that a folder exists, is no link, is the caller's, and is closed to everybody else.
///
/// # Errors
/// When it cannot be made so: somebody else may have put it there.
pub fn own_folder(path: &Path) -> Result<(), FileError> {
    make_private_folder(path)?;
    let data = fs::symlink_metadata(path).map_err(|error| FileError::Read(path.into(), error))?;
    if !data.is_dir() || data.uid() != nix::unistd::geteuid().as_raw() {
        return Err(not_private(path, &data));
    }
    if data.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(|error| FileError::Write(path.into(), error))?;
    }
    Ok(())
}

/// Reads standard input to its end, at most `most` bytes.
///
/// # Errors
/// When it is a terminal, which nobody is asked to type into, or cannot be read, or is longer.
pub fn read_stdin(what: &str, most: usize) -> Result<Vec<u8>, Failure> {
    use std::io::IsTerminal as _;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage(format!(
            "{what} is expected on standard input, which is a terminal"
        ))
        .next("pipe it in, or name a file"));
    }
    Ok(bounded(stdin.lock(), Path::new("standard input"), most)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_privately_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/token");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777,
            0o700
        );
        assert_eq!(read_secret(&path, 10).unwrap().expose(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_public(&path, b"secret").unwrap();
        let failure = Failure::from(read_secret(&path, 10).unwrap_err()).to_string();
        assert!(
            failure.contains("accessible to others (mode 0644"),
            "{failure}"
        );
        assert!(failure.contains("chmod go="), "{failure}");
    }

    #[test]
    fn long_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        write_private(&path, &[b'x'; 11]).unwrap();
        assert!(matches!(
            read_secret(&path, 10),
            Err(FileError::TooLong { most: 10, .. })
        ));
        assert!(
            read_text(&folder.path().join("none"), 10)
                .unwrap_err()
                .is_absent()
        );
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(own_folder(&link).is_err());
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        own_folder(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
    }
}
