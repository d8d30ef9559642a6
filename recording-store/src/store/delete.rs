//! Deleting what is stored of a recording: it is listed first, and what was listed is removed then.
//!
//! Whoever has to break off learns so whether anything may be gone. Who may delete, and when, is not decided here.

use std::fs;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use portreeve_protocol::id::SessionId;

use super::{Place, Store, StoreError};
use crate::access::{self, Use};
use crate::folder::Folder;
use crate::part;
use crate::upload::blocking;

/// How many objects a folder removes at a time.
const AT_ONCE: usize = 4;

/// Everything that a store has of a recording, to be removed.
#[derive(Debug)]
pub struct Found {
    session: SessionId,
    places: Vec<Path>,
    bytes: u64,
}

impl Found {
    /// How many objects there are.
    #[must_use]
    pub const fn objects(&self) -> u64 {
        self.places.len() as u64
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// How far a removal has come, also one that broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// How many objects are to be removed; none until it begins.
    pub objects: u64,
    /// Of how many the store said that they are gone. Others may be gone, too.
    pub gone: u64,
}

impl Store {
    /// Whether everything that is stored of a recording may be removed, as far as that shows without trying: the store
    /// says what it is, and a folder lets this program write.
    ///
    /// # Errors
    /// When it is not so, or the store fails.
    pub async fn deletable(&self, session: SessionId) -> Result<(), StoreError> {
        if let Place::Folder(folder) = &self.place {
            let looked = move |folder: &Folder| {
                folder.open(Use::Write)?;
                let place = folder.path().join(session.to_string());
                // Of which nothing is stored, there is none.
                if place.symlink_metadata().is_ok() {
                    access::folder(&place, Use::Write)?;
                }
                Ok(())
            };
            self.answered(folder.look(looked)).await?;
        }
        self.everything_of(session).await.map(drop)
    }

    /// Everything that is stored of a recording.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn everything_of(&self, session: SessionId) -> Result<Found, StoreError> {
        let listed = self.answered(self.objects_of(session)).await?;
        let sizes = listed.iter().map(|object| object.size);
        Ok(Found {
            session,
            bytes: sizes.fold(0, u64::saturating_add),
            places: listed.into_iter().map(|object| object.location).collect(),
        })
    }

    /// Removes what was found, and looks that nothing is left. `removal` says how far it came, whatever ends it.
    ///
    /// # Errors
    /// When the store fails or something is left.
    pub async fn remove(&self, found: Found, removal: &mut Removal) -> Result<(), StoreError> {
        let objects = self.objects(Use::Write).await?;
        *removal = Removal {
            objects: found.objects(),
            gone: 0,
        };
        let Found {
            session, places, ..
        } = found;
        let mut removed = self.removed(objects, places);
        while let Some(one) = self.answered(async { Ok(removed.next().await) }).await? {
            match one {
                // Another bastion of the same store was faster.
                Ok(()) | Err(StoreError::Failed(object_store::Error::NotFound { .. })) => {
                    removal.gone += 1;
                }
                Err(error) => return Err(error),
            }
        }
        if let Place::Folder(folder) = &self.place {
            let place = folder.path().join(session.to_string());
            let cleared = self.asked(blocking(move || clear(&place))).await?;
            cleared.map_err(StoreError::Folder)?;
        }
        match self.answered(self.objects_of(session)).await?.len() {
            0 => Ok(()),
            left => Err(StoreError::Left { session, left }),
        }
    }

    /// What comes of removing each. Of a folder it is asked one by one, so that whoever stops waiting stops the rest.
    fn removed(
        &self,
        objects: Arc<dyn ObjectStore>,
        places: Vec<Path>,
    ) -> BoxStream<'static, Result<(), StoreError>> {
        let places = stream::iter(places);
        if let Place::Remote(_) = self.place {
            let removed = objects.delete_stream(places.map(Ok).boxed());
            return removed.map(|one| Ok(one.map(drop)?)).boxed();
        }
        let store = self.clone();
        let remove = move |place| {
            let (store, objects) = (store.clone(), Arc::clone(&objects));
            async move {
                let removed = async move { objects.delete(&place).await };
                Ok(store.asked(removed).await??)
            }
        };
        places.map(remove).buffered(AT_ONCE).boxed()
    }
}

/// Removes what programs that died over a put left of it, which no listing has, and the folder if nothing else is in it.
/// Blocking.
fn clear(place: &FilePath) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(place) {
        Err(error) if gone(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if part::is_unfinished(&name.to_string_lossy()) {
            // Another bastion of the same store was faster.
            fs::remove_file(&path)
                .or_else(|error| if gone(&error) { Ok(()) } else { Err(error) })?;
        }
    }
    // What else is there was not made by a bastion.
    let _ = fs::remove_dir(place);
    Ok(())
}
