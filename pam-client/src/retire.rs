//! Making room for another daemon, with a newer program or other settings. Pure.
//!
//! A daemon that ends takes its sessions with it, so one that is asked to make room waits until
//! none is left. It goes on taking orders for a while, because most hosts are idle soon; then it
//! takes none, or a host that is never idle would never have the new program.

use std::time::Duration;

use portreeve_protocol::time::Timestamp;

use crate::clock::Moment;

/// How long orders are still taken.
const GRACE: Duration = Duration::from_secs(600);

/// A daemon's wish to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retirement {
    since: Moment,
}

impl Retirement {
    /// Asked for now.
    pub(crate) const fn new(now: Moment) -> Self {
        Self { since: now }
    }

    /// Since when.
    pub(crate) const fn since(self) -> Timestamp {
        self.since.wall
    }

    /// Whether orders are still taken, by the clock that nobody can set.
    pub(crate) fn takes_orders(self, now: Moment) -> bool {
        now.boot.saturating_sub(self.since.boot) < GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_taken_for_a_while_whatever_the_wall_clock_says() {
        let asked = Moment {
            wall: Timestamp::from_seconds(1_790_000_000),
            boot: Duration::from_secs(500),
        };
        let retirement = Retirement::new(asked);
        let after = |span: Duration| Moment {
            wall: asked.wall.minus(Duration::from_secs(86_400)),
            boot: asked.boot + span,
        };
        assert!(retirement.takes_orders(asked));
        assert!(retirement.takes_orders(after(GRACE - Duration::from_secs(1))));
        assert!(!retirement.takes_orders(after(GRACE)));
        assert_eq!(retirement.since(), asked.wall);
    }
}
