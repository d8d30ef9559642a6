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
    /// What bastions told of the session.
    Session,
    /// What its host signed about it, whoever brought it.
    Host,
    /// Connections that were refused, of whoever has its certificate and at whatever bastion.
    Refusals,
    /// Alarms about what its host did not remove. This counts alarms; the others count bytes.
    Alarms,
}

/// Whose room an event takes, and up to where there is room for one of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Spends {
    /// The session.
    pub session: SessionId,
    /// Which of its rooms.
    pub of: Of,
    /// How much all events in this room take at most with this one.
    pub most: u64,
}

/// What sessions have in the log.
#[derive(Debug, Default)]
pub(super) struct Room(BTreeMap<(SessionId, Of), u64>);

impl Room {
    /// Whether there is room for so much more.
    pub(super) async fn has(
        &mut self,
        db: &mut SqliteConnection,
        spends: Spends,
        more: u64,
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
        Ok(used.saturating_add(more) <= spends.most)
    }

    /// So much more is in the log.
    pub(super) fn take(&mut self, spends: Spends, more: u64) {
        let used = self.0.entry((spends.session, spends.of)).or_default();
        *used = used.saturating_add(more);
    }

    /// Remembers all of it.
    pub(super) async fn keep(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for ((session, of), used) in self.0 {
            let update = match of {
                Of::Session => "UPDATE session SET trail_bytes = $1 WHERE session = $2",
                Of::Host => "UPDATE session SET host_bytes = $1 WHERE session = $2",
                Of::Refusals => "UPDATE session SET refusal_bytes = $1 WHERE session = $2",
                Of::Alarms => "UPDATE session SET left_alarms = $1 WHERE session = $2",
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
        Of::Host => "host_bytes",
        Of::Refusals => "refusal_bytes",
        Of::Alarms => "left_alarms",
    };
    let row = sqlx::query(
        "SELECT trail_bytes, host_bytes, refusal_bytes, left_alarms FROM session WHERE session = $1",
    )
    .bind(session.to_string())
    .fetch_optional(db)
    .await?;
    row.map_or(Ok(0), |row| row.count(column))
}
