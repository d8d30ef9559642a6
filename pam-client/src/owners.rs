//! Waiting for the look at who owns what, which says above which number UIDs are unused.
//!
//! Which file systems may never answer is known by their kind, and a disk that is broken answers as
//! little. The daemon must remove sessions and answer PAM all the same, so it waits for a moment; until
//! the answer is there no UID is handed out.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::Duration;

/// What is known of owners.
#[derive(Debug)]
pub(crate) enum Owners {
    /// All that can be known.
    Known,
    /// Somebody still looks.
    Awaited(Receiver<Option<u32>>),
}

/// Nobody knows yet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not known yet which UIDs own files: a disk below the homes or a place of `search` does \
     not answer"
)]
pub(crate) struct NotKnown;

impl Owners {
    /// Has somebody look, and waits for the answer for a while: the highest number that owns
    /// something, if it is there by then.
    pub(crate) fn ask(
        look: impl FnOnce() -> Option<u32> + Send + 'static,
        patience: Duration,
    ) -> (Self, Option<u32>) {
        let (tell, told) = mpsc::channel();
        let asked = thread::Builder::new().name("owners".into()).spawn(move || {
            // Nobody listens when the daemon has ended.
            let _ = tell.send(look());
        });
        // Without a thread nobody tells anything, which is found below.
        drop(asked);
        match told.recv_timeout(patience) {
            Ok(highest) => (Self::Known, highest),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                (Self::Awaited(told), None)
            }
        }
    }

    /// What came of it since, once.
    ///
    /// # Errors
    /// When nothing has come yet.
    pub(crate) fn late(&mut self) -> Result<Option<u32>, NotKnown> {
        let Self::Awaited(told) = self else {
            return Ok(None);
        };
        match told.try_recv() {
            Ok(highest) => {
                *self = Self::Known;
                Ok(highest)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Err(NotKnown),
        }
    }

    /// Whether it is known.
    pub(crate) const fn are_known(&self) -> bool {
        matches!(self, Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_time_is_all() {
        let (mut owners, highest) = Owners::ask(|| Some(7), Duration::from_secs(60));
        assert!(owners.are_known() && highest == Some(7));
        assert_eq!(owners.late(), Ok(None));
    }

    #[test]
    fn one_that_is_late_is_missed_until_it_comes() {
        let (go, wait) = mpsc::channel::<()>();
        let (gone, is_gone) = mpsc::channel::<()>();
        let look = move || {
            wait.recv().unwrap();
            drop(gone);
            Some(9)
        };
        let (mut owners, highest) = Owners::ask(look, Duration::ZERO);
        assert_eq!((highest, owners.late()), (None, Err(NotKnown)));
        go.send(()).unwrap();
        assert!(is_gone.recv().is_err());
        let late = std::iter::repeat_with(|| {
            thread::yield_now();
            owners.late()
        });
        let late = late.into_iter().find(Result::is_ok);
        assert_eq!(late, Some(Ok(Some(9))));
    }

    #[test]
    fn a_look_that_broke_off_says_nothing_for_good() {
        let broken = || -> Option<u32> { panic!("as it must") };
        let (mut owners, _) = Owners::ask(broken, Duration::from_secs(60));
        assert_eq!(owners.late(), Err(NotKnown));
        assert_eq!(owners.late(), Err(NotKnown));
    }
}
