//! Doing one thing to many, so that one that takes long holds up no other.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::log;

/// Does `act` to each, to at most `most` at a time, and returns when it is done to all.
pub(crate) fn each<T: Send>(items: Vec<T>, most: usize, act: impl Fn(T) + Sync) {
    let others = items.len().min(most).saturating_sub(1);
    let items = Mutex::new(items.into_iter());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(item) = next() {
            act(item);
        }
    };
    thread::scope(|scope| {
        for _ in 0..others {
            let worker = thread::Builder::new().name("removal".into());
            if let Err(error) = worker.spawn_scoped(scope, work) {
                // Fewer at a time come to the same in the end.
                log::warning!("cannot start a thread: {error}");
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_that_takes_long_holds_up_no_other() {
        let (done, others) = mpsc::channel();
        let others = Mutex::new(others);
        each((0..40).collect(), 2, |item| {
            if item == 0 {
                let others = others.lock().unwrap();
                let mut all: Vec<i32> = others.iter().take(39).collect();
                all.sort_unstable();
                assert_eq!(all, (1..40).collect::<Vec<_>>());
            } else {
                done.send(item).unwrap();
            }
        });
    }

    #[test]
    fn no_more_than_the_most_are_in_hand() {
        for (items, most) in [(0, 4), (1, 4), (9, 1), (50, 4), (3, 0)] {
            let (now, peak) = (Mutex::new(0), Mutex::new(0));
            each(vec![(); items], most, |()| {
                let in_hand = {
                    let mut now = now.lock().unwrap();
                    *now += 1;
                    *now
                };
                let mut peak = peak.lock().unwrap();
                *peak = in_hand.max(*peak);
                *now.lock().unwrap() -= 1;
            });
            assert!(*peak.lock().unwrap() <= items.min(most.max(1)));
        }
    }
}
