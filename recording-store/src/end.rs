//! The end of a program that uses a store.
//!
//! A disk that hangs, as a network's does whose server is away, keeps the thread that asked it something, and a runtime
//! waits for its threads. Whoever stops a program must not wait for that.

use std::time::Duration;

use tokio::runtime::Runtime;

/// How long what is under way on a disk is waited for: longer than one that is well takes.
pub const LAST: Duration = Duration::from_secs(5);

/// Runs `work` on `runtime` to its end, and gives what then still waits for a disk `last` to end too.
pub fn run<T>(runtime: Runtime, last: Duration, work: impl Future<Output = T>) -> T {
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(last);
    done
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn a_disk_that_hangs_does_not_hold_up_the_end() {
        let (release, hung) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            let done = run(runtime(), Duration::from_millis(10), async {
                let (began, begun) = tokio::sync::oneshot::channel();
                tokio::task::spawn_blocking(move || {
                    let _ = (began.send(()), hung.recv());
                });
                begun.await
            });
            ended.send(done).unwrap();
        });
        let done = end.recv_timeout(Duration::from_secs(60));
        assert!(done.is_ok(), "it waits for what hangs");
        drop(release);
    }

    #[test]
    fn what_a_disk_is_about_to_have_is_waited_for() {
        let (done, is_done) = mpsc::channel();
        run(runtime(), Duration::from_secs(60), async {
            let (began, begun) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let _ = began.send(());
                std::thread::sleep(Duration::from_millis(50));
                done.send(()).unwrap();
            });
            begun.await.unwrap();
        });
        assert!(is_done.try_recv().is_ok());
    }
}
