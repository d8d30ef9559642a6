//! Recordings: which there are, reading them, holding them, and letting a bastion delete them. What is due is
//! [`super::expiry`]'s.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use portreeve_access_policy::facts;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::problem::Code;
use portreeve_protocol::recording::{Deletion, HoldRequest, RecordingRow, RecordingState};
use portreeve_protocol::session::SessionState;
use portreeve_protocol::time::Timestamp;
use portreeve_recording_store::store::StoreError as RecordingStoreError;

use super::permit::Permitted;
use super::record::Access;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::{AuthenticatedBastion, Person};
use crate::store::{
    Change, CommitError, PERMISSION, Recording, Refusal, Seal, Session, SessionFilter,
};

/// How long the recording store may be silent until whoever asks is told so. Less than they and the service itself wait
/// for an answer.
pub(crate) const STORE_TIME: Duration = Duration::from_secs(15);

/// A recording on its way to a reader.
pub struct Fetched {
    /// How many bytes are coming.
    pub bytes: u64,
    /// They themselves.
    pub content: BoxStream<'static, Result<Bytes, RecordingStoreError>>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl App {
    /// The recordings of the sessions that a person may know of, the newest first.
    ///
    /// # Errors
    /// When there is no policy or the store fails.
    pub async fn recordings(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<RecordingRow>, Failure> {
        let begun = SessionFilter {
            states: vec![
                SessionState::Claimed,
                SessionState::Open,
                SessionState::NotConfirmed,
                SessionState::Ended,
            ],
            ..SessionFilter::default()
        };
        let sessions = self.listable(person, &begun, origin).await?;
        let known = self.store.recordings().await?;
        let rows = sessions
            .iter()
            .filter(|session| session.summary.bastion.is_some())
            .map(|session| row(session, known.get(&session.summary.session), origin.at));
        let mut items: Vec<RecordingRow> = rows.collect();
        self.tell_unsealed(&mut items).await?;
        Ok(Listing { items })
    }

    /// A recording from the byte `from` on. Who reads it is in the trail before they have the first byte.
    ///
    /// # Errors
    /// When the person may not, there is no such session, or the recording is not where it can be read from.
    pub async fn fetch_recording(
        &self,
        person: &Person,
        id: SessionId,
        from: u64,
        origin: Origin,
    ) -> Result<Fetched, Failure> {
        let asked = |session| HumanAct::Review { session };
        let (found, permitted) = self.permitted_on(person, id, asked, origin).await?;
        let known = self.store.recording(id).await?;
        let (seal, store) = readable(known.as_ref(), self.recording_store.as_ref())?;
        let parts = store.readable_parts(id).await;
        let parts = parts.map_err(Failure::RecordingStore)?;
        if parts.bytes() != seal.bytes {
            return Err(Failure::RecordingShort {
                store: store.name().clone(),
                session: id,
                has: parts.bytes(),
                bytes: seal.bytes,
            });
        }
        let reviewed = AccessFact::RecordingReviewed {
            by: person.human().clone(),
            what: "fetched".into(),
        };
        let events = vec![
            access(&found).event(origin.at, reviewed),
            permitted.event("fetched"),
        ];
        self.log.append(events).await?;
        Ok(Fetched {
            bytes: seal.bytes.saturating_sub(from),
            content: logged(id, store.read(id, &parts, from)),
        })
    }

    /// Holds a recording, which keeps it whatever its retention says, or ends that.
    ///
    /// # Errors
    /// When the person may not, there is no such session, or the recording was deleted or is not held.
    pub async fn set_hold(
        &self,
        person: &Person,
        id: SessionId,
        is_held: bool,
        request: HoldRequest,
        origin: Origin,
    ) -> Result<RecordingRow, Failure> {
        let asked = |session| HumanAct::HoldRecordings { session };
        let (found, permitted) = self.permitted_on(person, id, asked, origin).await?;
        let (by, reason) = (person.human().clone(), request.reason);
        let (change, outcome, fact) = if is_held {
            let change = Change::HoldRecording {
                session: id,
                by: by.clone(),
                reason: reason.clone(),
                at: origin.at,
            };
            (change, "held", AccessFact::RecordingHeld { by, reason })
        } else {
            let change = Change::ReleaseRecording { session: id };
            let fact = AccessFact::RecordingReleased { by, reason };
            (change, "released", fact)
        };
        let events = vec![
            access(&found).event(origin.at, fact),
            permitted.event(outcome),
        ];
        match self.store.commit(vec![change], events).await {
            Err(CommitError::Refused(Refusal::Over)) => Err(deleted()),
            Err(CommitError::Refused(Refusal::Missing)) => Err(Failure::advise(
                Code::Conflict,
                "the recording is not held; `portreeve recording list` shows what is",
            )),
            done => done.map(drop).map_err(Failure::from),
        }?;
        let known = self.store.recording(id).await?;
        Ok(row(&found, known.as_ref(), origin.at))
    }

    /// Whether a bastion may delete a recording, now: it was told to, and nobody holds it.
    ///
    /// # Errors
    /// When it may not, or the store fails.
    pub async fn permit_deletion(
        &self,
        bastion: &AuthenticatedBastion,
        id: SessionId,
        origin: Origin,
    ) -> Result<Deletion, Failure> {
        let found = self.store.session(id).await?;
        let found = found.ok_or_else(|| Failure::told(Code::NotPermitted))?;
        let change = Change::PermitDeletion {
            session: id,
            bastion: bastion.name().clone(),
            at: origin.at,
        };
        let permitted = AccessFact::RecordingDeletionPermitted {
            bastion: bastion.name().clone(),
            until: origin.at.plus(Duration::from_secs(PERMISSION.into())),
        };
        let events = vec![access(&found).event(origin.at, permitted)];
        match self.store.commit(vec![change], events).await {
            Ok(_) => {}
            Err(CommitError::Refused(refusal)) => {
                tracing::info!(bastion = %bastion.name(), session = %id, %refusal, "a deletion is not permitted");
                let code = if matches!(refusal, Refusal::TooOften(_)) {
                    Code::Busy
                } else {
                    Code::NotPermitted
                };
                return Err(Failure::advise(code, refusal.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        let seal = self.store.recording(id).await?.and_then(|known| known.seal);
        let seal = seal.ok_or_else(|| Failure::told(Code::NotPermitted))?;
        Ok(Deletion {
            seconds: PERMISSION,
            manifest: seal.manifest,
            rule: found.retention_rule,
            pair: found.summary.pair,
            task: found.summary.task,
        })
    }

    /// A session on which a person may act, and the permission.
    async fn permitted_on(
        &self,
        person: &Person,
        id: SessionId,
        asked: impl FnOnce(Box<facts::Session>) -> HumanAct,
        origin: Origin,
    ) -> Result<(Session, Permitted), Failure> {
        let found = self.found_for(person, id, origin).await?;
        let facts = Box::new(self.facts_of(&found).await?);
        let permitted = self
            .permit(person, asked(facts), id.to_string(), origin)
            .await?;
        Ok((found, permitted))
    }
}

/// The same bytes; why they end early is in the log, for the reader only sees that they do.
fn logged(
    session: SessionId,
    content: BoxStream<'static, Result<Bytes, RecordingStoreError>>,
) -> BoxStream<'static, Result<Bytes, RecordingStoreError>> {
    let told = move |error: &RecordingStoreError| {
        tracing::error!(error = error as &dyn std::error::Error, %session, "a recording broke off on its way to a reader");
    };
    content.inspect_err(told).boxed()
}

/// What is to be read, and from where.
fn readable<'a>(
    known: Option<&'a Recording>,
    store: Option<&'a portreeve_recording_store::store::Store>,
) -> Result<(&'a Seal, &'a portreeve_recording_store::store::Store), Failure> {
    let unavailable = |detail: String| Failure::advise(Code::SessionUnavailable, detail);
    let Some((known, seal)) = known.and_then(|known| Some((known, known.seal.as_ref()?))) else {
        return Err(unavailable(
            "no bastion has sealed its recording yet".into(),
        ));
    };
    if let Some(at) = known.deleted_at {
        return Err(unavailable(format!(
            "its recording was deleted at {at}; the trail has the tombstone"
        )));
    }
    let Some(name) = &known.store else {
        return Err(unavailable(format!(
            "its recording is not in a store yet; it is on bastion `{}`",
            seal.bastion
        )));
    };
    match store {
        Some(store) if store.name() == name => Ok((seal, store)),
        _ => Err(unavailable(format!(
            "its recording is in `{name}`, which this CA is not configured to read"
        ))),
    }
}

fn deleted() -> Failure {
    Failure::advise(
        Code::SessionUnavailable,
        "its recording was deleted; the trail has the tombstone",
    )
}

/// What is told of a recording.
fn row(session: &Session, known: Option<&Recording>, now: Timestamp) -> RecordingRow {
    let summary = &session.summary;
    let seal = known.and_then(|known| known.seal.as_ref());
    RecordingRow {
        session: summary.session,
        pair: summary.pair.clone(),
        host: summary.host.clone(),
        created_at: summary.created_at,
        bastion: summary.bastion.clone(),
        state: state(summary.state, known, now),
        cut: seal.is_some_and(|seal| seal.cut),
        bytes: seal.map(|seal| seal.bytes),
        manifest: seal.map(|seal| seal.manifest),
        store: known.and_then(|known| known.store.clone()),
        hold: known.and_then(|known| known.hold.clone()),
        retention: session.retention,
        rule: session.retention_rule,
        expires_at: seal.map(|seal| seal.due_at),
        deleted_at: known.and_then(|known| known.deleted_at),
        unsealed: None,
    }
}

fn state(session: SessionState, known: Option<&Recording>, now: Timestamp) -> RecordingState {
    let seal = known.and_then(|known| known.seal.as_ref());
    match (known, seal) {
        (Some(known), _) if known.deleted_at.is_some() => RecordingState::Deleted,
        (Some(known), _) if known.is_deletable(now) => RecordingState::Expiring,
        (Some(known), Some(_)) if known.store.is_some() => RecordingState::Stored,
        (_, Some(seal)) if seal.cut => RecordingState::Cut,
        (_, Some(_)) => RecordingState::Sealed,
        (_, None) => match session {
            SessionState::Issued | SessionState::Claimed | SessionState::Open => {
                RecordingState::Running
            }
            SessionState::NotConfirmed | SessionState::Ended | SessionState::Unused => {
                RecordingState::Missing
            }
        },
    }
}

fn access(found: &Session) -> Access<'_> {
    Access {
        pair: &found.summary.pair,
        task: Some(&found.summary.task),
        session: Some(found.summary.session),
    }
}
