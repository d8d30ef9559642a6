//! Agents.

use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::pair::Agent;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, changed_or};
use super::row::Columns as _;
use super::{Refusal, StoreError};

pub(super) async fn add(db: &mut SqliteConnection, record: &AgentRecord) -> Applied {
    // A key that two agents have would make one of them the other.
    let done = sqlx::query(
        "INSERT INTO agent (agent, key, owner, enabled, review_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(record.agent.to_string())
    .bind(record.key.to_string())
    .bind(record.owner.as_str())
    .bind(record.enabled)
    .bind(record.review_by.map(|at| at.as_micros()))
    .bind(record.created_at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Exists)
}

pub(super) async fn enable(db: &mut SqliteConnection, agent: &Agent, is_enabled: bool) -> Applied {
    let done = sqlx::query("UPDATE agent SET enabled = $1 WHERE agent = $2")
        .bind(is_enabled)
        .bind(agent.to_string())
        .execute(db)
        .await?;
    changed_or(&done, Refusal::Missing)
}

pub(super) async fn one(db: &SqlitePool, agent: &Agent) -> Result<Option<AgentRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM agent WHERE agent = $1")
        .bind(agent.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn all(db: &SqlitePool) -> Result<Vec<AgentRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM agent ORDER BY agent")
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<AgentRecord, StoreError> {
    Ok(AgentRecord {
        agent: row.parsed("agent")?,
        key: row.parsed("key")?,
        owner: row.parsed("owner")?,
        enabled: row.raw("enabled")?,
        review_by: row.moment_if_any("review_by")?,
        created_at: row.moment("created_at")?,
    })
}
