//! `cargo xtask bench`: builds everything optimised and measures it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use portreeve_tests::{packages, programs};

use crate::{cargo, say};

/// What to measure, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The figures; all of them when none is named
    figures: Vec<String>,
    /// Fewer rounds and fewer bytes
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Which build to measure; `dev` only shows whether the benchmarks work
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Profile {
    #[default]
    Release,
    Dev,
}

/// Builds the programs and the benchmarks, and runs these.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the benchmarks make hosts out of namespaces, which needs root"
    );
    say::step("Debian packages");
    packages::ensure(packages::HOSTS, &mut say::line)?;
    packages::ensure_node(&mut say::line)?;

    say::step("programs and benchmarks");
    let mut build = vec!["build", "--workspace", "--bins", "--quiet"];
    let folder = match options.profile {
        Profile::Release => {
            build.push("--release");
            "release"
        }
        Profile::Dev => "debug",
    };
    cargo::run(&build, &[])?;

    say::step("measuring");
    let program = programs::source()
        .join("target")
        .join(folder)
        .join("portreeve-bench");
    let status = Command::new(&program)
        .args(options.quick.then_some("--quick"))
        .args(options.json.then_some("--json"))
        .args(options.figures.iter().flat_map(|figure| ["--only", figure]))
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    ensure!(status.success(), "the benchmarks did not run to their end");
    Ok(())
}
