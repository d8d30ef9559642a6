//! How much of the recordings that are being written is on the disk, for whoever copies them meanwhile.
//!
//! A file has more than that while its disk is waited for. What a disk failed to take can be read from memory until the
//! machine stops, and whoever syncs it once more is told that all is well. So neither the file's length nor a sync of its
//! own tells a copier: only the writer knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portreeve_protocol::id::SessionId;

/// Looks at the recordings of a pool. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct OnDisk(Arc<Mutex<HashMap<SessionId, u64>>>);

impl OnDisk {
    /// How many bytes, from the beginning, are on the disk of a recording that is being written, or that failed and was
    /// not closed since. Nothing of any other: its file is what it is.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Option<u64> {
        self.bytes().get(&session).copied()
    }

    pub(super) fn is(&self, session: SessionId, bytes: u64) {
        self.bytes().insert(session, bytes);
    }

    pub(super) fn forget(&self, session: SessionId) {
        self.bytes().remove(&session);
    }

    /// A panic elsewhere leaves the map whole: each change is a single insert or remove.
    fn bytes(&self) -> MutexGuard<'_, HashMap<SessionId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
