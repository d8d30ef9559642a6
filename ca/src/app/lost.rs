//! Recordings that no bastion sealed although their session is over: what the store has of them.
//!
//! Nothing here deletes: their bastion may come back with the rest and seal them, and only people know that it does not. So
//! they are shown to whoever lists recordings, and in the log when their time is over.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use portreeve_protocol::event::MachineFact;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::{RecordingRow, RecordingState, StoredParts, Unsealed};
use portreeve_protocol::time::Timestamp;
use portreeve_recording_store::store::{Store as RecordingStore, StoreError};
use tokio::time::timeout;

use super::record::machine;
use super::{App, Failure};
use crate::store::{Change, CommitError};

/// How many are looked into for one listing, and how long that may take.
const LISTED: usize = 256;
const LISTING: Duration = Duration::from_secs(5);
/// How many of these at the same time.
const TOGETHER: usize = 8;
/// How many are looked into in one turn when their time is over, and how long each may take.
const IN_A_TURN: u32 = 64;
const ANSWER: Duration = Duration::from_secs(10);

impl App {
    /// Adds to each recording that is missing when its bastion was last heard, and what the store has of it.
    pub(super) async fn tell_unsealed(&self, rows: &mut [RecordingRow]) -> Result<(), Failure> {
        let is_missing = |row: &RecordingRow| row.state == RecordingState::Missing;
        let missing = rows.iter().filter(|row| is_missing(row));
        let missing: Vec<SessionId> = missing.map(|row| row.session).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let bastions = self.store.bastions().await?.into_iter();
        let seen: HashMap<_, _> = bastions
            .filter_map(|bastion| Some((bastion.bastion, bastion.seen_at?)))
            .collect();
        let stored = match &self.recording_store {
            Some(store) => stored_of(store, missing).await,
            None => HashMap::new(),
        };
        for row in rows.iter_mut().filter(|row| is_missing(row)) {
            let seen = row.bastion.as_ref().and_then(|bastion| seen.get(bastion));
            row.unsealed = Some(Unsealed {
                bastion_seen_at: seen.copied(),
                stored: stored.get(&row.session).copied(),
            });
        }
        Ok(())
    }

    /// Raises an alarm, once, of every recording that nobody sealed, of which the store has something, and whose time is
    /// over at `now`; says how many.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn lose_recordings(&self, now: Timestamp) -> Result<usize, Failure> {
        let Some(store) = &self.recording_store else {
            return Ok(0);
        };
        let in_time = store.clone().within(ANSWER);
        let mut lost = 0;
        for session in self.store.lost_recordings(now, IN_A_TURN).await? {
            let stored = match stored(&in_time, session).await {
                Ok(stored) => stored,
                Err(StoreError::Silent(_)) => {
                    tracing::warn!(store = %store.name(), "the store does not say what it has of recordings that nobody sealed");
                    return Ok(lost);
                }
                // One that cannot be looked into says nothing of the others. It is tried again.
                Err(error) => {
                    tracing::error!(%session, error = &error as &dyn std::error::Error, "what the store has of a recording that nobody sealed cannot be read");
                    continue;
                }
            };
            let alarm = match stored.parts {
                0 => None,
                _ => Some(self.lost(store, session, stored, now).await?),
            };
            let change = Change::LoseRecording { session, at: now };
            let raised = usize::from(alarm.is_some());
            let events = alarm.into_iter().collect();
            match self.store.commit(vec![change], events).await {
                Ok(_) => lost += raised,
                // It was held in this moment, or sealed.
                Err(CommitError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(lost)
    }

    async fn lost(
        &self,
        store: &RecordingStore,
        session: SessionId,
        stored: StoredParts,
        now: Timestamp,
    ) -> Result<portreeve_protocol::event::Event, Failure> {
        let found = self.store.session(session).await?;
        let who = match found.and_then(|found| found.summary.bastion) {
            Some(name) => {
                let bastion = self.store.bastion(&name).await?;
                let seen = bastion.and_then(|bastion| bastion.seen_at);
                let seen = seen.map_or_else(
                    || "not heard since that is noted".to_owned(),
                    |at| format!("last heard {at}"),
                );
                format!("bastion `{name}` ({seen})")
            }
            None => "its bastion".to_owned(),
        };
        let StoredParts { parts, bytes } = stored;
        let detail = format!(
            "{who} never sealed the recording of session {session}, whose time is over: nobody deletes the {parts} parts \
             ({bytes} bytes) of it in `{}`; when that bastion is gone for good, remove `{session}/` there",
            store.name()
        );
        Ok(machine(now, MachineFact::Alarm { detail }))
    }
}

/// What a store has of each recording, as far as it says so in time.
async fn stored_of(
    store: &RecordingStore,
    sessions: Vec<SessionId>,
) -> HashMap<SessionId, StoredParts> {
    let mut known = HashMap::new();
    let looked = stream::iter(sessions.into_iter().take(LISTED))
        .map(|session| async move { (session, stored(store, session).await) })
        .buffer_unordered(TOGETHER);
    let looking = async {
        tokio::pin!(looked);
        while let Some((session, stored)) = looked.next().await {
            match stored {
                Ok(stored) => drop(known.insert(session, stored)),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, %session, "it is not known what the store has of a recording");
                }
            }
        }
    };
    // What is not known by then is left out.
    let _in_time = timeout(LISTING, looking).await;
    known
}

async fn stored(store: &RecordingStore, session: SessionId) -> Result<StoredParts, StoreError> {
    let found = store.everything_of(session).await?;
    Ok(StoredParts {
        parts: found.objects(),
        bytes: found.bytes(),
    })
}
