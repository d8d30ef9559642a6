//! The feed's items.

use portreeve_protocol::feed::FeedItem;

/// One item with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its number, from 1, ascending, possibly with gaps.
    pub seq: u64,
    /// The item.
    pub item: FeedItem,
}
