//! Which events still find room when much waits for the CA. Pure. `docs/spec/log.md` has the table.

use super::Limits;

/// How much room there is for a deletion's words beyond what anything else may take: thousands of tombstones.
const DELETIONS: u64 = 4 * 1024 * 1024;

/// What becomes of an event that is not kept. Those further down find room when those above do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A host tells it of another session than the one that is served: it tells it again.
    Earlier,
    /// A host tells it of the session that is served: the same, and the session ends by then.
    Host,
    /// Nobody tells it again.
    Own,
    /// The same, and what it tells of cannot be undone: a recording is gone.
    Deletion,
}

impl Rank {
    /// How much may wait with such an event, in bytes.
    #[must_use]
    pub const fn limit(self, limits: Limits) -> u64 {
        match self {
            Self::Earlier => limits.soft / 2,
            Self::Host => limits.soft.midpoint(limits.hard),
            Self::Own => limits.hard,
            Self::Deletion => limits.hard.saturating_add(DELETIONS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_tells_again_leaves_room_for_sessions_ends_and_deletions() {
        const MIB: u64 = 1024 * 1024;
        let limits = Limits::default();
        for (rank, most) in [
            (Rank::Earlier, 96),
            (Rank::Host, 224),
            (Rank::Own, 256),
            (Rank::Deletion, 260),
        ] {
            assert_eq!(rank.limit(limits), most * MIB, "{rank:?}");
        }
        assert!(Rank::Earlier.limit(limits) < limits.soft);
    }
}
