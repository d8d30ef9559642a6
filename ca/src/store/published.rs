//! Published texts: policies and bundles. A text is stored once, under its digest, and never
//! changes; publishing it makes it the one in force.

use portreeve_protocol::admin::{BundleRecord, PolicyRecord};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;
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

pub(super) async fn bundle(
    db: &mut SqliteConnection,
    name: &BundleName,
    text: &str,
    at: Timestamp,
) -> Applied {
    sqlx::query(
        "INSERT INTO bundle (name, digest, number, published_at, text)
         VALUES ($1, $2, (SELECT COALESCE(MAX(number), 0) + 1 FROM bundle), $3, $4)
         ON CONFLICT (name, digest) DO UPDATE SET
             number = excluded.number, published_at = excluded.published_at",
    )
    .bind(name.as_str())
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

pub(super) async fn current_bundle(
    db: &SqlitePool,
    name: &BundleName,
) -> Result<Option<BundleRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM bundle WHERE name = $1 ORDER BY number DESC LIMIT 1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_bundle).transpose()
}

pub(super) async fn bundle_version(
    db: &SqlitePool,
    digest: &Digest,
) -> Result<Option<BundleRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM bundle WHERE digest = $1 ORDER BY number DESC LIMIT 1")
        .bind(digest.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_bundle).transpose()
}

pub(super) async fn current_bundles(db: &SqlitePool) -> Result<Vec<BundleRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, digest, published_at FROM bundle
         WHERE number IN (SELECT MAX(number) FROM bundle GROUP BY name) ORDER BY name",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(read_bundle_without_text).collect()
}

fn read_policy(row: &SqliteRow) -> Result<PolicyRecord, StoreError> {
    Ok(PolicyRecord {
        version: row.parsed("version")?,
        published_at: row.moment("published_at")?,
        text: row.raw("text")?,
    })
}

fn read_bundle(row: &SqliteRow) -> Result<BundleRecord, StoreError> {
    Ok(BundleRecord {
        text: Some(row.raw("text")?),
        ..read_bundle_without_text(row)?
    })
}

fn read_bundle_without_text(row: &SqliteRow) -> Result<BundleRecord, StoreError> {
    Ok(BundleRecord {
        name: row.parsed("name")?,
        digest: row.parsed("digest")?,
        published_at: row.moment("published_at")?,
        text: None,
    })
}
