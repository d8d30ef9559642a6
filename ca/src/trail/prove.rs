//! Proofs out of stored rows: which hashes are needed is [`super::tree`]'s; here they are fetched,
//! all of a trail together.

use std::collections::{BTreeSet, HashMap};

use portreeve_protocol::checkpoint::{LoggedEvent, encode_hash};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;

use super::LogError;
use super::tree::{Frontier, Source, proof_sources};
use crate::store::{Store, StoreError};

/// How many events a trail may have that is answered at once; a longer one is read in pages.
const MAX_TRAIL: u32 = 10_000;
/// How many events one page of a trail has.
const MAX_TRAIL_PAGE: u32 = 2_000;
/// How many events one page of the log has.
const MAX_PAGE: u32 = 500;

/// A session's events with their proofs in the tree of `frontier`.
pub(super) async fn events_of(
    store: &Store,
    session: SessionId,
    frontier: &Frontier,
) -> Result<Vec<LoggedEvent>, LogError> {
    let events = store
        .events_of(session, 0, frontier.size(), MAX_TRAIL + 1)
        .await?;
    if events.len() > usize::try_from(MAX_TRAIL).unwrap_or(usize::MAX) {
        return Err(LogError::TooLong);
    }
    proved(store, events, frontier).await
}

/// A session's events from the place `since` on with their proofs in the tree of `frontier`, a page
/// at most.
pub(super) async fn events_of_from(
    store: &Store,
    session: SessionId,
    since: u64,
    frontier: &Frontier,
) -> Result<Vec<LoggedEvent>, LogError> {
    let events = store
        .events_of(session, since, frontier.size(), MAX_TRAIL_PAGE)
        .await?;
    proved(store, events, frontier).await
}

/// The events from the place `since` on with their proofs in the tree of `frontier`, a page at most.
pub(super) async fn events_from(
    store: &Store,
    since: u64,
    frontier: &Frontier,
) -> Result<Vec<LoggedEvent>, LogError> {
    let events = store.events_from(since, frontier.size(), MAX_PAGE).await?;
    proved(store, events, frontier).await
}

async fn proved(
    store: &Store,
    events: Vec<(u64, String)>,
    frontier: &Frontier,
) -> Result<Vec<LoggedEvent>, LogError> {
    let size = frontier.size();
    let paths: Vec<_> = events
        .iter()
        .map(|(place, _)| proof_sources(size, *place).unwrap_or_default())
        .collect();
    // Events that are asked for together are neighbours: their paths share most of their hashes.
    let needed: BTreeSet<_> = paths.iter().flatten().copied().collect();
    let hashes = store.hashes(needed).await?;
    events
        .into_iter()
        .zip(paths)
        .map(|((index, event), path)| {
            let proof = path
                .into_iter()
                .map(|source| hash_at(source, frontier, &hashes).map(|hash| encode_hash(&hash)))
                .collect::<Result<_, _>>()?;
            Ok(LoggedEvent {
                index,
                event,
                proof,
            })
        })
        .collect()
}

/// The frontier as it was when the log had `size` events.
pub(super) async fn frontier_at(store: &Store, size: u64) -> Result<Frontier, LogError> {
    let sources = Frontier::sources(size);
    let hashes = store.hashes(sources.iter().copied()).await?;
    let none = Frontier::default();
    let peaks = sources
        .into_iter()
        .map(|source| hash_at(source, &none, &hashes))
        .collect::<Result<_, _>>()?;
    Ok(Frontier::restore(size, peaks))
}

fn hash_at(
    source: Source,
    frontier: &Frontier,
    hashes: &HashMap<Source, Digest>,
) -> Result<Digest, StoreError> {
    let hash = match source {
        Source::Edge(start) => frontier.edge(start),
        Source::Leaf(_) | Source::Node(_) => hashes.get(&source).copied(),
    };
    hash.ok_or_else(|| StoreError::Damaged {
        what: "log",
        detail: format!("{source:?} is missing"),
    })
}
