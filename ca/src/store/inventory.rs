//! What hosts found of standing access on themselves: the last inventory of each.

use portreeve_protocol::inventory::{HostInventory, InventoryRow, InventorySummary, KeptInventory};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HostName;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, changed_or};
use super::row::{Columns as _, to_json};
use super::{Refusal, StoreError};

/// An inventory to keep.
#[derive(Debug, Clone)]
pub struct NewInventory {
    /// The host.
    pub host: HostName,
    /// The identity that signed it.
    pub identity: PublicKey,
    /// Its number.
    pub number: u64,
    /// It in numbers.
    pub summary: InventorySummary,
    /// The signed statement, in JSON.
    pub statement: String,
}

/// Keeps an inventory in place of an older one of the same identity, or of any of another.
pub(super) async fn keep(db: &mut SqliteConnection, new: &NewInventory) -> Applied {
    let number = i64::try_from(new.number).map_err(|_| Refusal::Stale)?;
    let done = sqlx::query(
        "INSERT INTO inventory (host, identity, number, received_at, summary, statement)
         SELECT host, identity, $3, $4, $5, $6 FROM host WHERE host = $1 AND identity = $2
         ON CONFLICT (host) DO UPDATE SET
             identity = excluded.identity, number = excluded.number,
             received_at = excluded.received_at, summary = excluded.summary,
             statement = excluded.statement
         WHERE inventory.identity <> excluded.identity OR inventory.number < excluded.number",
    )
    .bind(new.host.as_str())
    .bind(new.identity.to_string())
    .bind(number)
    .bind(new.summary.received_at.as_micros())
    .bind(to_json(&new.summary)?)
    .bind(&new.statement)
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Stale)
}

pub(super) async fn one(
    db: &SqlitePool,
    host: &HostName,
) -> Result<Option<HostInventory>, StoreError> {
    let row = sqlx::query(
        "SELECT host.host, inventory.identity, inventory.received_at, inventory.statement
         FROM host LEFT JOIN inventory ON inventory.host = host.host WHERE host.host = $1",
    )
    .bind(host.as_str())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let kept = match row.parsed_if_any("identity")? {
        Some(identity) => Some(KeptInventory {
            identity,
            received_at: row.moment("received_at")?,
            statement: row.json("statement")?,
        }),
        None => None,
    };
    Ok(Some(HostInventory {
        host: row.parsed("host")?,
        kept,
    }))
}

pub(super) async fn all(db: &SqlitePool) -> Result<Vec<InventoryRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT host.host, inventory.received_at, inventory.summary
         FROM host LEFT JOIN inventory ON inventory.host = host.host ORDER BY host.host",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let last = match row.moment_if_any("received_at")? {
                Some(_) => Some(row.json("summary")?),
                None => None,
            };
            Ok(InventoryRow {
                host: row.parsed("host")?,
                last,
            })
        })
        .collect()
}
