//! `cargo xtask fuzz`: feeds decoders with bytes that nobody thought of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use portreeve_tests::programs;

use crate::say;

/// Compiles counters of the taken paths into everything, with what a stable compiler offers.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// More than any decoder should take for one input, and less than a loop without an end.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];

/// What to feed, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The targets; all of them when none is named
    targets: Vec<String>,
    /// How long each of them
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Builds the targets and feeds them one after the other, those that fail included.
pub(crate) fn run(options: &Options) -> Result<()> {
    say::step("building the fuzz targets");
    let program = build()?;
    let known = known(&program)?;
    for name in &options.targets {
        ensure!(
            known.contains(name),
            "`{name}` is no target; there are {}",
            known.join(", ")
        );
    }
    let chosen = if options.targets.is_empty() {
        &known
    } else {
        &options.targets
    };
    let mut failed = Vec::new();
    for target in chosen {
        say::step(&format!("{target}, for {} s", options.seconds));
        if !feed(&program, target, options.seconds)? {
            failed.push(target.as_str());
        }
    }
    ensure!(
        failed.is_empty(),
        "these went down: {}. What brought them down is in `target/fuzz/found/<target>`; mend the decoder and keep the file in `tests/vectors/decoders/<target>`",
        failed.join(", ")
    );
    Ok(())
}

/// Everything of fuzzing is here: instrumented builds must not mix with the others.
fn directory() -> PathBuf {
    programs::source().join("target/fuzz")
}

fn build() -> Result<PathBuf> {
    let triple = triple()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // With a target named, build scripts and macros are not instrumented, and can be linked.
    let status = Command::new(cargo)
        .args(["build", "--release", "--target", &triple])
        .current_dir(programs::source().join("tests/fuzz"))
        .env("CARGO_TARGET_DIR", directory())
        .env("RUSTFLAGS", INSTRUMENTATION)
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "the fuzz targets do not build; the complaint is above"
    );
    Ok(directory().join(triple).join("release/portreeve-fuzz"))
}

fn triple() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not say for which machine it is")
}

fn known(program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program)
        .env("PORTREEVE_FUZZ_NAMES", "1")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the fuzz targets")?;
    let text = String::from_utf8(output.stdout)?;
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    if names.is_empty() {
        bail!("the fuzz targets do not say their names");
    }
    Ok(names)
}

/// Feeds one target and says whether it stood.
fn feed(program: &Path, target: &str, seconds: u32) -> Result<bool> {
    let corpus = directory().join("corpus").join(target);
    let found = directory().join("found").join(target);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let seeded = Command::new(program)
        .env("PORTREEVE_FUZZ", target)
        .env("PORTREEVE_FUZZ_SEEDS", &corpus)
        .status()?;
    ensure!(seeded.success(), "`{target}` has no seeds");
    let vectors = programs::source()
        .join("tests/vectors/decoders")
        .join(target);
    let status = Command::new(program)
        .env("PORTREEVE_FUZZ", target)
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(&corpus)
        .args(vectors.is_dir().then_some(vectors))
        .status()?;
    Ok(status.success())
}
