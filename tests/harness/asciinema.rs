//! asciinema, the player that exported recordings are for: built from its published source.
//!
//! It is built once, into cargo's build directory. Version 3 plays asciicast v2 and v3.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::programs;

/// The version that the tests run.
const VERSION: &str = "3.2.0";

/// Builds it if it is missing, with this cargo, telling `say` what it does.
///
/// # Errors
/// When it cannot be fetched or built.
pub fn ensure(cargo: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let folder = folder()?;
    if folder.join("bin/asciinema").exists() {
        return Ok(());
    }
    say(&format!("building asciinema {VERSION}"));
    programs::install(cargo, "asciinema", VERSION, &folder)
}

/// Where it is.
///
/// # Errors
/// When it was not built.
pub fn program() -> Result<PathBuf> {
    let program = folder()?.join("bin/asciinema");
    ensure!(
        program.exists(),
        "asciinema {VERSION} was not built: run `cargo xtask test`"
    );
    Ok(program)
}

fn folder() -> Result<PathBuf> {
    Ok(programs::target()?.join("asciinema").join(VERSION))
}
