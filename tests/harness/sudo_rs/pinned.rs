//! Which versions of sudo-rs the tests run, and where they are once they are built.
//!
//! Uses nothing but the standard library: tests of other crates include this file.

use std::path::{Path, PathBuf};

/// The oldest that rules are written for, and the newest that was looked at.
pub const VERSIONS: [&str; 2] = ["0.2.8", "0.2.14"];

/// The directory with the `sudo` and the `visudo` of one version, below cargo's build directory.
#[must_use]
pub fn directory(target: &Path, version: &str) -> PathBuf {
    target.join("sudo-rs").join(version).join("bin")
}
