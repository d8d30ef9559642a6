//! Puts the provider with its npm packages beside the build, once for each lockfile.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::programs;

const LOCKFILE: &str = "package-lock.json";

/// Installs what is missing and returns the directory of the provider.
pub(super) fn ensure() -> Result<PathBuf> {
    let source = programs::source().join("tests/idp");
    let built = programs::directory()?;
    let target = built.parent().unwrap_or(&built).join("idp");
    fs::create_dir_all(&target)?;

    // Tests run side by side, and npm does not like company.
    let lock = File::create(target.join("install.lock"))?;
    lock.lock()
        .context("cannot lock the provider's directory")?;
    let wanted = fs::read(source.join(LOCKFILE))?;
    // Copied last, so its presence says that the installation was finished.
    let finished = target.join("installed-lock.json");
    if fs::read(&finished).is_ok_and(|installed| installed == wanted) {
        copy_programs(&source, &target)?;
        return Ok(target);
    }
    for name in ["package.json", LOCKFILE] {
        fs::copy(source.join(name), target.join(name))?;
    }
    let log = File::create(target.join("npm.log"))?;
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&target)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .context("cannot run `npm`: run `cargo xtask test`, which installs it")?;
    ensure!(
        status.success(),
        "`npm ci` failed; see `{}`",
        target.join("npm.log").display()
    );
    copy_programs(&source, &target)?;
    fs::write(&finished, wanted)?;
    Ok(target)
}

/// Copies what changed. A running provider has read its own files already.
fn copy_programs(source: &Path, target: &Path) -> Result<()> {
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "mjs") {
            continue;
        }
        let copy = target.join(path.file_name().unwrap_or_default());
        let content = fs::read(&path)?;
        if fs::read(&copy).is_ok_and(|old| old == content) {
            continue;
        }
        let fresh = copy.with_extension("new");
        fs::write(&fresh, content)?;
        fs::rename(&fresh, &copy)?;
    }
    Ok(())
}
