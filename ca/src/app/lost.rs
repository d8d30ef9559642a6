//! Recordings that no bastion sealed although their session is over: what the store has of them. And whether it has those
//! that were sealed.
//!
//! Nothing here deletes: their bastion may come back with the rest and seal them, and only people know that it does not. So
//! they are shown to whoever lists recordings, and in the log when their time is over.

mod left;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use portreeve_protocol::event::{Event, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::{RecordingRow, RecordingState, StoredParts, Unsealed};
use portreeve_protocol::time::Timestamp;
use portreeve_recording_store::store::{Store as RecordingStore, StoreError};
use tokio::time::timeout;

use super::record::machine;
use super::{App, Failure};
use crate::store::{Change, CommitError, Recording, Session};
use left::{Left, Wait};

/// How many are looked into for one listing, and how long that may take.
const LISTED: usize = 256;
const LISTING: Duration = Duration::from_secs(5);
/// How many of these at the same time.
const TOGETHER: usize = 8;
/// How many are looked into in one turn when their time is over, and how long each may take.
const IN_A_TURN: u32 = 64;
const ANSWER: Duration = Duration::from_secs(10);
/// When one is looked into again that could not be, or that its bastion may still bring.
const AGAIN: Duration = Duration::from_secs(3600);
/// The same of one that was sealed, of which there may be as many as recordings are kept.
const AGAIN_SEALED: Duration = Duration::from_secs(24 * 3600);

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

    /// Raises an alarm, once, of every recording that nobody sealed and whose time is over at `now`, when the store has
    /// something of it, or has nothing more of it; and of every one that was sealed, when the store has not all of it and it
    /// is not only late. Says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lose_recordings(&self, now: Timestamp) -> Result<usize, Failure> {
        let Some(store) = &self.recording_store else {
            return Ok(0);
        };
        let in_time = store.clone().within(ANSWER);
        let mut lost = 0;
        for session in self.store.lost_recordings(now, IN_A_TURN).await? {
            let known = self.store.recording(session).await?;
            let error = match stored(&in_time, session).await {
                Ok(stored) => {
                    let lose = self.lose(store, session, known.as_ref(), stored, now);
                    lost += usize::from(lose.await?);
                    continue;
                }
                Err(error) => error,
            };
            // One that cannot be looked into says nothing of the others, and is in nobody's way.
            self.put_off(session, now.plus(AGAIN)).await?;
            if let StoreError::Silent(_) = error {
                tracing::warn!(store = %store.name(), "the store does not say what it has of recordings");
                break;
            }
            tracing::error!(%session, error = &error as &dyn std::error::Error, "what the store has of a recording cannot be read");
        }
        Ok(lost)
    }

    /// Settles one of which the store says what it has; whether that is an alarm. What was known of it is from before the
    /// store was asked: what was said to be there then, was.
    async fn lose(
        &self,
        store: &RecordingStore,
        id: SessionId,
        known: Option<&Recording>,
        stored: StoredParts,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let session = self.store.session(id).await?;
        let Some((session, known)) = session.zip(known) else {
            self.put_off(id, now.plus(AGAIN)).await?;
            return Ok(false);
        };
        let left = self.left_of(store, &session, known, stored, now).await?;
        if left == Left::Awaited {
            let pause = known.seal.as_ref().map_or(AGAIN, |_| AGAIN_SEALED);
            self.put_off(id, now.plus(pause)).await?;
            return Ok(false);
        }
        let alarm = match left.words(id, store.name()) {
            Some(words) => Some(self.lost(&session, &words, now).await?),
            None => None,
        };
        let change = Change::LoseRecording {
            session: id,
            at: now,
        };
        let raised = alarm.is_some();
        match self
            .store
            .commit(vec![change], alarm.into_iter().collect())
            .await
        {
            Ok(_) => Ok(raised),
            // It was held in this moment, or sealed.
            Err(CommitError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What it means that the store has this.
    async fn left_of(
        &self,
        store: &RecordingStore,
        session: &Session,
        known: &Recording,
        stored: StoredParts,
        now: Timestamp,
    ) -> Result<Left, Failure> {
        let id = session.summary.session;
        let recorded = self.store.recorded_bytes(id).await?;
        let Some(seal) = &known.seal else {
            let wait = self.wait(store, session, now).await?;
            return Ok(Left::of_unsealed(stored, recorded, wait));
        };
        // Whether it was deleted by then, or is being deleted, only the store's next word would say.
        let since = self.store.recording(id).await?;
        if since.is_none_or(|since| since.permitted_at.is_some()) {
            return Ok(Left::Enough);
        }
        // A bastion that says less at the end than before takes nothing back.
        let of = seal.bytes.max(recorded);
        if known.store.as_ref() == Some(store.name()) {
            return Ok(Left::of_stored(stored.bytes, of));
        }
        let wait = self.wait(store, session, now).await?;
        let sealed = self.store.first_sealed(id).await?.unwrap_or(wait.ended);
        Ok(if known.store.is_some() {
            Left::of_elsewhere(stored.bytes, of, sealed, wait)
        } else {
            Left::of_unstored(stored.bytes, of, sealed, wait)
        })
    }

    async fn wait(
        &self,
        store: &RecordingStore,
        session: &Session,
        now: Timestamp,
    ) -> Result<Wait, Failure> {
        let stored = match &session.summary.bastion {
            Some(bastion) => self.store.stored_from_to(bastion, store.name()).await?,
            None => None,
        };
        Ok(Wait {
            ended: session.summary.expires_at,
            kept: session.retention.as_duration(),
            stored,
            now,
        })
    }

    async fn put_off(&self, session: SessionId, until: Timestamp) -> Result<(), Failure> {
        let change = Change::PutOffLoss { session, until };
        match self.store.commit(vec![change], vec![]).await {
            // It was sealed in this moment, or deleted.
            Ok(_) | Err(CommitError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn lost(&self, session: &Session, what: &str, now: Timestamp) -> Result<Event, Failure> {
        let who = match &session.summary.bastion {
            Some(name) => {
                let bastion = self.store.bastion(name).await?;
                let seen = bastion.and_then(|bastion| bastion.seen_at);
                let seen = seen.map_or_else(
                    || "not heard since that is noted".to_owned(),
                    |at| format!("last heard {at}"),
                );
                format!("bastion `{name}` ({seen})")
            }
            None => "its bastion".to_owned(),
        };
        let detail = format!("{who} {what}");
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
