//! What may be used once.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use super::Refusal;
use super::apply::{Applied, changed_or};

pub(super) async fn once(db: &mut SqliteConnection, nonce: &str, until: Timestamp) -> Applied {
    // The digest, because the text comes from outside and may have any length.
    let done =
        sqlx::query("INSERT INTO used (nonce, until) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(Digest::of(nonce.as_bytes()).hex())
            .bind(until.as_micros())
            .execute(db)
            .await?;
    changed_or(&done, Refusal::Replayed)
}
