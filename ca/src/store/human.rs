//! Humans, as far as they were seen.

use portreeve_protocol::pair::Human;
use portreeve_protocol::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, changed_or};
use super::row::{Columns as _, to_json};
use super::{Refusal, StoreError};

/// A human who signed in at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHuman {
    /// Who.
    pub human: Human,
    /// When first.
    pub first_seen_at: Timestamp,
    /// When last.
    pub last_seen_at: Timestamp,
    /// Since when nothing is permitted to them.
    pub deprovisioned_at: Option<Timestamp>,
}

pub(super) async fn see(db: &mut SqliteConnection, human: &Human, at: Timestamp) -> Applied {
    sqlx::query(
        "INSERT INTO human (id, human, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $3)
         ON CONFLICT (id) DO UPDATE SET
             human = excluded.human, last_seen_at = excluded.last_seen_at",
    )
    .bind(human.id())
    .bind(to_json(human)?)
    .bind(at.as_micros())
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn deprovision(db: &mut SqliteConnection, id: &str, at: Timestamp) -> Applied {
    // Deprovisioned once is deprovisioned since then.
    let done = sqlx::query(
        "UPDATE human SET deprovisioned_at = COALESCE(deprovisioned_at, $1) WHERE id = $2",
    )
    .bind(at.as_micros())
    .bind(id)
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Missing)
}

pub(super) async fn one(db: &SqlitePool, id: &str) -> Result<Option<KnownHuman>, StoreError> {
    let row = sqlx::query("SELECT * FROM human WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KnownHuman {
        human: row.json("human")?,
        first_seen_at: row.moment("first_seen_at")?,
        last_seen_at: row.moment("last_seen_at")?,
        deprovisioned_at: row.moment_if_any("deprovisioned_at")?,
    }))
}
