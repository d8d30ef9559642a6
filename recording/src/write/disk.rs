//! Where recordings go: the few things that a writer asks of a disk, so that a test can have one
//! that fails.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Makes files.
pub(super) trait Disk: Send + Sync {
    /// Makes a file, which must not exist, for its owner alone.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Media>>;

    /// Makes the names in a folder durable.
    fn keep_names(&self, folder: &Path) -> io::Result<()>;

    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file that is only appended to.
pub(super) trait Media: Send + Sync {
    /// Appends. It need not be on the disk when this returns.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything is on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Takes away what is behind `len`.
    fn cut(&self, len: u64) -> io::Result<()>;
}

/// The real one.
pub(super) struct LocalDisk;

impl Disk for LocalDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Media>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn keep_names(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

impl Media for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.sync_data()
    }
}
