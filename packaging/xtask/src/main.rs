//! `cargo xtask`: the commands of this workspace. Each works on a fresh clone and may be run again.

#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod check;
mod demo;
mod fuzz;
mod package;
mod say;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The commands of this workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the programs beside plain OpenSSH; needs root, installs missing Debian packages
    Bench(bench::Options),
    /// Check formatting, lints and documentation; builds no program and needs no root
    Check,
    /// Play one investigation on the real programs and tell it step by step; needs root, installs missing Debian packages
    Demo {
        /// Leave everything running, and print commands to try
        #[arg(long)]
        keep: bool,
    },
    /// Feed the decoders of bytes from outside with spoiled input; needs a C++ compiler
    Fuzz(fuzz::Options),
    /// Make the Debian packages; as root, installs missing Debian packages
    Package(package::Options),
    /// Run everything that CI runs, machine tests included; needs root, installs missing Debian packages
    Test,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Check => check::run(),
        Command::Demo { keep } => demo::run(keep),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Package(options) => package::run(&options),
        Command::Test => test::run(),
    }
}
