//! How much of the spool one session may fill with what no bastion has. Pure.
//!
//! The spool is everybody's: once it is full no session begins. What a session asks of sudo counts
//! for more than what its processes do, so these get half of its share only. Beyond the share the
//! first waits in sudo's own log and the second is counted.

/// A session's share, of the spool's limit.
const PART: u64 = 16;
/// The smallest share, which has room for what happens while a bastion writes to its disk.
const LEAST: u64 = 1024 * 1024;
/// The largest: below what a journal may have, with room for the end.
const MOST: u64 = 24 * 1024 * 1024;
/// So much more may be told of sudo at the end, when nothing can wait in its log any more.
const AT_THE_END: u64 = 4 * 1024 * 1024;
/// What of it only commands have that sudo let run: what it refused does not keep them out.
const FOR_WHAT_RAN: u64 = AT_THE_END / 2;

/// The share of one session, in bytes of its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// The share that sessions have of a spool with this limit.
    pub(crate) fn of(limit: u64) -> Self {
        Self((limit / PART).clamp(LEAST, MOST))
    }

    /// What is left for what processes do, where a journal is so long.
    pub(crate) const fn for_processes(self, written: u64) -> u64 {
        (self.0 / 2).saturating_sub(written)
    }

    /// What is left for what is asked of sudo.
    pub(crate) const fn for_sudo(self, written: u64) -> u64 {
        self.0.saturating_sub(written)
    }

    /// The same once the session is over, for what sudo let run or for what it refused.
    pub(crate) const fn for_sudo_at_the_end(self, written: u64, has_run: bool) -> u64 {
        let more = if has_run {
            AT_THE_END
        } else {
            AT_THE_END - FOR_WHAT_RAN
        };
        self.0.saturating_add(more).saturating_sub(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::MAX_BYTES;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_session_has_a_part_of_the_spool_and_the_end_finds_room() {
        for (limit, share) in [(1, 1), (16, 1), (256, 16), (384, 24), (1 << 20, 24)] {
            let (share, expected) = (Share::of(limit * MIB), share * MIB);
            assert_eq!(share.for_sudo(0), expected, "{limit}");
            assert_eq!(share.for_processes(0), expected / 2);
            assert_eq!(share.for_sudo(expected), 0);
            // One reading of the log may go beyond it.
            assert!(share.for_sudo_at_the_end(0, true) + 2 * MIB <= MAX_BYTES / 2);
            assert_eq!(share.for_sudo_at_the_end(expected + 2 * MIB, false), 0);
            assert_eq!(share.for_sudo_at_the_end(expected + 2 * MIB, true), 2 * MIB);
        }
    }
}
