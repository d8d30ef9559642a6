//! What a session's end came to, as the host signs it. Pure.

use portreeve_protocol::attest::{EndCause, KilledProcess, Receipt};
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Timestamp;

use crate::apply::Removed;
use crate::chain::Tally;
use crate::plan::Plan;

/// How many killed processes a receipt lists.
pub(crate) const MOST_KILLED: usize = 64;
/// How many lines a receipt has for what is left.
const MOST_LEFT: usize = 64;

/// The processes that a removal killed: the first ones by name, the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Killed {
    listed: Vec<KilledProcess>,
    more: u32,
}

impl Killed {
    /// Adds a process; one that is tried again is counted once.
    pub(crate) fn add(&mut self, process: KilledProcess) {
        if self.listed.iter().any(|known| known.pid == process.pid) {
            return;
        }
        if self.listed.len() < MOST_KILLED {
            self.listed.push(process);
        } else {
            self.count();
        }
    }

    /// Counts a process that is not listed.
    pub(crate) fn count(&mut self) {
        self.more = self.more.saturating_add(1);
    }

    /// Whether the next process would be listed.
    pub(crate) fn has_room(&self) -> bool {
        self.listed.len() < MOST_KILLED
    }
}

/// A session's end.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Why.
    pub(crate) cause: EndCause,
    /// When it began.
    pub(crate) ending_at: Timestamp,
    /// When it was done.
    pub(crate) gone_at: Timestamp,
    /// What was killed.
    pub(crate) killed: Killed,
    /// What was done, and what is left.
    pub(crate) removed: Removed,
}

/// The receipt of a session's end.
pub(crate) fn receipt(host: &HostName, plan: &Plan, tally: Tally, end: End) -> Receipt {
    let mut left: Vec<_> = end.removed.left.into_iter().map(|left| left.what).collect();
    left.dedup();
    if left.len() > MOST_LEFT {
        let more = left.len() - MOST_LEFT;
        left.truncate(MOST_LEFT);
        left.push(format!("and {more} more"));
    }
    Receipt {
        host: host.clone(),
        order: plan.order,
        session: plan.session,
        account: plan.account.name.clone(),
        uid: plan.account.uid.as_raw(),
        cause: end.cause,
        ending_at: end.ending_at,
        gone_at: end.gone_at,
        killed: end.killed.listed,
        killed_more: end.killed.more,
        steps: end.removed.steps.into_iter().map(String::from).collect(),
        left,
        sudo_commands: tally.sudo_allowed,
        events: tally.events,
        last_event: tally.last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;
    use crate::step::Left;
    use portreeve_protocol::digest::Digest;

    fn process(pid: i32) -> KilledProcess {
        KilledProcess {
            pid,
            uid: 0,
            argv: vec!["sleep".into()],
        }
    }

    #[test]
    fn lists_are_bounded_and_the_rest_is_counted() {
        let mut killed = Killed::default();
        for pid in 0..1000 {
            killed.add(process(pid));
            killed.add(process(0));
        }
        let left = (0..100).map(|n| Left::stays(format!("file {n}"))).collect();
        let end = End {
            cause: EndCause::Asked,
            ending_at: Timestamp::from_seconds(1),
            gone_at: Timestamp::from_seconds(2),
            killed,
            removed: Removed {
                steps: vec!["kill all processes"],
                left,
            },
        };
        let tally = Tally {
            events: 5,
            sudo: 4,
            sudo_allowed: 3,
            last: Digest::of(b"e"),
        };
        let receipt = receipt(&"prod-1".parse().unwrap(), &example(), tally, end);
        assert_eq!((receipt.killed.len(), receipt.killed_more), (64, 936));
        assert_eq!(receipt.left.len(), 65);
        assert_eq!(receipt.left.last().unwrap(), "and 36 more");
        assert_eq!((receipt.events, receipt.sudo_commands), (5, 3));
    }
}
