//! The audit log's rows: events as leaves, the inner nodes that no longer change, checkpoints.

use std::collections::HashMap;

use portreeve_protocol::canonical;
use portreeve_protocol::checkpoint::{decode_hash, encode_hash, leaf_hash};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{Body, Event, MAX_EVENT};
use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::apply::Applied;
use super::row::{Columns as _, damaged, signed};
use super::{EventOutcome, StoreError};
use crate::trail::tree::{Frontier, Node, Source};

/// How many hashes are fetched or kept with one statement.
const TOGETHER: usize = 256;

/// An event with all that was computed of it before it reached the writer.
#[derive(Debug)]
pub(super) struct Leaf {
    id: EventId,
    session: Option<SessionId>,
    text: String,
    hash: Digest,
}

impl Leaf {
    /// The canonical text and its hash; none when there is none, or when it is too long.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let text = text_of(event)?;
        let session = match &event.body {
            Body::Access { session, .. } => *session,
            Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. } => None,
        };
        Some(Self {
            id: event.id,
            session,
            hash: leaf_hash(text.as_bytes()),
            text,
        })
    }

    /// The event's id.
    pub(super) const fn id(&self) -> EventId {
        self.id
    }

    /// How long it is.
    pub(super) const fn bytes(&self) -> u64 {
        self.text.len() as u64
    }
}

/// Whether the log can have an event: it has a canonical form, and that is not too long.
#[must_use]
pub fn is_loggable(event: &Event) -> bool {
    text_of(event).is_some()
}

fn text_of(event: &Event) -> Option<String> {
    let text = canonical::to_string(event).ok()?;
    (text.len() <= MAX_EVENT).then_some(text)
}

/// Appends an event. The inner nodes that are complete now are added to `complete`, which is to be
/// kept in the same transaction ([`keep_nodes`]).
pub(super) async fn append(
    db: &mut SqliteConnection,
    frontier: &mut Frontier,
    complete: &mut Vec<Node>,
    leaf: &Leaf,
    at: Timestamp,
) -> Result<EventOutcome, StoreError> {
    let place = frontier.size();
    let done = sqlx::query(
        "INSERT INTO log_event (place, id, session, logged_at, leaf, event)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(signed(place))
    .bind(leaf.id.to_string())
    .bind(leaf.session.map(|session| session.to_string()))
    .bind(at.as_micros())
    .bind(encode_hash(&leaf.hash))
    .bind(leaf.text.as_str())
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 0 {
        return known(db, leaf)
            .await?
            .ok_or_else(|| damaged("log", format!("event {} is not in it", leaf.id)));
    }
    complete.extend(frontier.append(leaf.hash));
    Ok(EventOutcome::Logged(place))
}

/// Keeps inner nodes. Together, because what a statement costs is mostly the way to the thread that runs it.
pub(super) async fn keep_nodes(
    db: &mut SqliteConnection,
    nodes: &[Node],
) -> Result<(), StoreError> {
    for some in nodes.chunks(TOGETHER) {
        let mut query =
            sqlx::QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO log_node (number, hash) ");
        query.push_values(some, |mut row, node| {
            row.push_bind(signed(node.number))
                .push_bind(encode_hash(&node.hash));
        });
        query.build().persistent(false).execute(&mut *db).await?;
    }
    Ok(())
}

/// What becomes of an event whose id the log has; nothing when it has not.
pub(super) async fn known(
    db: &mut SqliteConnection,
    leaf: &Leaf,
) -> Result<Option<EventOutcome>, StoreError> {
    let row = sqlx::query("SELECT leaf FROM log_event WHERE id = $1")
        .bind(leaf.id.to_string())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(if hash(&row, "leaf")? == leaf.hash {
        EventOutcome::Known
    } else {
        EventOutcome::Conflicting(leaf.id)
    }))
}

/// The frontier, and when the last event was logged.
pub(super) async fn restore(
    db: &mut SqliteConnection,
) -> Result<(Frontier, Option<Timestamp>), StoreError> {
    let last = sqlx::query("SELECT place, logged_at FROM log_event ORDER BY place DESC LIMIT 1")
        .fetch_optional(&mut *db)
        .await?;
    let Some(last) = last else {
        return Ok((Frontier::default(), None));
    };
    let size = last.count("place")? + 1;
    let mut peaks = Vec::new();
    for source in Frontier::sources(size) {
        let (statement, number) = match source {
            Source::Leaf(place) | Source::Edge(place) => (LEAF, place),
            Source::Node(number) => (NODE, number),
        };
        let row = sqlx::query(statement)
            .bind(signed(number))
            .fetch_optional(&mut *db)
            .await?
            .ok_or_else(|| damaged("log", format!("hash {number} is missing")))?;
        peaks.push(hash(&row, "hash")?);
    }
    Ok((
        Frontier::restore(size, peaks),
        Some(last.moment("logged_at")?),
    ))
}

const LEAF: &str = "SELECT leaf AS hash FROM log_event WHERE place = $1";
const NODE: &str = "SELECT hash FROM log_node WHERE number = $1";

/// The events of a session from the place `since` on among the first `size`, with their places,
/// `limit` at most.
pub(super) async fn events_of(
    db: &SqlitePool,
    session: SessionId,
    since: u64,
    size: u64,
    limit: u32,
) -> Result<Vec<(u64, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT place, event FROM log_event WHERE session = $1 AND place >= $2 AND place < $3
         ORDER BY place LIMIT $4",
    )
    .bind(session.to_string())
    .bind(signed(since))
    .bind(signed(size))
    .bind(limit)
    .fetch_all(db)
    .await?;
    placed(&rows)
}

/// The events from the place `since` on among the first `size`, with their places, `limit` at most.
pub(super) async fn events_from(
    db: &SqlitePool,
    since: u64,
    size: u64,
    limit: u32,
) -> Result<Vec<(u64, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT place, event FROM log_event WHERE place >= $1 AND place < $2
         ORDER BY place LIMIT $3",
    )
    .bind(signed(since))
    .bind(signed(size))
    .bind(limit)
    .fetch_all(db)
    .await?;
    placed(&rows)
}

fn placed(rows: &[SqliteRow]) -> Result<Vec<(u64, String)>, StoreError> {
    rows.iter()
        .map(|row| Ok((row.count("place")?, row.raw("event")?)))
        .collect()
}

/// The stored hashes at these sources.
pub(super) async fn hashes(
    db: &SqlitePool,
    sources: impl IntoIterator<Item = Source>,
) -> Result<HashMap<Source, Digest>, StoreError> {
    let (mut leaves, mut nodes) = (Vec::new(), Vec::new());
    for source in sources {
        match source {
            Source::Leaf(place) => leaves.push(place),
            Source::Node(number) => nodes.push(number),
            Source::Edge(_) => {}
        }
    }
    let mut found = HashMap::new();
    for some in leaves.chunks(TOGETHER) {
        let from = "SELECT place AS number, leaf AS hash FROM log_event WHERE place IN (";
        fetch(db, from, some, Source::Leaf, &mut found).await?;
    }
    for some in nodes.chunks(TOGETHER) {
        let from = "SELECT number, hash FROM log_node WHERE number IN (";
        fetch(db, from, some, Source::Node, &mut found).await?;
    }
    Ok(found)
}

async fn fetch(
    db: &SqlitePool,
    from: &'static str,
    numbers: &[u64],
    source: fn(u64) -> Source,
    found: &mut HashMap<Source, Digest>,
) -> Result<(), StoreError> {
    let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(from);
    let mut list = query.separated(", ");
    for number in numbers {
        list.push_bind(signed(*number));
    }
    query.push(")");
    // The statement has as many forms as lists have lengths: none of them is worth keeping.
    for row in query.build().persistent(false).fetch_all(db).await? {
        found.insert(source(row.count("number")?), hash(&row, "hash")?);
    }
    Ok(())
}

pub(super) async fn keep_checkpoint(
    db: &mut SqliteConnection,
    size: u64,
    note: &str,
    at: Timestamp,
) -> Applied {
    sqlx::query(
        "INSERT INTO log_checkpoint (size, signed_at, note) VALUES ($1, $2, $3)
         ON CONFLICT (size) DO UPDATE SET signed_at = excluded.signed_at, note = excluded.note",
    )
    .bind(signed(size))
    .bind(at.as_micros())
    .bind(note)
    .execute(db)
    .await?;
    Ok(())
}

/// The checkpoint that covers most.
pub(super) async fn last_checkpoint(db: &SqlitePool) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1")
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(row.try_get("note")?)).transpose()
}

/// The checkpoint that covers exactly `size` events, if it is kept.
pub(super) async fn checkpoint_at(
    db: &SqlitePool,
    size: u64,
) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT note FROM log_checkpoint WHERE size = $1")
        .bind(signed(size))
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(row.try_get("note")?)).transpose()
}

fn hash(row: &SqliteRow, column: &'static str) -> Result<Digest, StoreError> {
    decode_hash(row.raw(column)?).ok_or_else(|| damaged("hash", column))
}
