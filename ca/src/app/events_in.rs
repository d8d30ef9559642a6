//! `POST /v1/events`: what a bastion delivers from its spool.

use std::collections::{BTreeSet, HashMap};

use portreeve_protocol::event::{
    AccessFact, Body, Event, EventBatch, EventsStored, MAX_BATCH, MachineFact,
};
use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::problem::Code;

use super::event_check::{NotTaken, Subject, check, session_of, unpermitted_deletion};
use super::record::machine;
use super::{App, Failure};
use crate::identity::AuthenticatedBastion;
use crate::store::{Change, EventOutcome, Of, Reported, StoreError};

impl App {
    /// Makes a batch of events durable, with what they change, and says which are not taken.
    ///
    /// # Errors
    /// When the batch is too large or the store fails; nothing of the batch is taken then.
    pub async fn events_in(
        &self,
        bastion: &AuthenticatedBastion,
        batch: EventBatch,
    ) -> Result<EventsStored, Failure> {
        if batch.events.len() > MAX_BATCH {
            let detail = format!("a batch has {MAX_BATCH} events at most");
            return Err(Failure::advise(Code::TooLarge, detail));
        }
        let mut subjects = self.subjects(&batch).await?;
        let mut taken = Vec::new();
        let (mut refused, mut alarms) = (Vec::new(), Vec::new());
        let now = self.clock.now();
        for event in batch.events {
            let id = event.id;
            let subject = session_of(&event).and_then(|session| subjects.get(&session));
            match check(event, bastion.name(), subject, now) {
                Ok(one) => {
                    remember(&one, &mut subjects);
                    taken.push(one);
                }
                Err(reason) => {
                    if let (NotTaken::Deletion, Some(subject)) = (&reason, subject) {
                        let detail = unpermitted_deletion(bastion.name(), subject);
                        alarms.push(machine(now, MachineFact::Alarm { detail }));
                    }
                    refused.push((id, reason));
                }
            }
        }
        let (stored, full) = self.store_taken(taken, &mut refused).await?;
        for (id, of) in full {
            let Some(Subject {
                session,
                trail_limit,
                ..
            }) = subjects.get(&id)
            else {
                continue;
            };
            match of {
                Of::Session => self.trail_is_full(session, *trail_limit, now).await?,
                Of::Host => self.host_says_too_much(session, now).await?,
                // Refused connections are nobody's doing that could be named.
                Of::Refusals | Of::Alarms => {}
            }
        }
        if !alarms.is_empty() {
            self.log.append(alarms).await?;
        }
        if !refused.is_empty() {
            tracing::warn!(bastion = %bastion.name(), ?refused, "events are not taken");
        }
        Ok(EventsStored {
            stored,
            refused: refused
                .into_iter()
                .map(|(id, reason)| (id, reason.to_string()))
                .collect(),
        })
    }

    /// The sessions that a batch is about, each looked up once.
    async fn subjects(
        &self,
        batch: &EventBatch,
    ) -> Result<HashMap<SessionId, Subject>, StoreError> {
        let mut subjects = HashMap::new();
        for id in batch.events.iter().filter_map(session_of) {
            if subjects.contains_key(&id) {
                continue;
            }
            if let Some(session) = self.store.session(id).await? {
                let host = self.store.host(&session.summary.host).await?;
                let host_identity = host.and_then(|host| host.record.identity);
                let is_deleted = batch.events.iter().any(|event| says_deleted(event, id));
                let recording = match is_deleted {
                    true => self.store.recording(id).await?,
                    false => None,
                };
                subjects.insert(
                    id,
                    Subject {
                        trail_limit: self.trail_limit_of(&session),
                        session,
                        host_identity,
                        recording,
                    },
                );
            }
        }
        Ok(subjects)
    }

    /// Says how many are stored, and in which rooms of which sessions something is not.
    async fn store_taken(
        &self,
        taken: Vec<Reported>,
        refused: &mut Vec<(EventId, NotTaken)>,
    ) -> Result<(u32, BTreeSet<(SessionId, Of)>), Failure> {
        let mut full = BTreeSet::new();
        if taken.is_empty() {
            return Ok((0, full));
        }
        let place = |one: &Reported| one.spends.map(|spends| (spends.session, spends.of));
        let places: Vec<_> = taken.iter().map(place).collect();
        let committed = self.store.report(taken).await?;
        let mut stored = 0;
        for (outcome, place) in committed.events.into_iter().zip(places) {
            match outcome {
                EventOutcome::Logged(_) | EventOutcome::Known => stored += 1,
                // The same statement, brought another time.
                EventOutcome::Conflicting(id) if id.is_of_statement() => stored += 1,
                EventOutcome::Conflicting(id) => refused.push((id, NotTaken::Conflict)),
                EventOutcome::Full(id) => {
                    full.extend(place);
                    let is_of_host = place.is_some_and(|(_, of)| of == Of::Host);
                    let reason = if is_of_host {
                        NotTaken::HostFull
                    } else {
                        NotTaken::Full
                    };
                    refused.push((id, reason));
                }
            }
        }
        Ok((stored, full))
    }
}

/// What an event changes counts for those that come after it in the same batch.
fn remember(taken: &Reported, subjects: &mut HashMap<SessionId, Subject>) {
    if let Some(Change::OpenSession { session, attested }) = &taken.change
        && let Some(subject) = subjects.get_mut(session)
    {
        subject.session.attestation.get_or_insert(attested.digest);
    }
}

/// Whether an event says that the recording of a session was deleted.
fn says_deleted(event: &Event, id: SessionId) -> bool {
    matches!(
        &event.body,
        Body::Access {
            session: Some(session),
            fact: AccessFact::RecordingDeleted { .. },
            ..
        } if *session == id
    )
}
