//! `cargo xtask check`: formatting, lints, documentation.

use anyhow::Result;

use crate::{cargo, say};

/// What programs may not do and tests may: a test that cuts a text or a number wrongly fails, and harms nobody.
const ALLOWED_IN_TESTS: [&str; 3] = [
    "clippy::string_slice",
    "clippy::cast_possible_truncation",
    "clippy::cast_sign_loss",
];

/// Checks everything that can be said about the sources without running them.
pub(crate) fn run() -> Result<()> {
    say::step("formatting");
    cargo::run(&["fmt", "--all", "--check"], &[])?;
    say::step("lints");
    cargo::run(&clippy(&["--lib", "--bins"], &[]), &[])?;
    say::step("lints of tests");
    cargo::run(&clippy(&["--all-targets"], &ALLOWED_IN_TESTS), &[])?;
    say::step("documentation");
    // Private items are documented too, so a link to one leads somewhere.
    let strict = [(
        "RUSTDOCFLAGS",
        "--deny warnings --allow rustdoc::private_intra_doc_links",
    )];
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

fn clippy<'a>(targets: &[&'a str], allowed: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["clippy", "--workspace", "--quiet"];
    args.extend(targets);
    args.extend(["--", "--deny", "warnings"]);
    args.extend(allowed.iter().flat_map(|lint| ["--allow", lint]));
    args
}
