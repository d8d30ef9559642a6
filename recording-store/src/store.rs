//! What is in a store: listing, reading, putting and deleting the parts of recordings.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, PutMode, PutPayload};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::StoreName;

pub use crate::part::Parts;
use crate::part::{self, Gap};

/// A store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    name: StoreName,
}

/// The store does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It failed, or did not answer.
    #[error("the recording store failed")]
    Failed(#[from] object_store::Error),
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

/// What a deletion removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many objects.
    pub objects: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Store {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, prefix: &str, name: StoreName) -> Self {
        Self {
            objects,
            prefix: Path::from(prefix),
            name,
        }
    }

    /// Its name, the same for all who share it.
    #[must_use]
    pub const fn name(&self) -> &StoreName {
        &self.name
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

    /// Deletes everything that is stored of a recording, and looks that nothing is left.
    ///
    /// # Errors
    /// When the store fails or something is left; what was deleted is gone all the same.
    pub async fn delete(&self, session: SessionId) -> Result<Removed, StoreError> {
        let listed = self.objects_of(session).await?;
        let removed = listed
            .iter()
            .fold(Removed::default(), |sum, object| Removed {
                objects: sum.objects.saturating_add(1),
                bytes: sum.bytes.saturating_add(object.size),
            });
        let names = stream::iter(listed)
            .map(|object| Ok(object.location))
            .boxed();
        let mut deleted = self.objects.delete_stream(names);
        while let Some(gone) = deleted.next().await {
            match gone {
                // Another bastion of the same store was faster.
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.objects_of(session).await?.len() {
            0 => Ok(removed),
            left => Err(StoreError::Left { session, left }),
        }
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
            Err(error) => Err(error.into()),
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
        Ok(self.objects.list(Some(&place)).try_collect().await?)
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
