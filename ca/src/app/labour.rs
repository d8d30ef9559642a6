//! Work that keeps a processor busy: a few pieces at a time, and none on a thread that serves
//! requests.
//!
//! Bundles and policies are up to 64 KiB of text from outside, and to understand one takes longer
//! than all else that a request needs. Who may ask for it is decided before it is handed over here,
//! as far as that can be decided without.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Failure;

/// How many pieces are worked on at once. Further ones wait, each in the place of its request.
const AT_ONCE: usize = 2;

/// Where such work is done.
#[derive(Debug)]
pub(super) struct Labour(Arc<Semaphore>);

impl Default for Labour {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Labour {
    /// Does `work` when it is its turn. A caller that goes away meanwhile gives up its turn, but work
    /// that has begun keeps its place until it is done.
    pub(super) async fn of<T, W>(&self, work: W) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let broken =
            |error: &dyn std::error::Error| Failure::Broken(format!("work was lost: {error}"));
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|error| broken(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|error| broken(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn no_more_than_so_many_at_once_and_the_others_in_turn() {
        let labour = Arc::new(Labour::default());
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let pieces: Vec<_> = (0..3 * AT_ONCE)
            .map(|piece| {
                let (labour, running, most, gate) = (
                    Arc::clone(&labour),
                    Arc::clone(&running),
                    Arc::clone(&most),
                    Arc::clone(&gate),
                );
                tokio::spawn(async move {
                    let work = move || {
                        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        gate.lock().unwrap().recv().unwrap();
                        running.fetch_sub(1, Ordering::SeqCst);
                        piece
                    };
                    labour.of(work).await.unwrap()
                })
            })
            .collect();
        for _ in &pieces {
            go.send(()).unwrap();
        }
        for (number, piece) in pieces.into_iter().enumerate() {
            assert_eq!(piece.await.unwrap(), number);
        }
        assert!(most.load(Ordering::SeqCst) <= AT_ONCE);
    }

    #[tokio::test]
    async fn work_that_panics_is_a_failure_and_gives_its_place_back() {
        let labour = Labour::default();
        for _ in 0..2 * AT_ONCE {
            let lost = labour.of(|| assert_eq!(1, 2, "as it must")).await;
            assert!(matches!(lost, Err(Failure::Broken(_))), "{lost:?}");
        }
        assert_eq!(labour.of(|| 7).await.unwrap(), 7);
    }
}
