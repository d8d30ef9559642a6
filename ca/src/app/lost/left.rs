//! What is left of a recording that was not stored as it should be, and what that means. Pure.

use std::time::Duration;

use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::{StoreName, StoredParts};
use portreeve_protocol::time::Timestamp;

/// How long after its time a bastion that is away is waited for, where the store has not even a part.
const AWAY: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a bastion may take to store what it sealed, as while the store is away.
const STORING: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is left of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Of one that nobody sealed: this, in the store.
    Parts(StoredParts),
    /// Of one that nobody sealed: this, and the log says that so much was recorded.
    Short { there: StoredParts, recorded: u64 },
    /// Of one that was sealed, and that nobody said to have stored: so much of so much.
    Unstored { bytes: u64, of: u64 },
    /// Of one that is said to be in another store than those before and after it: so much of so much.
    Elsewhere { bytes: u64, of: u64 },
    /// Of one that is said to be stored: so much of so much.
    NotAsStored { bytes: u64, of: u64 },
    /// As much as there should be, or it is not known that anything was to be there.
    Enough,
    /// Nothing yet that means anything: its bastion may be away with it, or its store.
    Awaited,
}

/// Since when a recording is expected, and what its bastion does meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    /// When its session ended at the latest.
    pub(super) ended: Timestamp,
    /// How long it is kept after that.
    pub(super) kept: Duration,
    /// Of the recordings that its bastion put into the store, when the first and the last was sealed.
    pub(super) stored: Option<(Timestamp, Timestamp)>,
    /// When it is.
    pub(super) now: Timestamp,
}

impl Wait {
    /// Whether its bastion does not put it into the store any more; nothing where it has no such store, and so keeps its
    /// recordings or puts them elsewhere.
    fn is_over(self, since: Timestamp) -> Option<bool> {
        let (_, last_stored) = self.stored?;
        let given_up = self.ended.plus(self.kept).plus(AWAY);
        // It was there since, and could have brought this one.
        Some(last_stored > since || self.now >= given_up)
    }
}

impl Left {
    /// Of one that nobody sealed and whose time is over: what the store has, and what the log says was recorded.
    pub(super) fn of_unsealed(there: StoredParts, recorded: u64, wait: Wait) -> Self {
        let short = Self::Short { there, recorded };
        match (there.parts, wait.is_over(wait.ended)) {
            (0, _) if recorded == 0 => Self::Enough,
            (0, None) => Self::Enough,
            (0, Some(false)) => Self::Awaited,
            (0, Some(true)) => short,
            _ if there.bytes < recorded => short,
            _ => Self::Parts(there),
        }
    }

    /// Of one that was sealed, of which the log first said so at `sealed`, and that nobody said to have stored.
    pub(super) fn of_unstored(bytes: u64, of: u64, sealed: Timestamp, wait: Wait) -> Self {
        match wait.is_over(sealed.max(wait.ended)) {
            None => Self::Enough,
            Some(true) if wait.now >= sealed.plus(STORING) => Self::Unstored { bytes, of },
            Some(_) => Self::Awaited,
        }
    }

    /// The same, where it is said to be in a store in which the CA cannot look.
    pub(super) fn of_elsewhere(bytes: u64, of: u64, sealed: Timestamp, wait: Wait) -> Self {
        let since = sealed.max(wait.ended);
        match wait.stored {
            // A bastion that got another store puts nothing into the one before, and had put nothing into the one after.
            Some((first, last)) if first < since && last > since => Self::Elsewhere { bytes, of },
            Some((first, _)) if first < since && wait.now < sealed.plus(STORING) => Self::Awaited,
            _ => Self::Enough,
        }
    }

    /// Of one that is said to be in the store.
    pub(super) fn of_stored(bytes: u64, of: u64) -> Self {
        if bytes < of {
            Self::NotAsStored { bytes, of }
        } else {
            Self::Enough
        }
    }

    /// What an alarm says of it after whose it is; nothing where that is none.
    pub(super) fn words(self, session: SessionId, store: &StoreName) -> Option<String> {
        let unsealed =
            format!("never sealed the recording of session {session}, whose time is over");
        Some(match self {
            Self::Parts(StoredParts { parts, bytes }) => format!(
                "{unsealed}: nobody deletes the {parts} parts ({bytes} bytes) of it in `{store}`; when that bastion is gone \
                 for good, remove `{session}/` there"
            ),
            Self::Short { there, recorded } => {
                let has = match there.parts {
                    0 => "nothing of it".to_owned(),
                    parts => format!("only {} bytes of it, in {parts} parts", there.bytes),
                };
                format!(
                    "{unsealed}: `{store}` has {has}, although the log says that {recorded} bytes of it were recorded; see \
                     whether that bastion has them, whether the store is there as a whole, and who deletes in it"
                )
            }
            Self::Unstored { bytes, of } => format!(
                "sealed the recording of session {session} and never said that it is stored: `{store}` has {bytes} of its \
                 {of} bytes; that bastion may still have it, so see whether it does, whether its store is away, and who \
                 deletes in it"
            ),
            Self::Elsewhere { bytes, of } => format!(
                "said that the recording of session {session} is in another store than `{store}`, into which it put some before \
                 and after it, and which has {bytes} of its {of} bytes; see whether it is where the trail says"
            ),
            Self::NotAsStored { bytes, of } => format!(
                "said that the recording of session {session} is in `{store}`, which has only {bytes} of its {of} bytes; see \
                 whether the store is there as a whole, and who deletes in it"
            ),
            Self::Enough | Self::Awaited => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn day(number: u32) -> Timestamp {
        Timestamp::from_seconds(0).plus(DAY * number)
    }

    /// Of a session that ended at day 1 at the latest, and whose recording is kept for ten days.
    fn wait(last_stored: Option<u32>, now: u32) -> Wait {
        Wait {
            ended: day(1),
            kept: DAY * 10,
            stored: last_stored.map(|last| (day(0), day(last))),
            now: day(now),
        }
    }

    fn parts(parts: u64, bytes: u64) -> StoredParts {
        StoredParts { parts, bytes }
    }

    #[test]
    fn nothing_in_the_store_is_a_loss_only_of_what_is_known_to_belong_there() {
        let nothing = parts(0, 0);
        let short = Left::Short {
            there: nothing,
            recorded: 7,
        };
        for (recorded, last_stored, now, expected, why) in [
            (7, Some(2), 11, short, "it brought others since"),
            (7, Some(1), 11, Left::Awaited, "it may be away"),
            (7, Some(0), 41, short, "away for too long"),
            (7, None, 99, Left::Enough, "it has no such store"),
            (0, Some(2), 99, Left::Enough, "nothing was recorded"),
        ] {
            let left = Left::of_unsealed(nothing, recorded, wait(last_stored, now));
            assert_eq!(left, expected, "{why}");
        }
    }

    #[test]
    fn parts_that_are_less_than_was_recorded_are_told_with_both_numbers() {
        for (there, recorded, has) in [
            (
                parts(1, 0),
                7,
                "has only 0 bytes of it, in 1 parts, although the log says that 7 bytes",
            ),
            (
                parts(2, 6),
                7,
                "has only 6 bytes of it, in 2 parts, although the log says that 7 bytes",
            ),
            (parts(2, 7), 7, "nobody deletes the 2 parts (7 bytes) of it"),
            (parts(1, 0), 0, "nobody deletes the 1 parts (0 bytes) of it"),
        ] {
            let session = SessionId::new(Timestamp::from_seconds(0), [1; 10]);
            let left = Left::of_unsealed(there, recorded, wait(None, 11));
            let words = left.words(session, &"file:/srv/recordings".parse().unwrap());
            let words = words.unwrap();
            assert!(words.contains(has), "{words}");
        }
    }

    #[test]
    fn what_was_sealed_and_never_stored_is_waited_for() {
        let unstored = Left::Unstored { bytes: 0, of: 7 };
        for (sealed, last_stored, now, expected, why) in [
            (1, Some(2), 8, unstored, "others came since, for a week"),
            (1, Some(2), 7, Left::Awaited, "its store may be away"),
            (5, Some(6), 11, Left::Awaited, "it was sealed late"),
            (1, Some(1), 40, Left::Awaited, "none came since"),
            (1, Some(1), 41, unstored, "none came for too long"),
            (1, None, 99, Left::Enough, "it has no such store"),
        ] {
            let left = Left::of_unstored(0, 7, day(sealed), wait(last_stored, now));
            assert_eq!(left, expected, "{why}");
        }
    }

    #[test]
    fn one_recording_in_another_store_is_none_of_a_bastion_that_was_moved() {
        let elsewhere = Left::Elsewhere { bytes: 0, of: 7 };
        for (stored, now, expected, why) in [
            (
                Some((1, 4)),
                9,
                elsewhere,
                "those around it are in this one",
            ),
            (Some((1, 3)), 9, Left::Awaited, "those after it may be"),
            (Some((1, 3)), 10, Left::Enough, "it has another store since"),
            (Some((3, 4)), 9, Left::Enough, "it had another store before"),
            (None, 9, Left::Enough, "it always had"),
        ] {
            let stored = stored.map(|(first, last)| (day(first), day(last)));
            let wait = Wait {
                stored,
                ..wait(None, now)
            };
            let left = Left::of_elsewhere(0, 7, day(3), wait);
            assert_eq!(left, expected, "{why}");
        }
    }

    #[test]
    fn what_is_stored_is_there_as_a_whole() {
        assert_eq!(Left::of_stored(7, 7), Left::Enough);
        assert_eq!(Left::of_stored(8, 7), Left::Enough);
        let less = Left::NotAsStored { bytes: 6, of: 7 };
        assert_eq!(Left::of_stored(6, 7), less);
    }
}
