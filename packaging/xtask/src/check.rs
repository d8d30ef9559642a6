//! `cargo xtask check`: formatting, lints, documentation.

use anyhow::Result;

use crate::{cargo, say};

/// Checks everything that can be said about the sources without running them.
pub(crate) fn run() -> Result<()> {
    say::step("formatting");
    cargo::run(&["fmt", "--all", "--check"], &[])?;
    say::step("lints");
    cargo::run(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny",
            "warnings",
        ],
        &[],
    )?;
    say::step("documentation");
    let strict = [("RUSTDOCFLAGS", "--deny warnings")];
    cargo::run(
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--quiet",
        ],
        &strict,
    )
}
