//! Recordings that a bastion began and that are looked for in the store: those that none sealed when their time is over, and
//! those that were sealed soon after.

use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::recording::StoreName;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use crate::store::apply::{Applied, changed_or};
use crate::store::row::Columns as _;
use crate::store::{Refusal, Store, StoreError};

impl Store {
    /// Recordings that a bastion began and that are to be looked for: those that none sealed when their time is over and
    /// nobody holds them, and those that were sealed. `limit` at most, those first that wait longest. Each is in it until [`Change::LoseRecording`](crate::store::Change::LoseRecording), except
    /// as long as [`Change::PutOffLoss`](crate::store::Change::PutOffLoss) says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lost_recordings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.in_turn(
            "SELECT session FROM recording
             WHERE lost_at <= $1 AND (held_at IS NULL OR manifest IS NOT NULL)
             ORDER BY lost_at LIMIT $2",
            now,
            limit,
        )
        .await
    }

    /// How much of a session's recording was on its bastion's disk, as far as the log says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recorded_bytes(&self, session: SessionId) -> Result<u64, StoreError> {
        // The most that it ever said: a bastion takes nothing back.
        let row = sqlx::query(
            "SELECT COALESCE(CAST(MAX(json_extract(event, '$.body.fact.bytes')) AS INTEGER), 0) AS bytes
             FROM log_event
             WHERE session = $1 AND json_extract(event, '$.body.fact.fact') = 'recording_head'
               AND json_extract(event, '$.body.fact.segments') > 0",
        )
        .bind(session.to_string())
        .fetch_one(&self.shared.readers)
        .await?;
        row.count("bytes")
    }

    /// When the log first had it that a session's recording was sealed, by the CA's clock.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_sealed(&self, session: SessionId) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT MIN(logged_at) AS at FROM log_event
             WHERE session = $1 AND json_extract(event, '$.body.fact.fact') = 'recording_sealed'",
        )
        .bind(session.to_string())
        .fetch_one(&self.shared.readers)
        .await?;
        row.moment_if_any("at")
    }

    /// Of the recordings that a bastion put into this store, when the first and the last was sealed; nothing where it never
    /// put one there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stored_from_to(
        &self,
        bastion: &BastionName,
        store: &StoreName,
    ) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let row = sqlx::query(
            "SELECT MIN(sealed_at) AS since, MAX(sealed_at) AS until FROM recording
             WHERE bastion = $1 AND store = $2",
        )
        .bind(bastion.as_str())
        .bind(store.as_str())
        .fetch_one(&self.shared.readers)
        .await?;
        let (since, until) = (row.moment_if_any("since")?, row.moment_if_any("until")?);
        Ok(since.zip(until))
    }
}

/// A bastion has the session, and so makes a recording of it, which is to be sealed before its time is over at the latest.
pub(in crate::store) async fn begin(db: &mut SqliteConnection, session: SessionId) -> Applied {
    sqlx::query(
        "INSERT INTO recording (session, lost_at)
         SELECT session, expires_at + retention * 1000000 FROM session WHERE session = $1
         ON CONFLICT (session) DO UPDATE SET lost_at = excluded.lost_at",
    )
    .bind(session.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// It was looked into what there is of one.
pub(in crate::store) async fn lose(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE recording SET lost_at = NULL
         WHERE session = $1 AND lost_at <= $2 AND (held_at IS NULL OR manifest IS NOT NULL)",
    )
    .bind(session.to_string())
    .bind(at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

/// What there is of one is looked into later, so that it is in nobody's way until then.
pub(in crate::store) async fn put_off(
    db: &mut SqliteConnection,
    session: SessionId,
    until: Timestamp,
) -> Applied {
    let done = sqlx::query("UPDATE recording SET lost_at = $1 WHERE session = $2 AND lost_at < $1")
        .bind(until.as_micros())
        .bind(session.to_string())
        .execute(db)
        .await?;
    changed_or(&done, Refusal::Over)
}
