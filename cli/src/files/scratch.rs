//! A folder that is there for a while, and only for its owner.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::FileError;

/// A new folder below the system's place for such; it goes with this value.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes one whose name nobody can know before.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self, FileError> {
        let base = std::env::temp_dir();
        let failed = |error| FileError::Write(base.clone(), error);
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| failed(std::io::Error::other(error)))?;
        let name = u128::from_le_bytes(random);
        let path = base.join(format!("portreeve-{name:032x}"));
        // Fails when something is there already, a link included.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(failed)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
