//! A file that appears whole under its name, or not at all, however long it takes to write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

use super::{FileError, unnamed};

/// A file that is being written on the disk of its place. Dropped before [`Self::commit`], it is gone; and
/// where the file system has files without a name, also when the process is killed.
///
/// A place that is there and is no regular file (a pipe, a device) is written as it is: nothing
/// can be put whole into it, and it is not ours to replace.
#[derive(Debug)]
pub struct WholeFile {
    out: BufWriter<File>,
    path: PathBuf,
    draft: Draft,
}

/// Where a file is until it is whole.
#[derive(Debug)]
enum Draft {
    /// Nowhere; before it takes its place it is this for a moment.
    Unnamed(PathBuf),
    /// Beside its place.
    Beside(PathBuf),
    /// In its place.
    InPlace,
}

impl WholeFile {
    /// Begins a file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let failed = |error| FileError::Write(path.to_owned(), error);
        let is_special = fs::metadata(path).is_ok_and(|data| !data.is_file());
        let (file, draft) = if is_special {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            (file, Draft::InPlace)
        } else {
            let beside = super::beside(path);
            // What an earlier run under this process id left behind.
            let _ = fs::remove_file(&beside);
            match unnamed::in_folder(folder_of(path), OFlag::empty()) {
                Ok(file) => (file, Draft::Unnamed(beside)),
                Err(_) => {
                    let file = OpenOptions::new()
                        .write(true)
                        .create_new(true)
                        .mode(0o600)
                        .open(&beside)
                        .map_err(failed)?;
                    (file, Draft::Beside(beside))
                }
            }
        };
        Ok(Self {
            out: BufWriter::with_capacity(256 * 1024, file),
            path: path.to_owned(),
            draft,
        })
    }

    /// Puts it into its place, once all of it is on disk.
    ///
    /// # Errors
    /// When something could not be written; the place is then as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        self.put()
            .map_err(|error| FileError::Write(self.path.clone(), error))
    }

    fn put(&mut self) -> io::Result<()> {
        self.out.flush()?;
        if matches!(self.draft, Draft::InPlace) {
            return Ok(());
        }
        let file = self.out.get_ref();
        file.sync_all()?;
        if let Draft::Unnamed(beside) = &self.draft {
            let here = unnamed::path_of(file);
            linkat(
                AT_FDCWD,
                &here,
                AT_FDCWD,
                beside,
                AtFlags::AT_SYMLINK_FOLLOW,
            )?;
            self.draft = Draft::Beside(beside.clone());
        }
        if let Draft::Beside(beside) = &self.draft {
            fs::rename(beside, &self.path)?;
        }
        self.draft = Draft::InPlace;
        Ok(())
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Draft::Beside(beside) = &self.draft {
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert_eq!(names(), 0, "a signal leaves nothing behind");
        drop(file);
        assert_eq!(names(), 0);

        fs::write(&path, "before").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(), 1);
    }

    #[test]
    fn what_is_no_regular_file_is_written_and_not_replaced() {
        let mut file = WholeFile::create(Path::new("/dev/null")).unwrap();
        file.write_all(b"gone").unwrap();
        file.commit().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
