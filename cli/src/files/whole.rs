//! A file that appears whole under its name, or not at all, however long it takes to write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::FileError;

/// A file that is being written beside its place. Dropped before [`Self::commit`], it is gone.
///
/// A place that is there and is no regular file (a pipe, a device) is written as it is: nothing
/// can be put whole into it, and it is not ours to replace.
#[derive(Debug)]
pub struct WholeFile {
    out: BufWriter<File>,
    path: PathBuf,
    /// Where it is until it is whole.
    beside: Option<PathBuf>,
}

impl WholeFile {
    /// Begins a file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let failed = |error| FileError::Write(path.to_owned(), error);
        let is_special = fs::metadata(path).is_ok_and(|data| !data.is_file());
        let (file, beside) = if is_special {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            (file, None)
        } else {
            let beside = super::beside(path);
            // What an earlier run under this process id left behind.
            let _ = fs::remove_file(&beside);
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&beside)
                .map_err(failed)?;
            (file, Some(beside))
        };
        Ok(Self {
            out: BufWriter::with_capacity(256 * 1024, file),
            path: path.to_owned(),
            beside,
        })
    }

    /// Puts it into its place, once all of it is on disk.
    ///
    /// # Errors
    /// When something could not be written; the place is then as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        let done = self.out.flush().and_then(|()| match &self.beside {
            None => Ok(()),
            Some(beside) => self
                .out
                .get_ref()
                .sync_all()
                .and_then(|()| fs::rename(beside, &self.path)),
        });
        if done.is_ok() {
            self.beside = None;
        }
        done.map_err(|error| FileError::Write(self.path.clone(), error))
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
        if let Some(beside) = &self.beside {
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
        assert!(!path.exists());
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
