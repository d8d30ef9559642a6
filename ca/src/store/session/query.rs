//! Questions about sessions.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::recording::{Retention, RetentionRule};
use portreeve_protocol::session::{BundleRef, SessionState, SessionSummary, TrailLimit};
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{Session, SessionFilter};
use crate::store::StoreError;
use crate::store::row::{Columns as _, damaged, to_word};

/// How many sessions a listing has at most.
const MAX_LISTING: u32 = 1000;

pub(in crate::store) async fn one(
    db: &SqlitePool,
    session: SessionId,
) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query("SELECT * FROM session WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

pub(in crate::store) async fn some(
    db: &SqlitePool,
    filter: &SessionFilter,
) -> Result<Vec<Session>, StoreError> {
    let rows = statement(filter)?.build().fetch_all(db).await?;
    rows.iter().map(read).collect()
}

/// How many sessions of an agent are live, counted up to `enough`.
///
/// A session that nobody claimed in time, or that is past its expiry, is not, also before the sweep says so.
pub(in crate::store) async fn live(
    db: &SqlitePool,
    agent: &Agent,
    now: Timestamp,
    enough: u32,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS live FROM (
            SELECT 1 FROM session WHERE agent = $1 AND state = $2 AND connect_by > $5
            UNION ALL
            SELECT 1 FROM session WHERE agent = $1 AND state IN ($3, $4) AND expires_at > $5
            LIMIT $6)",
    )
    .bind(agent.to_string())
    .bind(to_word(&SessionState::Issued)?)
    .bind(to_word(&SessionState::Claimed)?)
    .bind(to_word(&SessionState::Open)?)
    .bind(now.as_micros())
    .bind(enough)
    .fetch_one(db)
    .await?;
    row.count("live")
}

/// Every live session of a version of a bundle. How many there can be is bounded by what agents may have.
pub(in crate::store) async fn live_with_bundle(
    db: &SqlitePool,
    digest: &Digest,
) -> Result<Vec<Session>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM session WHERE bundle_digest = $1 AND state IN ($2, $3, $4)
         ORDER BY created_at, session",
    )
    .bind(digest.to_string())
    .bind(to_word(&SessionState::Issued)?)
    .bind(to_word(&SessionState::Claimed)?)
    .bind(to_word(&SessionState::Open)?)
    .fetch_all(db)
    .await?;
    rows.iter().map(read).collect()
}

fn statement(filter: &SessionFilter) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut query = QueryBuilder::new("SELECT * FROM session WHERE 1 = 1");
    if let Some(human) = &filter.human {
        query.push(" AND human = ").push_bind(human.clone());
    }
    if let Some(agent) = &filter.agent {
        query.push(" AND agent = ").push_bind(agent.to_string());
    }
    if let Some(host) = &filter.host {
        query.push(" AND host = ").push_bind(host.to_string());
    }
    if !filter.states.is_empty() {
        query.push(" AND state IN (");
        let mut words = query.separated(", ");
        for state in &filter.states {
            words.push_bind(to_word(state)?);
        }
        query.push(")");
    }
    let limit = filter.limit.unwrap_or(MAX_LISTING).min(MAX_LISTING);
    query
        .push(" ORDER BY created_at DESC, session DESC LIMIT ")
        .push_bind(limit);
    Ok(query)
}

fn read(row: &SqliteRow) -> Result<Session, StoreError> {
    let summary = SessionSummary {
        session: row.parsed("session")?,
        pair: row.json("pair")?,
        task: row.json("task")?,
        host: row.parsed("host")?,
        account: row.parsed("account")?,
        bundle: BundleRef {
            name: row.parsed("bundle_name")?,
            digest: row.parsed("bundle_digest")?,
        },
        state: row.word("state")?,
        bastion: row.parsed_if_any("bastion")?,
        created_at: row.moment("created_at")?,
        expires_at: row.moment("expires_at")?,
        ended_at: row.moment_if_any("ended_at")?,
        cause: row.word_if_any("cause")?,
        killed_by: row.parsed_if_any("killed_by")?,
        kill_reason: row.raw("kill_reason")?,
    };
    // One session's number must not keep anybody from reading about the others.
    let uid_floor: Option<i64> = row.raw("uid_floor")?;
    Ok(Session {
        uid_floor: uid_floor.map(|floor| u32::try_from(floor).unwrap_or(u32::MAX)),
        summary,
        policy: row.parsed("policy")?,
        access_serial: row.count("access_serial")?,
        session_serial: row.count("session_serial")?,
        order: row.parsed("order_digest")?,
        attestation: row.parsed_if_any("attestation")?,
        bastions: row.json("bastions")?,
        trail_limit: trail_limit(row)?,
        connect_by: row.moment("connect_by")?,
        retention: retention(row)?,
        // Sessions of before were granted without a word about it.
        retention_rule: row
            .word_if_any("retention_rule")?
            .unwrap_or(RetentionRule::Configuration),
    })
}

fn trail_limit(row: &SqliteRow) -> Result<Option<TrailLimit>, StoreError> {
    let bytes: Option<i64> = row.raw("trail_limit")?;
    let limit = bytes.map(|bytes| u64::try_from(bytes).ok()?.try_into().ok());
    limit
        .map(|limit: Option<TrailLimit>| {
            limit.ok_or_else(|| damaged("trail_limit", "out of bounds"))
        })
        .transpose()
}

pub(in crate::store) fn retention(row: &SqliteRow) -> Result<Retention, StoreError> {
    let seconds: Option<i64> = row.raw("retention")?;
    let Some(seconds) = seconds else {
        return Ok(Retention::YEAR);
    };
    let retention = u32::try_from(seconds)
        .ok()
        .and_then(|seconds| Retention::try_from(seconds).ok());
    retention.ok_or_else(|| StoreError::Damaged {
        what: "retention",
        detail: format!("{seconds} seconds are none"),
    })
}
