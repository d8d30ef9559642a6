//! The CA's permission to delete a recording, and how long it is good. Pure but for the timer that looks again.
//!
//! Whoever holds a recording when the permission is over is told that nobody deletes it any more, so both clocks must say
//! that it is good: the steady one is set by nobody, and stands still while the machine sleeps; the wall clock does not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use portreeve_protocol::recording::Deletion;

use crate::clock::Now;

/// How often the clocks are read while nothing else goes on.
const LOOK: Duration = Duration::from_secs(1);

/// A permission, which counts from before it was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission {
    asked: Now,
    lasts: Duration,
}

impl Permission {
    /// What the CA answered to who asked at `asked`.
    pub(super) fn of(asked: Now, deletion: &Deletion) -> Self {
        Self {
            asked,
            lasts: Duration::from_secs(deletion.seconds.into()),
        }
    }

    fn is_good(self, now: Now) -> bool {
        let steady = now.steady.since(self.asked.steady) < self.lasts;
        let wall = self.asked.wall <= now.wall && now.wall < self.asked.wall.plus(self.lasts);
        steady && wall
    }

    /// Does `work` as long as the permission is good; nothing when it was over before the work was done.
    ///
    /// The clocks are read before each step of the work, as a timer alone sleeps as long as the machine does.
    pub(super) async fn during<T>(
        self,
        now: impl Fn() -> Now,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut look = tokio::time::interval(LOOK);
        poll_fn(|cx| {
            while look.poll_tick(cx).is_ready() {}
            if self.is_good(now()) {
                work.as_mut().poll(cx).map(Some)
            } else {
                Poll::Ready(None)
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use portreeve_protocol::time::Timestamp;

    use super::*;
    use crate::clock::Steady;

    fn at(steady: u64, wall: i64) -> Now {
        Now {
            wall: Timestamp::from_seconds(wall),
            steady: Steady::after_start(Duration::from_secs(steady)),
        }
    }

    fn permission() -> Permission {
        Permission {
            asked: at(5, 1000),
            lasts: Duration::from_secs(60),
        }
    }

    #[test]
    fn both_clocks_must_say_that_a_permission_is_good() {
        for (steady, wall, is_good, why) in [
            (5, 1000, true, "asked right now"),
            (64, 1059, true, "in its last second"),
            (65, 1060, false, "over by both"),
            (6, 1060, false, "the machine slept"),
            (
                65,
                1001,
                false,
                "the wall clock was set back within the minute",
            ),
            (
                6,
                999,
                false,
                "the wall clock was set back to before it was asked",
            ),
            (6, 5000, false, "the wall clock was set ahead"),
        ] {
            assert_eq!(permission().is_good(at(steady, wall)), is_good, "{why}");
        }
    }

    /// Work that never ends, and counts its steps.
    async fn count(steps: &Cell<u32>) {
        loop {
            steps.set(steps.get() + 1);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn no_step_is_done_once_a_machine_wakes_too_late() {
        let steps = Cell::new(0);
        let now = || at(6, if steps.get() < 3 { 1001 } else { 2000 });
        let done = permission().during(now, count(&steps)).await;
        assert_eq!((done, steps.get()), (None, 3));
    }

    #[tokio::test]
    async fn work_that_waits_for_something_ends_with_the_permission() {
        let looks = Cell::new(0);
        let now = || {
            looks.set(looks.get() + 1);
            at(6, if looks.get() < 4 { 1001 } else { 2000 })
        };
        let done = permission().during(now, std::future::pending::<()>()).await;
        assert_eq!(done, None);
    }

    #[tokio::test]
    async fn what_is_done_in_time_is_done() {
        let done = permission().during(|| at(6, 1001), async { 7 }).await;
        assert_eq!(done, Some(7));
    }
}
