//! One recording on its way into the store, part by part, while it grows.
//!
//! An upload keeps nothing that the store does not know: after a crash [`Upload::resume`] goes on where the
//! listing says. When to take a step is the caller's.

use std::io;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use sha2::{Digest as _, Sha256};

use crate::local;
use crate::store::{Put, Store, StoreError};

/// How many bytes of whole entries make a part.
pub const PART_BYTES: u64 = 4 * 1024 * 1024;

/// One recording on its way.
#[derive(Debug)]
pub struct Upload {
    store: Store,
    session: SessionId,
    path: PathBuf,
    part_bytes: u64,
    next: u32,
    at: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to store yet.
    Nothing,
    /// So many bytes are stored now that were not before.
    Stored(u64),
    /// Everything is: the archive has its end, and it is in the store.
    Everything,
}

/// Why a recording does not go on into the store.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Local {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store failed; it may take it later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else wrote a part of this recording, with other bytes.
    #[error(
        "part {part} of the recording of {session} in the store is not what this bastion recorded"
    )]
    Differs {
        /// Of which session.
        session: SessionId,
        /// Which part.
        part: u32,
    },
}

impl UploadError {
    /// Whether it may go on by itself.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Local { .. } | Self::Store(StoreError::Changed { .. }) => true,
            Self::Store(error) => error.is_away(),
            Self::Differs { .. } => false,
        }
    }
}

impl Upload {
    /// Goes on with the recording in the file `path` where the store says, from its beginning if nothing is
    /// there.
    ///
    /// # Errors
    /// When the store fails, or what it has has a gap.
    pub async fn resume(
        store: Store,
        session: SessionId,
        path: PathBuf,
    ) -> Result<Self, UploadError> {
        let parts = store.parts(session).await?;
        Ok(Self {
            part_bytes: PART_BYTES,
            next: parts.count(),
            at: parts.bytes(),
            store,
            session,
            path,
        })
    }

    /// The same with parts of another size.
    #[must_use]
    pub const fn in_parts_of(mut self, bytes: u64) -> Self {
        self.part_bytes = bytes;
        self
    }

    /// How many bytes are stored.
    #[must_use]
    pub const fn stored(&self) -> u64 {
        self.at
    }

    /// Stores one part, if there is enough for one, if it is the last, or if `overdue` and there is anything. Nothing
    /// behind `on_disk` is stored: of a recording that is being written, only its writer knows what is on the disk.
    ///
    /// # Errors
    /// When the file cannot be read or the store fails, and nothing is lost; or when the store has other bytes.
    pub async fn step(&mut self, on_disk: u64, overdue: bool) -> Result<Step, UploadError> {
        let (path, at, enough) = (self.path.clone(), self.at, self.part_bytes);
        let piece = blocking(move || local::next_piece(&path, at, enough, overdue, on_disk)).await;
        let Some(piece) = piece.map_err(|source| self.local(source))? else {
            return Ok(Step::Nothing);
        };
        let size = piece.content.len() as u64;
        if size > 0 {
            match self
                .store
                .put(self.session, self.next, piece.content)
                .await?
            {
                Put::Done => self.advance(size),
                // An earlier try may have gone through without its answer, or ended at another entry.
                Put::Exists => return self.compare().await,
            }
        }
        Ok(if piece.is_last {
            Step::Everything
        } else {
            Step::Stored(size)
        })
    }

    fn advance(&mut self, size: u64) {
        self.next = self.next.saturating_add(1);
        self.at = self.at.saturating_add(size);
    }

    /// Takes the part that is there already, if it holds what this file does.
    async fn compare(&mut self) -> Result<Step, UploadError> {
        let (session, part) = (self.session, self.next);
        let differs = UploadError::Differs { session, part };
        let parts = self.store.parts(session).await?;
        let Some((_, range)) = parts.ranges().nth(part as usize) else {
            return Err(StoreError::Changed { session, part }.into());
        };
        if range.start != self.at {
            return Err(differs);
        }
        let stored = digest(&self.store, session, part, range.end - range.start).await?;
        let (path, wanted) = (self.path.clone(), range.clone());
        let own = blocking(move || local::digest_of(&path, wanted, &mut Sha256::new())).await;
        match own {
            Ok(own) if own == stored => {
                self.advance(range.end - range.start);
                Ok(Step::Stored(0))
            }
            Ok(_) => Err(differs),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(differs),
            Err(source) => Err(self.local(source)),
        }
    }

    fn local(&self, source: io::Error) -> UploadError {
        UploadError::Local {
            path: self.path.clone(),
            source,
        }
    }
}

/// The digest of a part as the store has it.
pub(crate) async fn digest(
    store: &Store,
    session: SessionId,
    part: u32,
    size: u64,
) -> Result<Digest, StoreError> {
    let mut content = store.part(session, part, 0..size).await?;
    let mut digest = Sha256::new();
    while let Some(chunk) = content.next().await {
        digest.update(&chunk?);
    }
    Ok(Digest::from_bytes(digest.finalize().into()))
}

/// Runs what waits for the disk where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
