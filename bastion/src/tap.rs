//! Where everything that passes is recorded, before it is passed on.
//!
//! Recording is a copy into the recorder's memory and returns at once; sealing and the disk are other threads' work. When
//! the disk does not keep up the tap waits, and with it the channel that it is on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::write::{Position, Recorder, Refused};

use crate::clock::{Clock, Steady};
use crate::session::ChannelNumber;

/// When something last passed.
#[derive(Debug)]
pub struct Activity(AtomicU64);

impl Activity {
    /// From now on.
    #[must_use]
    pub fn since(moment: Steady) -> Self {
        Self(AtomicU64::new(moment.as_millis()))
    }

    /// When something last passed.
    #[must_use]
    pub fn last(&self) -> Steady {
        Steady::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn is_at(&self, moment: Steady) {
        self.0.store(moment.as_millis(), Ordering::Relaxed);
    }
}

/// It was not recorded and must not be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recording cannot be written")]
pub struct Unrecorded;

/// Records one channel.
#[derive(Debug, Clone)]
pub struct Tap {
    recorder: Recorder,
    channel: Channel,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    began: Steady,
    activity: Arc<Activity>,
    /// The time of the last event: several channels record at once, and times in a recording never go back.
    last: Mutex<Duration>,
}

impl Tap {
    /// A tap for the session as a whole.
    #[must_use]
    pub fn new(recorder: Recorder, clock: Clock, began: Steady, activity: Arc<Activity>) -> Self {
        Self {
            recorder,
            channel: Channel::SESSION,
            shared: Arc::new(Shared {
                clock,
                began,
                activity,
                last: Mutex::new(Duration::ZERO),
            }),
        }
    }

    /// The same for one channel.
    #[must_use]
    pub fn on(&self, channel: ChannelNumber) -> Self {
        Self {
            channel: Channel(channel.0),
            ..self.clone()
        }
    }

    /// Records. Waits only while the recorder's memory is full.
    ///
    /// # Errors
    /// When it cannot be recorded any more.
    pub async fn record(&self, kind: Kind) -> Result<Position, Unrecorded> {
        let mut event = Event {
            at_us: 0,
            channel: self.channel,
            kind,
        };
        loop {
            match self.try_record(&mut event) {
                Ok(position) => return Ok(position),
                Err(Refused::Full) => self.recorder.room().await.map_err(|_| Unrecorded)?,
                Err(Refused::TooLarge | Refused::Failed(_) | Refused::Finished) => {
                    return Err(Unrecorded);
                }
            }
        }
    }

    /// Waits until everything up to and with `position` is on disk.
    ///
    /// # Errors
    /// When it never will be.
    pub async fn durable(&self, position: Position) -> Result<(), Unrecorded> {
        self.recorder
            .flush_through(position)
            .await
            .map_err(|_| Unrecorded)
    }

    /// The recorder behind the tap.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn try_record(&self, event: &mut Event) -> Result<Position, Refused> {
        let now = self.shared.clock.now().steady;
        self.shared.activity.is_at(now);
        let mut last = self
            .shared
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = now.since(self.shared.began).max(*last);
        event.at_us = u64::try_from(last.as_micros()).unwrap_or(u64::MAX);
        self.recorder.try_record(event)
    }
}
