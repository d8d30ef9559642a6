//! The proof that a store has a recording, which must be there before the bastion's own copy goes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_recording::read::{ReadError, Recording, Tail};
use portreeve_recording::verify::{Evidence, verify};
use sha2::{Digest as _, Sha256};

use crate::local;
use crate::store::{Store, StoreError};
use crate::upload::{blocking, digest};

/// A store has a recording: every byte was read back. Made by [`confirm`] only.
#[derive(Debug)]
#[must_use = "it is what allows the local copy to go"]
pub struct Confirmed {
    path: PathBuf,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of the whole file.
    pub digest: Digest,
    /// The size of the whole file.
    pub bytes: u64,
    /// In how many parts it is stored.
    pub parts: u32,
}

/// Why a recording does not count as stored.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Local {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a whole recording, or not what its manifest says.
    #[error("`{}` is not a whole recording: {why}", path.display())]
    NotWhole {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The store failed; it may be confirmed later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not what the file holds.
    #[error(
        "what the store has of the recording of {session} is not what this bastion recorded: {what}"
    )]
    Differs {
        /// Of which session.
        session: SessionId,
        /// In what.
        what: String,
    },
}

impl ConfirmError {
    /// Whether it may be confirmed later without anybody's help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Local { .. } => true,
            Self::Store(error) => error.is_away(),
            Self::NotWhole { .. } | Self::Differs { .. } => false,
        }
    }
}

impl Confirmed {
    /// Removes the bastion's own copy.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_local(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Reads everything back that the store has of a recording, and compares it with the bastion's file, which must
/// be whole and what its manifest says.
///
/// # Errors
/// When it is not so, or cannot be known.
pub async fn confirm(
    store: &Store,
    session: SessionId,
    path: &Path,
) -> Result<Confirmed, ConfirmError> {
    let local_path = path.to_owned();
    let (manifest, bytes) = tokio::task::spawn_blocking(move || whole(&local_path))
        .await
        .map_err(|error| local_error(path, io::Error::other(error)))??;
    let parts = store.parts(session).await?;
    let differs = |what: String| ConfirmError::Differs { session, what };
    if parts.bytes() != bytes {
        return Err(differs(format!(
            "{} bytes instead of {bytes}",
            parts.bytes()
        )));
    }
    let mut whole = Sha256::new();
    for (number, range) in parts.ranges() {
        let stored = digest(store, session, number, range.end - range.start).await?;
        let (path_of_it, mut so_far) = (path.to_owned(), whole);
        let (own, so_far) = blocking(move || {
            let own = local::digest_of(&path_of_it, range, &mut so_far)?;
            Ok((own, so_far))
        })
        .await
        .map_err(|source| local_error(path, source))?;
        whole = so_far;
        if own != stored {
            return Err(differs(format!("part {number}")));
        }
    }
    Ok(Confirmed {
        path: path.to_owned(),
        manifest,
        digest: Digest::from_bytes(whole.finalize().into()),
        bytes,
        parts: parts.count(),
    })
}

/// The digest of the manifest and the size of a file that is whole and what the manifest says. Blocking.
fn whole(path: &Path) -> Result<(Digest, u64), ConfirmError> {
    let not_whole = |why: String| ConfirmError::NotWhole {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(|source| local_error(path, source))?;
    let bytes = file
        .metadata()
        .map_err(|source| local_error(path, source))?
        .len();
    let mut recording =
        Recording::open(file).map_err(|error: ReadError| not_whole(error.to_string()))?;
    if recording.tail() != Tail::Ended {
        return Err(not_whole("it has no end".into()));
    }
    let verdict =
        verify(&mut recording, Evidence::default()).map_err(|source| local_error(path, source))?;
    if let Some(fault) = verdict.faults.first() {
        return Err(not_whole(fault.to_string()));
    }
    let manifest = recording
        .manifest_bytes()
        .map_err(|source| local_error(path, source))?
        .ok_or_else(|| not_whole("it has no manifest".into()))?;
    Ok((Digest::of(&manifest), bytes))
}

fn local_error(path: &Path, source: io::Error) -> ConfirmError {
    ConfirmError::Local {
        path: path.to_owned(),
        source,
    }
}
