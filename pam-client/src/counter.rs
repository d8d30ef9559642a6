//! UIDs that were never used: handed out upwards, moved up on disk before use, never back.
//!
//! The same file remembers how late it has been, so that a clock that goes back does not make an
//! old order fresh again.

use std::path::PathBuf;
use std::sync::MutexGuard;

use nix::errno::Errno;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::Fingerprint;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::file::{self, ReadError};

/// How many UIDs are reserved by one write. Those that a crash leaves unused are never used.
const BLOCK: u32 = 32;
/// How many UIDs in a row may be taken by somebody else before that is a mistake in the settings.
const MOST_TAKEN: usize = 4096;
/// The largest counter file.
const MAX_BYTES: u64 = 4096;

/// A UID out of the reserved range. Made by the counter, or read from a journal that holds what
/// the counter made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SessionUid(u32);

impl SessionUid {
    /// The number.
    pub(crate) const fn as_raw(self) -> u32 {
        self.0
    }

    #[cfg(test)]
    pub(crate) const fn for_test(uid: u32) -> Self {
        Self(uid)
    }
}

impl std::fmt::Display for SessionUid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Durable {
    /// No UID from here on was ever handed out.
    next_uid: u32,
    /// It has been this late.
    clock_floor: Timestamp,
    /// Where it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    installation: Option<Installation>,
}

/// Which host a counter is of. A copy of its disk on another machine has the same identity there,
/// and must not speak under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installation {
    /// The digest of the machine's id (machine-id(5)), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<Digest>,
    /// The key under which the host speaks.
    pub(crate) identity: Fingerprint,
}

impl Installation {
    /// Whether `other` is what `self` became by being copied to another machine.
    fn is_copied_as(&self, other: &Self) -> bool {
        let machines = self.machine.zip(other.machine);
        self.identity == other.identity && machines.is_some_and(|(was, is)| was != is)
    }
}

/// The counter.
#[derive(Debug)]
pub(crate) struct Counter {
    path: PathBuf,
    durable: Durable,
    /// The next UID to hand out, below `durable.next_uid` while the block lasts.
    next: u32,
    last: u32,
}

/// Why there is no UID, or no counter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CounterError {
    /// The range is used up.
    #[error("no UID is left in the reserved range; give `host.toml` a range that was never used")]
    Exhausted,
    /// Too many are taken by others.
    #[error("{MOST_TAKEN} UIDs in a row belong to somebody else; give `host.toml` a free range")]
    Taken,
    /// A name service does not answer.
    #[error("a name service cannot say whether a UID is taken: {0}")]
    NameService(#[from] Errno),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is damaged.
    #[error("the counter of UIDs is damaged; put `next_uid` above every UID ever used: {0}")]
    Format(#[from] serde_json::Error),
    /// The disk was copied to another machine.
    #[error(
        "this host's state is that of another machine, as after a copy of its disk; enrol it as a \
         host of its own: `portreeve-host unenroll --force`, then `enroll`"
    )]
    OtherMachine,
    /// The file cannot be written.
    #[error("cannot write the counter of UIDs: {0}")]
    Write(#[from] std::io::Error),
}

impl Counter {
    /// Reads the counter, which begins at `first` on a new host and is always above `used`, the
    /// highest UID in any journal.
    pub(crate) fn load(
        path: PathBuf,
        first: u32,
        last: u32,
        used: Option<u32>,
    ) -> Result<Self, CounterError> {
        let durable = match file::read_trusted(&path, MAX_BYTES) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(ReadError::Missing(_)) => Durable {
                next_uid: first,
                clock_floor: Timestamp::from_micros(0),
                installation: None,
            },
            Err(error) => return Err(error.into()),
        };
        let above_used = used.map_or(0, |uid| uid.saturating_add(1));
        let next = durable.next_uid.max(first).max(above_used);
        Ok(Self {
            path,
            durable,
            next,
            last,
        })
    }

    /// Whether this counter counts for `now`; one that was never bound, or whose host was enrolled
    /// anew, is bound to it.
    ///
    /// # Errors
    /// When it is a copy on another machine, or the file cannot be written.
    pub(crate) fn bind(&mut self, now: &Installation) -> Result<(), CounterError> {
        match &self.durable.installation {
            Some(was) if was == now => Ok(()),
            Some(was) if was.is_copied_as(now) => Err(CounterError::OtherMachine),
            Some(_) | None => self.write(Durable {
                installation: Some(now.clone()),
                ..self.durable.clone()
            }),
        }
    }

    /// Nothing up to `uid` is handed out any more.
    pub(crate) fn rise_above(&mut self, uid: u32) {
        self.next = self.next.max(uid.saturating_add(1));
    }

    /// Whether `floor` is above every UID that this host remembers to have reserved.
    pub(crate) fn forgot(&self, floor: u32) -> bool {
        floor > self.durable.next_uid
    }

    /// Hands out a UID that nobody has, unless it was handed out since it was found.
    fn take(&mut self, Free(uid): Free) -> Result<Option<SessionUid>, CounterError> {
        if uid < self.next {
            return Ok(None);
        }
        if uid >= self.durable.next_uid {
            self.write(Durable {
                next_uid: uid.saturating_add(BLOCK),
                ..self.durable.clone()
            })?;
        }
        self.next = uid.saturating_add(1);
        Ok(Some(SessionUid(uid)))
    }

    /// The UID that would be handed out.
    pub(crate) fn peek(
        &self,
        floor: Option<u32>,
        is_taken: impl FnMut(u32) -> Result<bool, Errno>,
    ) -> Result<SessionUid, CounterError> {
        let Free(uid) = self.unused(floor).free(is_taken)?;
        Ok(SessionUid(uid))
    }

    /// The UIDs that were never handed out, from `floor` on.
    fn unused(&self, floor: Option<u32>) -> Unused {
        Unused {
            first: self.next.max(floor.unwrap_or(0)),
            last: self.last,
        }
    }

    /// A moment that the wall clock has passed.
    pub(crate) fn clock_floor(&self) -> Timestamp {
        self.durable.clock_floor
    }

    /// Remembers that it has been this late.
    pub(crate) fn raise_clock_floor(&mut self, to: Timestamp) -> Result<(), CounterError> {
        if to > self.durable.clock_floor {
            self.write(Durable {
                clock_floor: to,
                ..self.durable.clone()
            })?;
        }
        Ok(())
    }

    fn write(&mut self, durable: Durable) -> Result<(), CounterError> {
        file::replace(&self.path, &serde_json::to_vec(&durable)?, 0o600)?;
        self.durable = durable;
        Ok(())
    }
}

/// The next UID that nobody has, from `floor` on. Nobody waits for the counter while `is_taken`
/// asks, which may take a name service minutes; what others were handed out meanwhile is asked past.
pub(crate) fn next<'c>(
    counter: impl Fn() -> MutexGuard<'c, Counter>,
    floor: Option<u32>,
    mut is_taken: impl FnMut(u32) -> Result<bool, Errno>,
) -> Result<SessionUid, CounterError> {
    loop {
        let unused = counter().unused(floor);
        let free = unused.free(&mut is_taken)?;
        if let Some(uid) = counter().take(free)? {
            return Ok(uid);
        }
    }
}

/// UIDs that were never handed out when it was looked.
#[derive(Debug, Clone, Copy)]
struct Unused {
    first: u32,
    last: u32,
}

/// A UID that nobody had when it was asked.
#[derive(Debug, Clone, Copy)]
struct Free(u32);

impl Unused {
    fn free(
        self,
        mut is_taken: impl FnMut(u32) -> Result<bool, Errno>,
    ) -> Result<Free, CounterError> {
        for uid in (self.first..=self.last).take(MOST_TAKEN) {
            if !is_taken(uid)? {
                return Ok(Free(uid));
            }
        }
        let left = usize::try_from(self.last.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if left < MOST_TAKEN {
            Err(CounterError::Exhausted)
        } else {
            Err(CounterError::Taken)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    impl Counter {
        fn next(
            &mut self,
            floor: Option<u32>,
            is_taken: impl FnMut(u32) -> Result<bool, Errno>,
        ) -> Result<SessionUid, CounterError> {
            let free = self.unused(floor).free(is_taken)?;
            Ok(self.take(free)?.unwrap())
        }
    }

    const FIRST: u32 = 2_010_000_000;

    fn counter(directory: &tempfile::TempDir, last: u32, used: Option<u32>) -> Counter {
        let path = directory.path().join("counter.json");
        Counter::load(path, FIRST, last, used).unwrap()
    }

    #[test]
    fn no_uid_is_handed_out_twice_whenever_the_daemon_dies() {
        let directory = tempfile::tempdir().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for life in 0..5 {
            let mut counter = counter(&directory, u32::MAX, None);
            for _ in 0..life * 20 + 1 {
                let uid = counter.next(None, |_| Ok(false)).unwrap();
                assert!(seen.insert(uid), "{uid:?}");
                // What is on disk is ahead of what was handed out, at every moment.
                let text = std::fs::read_to_string(directory.path().join("counter.json")).unwrap();
                let durable: Durable = serde_json::from_str(&text).unwrap();
                assert!(durable.next_uid > uid.as_raw());
            }
        }
    }

    #[test]
    fn what_is_found_late_to_own_something_counts() {
        let directory = tempfile::tempdir().unwrap();
        let mut counter = counter(&directory, u32::MAX, None);
        for (found, expected) in [(FIRST + 9, FIRST + 10), (FIRST + 2, FIRST + 11)] {
            counter.rise_above(found);
            let uid = counter.next(None, |_| Ok(false)).unwrap();
            assert_eq!(uid.as_raw(), expected);
        }
    }

    #[test]
    fn taken_uids_are_skipped_and_journals_count() {
        let directory = tempfile::tempdir().unwrap();
        let mut counter = counter(&directory, u32::MAX, Some(FIRST + 99));
        let uid = counter.next(None, |uid| Ok(uid < FIRST + 103)).unwrap();
        assert_eq!(uid.as_raw(), FIRST + 103);
    }

    #[test]
    fn nobody_waits_for_the_counter_while_a_name_service_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let counter = Mutex::new(counter(&directory, u32::MAX, None));
        let mut asked = Vec::new();
        let slow = |uid| {
            let mut free = counter.try_lock().expect("the counter is held");
            if asked.is_empty() {
                // Another order is faster.
                assert_eq!(free.next(None, |_| Ok(false)).unwrap().as_raw(), uid);
            }
            asked.push(uid);
            Ok(false)
        };
        let uid = next(|| counter.lock().unwrap(), None, slow).unwrap();
        assert_eq!(uid.as_raw(), FIRST + 1);
        assert_eq!(asked, [FIRST, FIRST + 1]);
    }

    #[test]
    fn an_exhausted_range_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut counter = counter(&directory, FIRST + 1, None);
        assert!(counter.next(None, |_| Ok(false)).is_ok());
        assert!(counter.next(None, |_| Ok(false)).is_ok());
        assert!(matches!(
            counter.next(None, |_| Ok(false)),
            Err(CounterError::Exhausted)
        ));
    }

    #[test]
    fn no_uid_is_below_what_the_ca_knows_to_be_used() {
        let directory = tempfile::tempdir().unwrap();
        let mut one = counter(&directory, FIRST + 200, None);
        assert_eq!(one.next(None, |_| Ok(false)).unwrap().as_raw(), FIRST);
        assert!(!one.forgot(FIRST + 1) && one.forgot(FIRST + 100));
        let uid = one.next(Some(FIRST + 100), |_| Ok(false)).unwrap();
        assert_eq!(uid.as_raw(), FIRST + 100);
        let uid = one.next(Some(FIRST + 1), |_| Ok(false)).unwrap();
        assert_eq!(uid.as_raw(), FIRST + 101, "it never goes back");
        let mut later = counter(&directory, FIRST + 200, None);
        assert!(later.next(None, |_| Ok(false)).unwrap().as_raw() > FIRST + 101);
        let beyond = later.next(Some(FIRST + 201), |_| Ok(false));
        assert!(matches!(beyond, Err(CounterError::Exhausted)));
    }

    #[test]
    fn a_copy_on_another_machine_hands_nothing_out() {
        let directory = tempfile::tempdir().unwrap();
        let key = |seed| crate::trust::Identity::from_seed(&[seed; 32]).unwrap();
        let on = |machine: &[u8], seed| Installation {
            machine: Some(Digest::of(machine)),
            identity: key(seed).public().fingerprint(),
        };
        let nowhere = Installation {
            machine: None,
            ..on(b"", 1)
        };
        counter(&directory, u32::MAX, None)
            .bind(&on(b"one", 1))
            .unwrap();
        let mut copy = counter(&directory, u32::MAX, None);
        assert!(copy.bind(&on(b"one", 1)).is_ok());
        assert!(
            copy.bind(&nowhere).is_ok(),
            "without an id nothing is known"
        );
        copy.bind(&on(b"one", 1)).unwrap();
        let refused = copy.bind(&on(b"two", 1));
        assert!(matches!(refused, Err(CounterError::OtherMachine)));
        assert!(copy.bind(&on(b"two", 2)).is_ok(), "enrolled anew");
    }

    #[test]
    fn the_clock_floor_only_rises() {
        let directory = tempfile::tempdir().unwrap();
        let mut one = counter(&directory, u32::MAX, None);
        one.raise_clock_floor(Timestamp::from_seconds(20)).unwrap();
        one.raise_clock_floor(Timestamp::from_seconds(10)).unwrap();
        let again = counter(&directory, u32::MAX, None);
        assert_eq!(again.clock_floor(), Timestamp::from_seconds(20));
    }

    #[test]
    fn a_damaged_counter_is_an_error_and_not_a_new_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("counter.json");
        file::replace(&path, b"{", 0o600).unwrap();
        assert!(matches!(
            Counter::load(path, FIRST, u32::MAX, None),
            Err(CounterError::Format(_))
        ));
    }
}
