//! Recordings whose time is over: asked about once more, deleted, and reported.

use std::io;
use std::time::Duration;

use portreeve_protocol::event::{AccessFact, Body, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording_store::store::{Store, StoreError};
use tokio::time::timeout_at;

use super::Keeper;
use crate::ca::CaError;
use crate::clock::Steady;
use crate::feed::Expired;
use crate::spool::SpoolError;

/// Why a recording is not deleted now. The CA says it again.
#[derive(Debug, thiserror::Error)]
enum NotDeleted {
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

impl Keeper {
    /// Deletes a recording if that is this bastion's to do and the CA still permits it.
    pub(super) async fn expire(&self, expired: &Expired) {
        let Some(store) = self.concerned(expired) else {
            return;
        };
        match self.delete(expired, store).await {
            Ok(bytes) => {
                tracing::info!(session = %expired.session, bytes, "a recording is deleted")
            }
            // It was held, or it is gone already: the feed also tells what was before this program started.
            Err(NotDeleted::Ca(CaError::Refused(problem))) => tracing::info!(
                session = %expired.session,
                detail = problem.detail,
                "a recording may not be deleted"
            ),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                session = %expired.session,
                "a recording is not deleted"
            ),
        }
    }

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

    async fn delete(&self, expired: &Expired, store: Option<&Store>) -> Result<u64, NotDeleted> {
        let session = expired.session;
        let asked = self.reporter.clock.now().steady;
        let deletion = self.ca.deletion(session).await?;
        let until = asked.plus(Duration::from_secs(deletion.seconds.into()));
        self.stop_upload(session).await;
        let deleted = self.delete_until(until, session, store).await;
        self.known().deleting.remove(&session);
        let bytes = deleted?;
        let place = match store {
            Some(store) => store.name().to_string(),
            None => self.reporter.name.to_string(),
        };
        self.reporter.report(Body::Access {
            pair: deletion.pair,
            task: Some(deletion.task),
            session: Some(session),
            fact: AccessFact::RecordingDeleted {
                manifest: deletion.manifest,
                rule: deletion.rule,
                bytes,
                place,
            },
        })?;
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

    /// Whoever holds the recording from then on is told by the CA that nobody deletes it any more.
    async fn delete_until(
        &self,
        until: Steady,
        session: SessionId,
        store: Option<&Store>,
    ) -> Result<u64, NotDeleted> {
        let clock = self.reporter.clock;
        if clock.now().steady >= until {
            return Err(NotDeleted::Late);
        }
        let deleting = self.delete_everywhere(session, store);
        let Ok(deleted) = timeout_at(clock.instant(until), deleting).await else {
            let detail = format!(
                "the recording of {session} is deleted in part: the store was slower than the permission is good"
            );
            self.reporter.machine(MachineFact::Alarm { detail })?;
            return Err(NotDeleted::Late);
        };
        deleted
    }

    async fn delete_everywhere(
        &self,
        session: SessionId,
        store: Option<&Store>,
    ) -> Result<u64, NotDeleted> {
        let here = self.delete_local(session)?;
        let there = match store {
            Some(store) => store.delete(session).await?.bytes,
            None => 0,
        };
        Ok(here.saturating_add(there))
    }

    fn delete_local(&self, session: SessionId) -> Result<u64, NotDeleted> {
        let path = self.path_of(session);
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if gone(&error) => return Ok(0),
            Err(error) => return Err(NotDeleted::Local(error)),
        };
        match std::fs::remove_file(&path) {
            Err(error) if !gone(&error) => Err(NotDeleted::Local(error)),
            _ => Ok(bytes),
        }
    }
}
