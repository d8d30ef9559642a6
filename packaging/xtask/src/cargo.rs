//! Running cargo on this workspace.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use portreeve_tests::programs;

/// Runs cargo with these arguments, and environment variables, at the root of the workspace.
pub(crate) fn run(args: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let status = command(args)
        .envs(environment.iter().copied())
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "`cargo {}` failed; its complaint is above",
        args.join(" ")
    );
    Ok(())
}

/// Runs cargo, passes on every line of its output and shows it to `see`.
pub(crate) fn watch(args: &[&str], see: &mut dyn FnMut(&str)) -> Result<()> {
    let mut child = command(args)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    if let Some(output) = child.stdout.take() {
        let mut shown = std::io::stdout();
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(shown, "{line}")?;
            see(&line);
        }
    }
    ensure!(
        child.wait()?.success(),
        "`cargo {}` failed; its complaint is above",
        args.join(" ")
    );
    Ok(())
}

/// The cargo that started this program, which need not be the first in the path.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(args)
        .current_dir(programs::source())
        .stdin(Stdio::null());
    command
}
