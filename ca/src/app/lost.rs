//! Recordings that no bastion sealed although their session is over: what the store has of them.
//!
//! Nothing here deletes: their bastion may come back with the rest and seal them, and only people know that it does not. So
//! they are shown to whoever lists recordings, and in the log when their time is over.

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
use crate::store::{Change, CommitError, Session};

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
/// How long after that time a bastion that is away is waited for, where the store has nothing.
const AWAY: Duration = Duration::from_secs(30 * 24 * 3600);

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
    /// something of it, or has nothing more of it; says how many.
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
            let error = match stored(&in_time, session).await {
                Ok(stored) => {
                    lost += usize::from(self.lose(store, session, stored, now).await?);
                    continue;
                }
                Err(error) => error,
            };
            // One that cannot be looked into says nothing of the others, and is in nobody's way.
            self.put_off(session, now).await?;
            if let StoreError::Silent(_) = error {
                tracing::warn!(store = %store.name(), "the store does not say what it has of recordings that nobody sealed");
                break;
            }
            tracing::error!(%session, error = &error as &dyn std::error::Error, "what the store has of a recording that nobody sealed cannot be read");
        }
        Ok(lost)
    }

    /// Settles one of which the store says what it has; whether that is an alarm.
    async fn lose(
        &self,
        store: &RecordingStore,
        id: SessionId,
        stored: StoredParts,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let Some(session) = self.store.session(id).await? else {
            self.put_off(id, now).await?;
            return Ok(false);
        };
        let left = match stored.parts {
            0 => self.nothing_of(store, &session, now).await?,
            _ => Left::Parts(stored),
        };
        let what = match left {
            Left::Parts(StoredParts { parts, bytes }) => Some(format!(
                "nobody deletes the {parts} parts ({bytes} bytes) of it in `{}`; when that bastion is gone for good, remove \
                 `{id}/` there",
                store.name()
            )),
            Left::Gone(bytes) => Some(format!(
                "`{}` has nothing of it, although the log says that {bytes} bytes of it were recorded; see whether that \
                 bastion has them, whether the store is there as a whole, and who deletes in it",
                store.name()
            )),
            Left::Nothing => None,
            Left::Awaited => {
                self.put_off(id, now).await?;
                return Ok(false);
            }
        };
        let alarm = match what {
            Some(what) => Some(self.lost(&session, &what, now).await?),
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

    /// What it means that the store has nothing.
    async fn nothing_of(
        &self,
        store: &RecordingStore,
        session: &Session,
        now: Timestamp,
    ) -> Result<Left, Failure> {
        let last_stored = match &session.summary.bastion {
            Some(bastion) => self.store.last_stored(bastion, store.name()).await?,
            None => None,
        };
        let recorded = self.store.recorded_bytes(session.summary.session).await?;
        let ended = session.summary.expires_at;
        let given_up = ended.plus(session.retention.as_duration()).plus(AWAY);
        Ok(Left::of_nothing(
            recorded,
            last_stored,
            ended,
            now >= given_up,
        ))
    }

    async fn put_off(&self, session: SessionId, now: Timestamp) -> Result<(), Failure> {
        let until = now.plus(AGAIN);
        let change = Change::PutOffLoss { session, until };
        match self.store.commit(vec![change], vec![]).await {
            // It was sealed in this moment.
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
        let detail = format!(
            "{who} never sealed the recording of session {}, whose time is over: {what}",
            session.summary.session
        );
        Ok(machine(now, MachineFact::Alarm { detail }))
    }
}

/// What is left of a recording that nobody sealed and whose time is over.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// This, in the store.
    Parts(StoredParts),
    /// Nothing, of so many bytes.
    Gone(u64),
    /// Nothing, and it is not known that anything was to be there.
    Nothing,
    /// Nothing yet: its bastion may be away with it.
    Awaited,
}

impl Left {
    /// Where the store has nothing: how much was recorded, when the bastion last sealed something that it put there, when
    /// the session ended at the latest, and whether a bastion is not waited for any more.
    fn of_nothing(
        recorded: u64,
        last_stored: Option<Timestamp>,
        ended: Timestamp,
        given_up: bool,
    ) -> Self {
        match last_stored {
            _ if recorded == 0 => Self::Nothing,
            // Its recordings stay with it, or go elsewhere.
            None => Self::Nothing,
            // It was there since, and could have brought this one.
            Some(at) if at > ended || given_up => Self::Gone(recorded),
            Some(_) => Self::Awaited,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_store_is_a_loss_only_of_what_is_known_to_belong_there() {
        let at = Timestamp::from_seconds;
        for (recorded, last_stored, given_up, expected, why) in [
            (
                7,
                Some(at(101)),
                false,
                Left::Gone(7),
                "it brought others since",
            ),
            (7, Some(at(100)), false, Left::Awaited, "it may be away"),
            (7, Some(at(1)), true, Left::Gone(7), "away for too long"),
            (7, None, true, Left::Nothing, "it has no such store"),
            (
                0,
                Some(at(101)),
                true,
                Left::Nothing,
                "nothing was recorded",
            ),
        ] {
            let left = Left::of_nothing(recorded, last_stored, at(100), given_up);
            assert_eq!(left, expected, "{why}");
        }
    }
}
