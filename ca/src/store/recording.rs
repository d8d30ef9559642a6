//! Recordings: what is known of one, and how it goes from sealed to deleted. A hold stops every step on that way.

mod lost;
mod permission;

use std::collections::HashMap;
use std::time::Duration;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::pair::Human;
use portreeve_protocol::recording::{Hold, StoreName};
use portreeve_protocol::task::Purpose;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::apply::{Applied, NotApplied, changed_or};
use super::row::{Columns as _, damaged, signed, to_json};
use super::{Refusal, Store, StoreError, session};
pub(super) use lost::{begin, lose, put_off};
pub(super) use permission::{miss, permit};

/// How many recordings a listing has at most, as many as it has sessions.
const MAX_LISTING: u32 = 1000;

/// How long after its session ended at the latest it is looked whether the store has a recording that was sealed: when that
/// is long done, as a rule.
const STORED: Duration = Duration::from_secs(24 * 3600);

/// How long a permission to delete a recording is good, in seconds.
pub const PERMISSION: u32 = 60;

/// How long after that a bastion may take to report a deletion that a hold came too late for, in seconds.
const DELIVERY: u32 = 3600;

/// What is known of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What its bastion said of it.
    pub seal: Option<Seal>,
    /// In which store it is.
    pub store: Option<StoreName>,
    /// Who holds it.
    pub hold: Option<Hold>,
    /// How often bastions were told that its time is over.
    pub told: u32,
    /// When a bastion was last permitted to delete it.
    pub permitted_at: Option<Timestamp>,
    /// When the first permission was given for which nobody accounts. A hold begins anew with the last, where it was said
    /// of the ones before.
    pub unaccounted_at: Option<Timestamp>,
    /// Which bastions were, unless a hold found all permissions over.
    pub permitted_to: Vec<BastionName>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Recording {
    /// Whether a bastion may be deleting it at `now`.
    #[must_use]
    pub fn is_deletable(&self, now: Timestamp) -> bool {
        self.permitted_at
            .is_some_and(|at| at > permissions_since(now))
    }

    /// Whether `bastion`, which says at `now` that it deleted it, was permitted to. When it did that only its own clock
    /// knows, so that against a hold its word is good for as long as a report may take; what is said again of a
    /// recording that is known to be deleted is nothing new.
    #[must_use]
    pub fn was_deletable_by(&self, bastion: &BastionName, now: Timestamp) -> bool {
        let while_reported = Duration::from_secs(u64::from(PERMISSION) + u64::from(DELIVERY));
        let is_in_time = || {
            self.permitted_at
                .is_some_and(|at| now <= at.plus(while_reported))
        };
        self.permitted_to.contains(bastion)
            && (self.hold.is_none() || self.deleted_at.is_some() || is_in_time())
    }

    /// Whether a bastion was told to delete it: the one that sealed it, and when that did not, whoever else may have
    /// its store.
    fn is_left_to(&self, bastion: &BastionName) -> bool {
        let sealed_by = self.seal.as_ref().map(|seal| &seal.bastion);
        match self.told {
            0 => false,
            1 => sealed_by == Some(bastion),
            _ => sealed_by == Some(bastion) || self.store.is_some(),
        }
    }
}

/// Permissions that were given later than this are good at `now`.
fn permissions_since(now: Timestamp) -> Timestamp {
    now.minus(Duration::from_secs(PERMISSION.into()))
}

/// What a bastion said of a recording when it was done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The bastion.
    pub bastion: BastionName,
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The size of the file.
    pub bytes: u64,
    /// Whether its end is missing.
    pub cut: bool,
    /// When its time is over.
    pub due_at: Timestamp,
}

/// The same on its way in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed<'a> {
    pub(super) bastion: &'a BastionName,
    pub(super) manifest: Digest,
    pub(super) bytes: u64,
    pub(super) cut: bool,
    pub(super) at: Timestamp,
}

impl Store {
    /// What is known of a session's recording.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recording(&self, session: SessionId) -> Result<Option<Recording>, StoreError> {
        let row = sqlx::query("SELECT * FROM recording WHERE session = $1")
            .bind(session.to_string())
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// What is known of the recordings of the newest sessions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recordings(&self) -> Result<HashMap<SessionId, Recording>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM recording WHERE session IN
                 (SELECT session FROM session ORDER BY created_at DESC, session DESC LIMIT $1)",
        )
        .bind(MAX_LISTING)
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("session")?, read(row)?)))
            .collect()
    }

    /// Recordings whose time is over, that are not held, and of which bastions are to be told: `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_recordings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.in_turn(
            "SELECT session FROM recording
             WHERE deleted_at IS NULL AND due_at <= $1 AND held_at IS NULL
               AND (tell_at IS NULL OR tell_at <= $1)
             ORDER BY due_at LIMIT $2",
            now,
            limit,
        )
        .await
    }

    /// The sessions that `query` selects: those whose turn it is until then, `limit` at most.
    async fn in_turn(
        &self,
        query: &'static str,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(query)
            .bind(until.as_micros())
            .bind(limit)
            .fetch_all(&self.shared.readers)
            .await?;
        rows.iter().map(|row| row.parsed("session")).collect()
    }
}

pub(super) async fn seal(
    db: &mut SqliteConnection,
    session: SessionId,
    sealed: &Sealed<'_>,
) -> Applied {
    let row = sqlx::query("SELECT * FROM session WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(&mut *db)
        .await?
        .ok_or(Refusal::Missing)?;
    // A bastion whose clock is behind must not make a recording expire before its time.
    let since = sealed.at.max(row.moment("created_at")?);
    let due_at = since.plus(session::retention(&row)?.as_duration());
    // Not by the bastion's clock, and saying so again puts nothing off.
    let look_at = row.moment("expires_at")?.plus(STORED);
    // A bastion that stopped right after it sealed says so again, and that is nothing new.
    sqlx::query(
        "INSERT INTO recording (session, bastion, sealed_at, manifest, bytes, cut, due_at, lost_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (session) DO UPDATE SET bastion = $2, sealed_at = $3, manifest = $4,
             bytes = $5, cut = $6, due_at = $7,
             lost_at = CASE WHEN recording.manifest IS NULL THEN $8 ELSE recording.lost_at END
         WHERE recording.deleted_at IS NULL AND recording.manifest IS NOT $4",
    )
    .bind(session.to_string())
    .bind(sealed.bastion.as_str())
    .bind(since.as_micros())
    .bind(sealed.manifest.to_string())
    .bind(signed(sealed.bytes))
    .bind(sealed.cut)
    .bind(due_at.as_micros())
    .bind(look_at.as_micros())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn store(
    db: &mut SqliteConnection,
    session: SessionId,
    store: &StoreName,
) -> Applied {
    // The first that is named counts, and others are in the trail: nothing else is ever looked for there, nor deleted, and a
    // bastion could else say that what is gone from one store is in another.
    sqlx::query(
        "INSERT INTO recording (session, store) VALUES ($1, $2)
         ON CONFLICT (session) DO UPDATE SET store = $2
         WHERE recording.deleted_at IS NULL AND recording.store IS NULL",
    )
    .bind(session.to_string())
    .bind(store.as_str())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn hold(
    db: &mut SqliteConnection,
    session: SessionId,
    by: &Human,
    reason: &Purpose,
    at: Timestamp,
) -> Applied {
    // Another hold replaces who, when and why; the trail has every one. A permission that is not over is not taken back,
    // since a bastion may be deleting at this moment; one that is over can no longer have been used. Where it was said
    // of the first that nothing came of it, it is said once more of the last: nobody finishes what that began.
    let done = sqlx::query(
        "INSERT INTO recording (session, held_at, held_by, held_reason) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session) DO UPDATE SET held_at = $2, held_by = $3, held_reason = $4,
             permitted_to = CASE WHEN permitted_at > $5 THEN permitted_to END,
             unaccounted_at = CASE WHEN unreported_at < permitted_at THEN permitted_at
                 ELSE unaccounted_at END,
             unreported_at = CASE WHEN unreported_at < permitted_at THEN NULL
                 ELSE unreported_at END
         WHERE recording.deleted_at IS NULL",
    )
    .bind(session.to_string())
    .bind(at.as_micros())
    .bind(to_json(by)?)
    .bind(reason.as_str())
    .bind(permissions_since(at).as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

pub(super) async fn release(db: &mut SqliteConnection, session: SessionId) -> Applied {
    let done = sqlx::query(
        "UPDATE recording SET held_at = NULL, held_by = NULL, held_reason = NULL
         WHERE session = $1 AND held_at IS NOT NULL",
    )
    .bind(session.to_string())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Missing)
}

pub(super) async fn expire(
    db: &mut SqliteConnection,
    session: SessionId,
    again_at: Timestamp,
    at: Timestamp,
) -> Applied {
    Fate::read(db, session).await?.may_expire(at)?;
    sqlx::query("UPDATE recording SET told = told + 1, tell_at = $1 WHERE session = $2")
        .bind(again_at.as_micros())
        .bind(session.to_string())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn forget(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    sqlx::query(
        "UPDATE recording SET deleted_at = $1, lost_at = NULL
         WHERE session = $2 AND deleted_at IS NULL",
    )
    .bind(at.as_micros())
    .bind(session.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// What decides whether a recording may go.
#[derive(Debug, Clone, Copy)]
struct Fate {
    due_at: Option<Timestamp>,
    held: bool,
    deleted: bool,
}

impl Fate {
    async fn read(db: &mut SqliteConnection, session: SessionId) -> Result<Self, NotApplied> {
        let row = sqlx::query("SELECT * FROM recording WHERE session = $1")
            .bind(session.to_string())
            .fetch_optional(db)
            .await?
            .ok_or(Refusal::Missing)?;
        Ok(Self {
            due_at: row.moment_if_any("due_at")?,
            held: row.moment_if_any("held_at")?.is_some(),
            deleted: row.moment_if_any("deleted_at")?.is_some(),
        })
    }

    fn may_expire(self, at: Timestamp) -> Result<(), Refusal> {
        match self.due_at {
            _ if self.deleted => Err(Refusal::Over),
            _ if self.held => Err(Refusal::Held),
            Some(due_at) if due_at <= at => Ok(()),
            _ => Err(Refusal::Missing),
        }
    }
}

fn read(row: &SqliteRow) -> Result<Recording, StoreError> {
    let seal = match row.parsed_if_any("bastion")? {
        None => None,
        Some(bastion) => Some(Seal {
            bastion,
            manifest: row.parsed("manifest")?,
            bytes: row.count("bytes")?,
            cut: row.raw("cut")?,
            due_at: row.moment("due_at")?,
        }),
    };
    let hold = match row.moment_if_any("held_at")? {
        None => None,
        Some(at) => Some(Hold {
            by: row.json("held_by")?,
            at,
            reason: row.parsed("held_reason")?,
        }),
    };
    let names: Option<&str> = row.raw("permitted_to")?;
    let permitted_to = match names {
        None => Vec::new(),
        Some(_) => row.json("permitted_to")?,
    };
    Ok(Recording {
        seal,
        store: row.parsed_if_any("store")?,
        hold,
        told: u32::try_from(row.count("told")?).map_err(|error| damaged("told", error))?,
        permitted_at: row.moment_if_any("permitted_at")?,
        unaccounted_at: row.moment_if_any("unaccounted_at")?,
        permitted_to,
        deleted_at: row.moment_if_any("deleted_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_and_not_held_may_go() {
        let fate = Fate {
            due_at: Some(Timestamp::from_seconds(100)),
            held: false,
            deleted: false,
        };
        let at = Timestamp::from_seconds;
        assert_eq!(fate.may_expire(at(100)), Ok(()));
        assert_eq!(fate.may_expire(at(99)), Err(Refusal::Missing));
        let held = Fate { held: true, ..fate };
        assert_eq!(held.may_expire(at(100)), Err(Refusal::Held));
        let gone = Fate {
            deleted: true,
            ..held
        };
        assert_eq!(gone.may_expire(at(100)), Err(Refusal::Over));
        let unsealed = Fate {
            due_at: None,
            ..fate
        };
        assert_eq!(unsealed.may_expire(at(100)), Err(Refusal::Missing));
    }
}
