//! A thread of the pool, and the inbox that tells it what to do.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::inbox::Inbox;

/// Works until it is dropped and its inbox is empty.
pub(super) struct Hand {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

impl Hand {
    /// Starts the thread, which does `work` with what is in `inbox`.
    pub(super) fn start(
        name: String,
        inbox: Arc<Inbox>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self {
            inbox,
            thread: Some(thread),
        })
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Has it finish what it was told, and waits for that.
    pub(super) fn finish(mut self) {
        self.inbox.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to tell.
            let _ = thread.join();
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.inbox.close();
    }
}
