//! The bastion's network cards: as fast as this machine copies memory, or as real ones are.

use anyhow::Result;

use super::Site;

/// How fast the bastion's cards send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cards {
    /// Nothing holds them back, so the processor does.
    Unlimited,
    /// What most machines have.
    Gigabit,
}

impl Cards {
    /// Both, and the words for them.
    pub(crate) const ALL: [(Self, &str); 2] = [
        (Self::Unlimited, "the processor is the limit"),
        (Self::Gigabit, "cards of 1 Gbit/s"),
    ];
}

impl Site {
    /// Puts other cards into the bastion's host.
    pub(crate) fn use_cards(&self, cards: Cards) -> Result<()> {
        let change = match cards {
            Cards::Unlimited => "tc qdisc del dev $card root 2>/dev/null || true",
            Cards::Gigabit => {
                "tc qdisc replace dev $card root tbf rate 1gbit burst 1mb latency 50ms"
            }
        };
        let script = format!("set -e; cd /sys/class/net; for card in eth*; do {change}; done");
        self.host("bastion").sh(&script)?.ok()?;
        Ok(())
    }
}
