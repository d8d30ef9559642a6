//! The thread that sees to it that the others get on.
//!
//! A disk that hangs returns no error, and a thread that waits for it can tell nobody. What passed meanwhile would be in
//! memory only, for as long as it fits. So recordings that wait for too long fail from here.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::inbox::Inbox;
use super::tape::{RecordingFailed, WriteError};

/// How often the thread looks, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Ends the thread when it is dropped.
pub(super) struct Watch {
    _alive: Sender<()>,
}

impl Watch {
    /// Starts the thread.
    pub(super) fn start(inboxes: Vec<Arc<Inbox>>, patience: Duration) -> io::Result<Self> {
        let (alive, is_alive) = channel();
        std::thread::Builder::new()
            .name("recorder-watch".into())
            .spawn(move || watch(&inboxes, patience, &is_alive))?;
        Ok(Self { _alive: alive })
    }
}

fn watch(inboxes: &[Arc<Inbox>], patience: Duration, is_alive: &Receiver<()>) {
    let look = LOOK.min(patience / 2);
    while is_alive.recv_timeout(look) == Err(RecvTimeoutError::Timeout) {
        for session in inboxes.iter().flat_map(|inbox| inbox.overdue(patience)) {
            session.fail(RecordingFailed::new(WriteError::Stalled));
        }
    }
}
