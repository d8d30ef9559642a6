//! Waiting for something that another process does, with an end to the patience.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks `question` again and again until it answers, for at most `patience`.
///
/// # Errors
/// When the patience ends, naming `what`, or when `question` itself fails.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut question: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(answer) = question()? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!(
                "gave up waiting for {what} after {} s",
                patience.as_secs_f32()
            );
        }
        std::thread::sleep(pause);
        // Starts short for what takes microseconds, and stays short of what a person would notice.
        pause = (pause * 2).min(Duration::from_millis(25));
    }
}
