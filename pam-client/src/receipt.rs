//! What a session's end came to, as the host signs it. Pure.

use portreeve_protocol::attest::{EndCause, KilledProcess, Receipt};
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Timestamp;

use crate::apply::Removed;
use crate::chain::Tally;
use crate::plan::Plan;
use crate::step::Left;

/// How many killed processes a receipt lists.
pub(crate) const MOST_KILLED: usize = 64;
/// How much of all their arguments together, in bytes. A session chooses them, and each byte may
/// become seven where a receipt stands in an event: what it leaves running must not make the
/// receipt of its end too large to be signed, or for the CA to take.
const MOST_ARGUMENTS: usize = 8 * 1024;
/// How many lines a receipt has for what is left, and how much of them in bytes: a session chooses
/// the names of its files, too.
const MOST_LEFT: usize = 64;
const MOST_LINE: usize = 512;
const MOST_LINES: usize = 6 * 1024;

/// The processes that a removal killed: the first ones by name, the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Killed {
    listed: Vec<KilledProcess>,
    more: u32,
    /// How long the arguments of those that are listed are.
    bytes: usize,
}

impl Killed {
    /// Adds a process; one that is tried again is counted once.
    pub(crate) fn add(&mut self, mut process: KilledProcess) {
        if self.listed.iter().any(|known| known.pid == process.pid) {
            return;
        }
        if self.has_room() {
            let mut room = MOST_ARGUMENTS.saturating_sub(self.bytes);
            let fit = process.argv.iter().take_while(|argument| {
                let fits = argument.len() <= room;
                room = room.saturating_sub(argument.len());
                fits
            });
            let fit = fit.count();
            if fit < process.argv.len() {
                process.argv.truncate(fit);
                process.argv.push("…".into());
            }
            self.bytes += process.argv.iter().map(String::len).sum::<usize>();
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
        left: lines(end.removed.left),
        sudo_commands: tally.sudo_allowed,
        events: tally.events,
        last_event: tally.last,
    }
}

/// What is left, in as many lines and bytes as a receipt has for it.
fn lines(left: Vec<Left>) -> Vec<String> {
    let mut lines: Vec<_> = left.into_iter().map(|left| shortened(left.what)).collect();
    lines.dedup();
    let mut room = MOST_LINES;
    let fit = lines.iter().take(MOST_LEFT).take_while(|line| {
        let fits = line.len() <= room;
        room = room.saturating_sub(line.len());
        fits
    });
    let fit = fit.count();
    let more = lines.len() - fit;
    if more > 0 {
        lines.truncate(fit);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn shortened(mut line: String) -> String {
    if line.len() > MOST_LINE {
        line.truncate(line.floor_char_boundary(MOST_LINE));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;
    use portreeve_protocol::digest::Digest;
    use portreeve_protocol::event::MAX_EVENT;
    use portreeve_protocol::signed::Signed;

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

    /// Whatever a session leaves, its end is signed and finds its way into the trail.
    #[test]
    fn no_session_makes_the_receipt_of_its_end_too_large() {
        for text in ["a", "\"", "\\", "\u{1}", "\u{fffd}"] {
            let mut killed = Killed::default();
            for pid in 0..100 {
                let argv = vec![text.repeat(256); 16];
                killed.add(KilledProcess {
                    argv,
                    ..process(pid)
                });
            }
            let left = (0..100)
                .map(|n| Left::must_go(format!("{n} {}", text.repeat(40_000))))
                .collect();
            let end = End {
                cause: EndCause::Asked,
                ending_at: Timestamp::from_seconds(1),
                gone_at: Timestamp::from_seconds(2),
                killed,
                removed: Removed {
                    steps: vec!["remove schedules, mail and timestamps"; 16],
                    left,
                },
            };
            let tally = Tally {
                events: u64::MAX,
                sudo: u64::MAX,
                sudo_allowed: u64::MAX,
                last: Digest::of(b"e"),
            };
            let receipt = receipt(&"prod-1".parse().unwrap(), &example(), tally, end);
            let payload = Signed::payload_of(&receipt).unwrap();
            let signed = Signed::<Receipt>::assemble(payload, "s".repeat(400));
            let report = serde_json::to_string(&signed).unwrap();
            // An event has the pair and the task beside it.
            assert!(
                report.len() < MAX_EVENT - 8 * 1024,
                "{text:?}: {}",
                report.len()
            );
        }
    }
}
