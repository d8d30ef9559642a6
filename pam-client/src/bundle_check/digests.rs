//! Digests of programs, computed once for each version of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use portreeve_protocol::digest::Digest;

use super::program;
use super::walk::Mark;

/// Larger programs are not read; the largest of a usual distribution have a third of it.
pub(super) const LARGEST: u64 = 256 * 1024 * 1024;
/// More files than bundles name; beyond it all is forgotten.
const MOST_KNOWN: usize = 4096;

/// Why a file has no digest here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDigest {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// It is larger than what is read.
    #[error("it is larger than {0} MiB, which is not read here")]
    TooLarge(u64),
    /// It is not what was looked at before.
    #[error("it changed while it was looked at")]
    Changed,
}

/// The digests that are known.
#[derive(Debug)]
pub(crate) struct Digests {
    largest: u64,
    known: Mutex<HashMap<PathBuf, (Mark, Digest)>>,
}

impl Digests {
    /// Digests of files up to this size.
    pub(crate) fn up_to(largest: u64) -> Self {
        Self {
            largest,
            known: Mutex::default(),
        }
    }

    /// The digest of a file that was seen to have this mark.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is another file by now.
    pub(crate) fn of(&self, path: &Path, mark: Mark) -> Result<Digest, NoDigest> {
        if let Some((known, digest)) = self.known().get(path)
            && *known == mark
        {
            return Ok(*digest);
        }
        let digest = self.read(path, mark)?;
        let mut known = self.known();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(path.to_owned(), (mark, digest));
        Ok(digest)
    }

    fn read(&self, path: &Path, mark: Mark) -> Result<Digest, NoDigest> {
        if mark.size > self.largest {
            return Err(NoDigest::TooLarge(self.largest / 1024 / 1024));
        }
        let file = File::open(path)?;
        // Nothing grows between the look and the read without being noticed.
        if program::mark(&file.metadata()?) != mark {
            return Err(NoDigest::Changed);
        }
        let mut bytes = Vec::new();
        file.take(self.largest).read_to_end(&mut bytes)?;
        Ok(Digest::of(&bytes))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Mark, Digest)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn seen(path: &Path) -> Mark {
        program::mark(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_digest_is_of_the_file_as_it_is_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tool");
        let digests = Digests::up_to(8);
        for content in ["one", "two"] {
            fs::remove_file(&path).unwrap_or_default();
            fs::write(&path, content).unwrap();
            let digest = digests.of(&path, seen(&path)).unwrap();
            assert_eq!(digest, Digest::of(content.as_bytes()));
            assert_eq!(digests.of(&path, seen(&path)).unwrap(), digest);
        }
        let before = seen(&path);
        fs::write(&path, "longer than eight").unwrap();
        assert!(matches!(
            digests.of(&path, seen(&path)),
            Err(NoDigest::TooLarge(0))
        ));
        fs::write(&path, "short").unwrap();
        assert!(matches!(
            Digests::up_to(8).of(&path, before),
            Err(NoDigest::Changed)
        ));
    }
}
