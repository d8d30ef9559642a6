//! A piece of removal that may be long: bounded in time, and told in the log while it lasts.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::log;

/// How often a long piece of work is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Why something stays that could have gone.
pub(crate) const TOO_SLOW: &str = "there is more than can be removed at once";

/// Work on what is in a directory.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    place: &'a Path,
    by: Instant,
    tell_at: Instant,
    removed: u64,
}

impl<'a> Work<'a> {
    /// Work that is over after a while, done or not.
    pub(crate) fn new(place: &'a Path, patience: Duration) -> Self {
        let now = Instant::now();
        Self {
            place,
            by: now + patience,
            tell_at: now + TELL_EVERY,
            removed: 0,
        }
    }

    /// Whether the time for it is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.by
    }

    /// One more entry is gone.
    pub(crate) fn removed(&mut self) {
        self.removed += 1;
        let now = Instant::now();
        if now >= self.tell_at {
            self.tell_at = now + TELL_EVERY;
            let place = self.place.display().to_string();
            log::info!(
                "`{}`: {} files and directories removed so far",
                place.escape_debug(),
                self.removed
            );
        }
    }
}
