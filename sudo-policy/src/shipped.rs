//! The bundles that come with Portreeve, for administrators to publish as they are or to build on.
//!
//! They are texts like those that people write: the linter and their own expectations hold them to
//! what they promise. A page about each is in `docs/bundles`.

/// A bundle that comes with Portreeve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedBundle {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub purpose: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// All of them, what reads before what writes.
pub const SHIPPED: &[ShippedBundle] = &[
    ShippedBundle {
        name: "forensic-read-only",
        purpose: "look at a host and touch nothing",
        text: STARTER_BUNDLE,
    },
    ShippedBundle {
        name: "forensic-exact",
        purpose: "the same where sudo has no patterns: before 1.9.10, and sudo-rs",
        text: include_str!("../bundles/forensic-exact.toml"),
    },
    ShippedBundle {
        name: "web-triage",
        purpose: "look at a web server, its logs and its certificates",
        text: include_str!("../bundles/web-triage.toml"),
    },
    ShippedBundle {
        name: "db-triage",
        purpose: "look at a database server from outside of the database",
        text: include_str!("../bundles/db-triage.toml"),
    },
    ShippedBundle {
        name: "service-restart",
        purpose: "restart and reload named services",
        text: include_str!("../bundles/service-restart.toml"),
    },
    ShippedBundle {
        name: "break-glass",
        purpose: "stop, block, lock and put away in an emergency",
        text: include_str!("../bundles/break-glass.toml"),
    },
];

/// The bundle that a new installation starts with: looking at a host and touching nothing.
pub const STARTER_BUNDLE: &str = include_str!("../bundles/forensic-read-only.toml");

/// The bundle of this name.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static ShippedBundle> {
    SHIPPED.iter().find(|bundle| bundle.name == name)
}
