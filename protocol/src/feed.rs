//! The feed: what the CA tells its bastions, as server-sent events.
//!
//! The `id` of an event is its number; a bastion that comes back says the last one it saw in
//! `Last-Event-ID` and gets what it missed. Heartbeats have no id.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OrderId, SessionId};
use crate::name::{BastionName, HostName};
use crate::recording::StoreName;
use crate::time::Timestamp;

/// How often the CA sends a heartbeat, in seconds.
pub const HEARTBEAT_EVERY: u64 = 2;
/// After how many seconds without anything a feed is stale unless configured otherwise.
pub const STALE_AFTER: u64 = 10;

/// One item of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeedItem {
    /// Nothing happened.
    Heartbeat {
        /// The CA's clock.
        at: Timestamp,
    },
    /// From now on this policy decides. Always the first item of a connection.
    Policy {
        /// Its version.
        version: Digest,
        /// Its text.
        text: String,
    },
    /// A session is killed.
    Kill {
        /// Which.
        session: SessionId,
        /// Why, for the agent to read.
        reason: String,
        /// Whether its own pair asked for it, which makes it an end in order.
        #[serde(default)]
        by_pair: bool,
    },
    /// A host is to look at itself. The first bastion that claims it goes there.
    Look {
        /// Which look.
        look: OrderId,
        /// At which host.
        host: HostName,
        /// Until when it can be claimed.
        claim_by: Timestamp,
    },
    /// A recording's time is over: whoever has it asks whether to delete it.
    DeleteRecording {
        /// Of which session.
        session: SessionId,
        /// The bastion that sealed it.
        bastion: BastionName,
        /// The store that has it, if it was stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        store: Option<StoreName>,
        /// How often it was told, this time included. At first it is for the bastion alone.
        attempt: u32,
    },
}
