//! What the tries of an end came to that were not its last one. Pure.

use portreeve_protocol::attest::{FoundFiles, KilledProcess, Receipt};
use serde::{Deserialize, Serialize};

use super::{End, Found, Killed};
use crate::step::Left;

/// What a receipt told of an end that was not done with it, and what was done since. The last receipt counts, so it
/// tells this too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    killed: Killed,
    found: Found,
    once: Vec<Left>,
}

/// What a try of an end did that no receipt tells yet, as a journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tried {
    killed: Vec<KilledProcess>,
    killed_more: u32,
    found: FoundFiles,
}

impl Before {
    /// What a receipt told; of what is left only what no later try finds again.
    pub(crate) fn of(receipt: Receipt, once: &[String]) -> Self {
        Self {
            killed: Killed::told(receipt.killed, receipt.killed_more),
            found: Found::told(receipt.found.unwrap_or_default()),
            once: once.iter().map(Left::stays).collect(),
        }
    }

    /// This, and what a try after it did.
    pub(crate) fn and(mut self, tried: Tried) -> Self {
        let killed = Killed::told(tried.killed, tried.killed_more);
        self.killed = self.killed.and(killed);
        self.found = self.found.and(Found::told(tried.found));
        self
    }

    /// What a try did beyond this, if anything.
    pub(crate) fn beyond(&self, killed: &Killed, found: &Found) -> Option<Tried> {
        let all = self.killed.clone().and(killed.clone());
        let (listed, more) = (self.killed.listed.len(), self.killed.more);
        let tried = Tried {
            killed: all.listed.into_iter().skip(listed).collect(),
            killed_more: all.more.saturating_sub(more),
            found: self.found.clone().beyond(found),
        };
        let is_something = !tried.killed.is_empty()
            || tried.killed_more > 0
            || tried.found != FoundFiles::default();
        is_something.then_some(tried)
    }

    /// Puts it before what a later try came to.
    pub(crate) fn before(self, mut end: End) -> End {
        end.killed = self.killed.and(end.killed);
        end.found = self.found.and(end.found);
        end.once.splice(0..0, self.once);
        end
    }
}

impl Found {
    /// What others say beyond these. What is only counted counts where it was removed: what stays is found again.
    fn beyond(mut self, later: &Self) -> FoundFiles {
        let mut news = FoundFiles {
            files: Vec::new(),
            more: later.more_removed,
        };
        for file in &later.files.files {
            let is_told = match self.known(&file.path) {
                Some(known) if known.removed == file.removed => continue,
                Some(_) => true,
                None => self.list(file.clone()),
            };
            if is_told {
                news.files.push(file.clone());
            } else {
                news.more = news.more.saturating_add(u64::from(file.removed));
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::process;
    use super::*;

    /// A try that finds what the one before could not remove says nothing new; its last words are those of all.
    #[test]
    fn tries_in_between_are_told_once() {
        let found = |files: &[(&str, bool)]| {
            let mut found = Found::default();
            for (path, removed) in files {
                found.add(Path::new(path), *removed);
            }
            found
        };
        let killed = |pids: std::ops::Range<i32>| {
            let mut killed = Killed::default();
            pids.for_each(|pid| killed.add(process(pid)));
            killed
        };
        let told = Before {
            killed: killed(1..3),
            found: found(&[("/tmp/stays", false)]),
            once: Vec::new(),
        };
        assert_eq!(
            told.beyond(&killed(0..0), &found(&[("/tmp/stays", false)])),
            None
        );
        let try_files = [("/tmp/stays", false), ("/tmp/new", true)];
        let first = told.beyond(&killed(2..4), &found(&try_files)).unwrap();
        assert_eq!((first.killed.len(), first.found.files.len()), (1, 1));
        let told = told.and(first);
        assert_eq!(told.beyond(&killed(2..4), &found(&try_files)), None);
        let second = told
            .beyond(&killed(0..0), &found(&[("/tmp/stays", true)]))
            .unwrap();
        let told = told.and(second);
        assert_eq!(told.killed, killed(1..4));
        let all = [("/tmp/stays", true), ("/tmp/new", true)];
        assert_eq!(told.found, found(&all));
    }

    #[test]
    fn what_tries_in_between_did_beyond_the_lists_is_counted() {
        let mut told = Before::default();
        let mut after_each = Vec::new();
        for round in 0..3 {
            let (mut killed, mut found) = (Killed::default(), Found::default());
            for n in 0..100 {
                killed.add(process(round * 100 + n));
                found.add(Path::new(&format!("/tmp/{round}/{n}")), true);
            }
            // These are found again by each try.
            for n in 0..100 {
                found.add(Path::new(&format!("/var/tmp/{n}")), false);
            }
            let tried = told.beyond(&killed, &found).unwrap();
            told = told.and(tried);
            after_each.push((told.killed.total(), told.found.files.more));
        }
        assert_eq!(after_each, [(100, 36), (200, 136), (300, 236)]);
    }
}
