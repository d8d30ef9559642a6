//! One change, applied to the database within the writer's transaction.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteQueryResult;

use super::{Change, Refusal, StoreError};
use super::{
    agent, bastion, bundle, feed, host, human, inventory, log, look, published, recording, session,
    sweep, used,
};

/// Why a change was not applied.
#[derive(Debug)]
pub(super) enum NotApplied {
    /// The state of a thing rules it out. Nothing of this change was written.
    Refused(Refusal),
    /// The database failed.
    Failed(StoreError),
}

impl From<sqlx::Error> for NotApplied {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StoreError> for NotApplied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for NotApplied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a change, once applied, has to say.
pub(super) type Applied = Result<(), NotApplied>;

pub(super) async fn apply(db: &mut SqliteConnection, change: &Change) -> Applied {
    match change {
        Change::AddAgent(record) => agent::add(db, record).await,
        Change::DisableAgent(agent) => agent::enable(db, agent, false).await,
        Change::EnableAgent(agent) => agent::enable(db, agent, true).await,
        Change::AddHost {
            host,
            address,
            labels,
            again,
            token,
            token_expires_at,
            at,
        } => {
            let ticket = Ticket {
                again: *again,
                token: *token,
                expires_at: *token_expires_at,
            };
            host::add(db, host, address, labels, ticket, *at).await
        }
        Change::EnrolHost {
            host,
            token,
            enrolled,
            at,
        } => host::enrol(db, host, *token, enrolled, *at).await,
        Change::KeepInventory(new) => inventory::keep(db, new).await,
        Change::AskLook(new) => look::ask(db, new).await,
        Change::ClaimLook {
            look,
            bastion,
            answer_by,
            at,
        } => look::claim(db, *look, bastion, *answer_by, *at).await,
        Change::SettleLook {
            look,
            bastion,
            outcome,
            at,
        } => look::settle(db, *look, bastion, outcome, *at).await,
        Change::LapseLook { look, at } => look::lapse(db, *look, *at).await,
        Change::AddBastion {
            bastion,
            address,
            egress,
            again,
            token,
            token_expires_at,
            at,
        } => {
            let ticket = Ticket {
                again: *again,
                token: *token,
                expires_at: *token_expires_at,
            };
            bastion::add(db, bastion, address, egress, ticket, *at).await
        }
        Change::EnrolBastion {
            bastion,
            token,
            enrolled,
            at,
        } => bastion::enrol(db, bastion, *token, enrolled, *at).await,
        Change::SeeBastion { bastion, at } => bastion::see(db, bastion, *at).await,
        Change::SeeHuman { human, at } => human::see(db, human, *at).await,
        Change::DeprovisionHuman { human, at } => human::deprovision(db, human, *at).await,
        Change::PublishPolicy { text, at } => published::policy(db, text, *at).await,
        Change::PublishBundle {
            name,
            text,
            by,
            message,
            at,
        } => bundle::publish(db, name, text, by.as_ref(), message.as_ref(), *at).await,
        Change::WithdrawBundle {
            name,
            digest,
            by,
            reason,
            fall_back_to,
            at,
        } => {
            let withdrawal = bundle::Withdrawal {
                name,
                digest: *digest,
                by,
                reason,
                fall_back_to: *fall_back_to,
                at: *at,
            };
            bundle::withdraw(db, &withdrawal).await
        }
        Change::AddSession(new) => session::add(db, new).await,
        Change::ClaimSession {
            session,
            bastion,
            serial,
            trail_limit,
            at,
        } => {
            let claim = session::Claim {
                bastion,
                serial: *serial,
                trail_limit: *trail_limit,
                at: *at,
            };
            session::claim(db, *session, &claim).await
        }
        Change::FillTrail { session, at } => session::fill_trail(db, *session, *at).await,
        Change::FillHost { session, at } => session::fill_host(db, *session, *at).await,
        Change::OpenSession { session, attested } => session::open(db, *session, attested).await,
        Change::KillSession {
            session,
            by,
            reason,
            at,
        } => session::kill(db, *session, by.as_ref(), reason, *at).await,
        Change::EndSession {
            session,
            cause,
            confirmed,
            at,
        } => session::end(db, *session, *cause, *confirmed, *at).await,
        Change::SealRecording {
            session,
            bastion,
            manifest,
            bytes,
            cut,
            at,
        } => {
            let sealed = recording::Sealed {
                bastion,
                manifest: *manifest,
                bytes: *bytes,
                cut: *cut,
                at: *at,
            };
            recording::seal(db, *session, &sealed).await
        }
        Change::StoreRecording { session, store } => recording::store(db, *session, store).await,
        Change::HoldRecording {
            session,
            by,
            reason,
            at,
        } => recording::hold(db, *session, by, reason, *at).await,
        Change::ReleaseRecording { session } => recording::release(db, *session).await,
        Change::ExpireRecording {
            session,
            again_at,
            at,
        } => recording::expire(db, *session, *again_at, *at).await,
        Change::PermitDeletion {
            session,
            bastion,
            at,
        } => recording::permit(db, *session, bastion, *at).await,
        Change::MissDeletion { session, at } => recording::miss(db, *session, *at).await,
        Change::LoseRecording { session, at } => recording::lose(db, *session, *at).await,
        Change::PutOffLoss { session, until } => recording::put_off(db, *session, *until).await,
        Change::ForgetRecording { session, at } => recording::forget(db, *session, *at).await,
        Change::UseOnce { nonce, until } => used::once(db, nonce, *until).await,
        Change::Feed { item, at } => feed::append(db, item, *at).await,
        Change::KeepCheckpoint { size, note, at } => {
            log::keep_checkpoint(db, *size, note, *at).await
        }
        Change::Sweep { at } => sweep::sweep(db, *at).await,
    }
}

/// A one-time token that goes out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    /// Whether it is also for one that is enrolled.
    pub(super) again: bool,
    /// The digest of the token.
    pub(super) token: Digest,
    /// When it is void.
    pub(super) expires_at: Timestamp,
}

/// A statement that changes something, or else is refused.
pub(super) fn changed_or(done: &SqliteQueryResult, refusal: Refusal) -> Applied {
    if done.rows_affected() > 0 {
        Ok(())
    } else {
        Err(refusal.into())
    }
}
