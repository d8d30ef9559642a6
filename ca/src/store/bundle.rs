//! Versions of bundles: a text is stored once, under its name and digest, and never changes. Which
//! version is in force is the last word of the name's history.

use portreeve_protocol::bundle::{BundleAct, BundleChange, BundleRecord, Withdrawn};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::{BundleName, HumanName};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::Purpose;
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, NotApplied};
use super::row::{Columns as _, to_word};
use super::{Refusal, StoreError};

/// How many changes a history lists at most.
const MAX_HISTORY: u32 = 1000;

pub(super) async fn publish(
    db: &mut SqliteConnection,
    name: &BundleName,
    text: &str,
    by: Option<&HumanName>,
    message: Option<&Purpose>,
    at: Timestamp,
) -> Applied {
    let digest = Digest::of(text.as_bytes());
    let version = BundleRef {
        name: name.clone(),
        digest,
    };
    if is_withdrawn(db, &version).await? {
        return Err(Refusal::Withdrawn.into());
    }
    if current(db, name).await? == Some(digest) {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO bundle (name, digest, text, published_at, published_by, message)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name, digest) DO NOTHING",
    )
    .bind(name.as_str())
    .bind(digest.to_string())
    .bind(text)
    .bind(at.as_micros())
    .bind(by.map(HumanName::as_str))
    .bind(message.map(Purpose::as_str))
    .execute(&mut *db)
    .await?;
    let change = BundleChange {
        act: BundleAct::Published,
        digest,
        at,
        by: by.cloned(),
        message: message.cloned(),
        in_force: Some(digest),
    };
    append(db, name, &change).await
}

/// One version's withdrawal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Withdrawal<'a> {
    pub(super) name: &'a BundleName,
    pub(super) digest: Digest,
    pub(super) by: &'a HumanName,
    pub(super) reason: &'a Purpose,
    pub(super) fall_back_to: Option<Digest>,
    pub(super) at: Timestamp,
}

pub(super) async fn withdraw(db: &mut SqliteConnection, this: &Withdrawal<'_>) -> Applied {
    let in_force = match (current(db, this.name).await?, this.fall_back_to) {
        (Some(current), other) if current == this.digest => other,
        (current, None) => current,
        // Only the place of the version in force can be taken.
        (_, Some(_)) => return Err(Refusal::Missing.into()),
    };
    if let Some(digest) = this.fall_back_to {
        standing(db, this.name, digest).await?;
    }
    standing(db, this.name, this.digest).await?;
    sqlx::query(
        "UPDATE bundle SET withdrawn_at = $1, withdrawn_by = $2, withdrawn_reason = $3
         WHERE name = $4 AND digest = $5",
    )
    .bind(this.at.as_micros())
    .bind(this.by.as_str())
    .bind(this.reason.as_str())
    .bind(this.name.as_str())
    .bind(this.digest.to_string())
    .execute(&mut *db)
    .await?;
    let change = BundleChange {
        act: BundleAct::Withdrawn,
        digest: this.digest,
        at: this.at,
        by: Some(this.by.clone()),
        message: Some(this.reason.clone()),
        in_force,
    };
    append(db, this.name, &change).await
}

/// Demands that a version is there and was not withdrawn.
async fn standing(db: &mut SqliteConnection, name: &BundleName, digest: Digest) -> Applied {
    let row = sqlx::query("SELECT withdrawn_at FROM bundle WHERE name = $1 AND digest = $2")
        .bind(name.as_str())
        .bind(digest.to_string())
        .fetch_optional(db)
        .await?
        .ok_or(Refusal::Missing)?;
    match row.moment_if_any("withdrawn_at")? {
        Some(_) => Err(Refusal::Withdrawn.into()),
        None => Ok(()),
    }
}

async fn append(db: &mut SqliteConnection, name: &BundleName, change: &BundleChange) -> Applied {
    sqlx::query(
        "INSERT INTO bundle_change (number, name, digest, act, at, by_human, message, in_force)
         VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM bundle_change), $1, $2, $3, $4, $5, $6,
             $7)",
    )
    .bind(name.as_str())
    .bind(change.digest.to_string())
    .bind(to_word(&change.act)?)
    .bind(change.at.as_micros())
    .bind(change.by.as_ref().map(HumanName::as_str))
    .bind(change.message.as_ref().map(Purpose::as_str))
    .bind(change.in_force.map(|digest| digest.to_string()))
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a version was withdrawn. One that is not there was not.
pub(super) async fn is_withdrawn(
    db: &mut SqliteConnection,
    version: &BundleRef,
) -> Result<bool, NotApplied> {
    let row = sqlx::query("SELECT withdrawn_at FROM bundle WHERE name = $1 AND digest = $2")
        .bind(version.name.as_str())
        .bind(version.digest.to_string())
        .fetch_optional(db)
        .await?;
    match row {
        Some(row) => Ok(row.moment_if_any("withdrawn_at")?.is_some()),
        None => Ok(false),
    }
}

async fn current(
    db: &mut SqliteConnection,
    name: &BundleName,
) -> Result<Option<Digest>, NotApplied> {
    let row = sqlx::query(
        "SELECT in_force FROM bundle_change WHERE name = $1 ORDER BY number DESC LIMIT 1",
    )
    .bind(name.as_str())
    .fetch_optional(db)
    .await?;
    match row {
        Some(row) => Ok(row.parsed_if_any("in_force")?),
        None => Ok(None),
    }
}

pub(super) async fn in_force(
    db: &SqlitePool,
    name: &BundleName,
) -> Result<Option<BundleRecord>, StoreError> {
    let row = sqlx::query(
        "SELECT * FROM bundle JOIN (SELECT in_force FROM bundle_change WHERE name = $1
             ORDER BY number DESC LIMIT 1) AS last ON bundle.digest = last.in_force
         WHERE bundle.name = $1",
    )
    .bind(name.as_str())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(with_text).transpose()
}

pub(super) async fn version(
    db: &SqlitePool,
    digest: &Digest,
) -> Result<Option<BundleRecord>, StoreError> {
    let row = sqlx::query(
        "SELECT bundle.*, (SELECT change.in_force FROM bundle_change AS change
             WHERE change.name = bundle.name ORDER BY change.number DESC LIMIT 1) AS in_force
         FROM bundle WHERE digest = $1 LIMIT 1",
    )
    .bind(digest.to_string())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(with_text).transpose()
}

pub(super) async fn all(db: &SqlitePool) -> Result<Vec<BundleRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT bundle.*, last.in_force FROM bundle_change AS last
         JOIN bundle ON bundle.name = last.name
             AND bundle.digest = COALESCE(last.in_force, last.digest)
         WHERE last.number IN (SELECT MAX(number) FROM bundle_change GROUP BY name)
         ORDER BY bundle.name",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(without_text).collect()
}

pub(super) async fn was_published(db: &SqlitePool, name: &BundleName) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM bundle_change WHERE name = $1 LIMIT 1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

pub(super) async fn history(
    db: &SqlitePool,
    name: &BundleName,
) -> Result<Vec<BundleChange>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM bundle_change WHERE name = $1 ORDER BY number DESC LIMIT $2")
            .bind(name.as_str())
            .bind(MAX_HISTORY)
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| {
            Ok(BundleChange {
                act: row.word("act")?,
                digest: row.parsed("digest")?,
                at: row.moment("at")?,
                by: row.parsed_if_any("by_human")?,
                message: row.parsed_if_any("message")?,
                in_force: row.parsed_if_any("in_force")?,
            })
        })
        .collect()
}

fn with_text(row: &SqliteRow) -> Result<BundleRecord, StoreError> {
    Ok(BundleRecord {
        text: Some(row.raw("text")?),
        ..without_text(row)?
    })
}

fn without_text(row: &SqliteRow) -> Result<BundleRecord, StoreError> {
    let digest = row.parsed("digest")?;
    let in_force: Option<Digest> = row.parsed_if_any("in_force")?;
    let withdrawn = match row.moment_if_any("withdrawn_at")? {
        Some(at) => Some(Withdrawn {
            at,
            by: row.parsed("withdrawn_by")?,
            reason: row.parsed("withdrawn_reason")?,
        }),
        None => None,
    };
    Ok(BundleRecord {
        name: row.parsed("name")?,
        digest,
        published_at: row.moment("published_at")?,
        published_by: row.parsed_if_any("published_by")?,
        message: row.parsed_if_any("message")?,
        in_force: in_force == Some(digest),
        withdrawn,
        text: None,
    })
}
