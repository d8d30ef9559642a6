//! What every session has in common: the parts of the program around it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::age::Recipient;
use portreeve_recording::write::RecorderPool;
use tokio::sync::watch;

use super::earlier::EarlierReports;
use crate::ca::Ca;
use crate::clock::Clock;
use crate::feed::Feed;
use crate::report::Reporter;
use crate::room::Room;

/// The parts of the program that sessions use.
#[derive(Debug)]
pub struct World {
    /// The clocks.
    pub clock: Clock,
    /// The CA.
    pub ca: Arc<Ca>,
    /// What the CA tells.
    pub feed: Arc<Feed>,
    /// Where events go.
    pub reporter: Reporter,
    /// Who writes recordings.
    pub recorders: RecorderPool,
    /// Where recordings are.
    pub recordings: PathBuf,
    /// How much hosts told of sessions that were before.
    pub earlier: EarlierReports,
    /// Whether the disks take more.
    pub room: Room,
    /// Who can open those that begin now.
    pub recipients: watch::Receiver<Vec<Recipient>>,
    /// Where live sessions are noted, for a successor after a crash.
    pub live: PathBuf,
    /// After how long without the feed sessions end.
    pub stale_after: Duration,
    /// Becomes true when the program is being stopped.
    pub shutdown: watch::Receiver<bool>,
}
