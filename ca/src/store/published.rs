//! Published policies. A text is stored once, under its digest, and never changes; publishing it
//! makes it the one in force.

use portreeve_protocol::admin::PolicyRecord;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::StoreError;
use super::apply::Applied;
use super::row::Columns as _;

pub(super) async fn policy(db: &mut SqliteConnection, text: &str, at: Timestamp) -> Applied {
    sqlx::query(
        "INSERT INTO policy (version, number, published_at, text)
         VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM policy), $2, $3)
         ON CONFLICT (version) DO UPDATE SET
             number = excluded.number, published_at = excluded.published_at",
    )
    .bind(Digest::of(text.as_bytes()).to_string())
    .bind(at.as_micros())
    .bind(text)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn current_policy(db: &SqlitePool) -> Result<Option<PolicyRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM policy ORDER BY number DESC LIMIT 1")
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_policy).transpose()
}

pub(super) async fn policy_version(
    db: &SqlitePool,
    version: &Digest,
) -> Result<Option<PolicyRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM policy WHERE version = $1")
        .bind(version.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_policy).transpose()
}

fn read_policy(row: &SqliteRow) -> Result<PolicyRecord, StoreError> {
    Ok(PolicyRecord {
        version: row.parsed("version")?,
        published_at: row.moment("published_at")?,
        text: row.raw("text")?,
    })
}
