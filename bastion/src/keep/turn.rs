//! Which recording is deleted next, and when. Pure.
//!
//! A store may list recordings and keep what it is told to remove, as with a credential that only reads. Each try costs a
//! permission that nobody uses, and an alarm. So after one of which nothing went, all deletions wait, longer each time;
//! then one of them shows whether the store removes anything by now. They take turns in the order in which they were
//! told, so that a recording which the store keeps for good holds up no other for ever.

use std::collections::VecDeque;
use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_recording_store::store::Removal;

use crate::clock::Steady;
use crate::feed::Expired;

/// How long all wait after a try of which nothing went.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(30 * 60), Duration::from_secs(24 * 3600));
/// How many may wait. The CA says it again of others.
const MOST: usize = 1024;

/// The recordings that are to be deleted.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: VecDeque<Expired>,
    pauses: Backoff,
    /// Before then none is tried.
    paused_until: Option<Steady>,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            pauses: PAUSES,
            paused_until: None,
        }
    }

    /// Takes up a recording that expired. Says whether there was room for it.
    #[must_use]
    pub(super) fn take_up(&mut self, expired: Expired) -> bool {
        let mut waiting = self.waiting.iter_mut();
        if let Some(told) = waiting.find(|told| told.session == expired.session) {
            *told = expired;
            return true;
        }
        let has_room = self.waiting.len() < MOST;
        if has_room {
            self.waiting.push_back(expired);
        }
        has_room
    }

    /// Whose turn it is, if it is anybody's.
    pub(super) fn next(&mut self, now: Steady) -> Option<Expired> {
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        if is_paused {
            return None;
        }
        self.paused_until = None;
        self.waiting.pop_front()
    }

    /// When it is the next one's turn; nothing when it is now, or none waits.
    pub(super) fn next_at(&self) -> Option<Steady> {
        self.paused_until.filter(|_| !self.waiting.is_empty())
    }

    /// A try has ended. Says how long all wait, where it is the reason for that.
    pub(super) fn tried(&mut self, removal: Removal, now: Steady) -> Option<Duration> {
        match removal {
            // It was not permitted, or there was nothing to remove.
            Removal { objects: 0, .. } => None,
            Removal { gone: 0, .. } => {
                let pause = self.pauses.pause();
                self.paused_until = Some(now.plus(pause));
                Some(pause)
            }
            Removal { .. } => {
                self.pauses.reset();
                self.paused_until = None;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use portreeve_protocol::id::SessionId;
    use portreeve_protocol::time::Timestamp;

    use super::*;

    const KEPT: Removal = Removal {
        objects: 3,
        gone: 0,
    };
    const BROKEN_OFF: Removal = Removal {
        objects: 3,
        gone: 1,
    };

    fn at(seconds: u64) -> Steady {
        Steady::after_start(Duration::from_secs(seconds))
    }

    fn expired(number: u8) -> Expired {
        Expired {
            session: SessionId::new(Timestamp::from_seconds(1_790_000_000), [number; 10]),
            bastion: "bastion-1".parse().unwrap(),
            store: None,
            attempt: 1,
        }
    }

    fn of(numbers: impl IntoIterator<Item = u8>) -> Turns {
        let mut turns = Turns::new();
        for number in numbers {
            assert!(turns.take_up(expired(number)));
        }
        turns
    }

    #[test]
    fn a_store_that_keeps_everything_is_tried_less_and_less_often() {
        let mut turns = of(0..9);
        let mut now = at(0);
        let mut pauses = Vec::new();
        for number in 0..9 {
            assert_eq!(turns.next(now), Some(expired(number)));
            let pause = turns.tried(KEPT, now).unwrap();
            pauses.push(pause.as_secs() / 60);
            let almost = now.plus(pause - Duration::from_secs(1));
            assert_eq!(turns.next(almost), None);
            now = now.plus(pause);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1440, 1440, 1440]);
    }

    #[test]
    fn a_store_that_removes_something_again_is_told_everything_that_waits() {
        let mut turns = of(0..4);
        for now in [at(0), at(1800)] {
            turns.next(now).unwrap();
            turns.tried(KEPT, now);
        }
        let later = at(1800 + 3600);
        assert_eq!(turns.next_at(), Some(later));
        assert_eq!(turns.next(later), Some(expired(2)));
        assert_eq!(turns.tried(BROKEN_OFF, later), None);
        assert_eq!(turns.next(later), Some(expired(3)));
        // The next time it begins from the first pause.
        assert_eq!(turns.tried(KEPT, later), Some(Duration::from_secs(1800)));
        assert_eq!(turns.next_at(), None);
    }

    #[test]
    fn what_was_not_permitted_says_nothing_of_the_store() {
        let mut turns = of(0..3);
        for number in 0..2 {
            assert_eq!(turns.next(at(0)), Some(expired(number)));
            assert_eq!(turns.tried(Removal::default(), at(0)), None);
        }
        turns.next(at(0)).unwrap();
        turns.tried(KEPT, at(0));
        assert!(turns.take_up(expired(3)));
        // Nor does it end the pause.
        assert_eq!(turns.tried(Removal::default(), at(1)), None);
        assert_eq!(turns.next(at(1799)), None);
        assert_eq!(turns.next(at(1800)), Some(expired(3)));
    }

    #[test]
    fn whoever_is_told_again_keeps_its_place_and_there_are_so_many_at_most() {
        let mut turns = of(0..2);
        let again = Expired {
            attempt: 2,
            ..expired(0)
        };
        assert!(turns.take_up(again.clone()));
        assert_eq!(turns.next(at(0)), Some(again));
        for number in 0..MOST as u64 {
            let mut id = [7; 10];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let session = SessionId::new(Timestamp::from_seconds(1_790_000_000), id);
            let one = Expired {
                session,
                ..expired(0)
            };
            let is_taken = turns.take_up(one);
            assert_eq!(is_taken, number + 1 < MOST as u64, "{number}");
        }
    }
}
