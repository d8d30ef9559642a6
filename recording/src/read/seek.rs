//! Finding a moment in a recording without reading everything before it.
//!
//! The recorder now and then writes where every program stands ([`crate::event::standing`]). A
//! reader goes back to the last such place before the moment, draws the screens that it finds
//! there, and reads forward. How many segments that opens does not depend on how long the recording
//! is. What the manifest says about times is believed here: a wrong one leads to a wrong moment and
//! is [`crate::verify`]'s matter.

use std::io::{Read, Seek};

use portreeve_protocol::age::Identity;

use super::{ReadError, Recording};
use crate::event::standing::Display;
use crate::event::{Channel, Kind, Started};

/// Where to begin reading in order to know everything about a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// With the first event of this segment.
    pub segment: u32,
    /// What runs then.
    pub programs: Vec<Standing>,
}

/// A program that runs where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// On which channel.
    pub channel: Channel,
    /// When it was started, in microseconds since the session started.
    pub started_us: u64,
    /// How.
    pub started: Started,
    /// Its terminal, if it has one.
    pub display: Option<Display>,
}

/// When each segment begins, as far as that was found out.
#[derive(Debug, Default)]
pub(super) struct Times {
    first_us: Vec<Option<u64>>,
    is_filled: bool,
}

impl<R: Read + Seek> Recording<R> {
    /// Where to begin in order to know everything about the moment `at_us` microseconds after the
    /// session started.
    ///
    /// # Errors
    /// When a segment that must be looked at does not open.
    pub fn begin_for(&mut self, identities: &[Identity], at_us: u64) -> Result<Begin, ReadError> {
        let mut segment = self.segment_of(identities, at_us)?;
        loop {
            let Some(mut opened) = self.open_segment(identities, segment)? else {
                return Ok(Begin::FRONT);
            };
            let standing = opened.standing().map_err(|source| ReadError::Event {
                number: segment,
                source,
            })?;
            if let Some(standing) = standing {
                let mut programs = Vec::with_capacity(standing.programs.len());
                for program in standing.programs {
                    let started = self.start_of(
                        identities,
                        program.segment.min(segment),
                        program.channel,
                        program.started_us,
                    )?;
                    programs.extend(started.map(|started| Standing {
                        channel: program.channel,
                        started_us: program.started_us,
                        started,
                        display: program.display,
                    }));
                }
                return Ok(Begin { segment, programs });
            }
            let Some(before) = segment.checked_sub(1) else {
                return Ok(Begin::FRONT);
            };
            segment = before;
        }
    }

    /// When the last event is, in microseconds since the session started; nothing when there is
    /// none.
    ///
    /// # Errors
    /// When the last segment does not open.
    pub fn last_us(&mut self, identities: &[Identity]) -> Result<Option<u64>, ReadError> {
        self.fill_times();
        let Some(last) = self.segment_count().checked_sub(1) else {
            return Ok(None);
        };
        let mut last_us = None;
        for event in self.events_from(identities, last)? {
            last_us = Some(event?.at_us);
        }
        Ok(last_us)
    }

    /// The last segment whose first event is not after `at_us`.
    fn segment_of(&mut self, identities: &[Identity], at_us: u64) -> Result<u32, ReadError> {
        self.fill_times();
        let (mut low, mut high) = (0, self.segment_count());
        // Segment `low` begins early enough, or is the first; `high` begins too late, or is none.
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            let is_early = match self.first_us(identities, middle)? {
                Some(first_us) => first_us <= at_us,
                None => true,
            };
            if is_early {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn first_us(
        &mut self,
        identities: &[Identity],
        segment: u32,
    ) -> Result<Option<u64>, ReadError> {
        let place = usize::try_from(segment).unwrap_or(usize::MAX);
        if let Some(Some(first_us)) = self.times.first_us.get(place) {
            return Ok(Some(*first_us));
        }
        let mut opened = self.open_segment(identities, segment)?;
        let first = opened.as_mut().and_then(Iterator::next).transpose();
        let first = first.map_err(|source| ReadError::Event {
            number: segment,
            source,
        })?;
        let first_us = first.map(|event| event.at_us);
        if let Some(known) = self.times.first_us.get_mut(place) {
            *known = first_us;
        }
        Ok(first_us)
    }

    /// Takes times from the manifest, once. One that cannot be read is as good as none.
    fn fill_times(&mut self) {
        if std::mem::replace(&mut self.times.is_filled, true) {
            return;
        }
        let count = usize::try_from(self.segment_count()).unwrap_or(usize::MAX);
        let manifest = self.unverified_manifest().ok().flatten();
        let mut first_us: Vec<_> = manifest
            .into_iter()
            .flat_map(|manifest| manifest.segments)
            .map(|segment| segment.first_us)
            .collect();
        first_us.resize(count, None);
        self.times.first_us = first_us;
    }

    /// How the program on `channel` was started, which segment `number` tells.
    fn start_of(
        &mut self,
        identities: &[Identity],
        number: u32,
        channel: Channel,
        started_us: u64,
    ) -> Result<Option<Started>, ReadError> {
        let Some(opened) = self.open_segment(identities, number)? else {
            return Ok(None);
        };
        for event in opened {
            let event = event.map_err(|source| ReadError::Event { number, source })?;
            if let Kind::Started(started) = event.kind
                && event.channel == channel
                && event.at_us == started_us
            {
                return Ok(Some(started.detached()));
            }
        }
        Ok(None)
    }
}

impl Begin {
    /// At the first event, where nothing runs.
    pub const FRONT: Self = Self {
        segment: 0,
        programs: Vec::new(),
    };
}
