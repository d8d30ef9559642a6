//! What is in a store: listing, reading, putting and deleting ([`Found`]) the parts of recordings.

mod delete;

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, PutMode, PutPayload};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::StoreName;

use crate::access::{self, NoAccess, Use};
use crate::folder::Folder;
pub use crate::part::Parts;
use crate::part::{self, Gap};
pub use delete::{Found, Removal};

/// How long a folder is waited for: as long as a slow disk may take for a part.
const FOLDER: Duration = Duration::from_secs(60);
/// How long another store is waited for, whose client ends each of its requests before and sends it again.
const REMOTE: Duration = Duration::from_secs(300);
/// How often a folder that may not be used is looked at again.
const AGAIN: Duration = Duration::from_secs(60);

/// A store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    place: Place,
    prefix: Path,
    name: StoreName,
    /// How long it may take for anything.
    patience: Duration,
}

#[derive(Clone)]
enum Place {
    Folder(Arc<Folder>),
    Remote(Arc<dyn ObjectStore>),
}

/// The store does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It failed.
    #[error("the recording store failed")]
    Failed(#[from] object_store::Error),
    /// It did not answer.
    #[error("the recording store did not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// It is a folder that is not there, or that this program may not use.
    #[error(transparent)]
    NoAccess(#[from] NoAccess),
    /// It is a folder that cannot be looked at.
    #[error("the folder of the recording store cannot be looked at")]
    Folder(#[source] io::Error),
    /// It is a folder whose path leads elsewhere than it did when this program began.
    #[error(
        "`{}` leads to `{}` by now and led to `{}` when this program began: put that right, or restart it",
        written.display(), leads_to.display(), led_to.display()
    )]
    Elsewhere {
        /// The path as it is written.
        written: PathBuf,
        /// Where it led.
        led_to: PathBuf,
        /// Where it leads.
        leads_to: PathBuf,
    },
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

impl StoreError {
    /// Whether the store as a whole is away, and may come back without anybody's help with a recording.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        match self {
            Self::Failed(_)
            | Self::Silent(_)
            | Self::NoAccess(_)
            | Self::Folder(_)
            | Self::Elsewhere { .. } => true,
            Self::Gap { .. } | Self::Changed { .. } | Self::Left { .. } => false,
        }
    }
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
    pub(crate) fn remote(objects: Arc<dyn ObjectStore>, prefix: &str, name: StoreName) -> Self {
        Self {
            place: Place::Remote(objects),
            prefix: Path::from(prefix),
            name,
            patience: REMOTE,
        }
    }

    pub(crate) fn in_folder(folder: Folder, name: StoreName) -> Self {
        Self {
            place: Place::Folder(Arc::new(folder)),
            // What names begin with would be looked up as a folder of its own; there is none.
            prefix: Path::default(),
            name,
            patience: FOLDER,
        }
    }

    /// The same, which is waited for no longer than that.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        let patience = patience.min(self.patience);
        Self { patience, ..self }
    }

    /// Its name, the same for all who share it.
    #[must_use]
    pub const fn name(&self) -> &StoreName {
        &self.name
    }

    /// Waits until this program may use the store, as far as that shows without trying: of a folder, and of some
    /// recordings in it. Tells `away` now and then why it may not; says whether it had to.
    pub async fn usable(&self, wanted: Use, away: impl Fn(&StoreError)) -> bool {
        let mut was_away = false;
        while let Err(error) = self.check(wanted).await {
            away(&error);
            was_away = true;
            tokio::time::sleep(AGAIN).await;
        }
        was_away
    }

    /// Whether it is a folder with nothing in it on the disk of `/`, which a mount point is where nothing is mounted.
    pub async fn looks_unmounted(&self) -> bool {
        let looked = |folder: &Folder| {
            let is_bare = folder.is_bare_beside(FilePath::new("/"));
            is_bare.map_err(StoreError::Folder)
        };
        match &self.place {
            Place::Folder(folder) => self.answered(folder.look(looked)).await.unwrap_or(false),
            Place::Remote(_) => false,
        }
    }

    async fn check(&self, wanted: Use) -> Result<(), StoreError> {
        let Place::Folder(folder) = &self.place else {
            return Ok(());
        };
        let looked = move |folder: &Folder| {
            folder.open(wanted)?;
            match wanted {
                Use::Read => Ok(access::some_recordings(folder.path())?),
                Use::Write => Ok(()),
            }
        };
        self.answered(folder.look(looked)).await
    }

    /// The parts of a recording that is to be read, each of which this program may read.
    ///
    /// # Errors
    /// As [`Self::parts`], and when one may not be read.
    pub async fn readable_parts(&self, session: SessionId) -> Result<Parts, StoreError> {
        let readable = async {
            let parts = self.listed(session).await?;
            self.allowed(session, parts.count()).await?;
            Ok(parts)
        };
        self.answered(readable).await
    }

    /// The parts of a recording; none is a recording of which nothing is stored.
    ///
    /// # Errors
    /// When the store fails, or a part is missing between others.
    pub async fn parts(&self, session: SessionId) -> Result<Parts, StoreError> {
        self.answered(self.listed(session)).await
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
        let objects = self.objects(Use::Write).await?;
        let place = self.place(session).join(part::name(number));
        self.put_into(objects, place, content).await
    }

    async fn put_into(
        &self,
        objects: Arc<dyn ObjectStore>,
        place: Path,
        content: Bytes,
    ) -> Result<Put, StoreError> {
        let payload = PutPayload::from_bytes(content);
        let put = async move {
            let created = objects.put_opts(&place, payload, PutMode::Create.into());
            created.await
        };
        match self.asked(put).await? {
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
        let objects = self.objects(Use::Read).await?;
        let found = async move { objects.get_opts(&place, options).await };
        let found = self.asked(found).await??;
        if found.meta.size != range.end {
            return Err(changed);
        }
        let wanted = range.end.saturating_sub(range.start);
        let store = self.clone();
        Ok(exactly(store, found.into_stream(), wanted, changed).boxed())
    }

    async fn listed(&self, session: SessionId) -> Result<Parts, StoreError> {
        let listed = self.objects_of(session).await?;
        let parts = listed.iter().filter_map(|object| {
            let number = part::number(object.location.filename()?)?;
            Some((number, object.size))
        });
        Parts::of(parts.collect()).map_err(|Gap(part)| StoreError::Gap { session, part })
    }

    async fn objects_of(&self, session: SessionId) -> Result<Vec<ObjectMeta>, StoreError> {
        let place = self.place(session);
        let objects = self.objects(Use::Read).await?;
        let listed = async move { objects.list(Some(&place)).try_collect().await };
        match self.asked(listed).await? {
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
        let Place::Folder(folder) = &self.place else {
            return Ok(());
        };
        let looked = move |folder: &Folder| {
            let place = folder.path().join(session.to_string());
            // Before its first part is stored there is none.
            if place.symlink_metadata().is_ok() {
                access::folder(&place, Use::Read)?;
            }
            (0..parts).try_for_each(|number| access::file(&place.join(part::name(number))))?;
            Ok(())
        };
        folder.look(looked).await
    }

    /// What holds the objects, which a folder does while it is there.
    async fn objects(&self, wanted: Use) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match &self.place {
            Place::Folder(folder) => {
                let opened = folder.look(move |folder| folder.open(wanted));
                Ok(Arc::new(self.answered(opened).await?))
            }
            Place::Remote(objects) => Ok(Arc::clone(objects)),
        }
    }

    /// What the store says when it is asked one thing. A folder goes on with it when it is not waited for any more, and
    /// does so with a few things only.
    async fn asked<T: Send + 'static>(
        &self,
        asked: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let said = async {
            match &self.place {
                Place::Folder(folder) => folder.hold(asked).await,
                Place::Remote(_) => Ok(asked.await),
            }
        };
        self.answered(said).await
    }

    async fn answered<T>(
        &self,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(self.patience, asked).await;
        answer.unwrap_or(Err(StoreError::Silent(self.patience)))
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

/// What a store sends, and `changed` at its end unless it is exactly `wanted` bytes.
fn exactly(
    store: Store,
    content: BoxStream<'static, object_store::Result<Bytes>>,
    wanted: u64,
    changed: StoreError,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    stream::unfold(Some((content, wanted, changed)), move |state| {
        let store = store.clone();
        async move {
            let (mut content, wanted, changed) = state?;
            let next = async move { (content.next().await, content) };
            match store.asked(next).await {
                Ok((Some(Ok(chunk)), content)) => match wanted.checked_sub(chunk.len() as u64) {
                    Some(left) => Some((Ok(chunk), Some((content, left, changed)))),
                    None => Some((Err(changed), None)),
                },
                Ok((Some(Err(error)), _)) => Some((Err(error.into()), None)),
                Ok((None, _)) if wanted > 0 => Some((Err(changed), None)),
                Ok((None, _)) => None,
                Err(silent) => Some((Err(silent), None)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};

    use super::*;

    #[tokio::test]
    async fn a_put_that_is_given_up_is_one_of_a_few() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path()).unwrap();
        let store = Store::in_folder(folder, "file:/recordings".parse().unwrap());
        let store = store.within(Duration::from_millis(10));
        let hangs = ThrottleConfig {
            wait_put_per_call: Duration::from_secs(3600),
            ..ThrottleConfig::default()
        };
        let hangs: Arc<dyn ObjectStore> = Arc::new(ThrottledStore::new(InMemory::new(), hangs));
        let mut tries = 0;
        while store.asked(async {}).await.is_ok() {
            let put = store.put_into(Arc::clone(&hangs), "part".into(), Bytes::new());
            assert!(matches!(put.await, Err(StoreError::Silent(_))));
            tries += 1;
            assert!(tries < 100, "it is not limited");
        }
    }
}
