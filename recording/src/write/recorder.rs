//! The bastion's end of a recording.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::PoolOptions;
use super::inbox::Inbox;
use super::on_disk::OnDisk;
use super::state::{Ending, Phase, Session, wake};
use super::tape::RecordingFailed;
use super::wait::{Failed, Finishing, FlushThrough, Growth, Length, Room};
use crate::event::{Event, MAX_CONTENT, encoded_bound};
use crate::head::Head;
use crate::info::SessionInfo;
use crate::manifest::End;

/// Takes the events of one session. Cheap to clone; all clones feed one recording.
///
/// When the last clone is dropped before [`Recorder::finish`], the recording is closed as cut.
#[derive(Clone)]
pub struct Recorder(Arc<Handle>);

/// How many events were recorded before and with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// Before any event: the file exists and says whose session it is.
    pub const BEGINNING: Self = Self(0);

    /// How many events.
    #[must_use]
    pub const fn events(self) -> u64 {
        self.0
    }
}

/// Why an event was not recorded. What it carries must not be passed on.
#[derive(Debug, Clone, Error)]
pub enum Refused {
    /// The disk does not keep up; wait for [`Recorder::room`] or close the session.
    #[error("the recording is behind and its memory is full")]
    Full,
    /// The event is larger than [`MAX_CONTENT`]; record it in pieces.
    #[error("one event holds {MAX_CONTENT} bytes at most")]
    TooLarge,
    /// The recording failed before.
    #[error(transparent)]
    Failed(#[from] RecordingFailed),
    /// The recording was finished.
    #[error("the recording is finished and takes no more events")]
    Finished,
}

impl Recorder {
    pub(super) fn begin(
        inboxes: (Arc<Inbox>, Arc<Inbox>),
        options: &PoolOptions,
        on_disk: OnDisk,
        folder: PathBuf,
        info: SessionInfo,
    ) -> Self {
        let session = Arc::new(Session::new(inboxes, options, on_disk, folder, info));
        session.ask_for_work();
        Self(Arc::new(Handle(session)))
    }

    /// Records an event in memory, never waiting.
    ///
    /// # Errors
    /// [`Refused`]; the event is then not part of the recording.
    pub fn try_record(&self, event: &Event) -> Result<Position, Refused> {
        let session = &self.0.0;
        let bound = encoded_bound(event);
        // The bound counts heads generously; one event of exactly MAX_CONTENT must pass.
        if bound > MAX_CONTENT + 1024 {
            return Err(Refused::TooLarge);
        }
        let mut state = session.lock();
        match &state.phase {
            Phase::Open => {}
            Phase::Ending(_) | Phase::Finished(_) => return Err(Refused::Finished),
            Phase::Failed(why) => return Err(Refused::Failed(why.clone())),
        }
        #[cfg(feature = "unrecorded")]
        if session.limits.discards {
            state.recorded += 1;
            state.durable = state.durable.map(|_| state.recorded);
            return Ok(Position(state.recorded));
        }
        if state.used() + bound > session.limits.session_bytes {
            return Err(Refused::Full);
        }
        state.pending.push(event, session.limits.segment_bytes);
        state.recorded += 1;
        let position = Position(state.recorded);
        let begins_to_age = !std::mem::replace(&mut state.is_aging, true);
        let is_full_segment =
            state.pending.len() >= session.limits.segment_bytes && !state.is_ready;
        drop(state);
        if begins_to_age {
            session.ask_for_work_later();
        }
        if is_full_segment {
            session.ask_for_work();
        }
        Ok(position)
    }

    /// Resolves when everything up to and with `position` is on disk. Polling it makes the thread
    /// write at once.
    pub fn flush_through(&self, position: Position) -> FlushThrough {
        FlushThrough::new(&self.0.0, position.0)
    }

    /// How far the recording is on disk; nothing before the file itself is.
    #[must_use]
    pub fn durable_up_to(&self) -> Option<Position> {
        self.0.0.lock().durable.map(Position)
    }

    /// Resolves when there is room again after [`Refused::Full`].
    pub fn room(&self) -> Room {
        Room::new(&self.0.0)
    }

    /// What stands for everything that is on disk; nothing before the first segment is.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.0.0.lock().head
    }

    /// Resolves when more than `segments` segments are on disk.
    pub fn growth(&self, segments: u32) -> Growth {
        Growth::new(&self.0.0, segments)
    }

    /// Resolves when the recording is so long that the session should end while it can be closed in order.
    pub fn length(&self) -> Length {
        Length::new(&self.0.0)
    }

    /// Resolves when the recording fails; never, when it does not.
    pub fn failed(&self) -> Failed {
        Failed::new(&self.0.0)
    }

    /// Why the recording failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<RecordingFailed> {
        self.0.0.lock().failure()
    }

    #[cfg(test)]
    pub(super) fn buffer_capacity(&self) -> usize {
        self.0.0.lock().pending.capacity()
    }

    /// Ends the recording: writes what is left, then the signed manifest. A second call changes
    /// nothing.
    pub fn finish(&self, end: End) -> Finishing {
        self.0.end(Ending::InOrder(end));
        Finishing::new(&self.0.0)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("durable", &self.durable_up_to())
            .finish_non_exhaustive()
    }
}

/// What all clones share; its drop is the drop of the last one.
struct Handle(Arc<Session>);

impl Handle {
    fn end(&self, ending: Ending) {
        let mut state = self.0.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Ending(ending);
            wake(state);
            self.0.ask_for_work();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end(Ending::Abandoned);
    }
}
