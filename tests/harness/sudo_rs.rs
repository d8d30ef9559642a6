//! sudo-rs, the other sudo: built from its published source, and put onto hosts in the place of the
//! distribution's.
//!
//! It is built once for each pinned version, into cargo's build directory; nothing of the machine's
//! own sudo is touched.

mod pinned;

use std::path::Path;

use anyhow::{Context, Result, ensure};

pub use self::pinned::{VERSIONS, directory};
use crate::host::Host;
use crate::programs;

/// What of Debian it needs to be built.
pub const PACKAGES: &[&str] = &["libpam0g-dev"];
/// Where the two programs lie on a host, whether they are setuid, and their names.
const PLACES: [(&str, &str, &str); 2] = [
    ("sudo", "4755", "/usr/bin/sudo"),
    ("visudo", "755", "/usr/sbin/visudo"),
];

/// Builds the versions that are missing, with this cargo, telling `say` what it does.
///
/// # Errors
/// When a version cannot be fetched or built.
pub fn ensure(cargo: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let target = programs::target()?;
    for version in VERSIONS {
        let built = directory(&target, version);
        if PLACES.iter().all(|(name, ..)| built.join(name).exists()) {
            continue;
        }
        say(&format!("building sudo-rs {version}"));
        let root = built.parent().unwrap_or(&built);
        programs::install(cargo, "sudo-rs", version, root)?;
    }
    Ok(())
}

impl Host {
    /// Replaces the host's sudo and visudo by those of sudo-rs.
    ///
    /// # Errors
    /// When that version was not built.
    pub fn use_sudo_rs(&self, version: &str) -> Result<()> {
        let programs = directory(&programs::target()?, version);
        for (name, mode, place) in PLACES {
            let built = programs.join(name);
            ensure!(
                built.exists(),
                "sudo-rs {version} was not built: run `cargo xtask test`"
            );
            let built = built
                .to_str()
                .context("the build directory's name is not text")?;
            self.run(&["install", "-m", mode, built, place])?.ok()?;
        }
        Ok(())
    }
}
