//! The marks of a disk. Pure.

/// What a disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Its size in bytes.
    pub size: u64,
    /// How much of it the bastion may still use.
    pub left: u64,
}

/// How much room there is, from enough to too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Sessions begin.
    #[default]
    Enough,
    /// Sessions go on, and none begins.
    Low,
    /// Sessions end: what is left is for that.
    Short,
}

impl Level {
    /// What follows when a disk that was at this level is now found like this. It must have an eighth more than the
    /// reserve to be enough again, so that a session that ends does not let another one begin at once.
    #[must_use]
    pub fn next(self, disk: Disk, reserve: u64) -> Self {
        let enough = match self {
            Self::Enough => reserve,
            Self::Low | Self::Short => reserve.saturating_add(reserve / 8),
        };
        if disk.left < reserve / 2 {
            Self::Short
        } else if disk.left < enough {
            Self::Low
        } else {
            Self::Enough
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_what_is_left() {
        use Level::{Enough, Low, Short};
        let reserve = 800;
        for (before, left, after) in [
            (Enough, 1000, Enough),
            (Enough, 800, Enough),
            (Enough, 799, Low),
            (Low, 800, Low),
            (Low, 899, Low),
            (Low, 900, Enough),
            (Low, 400, Low),
            (Low, 399, Short),
            (Enough, 0, Short),
            (Short, 400, Low),
            (Short, 900, Enough),
        ] {
            let disk = Disk { size: 10_000, left };
            assert_eq!(before.next(disk, reserve), after, "{before:?} {left}");
        }
    }

    #[test]
    fn a_reserve_of_nothing_is_never_short() {
        let empty = Disk { size: 1, left: 0 };
        assert_eq!(Level::Enough.next(empty, 0), Level::Enough);
    }
}
