//! Recordings whose time is over: asked about once more, deleted, and reported.

use std::io;
use std::time::Duration;

use portreeve_protocol::event::{AccessFact, Body};
use portreeve_protocol::id::SessionId;
use portreeve_recording_store::store::{Removal, Store, StoreError};
use tokio::sync::mpsc;

use super::Keeper;
use super::permission::Permission;
use super::turn::Turns;
use crate::ca::CaError;
use crate::feed::Expired;
use crate::spool::{Rank, SpoolError};
use crate::trouble::Trouble;

/// How long a store may take to say what it has of a recording, before the CA is asked.
const ANSWER: Duration = Duration::from_secs(30);

/// Why a recording is not deleted now. The CA says it again.
#[derive(Debug, thiserror::Error)]
enum NotDeleted {
    #[error("the store lets nothing be deleted, so the CA is not asked")]
    NotAsked(#[source] StoreError),
    #[error("the CA does not permit it now")]
    Ca(#[from] CaError),
    #[error("the permission was over before everything was deleted")]
    Late,
    #[error("the local copy cannot be removed")]
    Local(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("its end cannot be recorded")]
    Event(#[from] SpoolError),
}

/// What a deletion has removed so far.
#[derive(Debug, Default)]
struct Done {
    /// The size of the local copy, once that is gone.
    here: Option<u64>,
    /// What is gone from the store.
    there: Removal,
}

impl Done {
    /// What somebody must know of a deletion that broke off. Nothing where all is as it was.
    fn broken_off(&self, session: SessionId, why: &NotDeleted) -> Option<String> {
        let Removal { objects, gone } = self.there;
        let there =
            || format!("the store said of {gone} of its {objects} parts that they are gone");
        let what = match (self.here, objects) {
            (None, 0) => return None,
            (Some(_), 0) => "its copy on this bastion is gone".to_owned(),
            (None, _) => there(),
            (Some(_), _) => format!("its copy on this bastion is gone, and {}", there()),
        };
        Some(format!(
            "the deletion of the recording of {session} broke off, and it may be there in part only: {what}; then {why}. \
             Unless it is held, bastions are told to delete it again"
        ))
    }
}

/// Deletes recordings whose time is over, one after the other.
#[derive(Debug)]
pub(super) struct Deleting {
    turns: Turns,
    /// What keeps them from being asked for.
    trouble: Trouble,
}

impl Deleting {
    pub(super) fn new() -> Self {
        Self {
            turns: Turns::new(),
            trouble: Trouble::default(),
        }
    }

    /// Deletes what the CA says has expired, until nobody says so any more.
    pub(super) async fn delete_all(
        mut self,
        keeper: &Keeper,
        mut expired: mpsc::Receiver<Expired>,
    ) {
        let clock = keeper.reporter.clock;
        loop {
            while let Some(next) = self.turns.next(clock.now().steady) {
                self.expire(keeper, &next).await;
            }
            let next_at = self.turns.next_at();
            let at = clock.instant(next_at.unwrap_or_default());
            tokio::select! {
                told = expired.recv() => match told {
                    Some(told) => self.take_up(keeper, told),
                    None => return,
                },
                () = tokio::time::sleep_until(at), if next_at.is_some() => {}
            }
        }
    }

    fn take_up(&mut self, keeper: &Keeper, expired: Expired) {
        if keeper.concerned(&expired).is_none() {
            return;
        }
        let session = expired.session;
        if !self.turns.take_up(expired) {
            tracing::warn!(%session, "more recordings expire than are deleted; this one waits until the CA says it again");
        } else if self.turns.next_at().is_some() {
            tracing::info!(%session, "a recording expired and waits: the store kept what it was to remove before");
        }
    }

    /// Deletes a recording if that is this bastion's to do and the CA still permits it.
    async fn expire(&mut self, keeper: &Keeper, expired: &Expired) {
        let Some(store) = keeper.concerned(expired) else {
            return;
        };
        let session = expired.session;
        let mut done = Done::default();
        let deleted = keeper.delete(session, store, &mut done).await;
        let now = keeper.reporter.clock.now().steady;
        // Without room for the word of it, nobody looked at the store.
        let was_looked = !matches!(deleted, Err(NotDeleted::NotAsked(_) | NotDeleted::Event(_)));
        if was_looked && self.trouble.ends() {
            tracing::info!("the store lets recordings be deleted again");
        }
        match &deleted {
            Ok(bytes) => tracing::info!(%session, bytes, "a recording is deleted"),
            // It was held, or it is gone already: the feed also tells what was before this program started.
            Err(NotDeleted::Ca(CaError::Refused(problem))) => {
                tracing::info!(%session, detail = problem.detail, "a recording may not be deleted");
            }
            Err(NotDeleted::NotAsked(_)) if !self.trouble.is_news(now) => {}
            Err(error) => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    %session,
                    "a recording is not deleted"
                );
                if let Some(detail) = done.broken_off(session, error) {
                    keeper.raise(Rank::Deletion, detail);
                }
            }
        }
        if let Some(pause) = self.turns.tried(done.there, now) {
            let seconds = pause.as_secs();
            tracing::warn!(%session, seconds, "the store keeps what it is to remove; for so long no recording is deleted there");
        }
    }
}

impl Keeper {
    /// Nothing when another bastion is to do it; else the store, where the recording is in ours.
    fn concerned(&self, expired: &Expired) -> Option<Option<&Store>> {
        let is_ours = expired.bastion == self.reporter.name;
        let shared = self
            .store
            .as_ref()
            .filter(|store| expired.store.as_ref() == Some(store.name()));
        // What was not stored as a whole may still be there in part.
        let own = self
            .store
            .as_ref()
            .filter(|_| is_ours && expired.store.is_none());
        let is_in_another = is_ours && expired.store.is_some() && shared.is_none();
        if is_in_another {
            tracing::warn!(
                session = %expired.session,
                store = ?expired.store,
                "an expired recording is in a store that this bastion is not configured for; configure it on one"
            );
            return None;
        }
        let is_second_try = expired.attempt > 1 && shared.is_some();
        (is_ours || is_second_try).then(|| shared.or(own))
    }

    async fn delete(
        &self,
        session: SessionId,
        store: Option<&Store>,
        done: &mut Done,
    ) -> Result<u64, NotDeleted> {
        // Nothing is deleted without a trace. Nobody else takes this room, and deletions come one after the other.
        self.reporter.spool.takes(Rank::Deletion)?;
        // A permission that cannot be used is none that anybody should have to account for.
        if let Some(store) = store {
            let deletable = store.clone().within(ANSWER);
            let deletable = deletable.deletable(session).await;
            deletable.map_err(NotDeleted::NotAsked)?;
        }
        let clock = self.reporter.clock;
        let asked = clock.now();
        let deletion = self.ca.deletion(session).await?;
        let permission = Permission::of(asked, &deletion);
        self.stop_upload(session).await;
        let deleting = self.delete_everywhere(session, store, done);
        let deleted = permission.during(|| clock.now(), deleting).await;
        self.known().deleting.remove(&session);
        let bytes = deleted.ok_or(NotDeleted::Late)??;
        let place = match store {
            Some(store) => store.name().to_string(),
            None => self.reporter.name.to_string(),
        };
        let tombstone = Body::Access {
            pair: deletion.pair,
            task: Some(deletion.task),
            session: Some(session),
            fact: AccessFact::RecordingDeleted {
                manifest: deletion.manifest,
                rule: deletion.rule,
                bytes,
                place,
            },
        };
        self.reporter.report_as(Rank::Deletion, tombstone)?;
        Ok(bytes)
    }

    /// Nothing may write into the store what is being deleted there.
    async fn stop_upload(&self, session: SessionId) {
        let followed = {
            let mut known = self.known();
            known.deleting.insert(session);
            known.followed.remove(&session)
        };
        if let Some(followed) = followed {
            followed.task.abort();
            // It was aborted, so that is how it ends.
            let _ = followed.task.await;
        }
    }

    /// Deletes what there is, and keeps `done` up to date.
    async fn delete_everywhere(
        &self,
        session: SessionId,
        store: Option<&Store>,
        done: &mut Done,
    ) -> Result<u64, NotDeleted> {
        // Before anything is removed: a store that hangs here keeps the recording as a whole.
        let found = match store {
            Some(store) => Some((store, store.everything_of(session).await?)),
            None => None,
        };
        done.here = self.delete_local(session)?;
        let here = done.here.unwrap_or(0);
        let Some((store, found)) = found else {
            return Ok(here);
        };
        let there = found.bytes();
        store.remove(found, &mut done.there).await?;
        Ok(here.saturating_add(there))
    }

    /// The size of the local copy; nothing where there was none.
    fn delete_local(&self, session: SessionId) -> Result<Option<u64>, NotDeleted> {
        let path = self.path_of(session);
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(NotDeleted::Local(error)),
        };
        match std::fs::remove_file(&path) {
            Err(error) if !gone(&error) => Err(NotDeleted::Local(error)),
            _ => Ok(Some(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deletion_that_removed_something_broke_off() {
        let session: SessionId = "019a0000-0000-7000-8000-000000000000".parse().unwrap();
        let told = |here, objects, gone| {
            let there = Removal { objects, gone };
            Done { here, there }.broken_off(session, &NotDeleted::Late)
        };
        assert_eq!(told(None, 0, 0), None);
        for (here, objects, gone, expected) in [
            (
                Some(7),
                0,
                0,
                "only: its copy on this bastion is gone; then the permission was over",
            ),
            (None, 3, 0, "only: the store said of 0 of its 3 parts"),
            (None, 3, 3, "only: the store said of 3 of its 3 parts"),
            (
                Some(7),
                3,
                1,
                "bastion is gone, and the store said of 1 of its 3 parts",
            ),
        ] {
            let told = told(here, objects, gone).unwrap();
            assert!(told.contains(expected), "{told}");
            assert!(told.contains(&session.to_string()), "{told}");
        }
    }
}
