//! New files and directories: never over an old one, with their mode from the first moment, and on
//! the disk before anybody relies on them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A directory that only its owner enters.
pub(crate) fn new_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A file that only its owner reads.
pub(crate) fn new_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    new_file(path, 0o600, content)
}

/// A file that everybody who reaches it may read.
pub(crate) fn new_public_file(path: &Path, content: &[u8]) -> io::Result<()> {
    new_file(path, 0o644, content)
}

/// Makes the entries of a directory survive a power cut.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn new_file(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
