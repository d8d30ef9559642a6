//! The feed as one bastion reads it: the policy in force first, then what it missed, then
//! everything as it becomes durable.
//!
//! The store keeps the items; a reader asks it for those after the last one that it passed on, so
//! nothing is lost on a slow reader and nothing piles up for it. Heartbeats fill the silence, for as long as the CA can
//! write: one that can record nothing can kill nothing either, and bastions then do without it as if it were away.

use std::collections::VecDeque;
use std::time::Duration;

use portreeve_protocol::feed::{FeedItem, HEARTBEAT_EVERY};
use tokio::sync::watch;

use crate::decide::NoPolicy;
use crate::store::{FeedEntry, Store, StoreError};

/// How many items are fetched at once.
const BATCH: u32 = 256;

/// One bastion's place in the feed.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    head: watch::Receiver<u64>,
    /// The number of the last item that was fetched.
    after: u64,
    /// Policies up to here are older than the one that was sent first.
    settled: u64,
    ready: VecDeque<Message>,
}

/// One message of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its number; heartbeats and the policy at the beginning have none.
    pub number: Option<u64>,
    /// What it says.
    pub item: FeedItem,
}

/// Why a feed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// There is no policy to begin with.
    #[error(transparent)]
    NoPolicy(#[from] NoPolicy),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store takes nothing more.
    #[error("the database cannot be written")]
    ReadOnly,
}

impl Reader {
    /// Opens the feed after the item numbered `seen`, or at the oldest one that is kept.
    ///
    /// # Errors
    /// When no policy is in force or the store fails.
    pub async fn open(store: Store, seen: Option<u64>) -> Result<Self, FeedError> {
        if !store.takes_writes().await {
            return Err(FeedError::ReadOnly);
        }
        let mut head = store.watch_feed();
        // The head is read before the policy: what is published in between comes once more, later.
        let settled = *head.borrow_and_update();
        let policy = store.policy().await?.ok_or(NoPolicy)?;
        let first = Message {
            number: None,
            item: FeedItem::Policy {
                version: policy.version,
                text: policy.text,
            },
        };
        Ok(Self {
            store,
            head,
            // A number that was never given comes from another database: nothing is known to be seen.
            after: seen.filter(|seen| *seen <= settled).unwrap_or(0),
            settled,
            ready: VecDeque::from([first]),
        })
    }

    /// The next message, after [`HEARTBEAT_EVERY`] seconds at the latest.
    ///
    /// # Errors
    /// When the store fails or takes nothing more; the feed is over then.
    pub async fn next(&mut self) -> Result<Message, FeedError> {
        let silence = tokio::time::sleep(Duration::from_secs(HEARTBEAT_EVERY));
        tokio::pin!(silence);
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            if self.fetch().await? {
                continue;
            }
            tokio::select! {
                changed = self.head.changed() => changed.map_err(|_| StoreError::Closed)?,
                () = &mut silence => {
                    let stands = self.store.takes_writes().await;
                    return stands.then(|| self.heartbeat()).ok_or(FeedError::ReadOnly);
                }
            }
        }
    }

    /// Fetches what is new, and says whether anything was there to be looked at.
    async fn fetch(&mut self) -> Result<bool, StoreError> {
        if *self.head.borrow() <= self.after {
            return Ok(false);
        }
        let entries = self.store.feed_after(self.after, BATCH).await?;
        let Some(last) = entries.last() else {
            // The numbers up to the head were swept.
            self.after = *self.head.borrow();
            return Ok(false);
        };
        self.after = last.seq;
        let settled = self.settled;
        let news = entries.into_iter().filter(|entry| is_news(entry, settled));
        self.ready.extend(news.map(|entry| Message {
            number: Some(entry.seq),
            item: entry.item,
        }));
        Ok(true)
    }

    fn heartbeat(&self) -> Message {
        Message {
            number: None,
            item: FeedItem::Heartbeat {
                at: self.store.clock().now(),
            },
        }
    }
}

/// An older policy must not come after the one in force.
fn is_news(entry: &FeedEntry, settled: u64) -> bool {
    match entry.item {
        FeedItem::Policy { .. } => entry.seq > settled,
        FeedItem::Kill { .. }
        | FeedItem::Look { .. }
        | FeedItem::DeleteRecording { .. }
        | FeedItem::Heartbeat { .. } => true,
    }
}
