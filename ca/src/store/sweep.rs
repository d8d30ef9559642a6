//! What time settles by itself. Run again and again; each run is bounded.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::session::SessionState;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use super::apply::Applied;
use super::row::to_word;

/// How long after its expiry a session without a receipt counts as not confirmed.
const RECEIPT_GRACE: Duration = Duration::from_secs(60);
/// How long what was used is remembered after it is void: the moment by which a request is judged
/// is that of its arrival, and the clock may fall back a little meanwhile.
const USED_KEPT: Duration = Duration::from_secs(60);
/// How long a feed item is kept for a bastion that was away. What was killed then has expired.
const FEED_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long it is known what came of a look.
const LOOKS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long old checkpoints are kept; later ones cover all that they cover.
const CHECKPOINTS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many rows of one kind a run removes at most: more than come in between two runs, or they
/// would gather, and no more than the writer may be busy with.
const AT_ONCE: i64 = 20_000;

pub(super) async fn sweep(db: &mut SqliteConnection, at: Timestamp) -> Applied {
    sessions(db, at).await?;
    remove(
        db,
        "DELETE FROM used WHERE nonce IN (SELECT nonce FROM used WHERE until < $1 LIMIT $2)",
        at.minus(USED_KEPT),
    )
    .await?;
    // The last of both stays: numbers must not begin again, and the newest checkpoint is needed.
    remove(
        db,
        "DELETE FROM feed WHERE number IN (SELECT number FROM feed WHERE at < $1
             AND number < (SELECT MAX(number) FROM feed) ORDER BY number LIMIT $2)",
        at.minus(FEED_KEPT),
    )
    .await?;
    remove(
        db,
        "DELETE FROM look WHERE look IN (SELECT look FROM look WHERE asked_at < $1
             AND state NOT IN ('waiting', 'looking') LIMIT $2)",
        at.minus(LOOKS_KEPT),
    )
    .await?;
    remove(
        db,
        "DELETE FROM log_checkpoint WHERE size IN (SELECT size FROM log_checkpoint
             WHERE signed_at < $1 AND size < (SELECT MAX(size) FROM log_checkpoint)
             ORDER BY size LIMIT $2)",
        at.minus(CHECKPOINTS_KEPT),
    )
    .await
}

async fn sessions(db: &mut SqliteConnection, at: Timestamp) -> Applied {
    sqlx::query("UPDATE session SET state = $1 WHERE state = $2 AND connect_by <= $3")
        .bind(to_word(&SessionState::Unused)?)
        .bind(to_word(&SessionState::Issued)?)
        .bind(at.as_micros())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE session SET state = $1, cause = $2, ended_at = expires_at
         WHERE state IN ($3, $4) AND expires_at <= $5",
    )
    .bind(to_word(&SessionState::NotConfirmed)?)
    .bind(to_word(&EndCause::Expired)?)
    .bind(to_word(&SessionState::Claimed)?)
    .bind(to_word(&SessionState::Open)?)
    .bind(at.minus(RECEIPT_GRACE).as_micros())
    .execute(db)
    .await?;
    Ok(())
}

async fn remove(db: &mut SqliteConnection, statement: &'static str, before: Timestamp) -> Applied {
    sqlx::query(statement)
        .bind(before.as_micros())
        .bind(AT_ONCE)
        .execute(db)
        .await?;
    Ok(())
}
