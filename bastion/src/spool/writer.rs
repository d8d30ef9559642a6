//! The thread that writes the spool: everything that has gathered, with one sync for all of it.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};

use super::Shared;
use super::file::Tail;

/// The most frames that one sync covers.
const GROUP: usize = 4096;

pub(super) enum Job {
    /// Write this frame.
    Append(Vec<u8>),
    /// The CA has everything before this number.
    Delivered { up_to: u64 },
}

pub(super) struct Writer {
    tail: Tail,
    /// Weak, so that the thread ends when nobody appends any more.
    shared: Weak<Shared>,
}

impl Writer {
    pub(super) const fn new(tail: Tail, shared: Weak<Shared>) -> Self {
        Self { tail, shared }
    }

    /// Works until nobody can append any more, or the disk fails.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut frames = Vec::new();
            let mut delivered = None;
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                match job {
                    Job::Append(frame) => frames.push(frame),
                    Job::Delivered { up_to } => delivered = Some(up_to),
                }
                if frames.len() >= GROUP {
                    break;
                }
            }
            if let Err(error) = self.write(&frames, delivered) {
                tracing::error!(%error, "the event spool cannot be written; running sessions end");
                if let Some(shared) = self.shared.upgrade() {
                    shared.fail();
                }
                return;
            }
        }
    }

    fn write(&mut self, frames: &[Vec<u8>], delivered: Option<u64>) -> std::io::Result<()> {
        if !frames.is_empty() {
            self.tail.append(frames)?;
            if let Some(shared) = Weak::upgrade(&self.shared) {
                let shared: Arc<Shared> = shared;
                shared.durable.send_replace(self.tail.next());
            }
        }
        match delivered {
            Some(up_to) => self.tail.delivered(up_to),
            None => Ok(()),
        }
    }
}
