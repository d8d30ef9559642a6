//! The feed's items.

use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::time::Timestamp;
use sqlx::{SqliteConnection, SqlitePool};

use super::StoreError;
use super::apply::Applied;
use super::row::{Columns as _, signed, to_json};

/// One item with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its number, from 1, ascending, possibly with gaps.
    pub seq: u64,
    /// The item.
    pub item: FeedItem,
}

pub(super) async fn append(db: &mut SqliteConnection, item: &FeedItem, at: Timestamp) -> Applied {
    sqlx::query(
        "INSERT INTO feed (number, at, item)
         VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM feed), $1, $2)",
    )
    .bind(at.as_micros())
    .bind(to_json(item)?)
    .execute(db)
    .await?;
    Ok(())
}

/// The number of the last item; 0 when there is none yet.
pub(super) async fn last(db: &mut SqliteConnection) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(number), 0) AS number FROM feed")
        .fetch_one(db)
        .await?;
    row.count("number")
}

pub(super) async fn after(
    db: &SqlitePool,
    seq: u64,
    limit: u32,
) -> Result<Vec<FeedEntry>, StoreError> {
    let rows =
        sqlx::query("SELECT number, item FROM feed WHERE number > $1 ORDER BY number LIMIT $2")
            .bind(signed(seq))
            .bind(limit)
            .fetch_all(db)
            .await?;
    rows.iter()
        .map(|row| {
            Ok(FeedEntry {
                seq: row.count("number")?,
                item: row.json("item")?,
            })
        })
        .collect()
}
