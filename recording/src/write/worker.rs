//! One thread: takes what has gathered, and puts it on disk.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::disk::Disk;
use super::gathered::Spares;
use super::inbox::{Inbox, Job};
use super::screens::Screens;
use super::state::{Ending, Phase, Reel, Running, Session, State};
use super::sync::Unsynced;
use super::tape::{RecordingFailed, Tape, WriteError};
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
    /// How many bytes of memory they hold.
    bytes: usize,
    /// How many events are recorded with these.
    recorded: u64,
    ending: Option<Ending>,
}

/// A segment that is in the file.
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

    fn visit(&mut self, session: &Arc<Session>, taken: Taken) {
        let is_bulk = taken.bytes >= self.segment_bytes;
        let mut reel = session.reel.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_over() {
            // It may have failed without this thread's doing, because the disk took too long.
            *reel = Reel::Done;
        }
        let mut last = None;
        let synced = match self.write(session, &mut reel, taken, &mut last) {
            // A visit that was asked for before the recording ended or failed.
            Ok(None) => return,
            Ok(Some(unsynced)) => self.sync(session, &mut reel, unsynced, is_bulk),
            Err(why) => Err(why),
        };
        if let Err(why) = synced {
            *reel = Reel::Done;
            return session.fail(RecordingFailed::new(why));
        }
        // What is handed over nobody waits for here, and what readers need one day can wait.
        if let (Some(written), Reel::Running(running)) = (last, &mut *reel) {
            let buffer = written.follow(&mut running.screens);
            self.keep(buffer);
        }
    }

    /// Brings to the disk what was written. Under load that is left to the other thread.
    fn sync(
        &self,
        session: &Arc<Session>,
        reel: &mut Reel,
        unsynced: Unsynced,
        is_bulk: bool,
    ) -> Result<(), WriteError> {
        let Some(unsynced) = session.hand_over(unsynced, is_bulk) else {
            return Ok(());
        };
        // Not locked any more when the disk is waited for.
        let finished = unsynced.finish(session.kept(), reel, &*self.signer)?;
        session.has_synced(&unsynced, finished);
        Ok(())
    }

    fn write(
        &mut self,
        session: &Session,
        reel: &mut Reel,
        taken: Taken,
        last: &mut Option<Written>,
    ) -> Result<Option<Unsynced>, WriteError> {
        let Running { tape, screens } = match reel {
            Reel::Running(running) => &mut **running,
            Reel::Done => return Ok(None),
            Reel::Blank { folder, info } => {
                let tape = session
                    .make(|| Tape::create(&*self.disk, folder, info, self.manifest_bytes))?;
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
            let header = tape.next_header();
            screens.begin(&mut segment);
            let entropy = &self.entropy;
            let sealed =
                self.sealer
                    .seal(&mut segment, &header, tape.recipients(), &mut |bytes| {
                        entropy(bytes);
                    })?;
            self.inbox.got_on();
            tape.append(sealed)?;
            self.inbox.got_on();
            *last = Some(Written {
                segment,
                number: header.number,
            });
        }
        let (bytes, recorded) = (taken.bytes, taken.recorded);
        Ok(Some(Unsynced::of(tape, bytes, recorded, taken.ending)))
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
            bytes: gathered,
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
