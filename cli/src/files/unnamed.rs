//! Files without a name: nothing of them is left when the process ends, however it ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::FileError;

/// A file that only this process can find, for as long as this value is.
#[derive(Debug)]
pub struct UnnamedFile(File);

impl UnnamedFile {
    /// Makes one in the system's place for temporary files.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub fn new() -> Result<Self, FileError> {
        let folder = std::env::temp_dir();
        let made = in_folder(&folder, OFlag::O_EXCL).or_else(|_| unlinked(&folder));
        made.map(Self)
            .map_err(|error| FileError::Write(folder, error))
    }

    /// The file, to be written and read.
    pub const fn file(&mut self) -> &mut File {
        &mut self.0
    }

    /// A path that opens it once more, in this process only.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path_of(&self.0)
    }
}

/// A new file in a folder that has no name in it, where the file system can do that. With
/// [`OFlag::O_EXCL`] it can never be given one.
pub(super) fn in_folder(folder: &Path, flags: OFlag) -> io::Result<File> {
    let flags = flags | OFlag::O_TMPFILE;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(flags.bits())
        .open(folder)?;
    // Without this path it can be neither opened again nor named.
    fs::metadata(path_of(&file))?;
    Ok(file)
}

pub(super) fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The same where every new file has a name: this one has it for a moment.
fn unlinked(folder: &Path) -> io::Result<File> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let name = u128::from_le_bytes(random);
    let path = folder.join(format!("portreeve-{name:032x}"));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_has_no_name_is_found_by_its_own_process_only() {
        let folder = tempfile::tempdir().unwrap();
        for made in [
            in_folder(folder.path(), OFlag::O_EXCL),
            unlinked(folder.path()),
        ] {
            let mut file = UnnamedFile(made.unwrap());
            file.file().write_all(b"content").unwrap();
            assert_eq!(fs::read(file.path()).unwrap(), b"content");
            let data = file.file().metadata().unwrap();
            assert_eq!((data.mode() & 0o777, data.nlink()), (0o600, 0));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
