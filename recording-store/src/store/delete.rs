//! Deleting what is stored of a recording: it is listed first, and what was listed is removed then.
//!
//! Whoever has to break off learns so whether anything may be gone. Who may delete, and when, is not decided here.

use futures_util::stream::{self, StreamExt as _};
use object_store::path::Path;
use portreeve_protocol::id::SessionId;

use super::{Store, StoreError, next};
use crate::access::Use;

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
        let places = stream::iter(places).map(Ok).boxed();
        let mut removed = objects.delete_stream(places);
        while let Some(one) = next(self.patience, &mut removed).await? {
            match one {
                // Another bastion of the same store was faster.
                Ok(_) | Err(object_store::Error::NotFound { .. }) => removal.gone += 1,
                Err(error) => return Err(error.into()),
            }
        }
        match self.answered(self.objects_of(session)).await?.len() {
            0 => Ok(()),
            left => Err(StoreError::Left { session, left }),
        }
    }
}
