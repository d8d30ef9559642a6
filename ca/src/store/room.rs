//! How much of each session's room in the log is used, while a commit adds to it.
//!
//! Two statements for each room of a commit, however many events it brings: there is one writer, so what was read in
//! its transaction still holds at the end of it.

use std::collections::BTreeMap;

use portreeve_protocol::id::SessionId;
use sqlx::SqliteConnection;

use super::StoreError;
use super::row::{Columns as _, signed};

/// A room in the log that each session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// What came of the session.
    Session,
    /// Connections that were refused, of whoever has its certificate and at whatever bastion.
    Refusals,
}

/// Whose room an event takes, and up to where there is room for one of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Spends {
    /// The session.
    pub session: SessionId,
    /// Which of its rooms.
    pub of: Of,
    /// The most bytes that all events in this room have with this one.
    pub most: u64,
}

/// What sessions have in the log.
#[derive(Debug, Default)]
pub(super) struct Room(BTreeMap<(SessionId, Of), u64>);

impl Room {
    /// Whether there is room for so many bytes more.
    pub(super) async fn has(
        &mut self,
        db: &mut SqliteConnection,
        spends: Spends,
        bytes: u64,
    ) -> Result<bool, StoreError> {
        let place = (spends.session, spends.of);
        let used = match self.0.get(&place) {
            Some(used) => *used,
            None => {
                let used = used(db, spends.session, spends.of).await?;
                self.0.insert(place, used);
                used
            }
        };
        Ok(used.saturating_add(bytes) <= spends.most)
    }

    /// So many bytes are in the log.
    pub(super) fn take(&mut self, spends: Spends, bytes: u64) {
        let used = self.0.entry((spends.session, spends.of)).or_default();
        *used = used.saturating_add(bytes);
    }

    /// Remembers all of it.
    pub(super) async fn keep(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for ((session, of), used) in self.0 {
            let update = match of {
                Of::Session => "UPDATE session SET trail_bytes = $1 WHERE session = $2",
                Of::Refusals => "UPDATE session SET refusal_bytes = $1 WHERE session = $2",
            };
            sqlx::query(update)
                .bind(signed(used))
                .bind(session.to_string())
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

async fn used(db: &mut SqliteConnection, session: SessionId, of: Of) -> Result<u64, StoreError> {
    let column = match of {
        Of::Session => "trail_bytes",
        Of::Refusals => "refusal_bytes",
    };
    let row = sqlx::query("SELECT trail_bytes, refusal_bytes FROM session WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.map_or(Ok(0), |row| row.count(column))
}
