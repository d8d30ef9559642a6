//! Recordings that a bastion began and none sealed.

use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use crate::store::apply::{Applied, changed_or};
use crate::store::row::Columns as _;
use crate::store::{Refusal, Store, StoreError};

impl Store {
    /// Recordings that a bastion began and none sealed, whose time is over and that nobody holds: `limit` at most. Each is
    /// in it until [`Change::LoseRecording`](crate::store::Change::LoseRecording).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lost_recordings(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "SELECT session FROM recording WHERE lost_at <= $1 AND held_at IS NULL
             ORDER BY lost_at LIMIT $2",
        )
        .bind(now.as_micros())
        .bind(limit)
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(|row| row.parsed("session")).collect()
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

/// It was looked into what there is of one that nobody sealed.
pub(in crate::store) async fn lose(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE recording SET lost_at = NULL
         WHERE session = $1 AND lost_at <= $2 AND held_at IS NULL",
    )
    .bind(session.to_string())
    .bind(at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}
