//! What the session itself has to say in its recording, in the order in which it says it.
//!
//! The driver waits for nothing, and the recorder may have to be waited for. So one task says one
//! thing after the other, and the recording is not sealed before the last of them.

use portreeve_recording::event::Kind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::tap::Tap;

/// Takes what is to be recorded.
#[derive(Debug)]
pub(super) struct Notes {
    said: mpsc::UnboundedSender<(Tap, Kind)>,
    saying: JoinHandle<()>,
}

impl Notes {
    pub(super) fn start() -> Self {
        let (said, mut next) = mpsc::unbounded_channel::<(Tap, Kind)>();
        let saying = tokio::spawn(async move {
            while let Some((tap, kind)) = next.recv().await {
                // The trail has it; a recording that cannot be written ends the session by itself.
                let _ = tap.record(kind).await;
            }
        });
        Self { said, saying }
    }

    /// Records, at some time soon. What one session says is bounded by what it may put into the trail.
    pub(super) fn say(&self, tap: Tap, kind: Kind) {
        let _ = self.said.send((tap, kind));
    }

    /// Waits until everything is said.
    pub(super) async fn finish(self) {
        drop(self.said);
        // A task that panicked has said what it was going to.
        let _ = self.saying.await;
    }
}
