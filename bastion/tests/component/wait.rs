//! Waiting for what comes about in its own time.

use std::time::{Duration, Instant};

/// How long anything may take. Whoever finds a store away for long asks again after a minute only.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE, "{what} never came about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
