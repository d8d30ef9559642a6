//! How much the log takes of one session, and what happens when there is more.
//!
//! A bastion ends a session that has put its limit into the trail. What the log takes is more than that: what was on its
//! way then, and the words of the end, for which there is room that nothing else takes. So a bastion that keeps to the
//! limit loses nothing, and one that does not fills no disk.
//!
//! What a host signs may come through anybody's connection, so nobody's bastion answers for it: it has a room of its own
//! and takes nothing from what the bastion of the session has to tell.

use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::session::TrailLimit;
use portreeve_protocol::time::Timestamp;

use super::record::{Access, machine};
use super::{App, Failure};
use crate::store::{Change, CommitError, Of, Refusal, Session, Spends};

/// For what follows the limit: what a host tells at the end of a session is 28 MiB in its journal, and twice that at most
/// as events; the rest is what was on its way.
const AFTERWARDS: u64 = 64 * 1024 * 1024;
/// For receipts, of which one is enough: whatever else the host says does not take this room.
const RECEIPTS: u64 = 1024 * 1024;
/// For connections that were refused: a room of their own, because whoever has the certificate makes as many as he likes,
/// and any bastion may say so. They take nothing from the session, and do not end it.
const REFUSALS: u64 = 1024 * 1024;
/// For a bastion's words of the end.
const LAST_WORDS: u64 = 1024 * 1024;
/// For what the host attested, and for a deletion that was permitted: no bastion's words take this room.
const PROOFS: u64 = 1024 * 1024;

/// How many alarms there are of receipts that name something left behind: root on a host signs as many as it likes.
const LEFT_ALARMS: u64 = 8;

/// What a fact takes of the room of a session with this limit.
pub(super) const fn spends(session: SessionId, fact: &AccessFact, limit: TrailLimit) -> Spends {
    let (of, most) = room(fact, limit);
    Spends { session, of, most }
}

/// Of which alarms that of a fact is one, where so many are enough.
pub(super) fn alarm_spends(session: SessionId, fact: &AccessFact) -> Option<Spends> {
    let is_receipt = matches!(fact, AccessFact::HostGone { .. });
    is_receipt.then_some(Spends {
        session,
        of: Of::Alarms,
        most: LEFT_ALARMS,
    })
}

/// Which room there is for it, and up to where.
const fn room(fact: &AccessFact, limit: TrailLimit) -> (Of, u64) {
    let ordinary = limit.bytes().saturating_add(AFTERWARDS);
    match fact {
        AccessFact::ConnectionRefused { .. } => (Of::Refusals, REFUSALS),
        AccessFact::SessionEnding { .. }
        | AccessFact::RecordingFailed { .. }
        | AccessFact::RecordingSealed { .. }
        | AccessFact::RecordingStored { .. }
        | AccessFact::SessionClosed { .. } => (Of::Session, ordinary.saturating_add(LAST_WORDS)),
        AccessFact::HostReady { .. } | AccessFact::RecordingDeleted { .. } => {
            (Of::Session, ordinary.saturating_add(LAST_WORDS + PROOFS))
        }
        AccessFact::Host { .. } => (Of::Host, ordinary),
        AccessFact::HostGone { .. } => (Of::Host, ordinary.saturating_add(RECEIPTS)),
        AccessFact::HostRefused { .. }
        | AccessFact::ChannelDecided { .. }
        | AccessFact::ChannelClosed { .. }
        | AccessFact::RecordingHead { .. }
        // No bastion reports these.
        | AccessFact::TokenIssued { .. }
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
        | AccessFact::RecordingDeletionPermitted { .. } => (Of::Session, ordinary),
    }
}

impl App {
    /// What its bastion was told, or would be told now.
    pub(super) fn trail_limit_of(&self, session: &Session) -> TrailLimit {
        let told = session.trail_limit;
        told.unwrap_or(self.settings.sessions.trail_limit)
    }

    /// Something of a session was not taken for lack of room: its trail says so, an alarm does, and no bastion serves it
    /// any longer. Once for each session.
    pub(super) async fn trail_is_full(
        &self,
        session: &Session,
        limit: TrailLimit,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let summary = &session.summary;
        let id = summary.session;
        let reason = format!("it put more into the trail than the {limit} that it may");
        let changes = vec![
            Change::FillTrail {
                session: id,
                at: now,
            },
            Change::Feed {
                item: FeedItem::Kill {
                    session: id,
                    reason: reason.clone(),
                    by_pair: false,
                },
                at: now,
            },
        ];
        let access = Access {
            pair: &summary.pair,
            task: Some(&summary.task),
            session: Some(id),
        };
        let full = AccessFact::RecordingFailed {
            detail: format!(
                "{reason}; nothing more that its bastion tells of it is logged but its end"
            ),
        };
        let alarm = MachineFact::Alarm {
            detail: format!(
                "session {id}: {reason}, and what more comes of it is not logged: see whether its bastion is of this \
                 version and whose it is"
            ),
        };
        let events = vec![access.event(now, full), machine(now, alarm)];
        match self.store.commit(changes, events).await {
            Ok(_) | Err(CommitError::Refused(Refusal::Over)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A host says so much of a session that no more of it is logged: an alarm names the host, once for each session. The
    /// session goes on, for whoever is root there may not have to do with it.
    pub(super) async fn host_says_too_much(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let summary = &session.summary;
        let (host, id) = (&summary.host, summary.session);
        let detail = format!(
            "host `{host}` says more of session {id} than a session has to tell, and what more it says of it is not \
             logged: see who is root there"
        );
        let change = Change::FillHost {
            session: id,
            at: now,
        };
        let alarm = machine(now, MachineFact::Alarm { detail });
        match self.store.commit(vec![change], vec![alarm]).await {
            Ok(_) | Err(CommitError::Refused(Refusal::Over)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use portreeve_protocol::attest::EndCause;

    use super::*;

    #[test]
    fn the_end_finds_room_that_nothing_else_takes() {
        let most = |fact: &AccessFact| room(fact, TrailLimit::DEFAULT).1;
        let cause = EndCause::RecordingFailed;
        let ordinary = most(&AccessFact::HostRefused {
            detail: String::new(),
        });
        let ending = most(&AccessFact::SessionEnding { cause });
        let closed = AccessFact::SessionClosed {
            cause,
            confirmed: true,
        };
        assert_eq!(ordinary, 128 << 20);
        assert_eq!(ending, 129 << 20);
        assert_eq!(most(&closed), ending);
    }
}
