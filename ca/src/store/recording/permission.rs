//! Permissions to delete a recording: to whom, how often, and whether anybody says what came of them.

use std::collections::BTreeSet;
use std::time::Duration;

use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Fate, Recording, permissions_since, read};
use crate::store::apply::{Applied, changed_or};
use crate::store::row::{Columns as _, signed, to_json};
use crate::store::{Refusal, Store, StoreError};

/// How long after a permission is over it is an alarm that no deletion is reported, in seconds: before bastions are told
/// again.
const SILENCE: u32 = 1800;

/// How often a bastion is permitted to delete a recording until bastions are told again: one asks once, and again when it
/// was started in the middle of it.
const TRIES: u32 = 3;

impl Store {
    /// Recordings that a bastion was permitted to delete, and of which none says for half an hour that it did: `limit` at
    /// most. It counts from the first permission that nobody accounts for; each recording is in it until
    /// [`Change::MissDeletion`](crate::store::Change::MissDeletion), and once more when it was permitted again and is held
    /// then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unreported_deletions(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.in_turn(
            "SELECT session FROM recording
             WHERE deleted_at IS NULL AND unreported_at IS NULL AND unaccounted_at <= $1
             ORDER BY unaccounted_at LIMIT $2",
            known_until(now),
            limit,
        )
        .await
    }

    /// Which bastions were ever permitted to delete a recording, also where a hold took that back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn permitted_to_delete(
        &self,
        session: SessionId,
    ) -> Result<BTreeSet<BastionName>, StoreError> {
        // Those of before permissions are counted stand in the recording only.
        let rows = sqlx::query(
            "SELECT bastion FROM deletion_permission WHERE session = $1
             UNION SELECT value FROM recording, json_each(permitted_to) WHERE session = $1",
        )
        .bind(session.to_string())
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| row.parsed("bastion")).collect()
    }
}

pub(in crate::store) async fn permit(
    db: &mut SqliteConnection,
    session: SessionId,
    bastion: &BastionName,
    at: Timestamp,
) -> Applied {
    Fate::read(db, session).await?.may_expire(at)?;
    let row = sqlx::query("SELECT * FROM recording WHERE session = $1")
        .bind(session.to_string())
        .fetch_one(&mut *db)
        .await?;
    let known = read(&row)?;
    if !known.is_left_to(bastion) {
        return Err(Refusal::Missing.into());
    }
    let again_at = row.moment_if_any("tell_at")?.unwrap_or(at);
    count(db, session, bastion, &known, again_at).await?;
    let mut permitted_to = known.permitted_to;
    if !permitted_to.contains(bastion) {
        permitted_to.push(bastion.clone());
    }
    sqlx::query(
        "UPDATE recording SET permitted_at = $1, permitted_to = $2,
             unaccounted_at = COALESCE(unaccounted_at, $1)
         WHERE session = $3",
    )
    .bind(at.as_micros())
    .bind(to_json(&permitted_to)?)
    .bind(session.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// One more permission, unless the bastion had as many as it may since bastions were told last. Each bastion has its own.
async fn count(
    db: &mut SqliteConnection,
    session: SessionId,
    bastion: &BastionName,
    known: &Recording,
    again_at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "INSERT INTO deletion_permission (session, bastion, told, times) VALUES ($1, $2, $3, 1)
         ON CONFLICT (session, bastion) DO UPDATE SET
             times = CASE WHEN told = excluded.told THEN times + 1 ELSE 1 END,
             told = excluded.told
         WHERE told <> excluded.told OR times < $4",
    )
    .bind(session.to_string())
    .bind(bastion.as_str())
    .bind(signed(known.told.into()))
    .bind(TRIES)
    .execute(db)
    .await?;
    changed_or(&done, Refusal::TooOften(again_at))
}

pub(in crate::store) async fn miss(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE recording SET unreported_at = unaccounted_at
         WHERE session = $1 AND deleted_at IS NULL AND unreported_at IS NULL
           AND unaccounted_at <= $2",
    )
    .bind(session.to_string())
    .bind(known_until(at).as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

/// What came of permissions that were given by then should be known at `now`.
fn known_until(now: Timestamp) -> Timestamp {
    permissions_since(now).minus(Duration::from_secs(SILENCE.into()))
}
