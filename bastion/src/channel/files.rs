//! Files that pass through a channel: what follows them sits between both directions.
//!
//! The tracker judges, this carries out: what it says is recorded, what it refuses is told, and each
//! direction wakes the other when it waits for it. Nothing is awaited while the tracker is held.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portreeve_recording::event::{Kind, Omitted};
use portreeve_recording::files::{Breach, Passed, Piece, Tracker};
use portreeve_recording::write::Position;
use tokio::sync::{Notify, mpsc, watch};

use crate::drive::Message;
use crate::session::{ChannelNumber, Input};
use crate::tap::{Tap, Unrecorded};

/// The most refusals of one channel that the trail has one by one; the recording has all.
const MOST_TOLD: u32 = 100;
/// What is refused when a channel is closed.
const TRANSFER: &str = "file transfer";

/// What follows the files on one channel.
#[derive(Debug, Clone)]
pub(super) struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tracker: Mutex<Tracker>,
    /// The host said something, so what the agent sent too early may pass now.
    turned: Notify,
    /// There is an answer for the agent that is not the host's.
    answered: Notify,
    broken: watch::Sender<Option<Breach>>,
    session: mpsc::Sender<Message>,
    channel: ChannelNumber,
    told: AtomicU32,
}

/// Why nothing passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It cannot be recorded.
    Unrecorded,
    /// It cannot be read.
    Broken,
}

impl From<Unrecorded> for Stopped {
    fn from(_: Unrecorded) -> Self {
        Self::Unrecorded
    }
}

/// What passes, and what of the recording it must not overtake.
pub(super) struct Recorded {
    pub(super) bytes: Bytes,
    pub(super) position: Option<Position>,
}

impl Files {
    pub(super) fn new(
        tracker: Tracker,
        channel: ChannelNumber,
        session: mpsc::Sender<Message>,
    ) -> Self {
        Self(Arc::new(Shared {
            tracker: Mutex::new(tracker),
            turned: Notify::new(),
            answered: Notify::new(),
            broken: watch::Sender::new(None),
            session,
            channel,
            told: AtomicU32::new(0),
        }))
    }

    /// Records what the agent sent and says what of it passes. What stays in `sent` waits until
    /// [`Files::turned`].
    pub(super) async fn agent_sent(
        &self,
        sent: &mut Bytes,
        tap: &Tap,
    ) -> Result<Recorded, Stopped> {
        let before = sent.clone();
        let judged = self.tracker().agent_sent(sent);
        match judged {
            Ok(passed) => {
                let is_refused = !passed.refused.is_empty();
                let recorded = self.record(passed, false, tap).await?;
                if is_refused {
                    self.0.answered.notify_one();
                }
                Ok(recorded)
            }
            Err(breach) => {
                // What broke it did not pass, and is what a reviewer wants to see.
                tap.record(Kind::Input(before)).await?;
                Err(self.breach(breach, tap).await)
            }
        }
    }

    /// Records what the host sent and says what the agent gets.
    pub(super) async fn host_sent(&self, sent: Bytes, tap: &Tap) -> Result<Recorded, Stopped> {
        let judged = self.tracker().host_sent(sent);
        match judged {
            Ok(passed) => self.record(passed, true, tap).await.map_err(Into::into),
            Err(breach) => Err(self.breach(breach, tap).await),
        }
    }

    /// What the agent was sent has passed: whoever waits for that may go on.
    pub(super) fn host_was_heard(&self) {
        self.0.turned.notify_one();
    }

    /// Resolves when the host has said more since.
    pub(super) async fn turned(&self) {
        self.0.turned.notified().await;
    }

    /// Resolves when there may be answers of ours for the agent.
    pub(super) async fn answered(&self) {
        self.0.answered.notified().await;
    }

    /// Answers of ours for the agent, recorded; nothing when an answer of the host has to end first.
    pub(super) async fn answers(&self, tap: &Tap) -> Result<Option<Recorded>, Unrecorded> {
        let answers = self.tracker().answers();
        let Some(bytes) = answers else {
            return Ok(None);
        };
        let position = tap.record(Kind::Output(bytes.clone())).await?;
        Ok(Some(Recorded {
            bytes,
            position: Some(position),
        }))
    }

    /// Takes what the host still says to an agent that is gone.
    pub(super) async fn drain(&self, sent: Bytes, tap: &Tap) {
        let judged = self.tracker().host_sent(sent);
        if let Ok(passed) = judged {
            for operation in passed.operations {
                let _ = tap.record(Kind::File(operation)).await;
            }
        }
    }

    /// Records what was still going on.
    pub(super) async fn finish(&self, tap: &Tap) {
        let operations = self.tracker().finish();
        for operation in operations {
            // The recording may be what failed.
            let _ = tap.record(Kind::File(operation)).await;
        }
    }

    /// Resolves when the channel must be closed.
    pub(super) async fn broken(&self) {
        let mut broken = self.0.broken.subscribe();
        let _ = broken.wait_for(Option::is_some).await;
    }

    /// Why the channel is closed, for the agent.
    pub(super) fn breach_text(&self) -> Option<String> {
        self.0
            .broken
            .borrow()
            .map(|breach| format!("portreeve: the file transfer is refused: {breach}"))
    }

    async fn breach(&self, breach: Breach, tap: &Tap) -> Stopped {
        let refused = Kind::Refused {
            what: TRANSFER.into(),
            reason: breach.to_string(),
        };
        // The recording may be what failed; the trail has it too.
        let _ = tap.record(refused).await;
        self.tell(format!("{TRANSFER}: {breach}")).await;
        self.0.broken.send_replace(Some(breach));
        Stopped::Broken
    }

    async fn record(
        &self,
        passed: Passed,
        is_output: bool,
        tap: &Tap,
    ) -> Result<Recorded, Unrecorded> {
        let mut position = None;
        for piece in passed.recorded {
            position = Some(tap.record(kind(piece, is_output)).await?);
        }
        for refused in passed.refused {
            let is_told = self.0.told.fetch_add(1, Ordering::Relaxed) < MOST_TOLD;
            if is_told {
                self.tell(format!("{}: {}", refused.what, refused.reason))
                    .await;
            }
            tap.record(Kind::Refused {
                what: refused.what,
                reason: refused.reason.into(),
            })
            .await?;
        }
        for operation in passed.operations {
            position = Some(tap.record(Kind::File(operation)).await?);
        }
        Ok(Recorded {
            bytes: passed.bytes,
            position,
        })
    }

    async fn tell(&self, detail: String) {
        let input = Input::FileRefused {
            channel: self.0.channel,
            detail,
        };
        // A session that is gone has ended this channel, or is about to.
        let _ = self.0.session.send(Message::Input(input)).await;
    }

    fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.0
            .tracker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(piece: Piece, is_output: bool) -> Kind {
    match (piece, is_output) {
        (Piece::Kept(bytes), false) => Kind::Input(bytes),
        (Piece::Kept(bytes), true) => Kind::Output(bytes),
        (Piece::Omitted { bytes, digest }, _) => Kind::Omitted(Omitted {
            is_output,
            bytes,
            digest,
        }),
    }
}
