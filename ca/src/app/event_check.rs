//! Whether an event that a bastion delivers is taken, and what it changes. Pure.
//!
//! A bastion is believed about what it did in the sessions that it claimed; about a host, only the
//! host's own signature is believed. Pair and task are always the registry's.

use portreeve_protocol::attest;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event, MAX_EVENT, Machine, MachineFact};
use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::session::{SessionSummary, TrailLimit};
use portreeve_protocol::signed::{Signed, Statement, VerifyError};
use portreeve_protocol::time::Timestamp;

use super::record::machine;
use super::trail_room;
use crate::store::{Alarm, Attested, Change, Recording, Reported, Session, is_loggable};

/// A session with the key of its host.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) session: Session,
    pub(super) host_identity: Option<PublicKey>,
    /// How much it may put into the trail.
    pub(super) trail_limit: TrailLimit,
    /// Its recording, where an event says that it was deleted.
    pub(super) recording: Option<Recording>,
}

/// Why an event is not taken. It will never be, so the sender may forget it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("its source is not the bastion that sends it")]
    Source,
    #[error("it is larger than {MAX_EVENT} bytes as it would be logged, or has no canonical form")]
    Form,
    #[error("its id is one of those that the CA gives")]
    Id,
    #[error("a bastion does not report this")]
    Kind,
    #[error("it names no session that is known")]
    Session,
    #[error("the session was not claimed by this bastion")]
    NotClaimed,
    #[error("the host of the session is not enrolled")]
    Host,
    #[error("the host's statement is not believed: {0}")]
    Statement(#[from] VerifyError),
    #[error("the host's statement is about another {0}")]
    Mismatch(&'static str),
    #[error("this bastion was not permitted to delete its recording")]
    Deletion,
    #[error("the log has another event of this id")]
    Conflict,
    #[error("the session put more into the trail than it may")]
    Full,
    #[error("its host said more of the session than a session has to tell")]
    HostFull,
}

/// The session that an event is about, if it is about one.
pub(super) fn session_of(event: &Event) -> Option<SessionId> {
    match &event.body {
        Body::Access { session, .. } => *session,
        Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. } => None,
    }
}

/// Checks one event from `sender` that arrives at `now`; `subject` is the session that it names.
pub(super) fn check(
    event: Event,
    sender: &BastionName,
    subject: Option<&Subject>,
    now: Timestamp,
) -> Result<Reported, NotTaken> {
    if event.source != Machine::Bastion(sender.clone()) {
        return Err(NotTaken::Source);
    }
    if event.id.is_of_statement() {
        return Err(NotTaken::Id);
    }
    let reported = judge(event, sender, subject, now)?;
    // As it is logged, which is not as it came: nothing else of its batch may wait for what never can be.
    let alarm = reported.alarm.as_ref().map(|alarm| &alarm.event);
    let mut logged = std::iter::once(&reported.event).chain(alarm);
    if logged.all(is_loggable) {
        Ok(reported)
    } else {
        Err(NotTaken::Form)
    }
}

fn judge(
    event: Event,
    sender: &BastionName,
    subject: Option<&Subject>,
    now: Timestamp,
) -> Result<Reported, NotTaken> {
    match event.body {
        Body::Refused { .. } => Ok(plain(event)),
        Body::Machine { ref fact } => match fact {
            MachineFact::Started { .. } | MachineFact::Stopped | MachineFact::Alarm { .. } => {
                Ok(plain(event))
            }
            MachineFact::HostEnrolled { .. } | MachineFact::BastionEnrolled { .. } => {
                Err(NotTaken::Kind)
            }
        },
        Body::Administration { .. } => Err(NotTaken::Kind),
        Body::Access { fact, .. } => {
            let subject = subject.ok_or(NotTaken::Session)?;
            let (change, alarm) = check_access(
                &fact,
                When {
                    reported_at: event.at,
                    now,
                },
                sender,
                subject,
            )?;
            let summary = &subject.session.summary;
            let spends = trail_room::spends(summary.session, &fact, subject.trail_limit);
            let alarm = alarm.map(|detail| Alarm {
                event: machine(event.at, MachineFact::Alarm { detail }),
                spends: trail_room::alarm_spends(summary.session, &fact),
            });
            // What a host signed may come more than once, by this bastion or another: a host says it
            // again until it hears that somebody has it.
            let event = Event {
                id: statement_of(&fact).map_or(event.id, EventId::of_statement),
                body: Body::Access {
                    pair: summary.pair.clone(),
                    task: Some(summary.task.clone()),
                    session: Some(summary.session),
                    fact,
                },
                ..event
            };
            Ok(Reported {
                event,
                change,
                spends: Some(spends),
                alarm,
            })
        }
    }
}

/// The digest of what a host signed for this.
fn statement_of(fact: &AccessFact) -> Option<Digest> {
    match fact {
        AccessFact::HostReady { attestation } => Some(attestation.digest()),
        AccessFact::Host { event } => Some(event.digest()),
        AccessFact::HostGone { receipt } => Some(receipt.digest()),
        AccessFact::TokenIssued { .. }
        | AccessFact::SessionDecided { .. }
        | AccessFact::SessionIntended { .. }
        | AccessFact::SessionIssued { .. }
        | AccessFact::SessionRefused { .. }
        | AccessFact::SessionClaimed { .. }
        | AccessFact::BundleWithdrawn { .. }
        | AccessFact::SessionKilled { .. }
        | AccessFact::ConnectionRefused { .. }
        | AccessFact::HostRefused { .. }
        | AccessFact::ChannelDecided { .. }
        | AccessFact::ChannelClosed { .. }
        | AccessFact::SessionEnding { .. }
        | AccessFact::SessionClosed { .. }
        | AccessFact::RecordingSealed { .. }
        | AccessFact::RecordingFailed { .. }
        | AccessFact::RecordingStored { .. }
        | AccessFact::RecordingReviewed { .. }
        | AccessFact::RecordingHeld { .. }
        | AccessFact::RecordingReleased { .. }
        | AccessFact::RecordingExpired { .. }
        | AccessFact::RecordingDeletionPermitted { .. }
        | AccessFact::RecordingDeleted { .. }
        | AccessFact::RecordingHead { .. } => None,
    }
}

fn plain(event: Event) -> Reported {
    Reported {
        event,
        change: None,
        spends: None,
        alarm: None,
    }
}

type Outcome = Result<(Option<Change>, Option<String>), NotTaken>;

/// By whose clock an event is when.
#[derive(Debug, Clone, Copy)]
struct When {
    /// When it happened, as its bastion says.
    reported_at: Timestamp,
    /// When it arrives.
    now: Timestamp,
}

fn check_access(fact: &AccessFact, when: When, sender: &BastionName, subject: &Subject) -> Outcome {
    let When { reported_at, .. } = when;
    let session = &subject.session;
    let summary = &session.summary;
    let id = summary.session;
    let claimed = || match &summary.bastion {
        Some(bastion) if bastion == sender => Ok(()),
        _ => Err(NotTaken::NotClaimed),
    };
    match fact {
        // The session of another bastion is what such a refusal may be about.
        AccessFact::ConnectionRefused { .. } if session.bastions.contains(sender) => {
            Ok((None, None))
        }
        AccessFact::ConnectionRefused { .. }
        | AccessFact::HostRefused { .. }
        | AccessFact::ChannelDecided { .. }
        | AccessFact::ChannelClosed { .. }
        | AccessFact::SessionEnding { .. }
        | AccessFact::RecordingHead { .. }
        | AccessFact::RecordingFailed { .. } => claimed().map(|()| (None, None)),
        AccessFact::RecordingSealed {
            manifest,
            bytes,
            cut,
            ..
        } => {
            claimed()?;
            let sealed = Change::SealRecording {
                session: id,
                bastion: sender.clone(),
                manifest: *manifest,
                bytes: *bytes,
                cut: *cut,
                at: reported_at,
            };
            Ok((Some(sealed), None))
        }
        AccessFact::RecordingStored { store, .. } => {
            claimed()?;
            let store = store.clone();
            Ok((Some(Change::StoreRecording { session: id, store }), None))
        }
        // Any bastion of the same store may have deleted it, when it was permitted to.
        AccessFact::RecordingDeleted { manifest, .. } => {
            check_deletion(*manifest, when, sender, subject)
        }
        AccessFact::HostReady { attestation } => {
            claimed()?;
            let said = check_attestation(attestation, subject)?;
            // An order that names the floor is refused by a host client that does not know it. Those that do say
            // what they watch by, too.
            let used = said.watch.is_some().then_some(said.uid);
            let attested = Attested {
                digest: attestation.digest(),
                used,
                watch: said.watch,
                // A host whose clock was ahead once would else decide by that for as long as it was.
                ready_at: said.ready_at.min(reported_at),
            };
            let alarm = another_attestation(&attested, session).or(below_floor(&said, session));
            let opened = Change::OpenSession {
                session: id,
                attested,
            };
            Ok((Some(opened), alarm))
        }
        AccessFact::Host { event } => {
            let said = believe(event, subject)?;
            demand(said.session == id, "session")?;
            demand(said.account == summary.account, "account")?;
            demand(said.host == summary.host, "host")?;
            Ok((None, None))
        }
        AccessFact::HostGone { receipt } => check_receipt(receipt, subject),
        AccessFact::SessionClosed { cause, .. } => {
            claimed()?;
            let ended = Change::EndSession {
                session: id,
                cause: *cause,
                // Only the host's own receipt confirms.
                confirmed: false,
                at: reported_at,
            };
            Ok((Some(ended), None))
        }
        AccessFact::TokenIssued { .. }
        | AccessFact::SessionDecided { .. }
        | AccessFact::SessionIntended { .. }
        | AccessFact::SessionIssued { .. }
        | AccessFact::SessionRefused { .. }
        | AccessFact::SessionClaimed { .. }
        | AccessFact::BundleWithdrawn { .. }
        | AccessFact::SessionKilled { .. }
        | AccessFact::RecordingReviewed { .. }
        | AccessFact::RecordingHeld { .. }
        | AccessFact::RecordingReleased { .. }
        | AccessFact::RecordingExpired { .. }
        | AccessFact::RecordingDeletionPermitted { .. } => Err(NotTaken::Kind),
    }
}

fn check_deletion(
    manifest: Digest,
    when: When,
    sender: &BastionName,
    subject: &Subject,
) -> Outcome {
    let session = subject.session.summary.session;
    let recording = subject.recording.as_ref();
    let known = recording.filter(|known| known.was_deletable_by(sender, when.now));
    let known = known.ok_or(NotTaken::Deletion)?;
    let seal = known.seal.as_ref().ok_or(NotTaken::Deletion)?;
    demand(seal.manifest == manifest, "recording")?;
    let at = when.reported_at;
    let change = Change::ForgetRecording { session, at };
    let late_hold = known.hold.as_ref().map(|hold| {
        format!(
            "the recording of {session} is deleted although {} holds it since {}: bastion `{sender}` was permitted to \
             delete it right before",
            hold.by.name, hold.at
        )
    });
    Ok((Some(change), late_hold))
}

/// What is wrong when a bastion says that it deleted what it may not: the recording may be gone all the same.
pub(super) fn unpermitted_deletion(sender: &BastionName, subject: &Subject) -> String {
    let session = subject.session.summary.session;
    let hold = subject
        .recording
        .as_ref()
        .and_then(|known| known.hold.as_ref());
    let held = hold.map_or_else(String::new, |hold| {
        format!(", and {} holds it since {}", hold.by.name, hold.at)
    });
    format!(
        "bastion `{sender}` says that it deleted the recording of {session}, which it is not permitted to{held}: see \
         whether the recording is there"
    )
}

fn check_attestation(
    attestation: &Signed<attest::Attestation>,
    subject: &Subject,
) -> Result<attest::Attestation, NotTaken> {
    let said = believe(attestation, subject)?;
    let SessionSummary {
        session,
        account,
        host,
        bundle,
        ..
    } = &subject.session.summary;
    demand(said.session == *session, "session")?;
    demand(said.account == *account, "account")?;
    demand(said.host == *host, "host")?;
    demand(said.bundle == *bundle, "bundle")?;
    demand(said.order_digest == subject.session.order, "order")?;
    demand(said.has_account_uid(), "uid")?;
    Ok(said)
}

/// What is wrong when a host attested of a session before, and something else: it obeyed the order twice, or says what is
/// not so.
fn another_attestation(attested: &Attested, session: &Session) -> Option<String> {
    let first = session.attestation?;
    let SessionSummary { session, host, .. } = &session.summary;
    (first != attested.digest).then(|| {
        format!(
            "host `{host}` attests of session {session} a second time: {} after {first}; one order makes one account",
            attested.digest
        )
    })
}

/// What is wrong when a host gave a session a UID that its order forbade: it was used before, and
/// what it owned then is the session's now.
fn below_floor(said: &attest::Attestation, session: &Session) -> Option<String> {
    let floor = session.uid_floor.filter(|floor| said.uid < *floor)?;
    Some(format!(
        "host `{}` gave session {} the UID {}, below {floor}, from which on its order allowed them: it may have used \
         that number before",
        said.host, said.session, said.uid
    ))
}

fn check_receipt(receipt: &Signed<attest::Receipt>, subject: &Subject) -> Outcome {
    let said = believe(receipt, subject)?;
    let summary = &subject.session.summary;
    demand(said.session == summary.session, "session")?;
    demand(said.account == summary.account, "account")?;
    demand(said.host == summary.host, "host")?;
    // A host client that is older does not name the order by its digest.
    let is_its_order = |digest| digest == subject.session.order;
    demand(said.order_digest.is_none_or(is_its_order), "order")?;
    let ended = Change::EndSession {
        session: summary.session,
        cause: said.cause,
        // What was left behind is not gone; somebody must look before it counts as ended.
        confirmed: said.left.is_empty(),
        at: said.gone_at,
    };
    let alarm = (!said.left.is_empty()).then(|| {
        format!(
            "host `{}` could not remove everything of session {}: {}",
            summary.host,
            summary.session,
            beginning(&said.left)
        )
    });
    Ok((Some(ended), alarm))
}

/// What was left behind, as far as an alarm repeats it: all of it stands in the receipt.
fn beginning(left: &[String]) -> String {
    let shown = left.iter().take(10).map(|one| {
        let mut rest = one.chars();
        let mut shown: String = rest.by_ref().take(300).collect();
        if rest.next().is_some() {
            shown.push('…');
        }
        shown
    });
    let shown = shown.collect::<Vec<_>>().join("; ");
    match left.len().saturating_sub(10) {
        0 => shown,
        more => format!("{shown}; … and {more} more, which are in its receipt"),
    }
}

/// The statement, if the host of the session signed it.
fn believe<T: Statement>(statement: &Signed<T>, subject: &Subject) -> Result<T, NotTaken> {
    let key = subject.host_identity.as_ref().ok_or(NotTaken::Host)?;
    Ok(statement.verify(key)?.into_inner())
}

fn demand(holds: bool, what: &'static str) -> Result<(), NotTaken> {
    if holds {
        Ok(())
    } else {
        Err(NotTaken::Mismatch(what))
    }
}
