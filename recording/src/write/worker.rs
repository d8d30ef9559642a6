//! One thread: takes what has gathered, and puts it on disk.

use std::sync::{Arc, PoisonError};

use super::Entropy;
use super::inbox::{Inbox, Job};
use super::state::{Ending, Phase, Reel, Session, wake};
use super::tape::{Finished, RecordingFailed, Tape, WriteError};
use crate::manifest::ManifestSigner;
use crate::segment::{Pending, Sealer};

/// The largest buffer that is kept for the next segment.
const MAX_SPARE: usize = 1024 * 1024;

pub(super) struct Worker {
    inbox: Arc<Inbox>,
    sealer: Sealer,
    signer: Arc<dyn ManifestSigner>,
    entropy: Entropy,
    segment_bytes: usize,
    /// A used buffer. A session under load gets it in exchange for its full one, so bulk allocates
    /// nothing.
    spare: Vec<u8>,
}

/// What was taken out of a session in one visit.
struct Taken {
    pending: Pending,
    /// How many events are recorded with these.
    recorded: u64,
    ending: Option<Ending>,
}

impl Worker {
    pub(super) fn new(
        inbox: Arc<Inbox>,
        sealer: Sealer,
        signer: Arc<dyn ManifestSigner>,
        entropy: Entropy,
        segment_bytes: usize,
    ) -> Self {
        Self {
            inbox,
            sealer,
            signer,
            entropy,
            segment_bytes,
            spare: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        while let Some(job) = self.inbox.next() {
            let (session, taken) = match job {
                Job::Ready(session) => {
                    let taken = self.take_ready(&session);
                    (session, taken)
                }
                Job::Due(session) => {
                    let taken = take_due(&session);
                    (session, taken)
                }
            };
            self.visit(&session, taken);
        }
    }

    fn visit(&mut self, session: &Session, mut taken: Taken) {
        let mut reel = session.reel.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.write(&mut reel, &mut taken);
        if !matches!(written, Ok(None)) {
            *reel = Reel::Done;
        }
        drop(reel);
        let finished = match written {
            Ok(finished) => finished,
            Err(why) => return session.fail(RecordingFailed::new(why)),
        };
        let mut state = session.lock();
        state.in_flight = 0;
        if matches!(state.phase, Phase::Open | Phase::Ending(_)) {
            state.durable = state.durable.max(Some(taken.recorded));
        }
        if let Some(finished) = finished {
            state.phase = Phase::Finished(finished);
        }
        wake(state);
        let buffer = taken.pending.into_buffer();
        if buffer.capacity() <= MAX_SPARE && buffer.capacity() > self.spare.capacity() {
            self.spare = buffer;
        }
    }

    fn write(
        &mut self,
        reel: &mut Reel,
        taken: &mut Taken,
    ) -> Result<Option<Finished>, WriteError> {
        let tape = match reel {
            Reel::Running(tape) => tape,
            // A visit that was asked for before the recording ended or failed.
            Reel::Done => return Ok(None),
            Reel::Blank { folder, info } => {
                let tape = Tape::create(folder, info)?;
                *reel = Reel::Running(tape);
                match reel {
                    Reel::Running(tape) => tape,
                    Reel::Blank { .. } | Reel::Done => return Ok(None),
                }
            }
        };
        if !taken.pending.is_empty() {
            let entropy = &self.entropy;
            let sealed = self.sealer.seal(
                &mut taken.pending,
                &tape.next_header(),
                tape.recipients(),
                &mut |bytes| {
                    entropy(bytes);
                },
            )?;
            tape.append(&sealed)?;
        }
        match taken.ending {
            None => Ok(None),
            Some(Ending::InOrder(end)) => tape.finish(Some(end), &*self.signer).map(Some),
            Some(Ending::Abandoned) => tape.finish(None, &*self.signer).map(Some),
        }
    }

    fn take_ready(&mut self, session: &Session) -> Taken {
        let mut state = session.lock();
        state.is_ready = false;
        let is_bulk = state.pending.len() >= self.segment_bytes;
        let buffer = if is_bulk {
            std::mem::take(&mut self.spare)
        } else {
            Vec::new()
        };
        take(&mut state, buffer)
    }
}

/// Takes what is due and leaves no buffer behind: every event starts to age, so this comes after
/// the last of them, and a session that falls silent ends up without memory.
fn take_due(session: &Session) -> Taken {
    let mut state = session.lock();
    state.is_aging = false;
    take(&mut state, Vec::new())
}

fn take(state: &mut super::state::State, buffer: Vec<u8>) -> Taken {
    let pending = state.pending.take(buffer);
    state.in_flight = pending.len();
    let ending = match state.phase {
        Phase::Ending(ending) => Some(ending),
        Phase::Open | Phase::Finished(_) | Phase::Failed(_) => None,
    };
    Taken {
        pending,
        recorded: state.recorded,
        ending,
    }
}
