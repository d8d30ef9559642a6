//! How much of each session's room in the log is used, while a commit adds to it.
//!
//! Two statements for each session of a commit, however many events it brings: there is one writer, so what was read in
//! its transaction still holds at the end of it.

use std::collections::BTreeMap;

use portreeve_protocol::id::SessionId;
use sqlx::SqliteConnection;

use super::StoreError;
use super::row::{Columns as _, signed};

/// Whose room an event takes, and up to where there is room for one of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Spends {
    /// The session.
    pub session: SessionId,
    /// The most bytes that all of its events have with this one.
    pub most: u64,
}

/// What sessions have in the log.
#[derive(Debug, Default)]
pub(super) struct Room(BTreeMap<SessionId, u64>);

impl Room {
    /// Whether there is room for so many bytes more.
    pub(super) async fn has(
        &mut self,
        db: &mut SqliteConnection,
        spends: Spends,
        bytes: u64,
    ) -> Result<bool, StoreError> {
        let used = match self.0.get(&spends.session) {
            Some(used) => *used,
            None => {
                let used = used(db, spends.session).await?;
                self.0.insert(spends.session, used);
                used
            }
        };
        Ok(used.saturating_add(bytes) <= spends.most)
    }

    /// So many bytes are in the log.
    pub(super) fn take(&mut self, spends: Spends, bytes: u64) {
        let used = self.0.entry(spends.session).or_default();
        *used = used.saturating_add(bytes);
    }

    /// Remembers all of it.
    pub(super) async fn keep(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for (session, used) in self.0 {
            sqlx::query("UPDATE session SET trail_bytes = $1 WHERE session = $2")
                .bind(signed(used))
                .bind(session.to_string())
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

async fn used(db: &mut SqliteConnection, session: SessionId) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT trail_bytes FROM session WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.map_or(Ok(0), |row| row.count("trail_bytes"))
}
