//! What is in a store: listing, reading, putting and deleting ([`Found`]) the parts of recordings.

mod delete;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, PutMode, PutPayload};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::StoreName;

use crate::access::{self, NoAccess, Use};
pub use crate::part::Parts;
use crate::part::{self, Gap};
pub use delete::{Found, Removal};

/// A store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    name: StoreName,
    /// Where it is, if it is a folder.
    folder: Option<PathBuf>,
}

/// The store does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It failed, or did not answer.
    #[error("the recording store failed")]
    Failed(#[from] object_store::Error),
    /// It is a folder that this program may not use.
    #[error(transparent)]
    NoAccess(#[from] NoAccess),
    /// A part is missing between others.
    #[error("part {part} of the recording of {session} is missing from the store")]
    Gap {
        /// Of which session.
        session: SessionId,
        /// Which part.
        part: u32,
    },
    /// A part is shorter or longer than the listing said.
    #[error("part {part} of the recording of {session} changed while it was read")]
    Changed {
        /// Of which session.
        session: SessionId,
        /// Which part.
        part: u32,
    },
    /// Something is left of what was deleted.
    #[error("{left} objects of the recording of {session} are left after it was deleted")]
    Left {
        /// Of which session.
        session: SessionId,
        /// How many.
        left: usize,
    },
}

/// What became of a part that was to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there, durably.
    Done,
    /// Another one of this number was there before.
    Exists,
}

impl Store {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, prefix: &str, name: StoreName) -> Self {
        Self {
            objects,
            prefix: Path::from(prefix),
            name,
            folder: None,
        }
    }

    /// The same, which is in a folder.
    pub(crate) fn in_folder(self, folder: PathBuf) -> Self {
        let folder = Some(folder);
        Self { folder, ..self }
    }

    /// Its name, the same for all who share it.
    #[must_use]
    pub const fn name(&self) -> &StoreName {
        &self.name
    }

    /// Whether this program may use the store, as far as that shows without trying: of a folder, and of some
    /// recordings in it. Blocking.
    ///
    /// # Errors
    /// When it may not, with what lets it.
    pub fn check(&self, wanted: Use) -> Result<(), NoAccess> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        access::folder(folder, wanted)?;
        match wanted {
            Use::Read => access::some_recordings(folder),
            Use::Write => Ok(()),
        }
    }

    /// The parts of a recording that is to be read, each of which this program may read.
    ///
    /// # Errors
    /// As [`Self::parts`], and when one may not be read.
    pub async fn readable_parts(&self, session: SessionId) -> Result<Parts, StoreError> {
        let parts = self.parts(session).await?;
        self.allowed(session, parts.count()).await?;
        Ok(parts)
    }

    /// The parts of a recording; none is a recording of which nothing is stored.
    ///
    /// # Errors
    /// When the store fails, or a part is missing between others.
    pub async fn parts(&self, session: SessionId) -> Result<Parts, StoreError> {
        let listed = self.objects_of(session).await?;
        let parts = listed.iter().filter_map(|object| {
            let number = part::number(object.location.filename()?)?;
            Some((number, object.size))
        });
        Parts::of(parts.collect()).map_err(|Gap(part)| StoreError::Gap { session, part })
    }

    /// The bytes of a recording from `from` on, as its parts hold them. Each part must be as long as `parts`
    /// says.
    pub fn read(
        &self,
        session: SessionId,
        parts: &Parts,
        from: u64,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let store = self.clone();
        stream::iter(parts.from(from))
            .then(move |(number, range)| {
                let store = store.clone();
                async move { store.part(session, number, range).await }
            })
            .try_flatten()
            .boxed()
    }

    /// Puts a part where none is.
    pub(crate) async fn put(
        &self,
        session: SessionId,
        number: u32,
        content: Bytes,
    ) -> Result<Put, StoreError> {
        let place = self.place(session).join(part::name(number));
        let put = self.objects.put_opts(
            &place,
            PutPayload::from_bytes(content),
            PutMode::Create.into(),
        );
        match put.await {
            Ok(_) => Ok(Put::Done),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(Put::Exists),
            Err(error) => Err(self.unwritable(error).await),
        }
    }

    /// Why nothing can be put.
    async fn unwritable(&self, error: object_store::Error) -> StoreError {
        let store = self.clone();
        let looked = tokio::task::spawn_blocking(move || store.check(Use::Write)).await;
        match looked {
            Ok(Err(no_access)) => no_access.into(),
            Ok(Ok(())) | Err(_) => error.into(),
        }
    }

    /// A range of a part, which must be as long as `range` says.
    pub(crate) async fn part(
        &self,
        session: SessionId,
        number: u32,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let place = self.place(session).join(part::name(number));
        let changed = StoreError::Changed {
            session,
            part: number,
        };
        let options = GetOptions {
            range: (range.start > 0).then_some(GetRange::Offset(range.start)),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&place, options).await?;
        if found.meta.size != range.end {
            return Err(changed);
        }
        let wanted = range.end.saturating_sub(range.start);
        let content = found.into_stream().map_err(StoreError::from);
        Ok(exactly(content.boxed(), wanted, changed).boxed())
    }

    async fn objects_of(&self, session: SessionId) -> Result<Vec<ObjectMeta>, StoreError> {
        let place = self.place(session);
        match self.objects.list(Some(&place)).try_collect().await {
            Ok(listed) => Ok(listed),
            Err(error) => Err(self.explained(session, error).await),
        }
    }

    /// A failure of the store, or what kept this program out of it.
    async fn explained(&self, session: SessionId, error: object_store::Error) -> StoreError {
        match self.allowed(session, 0).await {
            Err(no_access) => no_access,
            Ok(()) => error.into(),
        }
    }

    /// Whether this program may read so many parts of a recording, where that shows without trying.
    async fn allowed(&self, session: SessionId, parts: u32) -> Result<(), StoreError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        let looked = tokio::task::spawn_blocking(move || {
            access::folder(&folder, Use::Read)?;
            let place = folder.join(session.to_string());
            // Before its first part is stored there is none.
            if place.symlink_metadata().is_ok() {
                access::folder(&place, Use::Read)?;
            }
            (0..parts).try_for_each(|number| access::file(&place.join(part::name(number))))
        });
        match looked.await {
            Ok(found) => Ok(found?),
            // Nothing here panics, and the runtime that ends needs no answer.
            Err(_) => Ok(()),
        }
    }

    fn place(&self, session: SessionId) -> Path {
        self.prefix.clone().join(session.to_string())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.name).finish()
    }
}

/// The same bytes, and `changed` at their end unless there were exactly `wanted`.
fn exactly(
    content: BoxStream<'static, Result<Bytes, StoreError>>,
    wanted: u64,
    changed: StoreError,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    stream::unfold(Some((content, wanted, changed)), |state| async move {
        let (mut content, wanted, changed) = state?;
        match content.next().await {
            Some(Ok(chunk)) => match wanted.checked_sub(chunk.len() as u64) {
                Some(left) => Some((Ok(chunk), Some((content, left, changed)))),
                None => Some((Err(changed), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None if wanted > 0 => Some((Err(changed), None)),
            None => None,
        }
    })
}
