//! One thread: takes what has gathered, and puts it on disk.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::disk::Disk;
use super::gathered::Spares;
use super::inbox::{Inbox, Job};
use super::screens::Screens;
use super::state::{Ending, Phase, Reel, Running, Session, State, wake};
use super::tape::{Finished, RecordingFailed, Tape, WriteError};
use super::{Entropy, PoolOptions};
use crate::manifest::ManifestSigner;
use crate::segment::{Pending, Sealer};

/// The largest buffer that is kept for another segment, and how many of them are.
const MAX_SPARE: usize = 1024 * 1024;
const MAX_SPARES: usize = 8;

pub(super) struct Worker {
    inbox: Arc<Inbox>,
    sealer: Sealer,
    signer: Arc<dyn ManifestSigner>,
    entropy: Entropy,
    disk: Arc<dyn Disk>,
    segment_bytes: usize,
    manifest_bytes: usize,
    /// Used buffers. A session under load gets them in exchange for its full ones, so bulk
    /// allocates nothing.
    spares: Spares,
}

/// What was taken out of a session in one visit.
struct Taken {
    segments: VecDeque<Pending>,
    /// How many events are recorded with these.
    recorded: u64,
    ending: Option<Ending>,
}

/// A segment that is on disk.
struct Written {
    segment: Pending,
    number: u32,
}

impl Written {
    /// Has `screens` follow what it shows, and gives its buffer back.
    fn follow(mut self, screens: &mut Screens) -> Vec<u8> {
        screens.follow(&mut self.segment, self.number);
        self.segment.into_buffer()
    }
}

impl Worker {
    pub(super) fn new(
        inbox: Arc<Inbox>,
        sealer: Sealer,
        signer: Arc<dyn ManifestSigner>,
        entropy: Entropy,
        disk: Arc<dyn Disk>,
        options: &PoolOptions,
    ) -> Self {
        Self {
            inbox,
            sealer,
            signer,
            entropy,
            disk,
            segment_bytes: options.segment_bytes,
            manifest_bytes: options.manifest_bytes,
            spares: Spares::new(),
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
                    let taken = self.take_due(&session);
                    (session, taken)
                }
            };
            self.visit(&session, taken);
        }
    }

    fn visit(&mut self, session: &Session, taken: Taken) {
        let recorded = taken.recorded;
        let mut reel = session.reel.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_over() {
            // It may have failed without this thread's doing, because the disk took too long.
            *reel = Reel::Done;
        }
        let mut last = None;
        let written = self.write(session, &mut reel, taken, &mut last);
        if !matches!(written, Ok(None)) {
            *reel = Reel::Done;
        }
        let finished = match written {
            Ok(finished) => finished,
            Err(why) => return session.fail(RecordingFailed::new(why)),
        };
        Self::tell(session, recorded, finished);
        // Only now: nobody waits for what readers will need one day.
        if let (Some(written), Reel::Running(running)) = (last, &mut *reel) {
            let buffer = written.follow(&mut running.screens);
            self.keep(buffer);
        }
    }

    /// Tells whoever waits how far the recording is on disk.
    fn tell(session: &Session, recorded: u64, finished: Option<Finished>) {
        let mut state = session.lock();
        state.in_flight = 0;
        if matches!(state.phase, Phase::Open | Phase::Ending(_)) {
            state.durable = state.durable.max(Some(recorded));
        }
        if let Some(finished) = finished {
            state.phase = Phase::Finished(finished);
        }
        wake(state);
    }

    fn write(
        &mut self,
        session: &Session,
        reel: &mut Reel,
        taken: Taken,
        last: &mut Option<Written>,
    ) -> Result<Option<Finished>, WriteError> {
        let Running { tape, screens } = match reel {
            Reel::Running(running) => &mut **running,
            // A visit that was asked for before the recording ended or failed.
            Reel::Done => return Ok(None),
            Reel::Blank { folder, info } => {
                let tape = Tape::create(&*self.disk, folder, info, self.manifest_bytes)?;
                let screens = Screens::default();
                *reel = Reel::Running(Box::new(Running { tape, screens }));
                match reel {
                    Reel::Running(running) => &mut **running,
                    Reel::Blank { .. } | Reel::Done => return Ok(None),
                }
            }
        };
        for mut segment in taken.segments {
            if let Some(before) = last.take() {
                let buffer = before.follow(screens);
                self.keep(buffer);
            }
            let (bytes, number) = (segment.len(), tape.next_header().number);
            screens.begin(&mut segment);
            let entropy = &self.entropy;
            let sealed = self.sealer.seal(
                &mut segment,
                &tape.next_header(),
                tape.recipients(),
                &mut |bytes| {
                    entropy(bytes);
                },
            )?;
            self.inbox.got_on();
            tape.append(sealed)?;
            self.inbox.got_on();
            session.has_written(bytes, tape.head(), tape.is_nearly_full());
            *last = Some(Written { segment, number });
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
        let spares = if is_bulk {
            std::mem::take(&mut self.spares)
        } else {
            Spares::new()
        };
        self.take(&mut state, spares)
    }

    /// Takes what is due and leaves no buffer behind: every event starts to age, so this comes
    /// after the last of them, and a session that falls silent ends up without memory.
    fn take_due(&mut self, session: &Session) -> Taken {
        let mut state = session.lock();
        state.is_aging = false;
        self.take(&mut state, Spares::new())
    }

    fn take(&mut self, state: &mut State, spares: Spares) -> Taken {
        let gathered = state.pending.len();
        let (segments, unused) = state.pending.take(spares);
        state.in_flight = gathered;
        unused.into_iter().for_each(|buffer| self.keep(buffer));
        let ending = match state.phase {
            Phase::Ending(ending) => Some(ending),
            Phase::Open | Phase::Finished(_) | Phase::Failed(_) => None,
        };
        Taken {
            segments,
            recorded: state.recorded,
            ending,
        }
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        let is_useful = (self.segment_bytes..=MAX_SPARE).contains(&buffer.capacity());
        if is_useful && self.spares.len() < MAX_SPARES {
            self.spares.push(buffer);
        }
    }
}
