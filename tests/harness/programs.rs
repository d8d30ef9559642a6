//! Where the programs under test are, and how they get onto a host.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::host::Host;

/// The directory into which cargo puts the programs of this build.
///
/// # Errors
/// When this process was not started from a build directory.
pub fn directory() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let parent = own.parent().context("this program has no directory")?;
    // Test programs are one level deeper than the others.
    let built = if parent.ends_with("deps") {
        parent.parent().unwrap_or(parent)
    } else {
        parent
    };
    Ok(built.to_path_buf())
}

/// Which build of the programs goes onto hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Build {
    /// The one that this process belongs to.
    #[default]
    Own,
    /// The optimised one, for figures.
    Release,
}

impl Build {
    /// The directory into which cargo puts the programs of this build.
    ///
    /// # Errors
    /// As for [`directory`].
    pub fn directory(self) -> Result<PathBuf> {
        let own = directory()?;
        Ok(match self {
            Self::Own => own,
            Self::Release => own.parent().unwrap_or(&own).join("release"),
        })
    }

    /// The command that makes the programs.
    const fn recipe(self) -> &'static str {
        match self {
            Self::Own => "cargo build --workspace --bins",
            Self::Release => "cargo build --workspace --bins --release",
        }
    }
}

/// The directory below which cargo builds: that of this build, one level up.
///
/// # Errors
/// As for [`directory`].
pub fn target() -> Result<PathBuf> {
    let own = directory()?;
    Ok(own.parent().unwrap_or(&own).to_path_buf())
}

/// Builds the programs of a published crate into `root`, which names it and its version, with this
/// cargo.
pub(crate) fn install(cargo: &Path, name: &str, version: &str, root: &Path) -> Result<()> {
    let status = Command::new(cargo)
        .args(["install", name])
        .args(["--locked", "--no-track", "--force", "--quiet"])
        .args(["--version", &format!("={version}")])
        .arg("--root")
        .arg(root)
        .arg("--target-dir")
        .arg(target()?.join(name).join("build"))
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "{name} {version} does not build");
    Ok(())
}

/// The root of the source tree.
#[must_use]
pub fn source() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// What of the machine a host sees read-only: the sources and what was built from them.
pub(crate) fn trees() -> Result<Vec<PathBuf>> {
    let (source, built) = (source(), directory()?);
    Ok(if built.starts_with(&source) {
        vec![source]
    } else {
        vec![source, built]
    })
}

impl Host {
    /// Copies a program onto the host, owned by root and executable by all.
    ///
    /// # Errors
    /// When it was not built.
    pub fn install_program(&self, build: Build, name: &str, path: &str) -> Result<()> {
        let built = build.directory()?.join(name);
        ensure!(
            built.exists(),
            "`{name}` was not built: run `{}`",
            build.recipe()
        );
        let built = built
            .to_str()
            .context("the build directory's name is not text")?;
        self.run(&["install", "-D", "-m", "755", built, path])?
            .ok()?;
        Ok(())
    }
}
