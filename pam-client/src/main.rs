//! `portreeve-host`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    portreeve_host::run(portreeve_host::args::Args::parse()).into()
}
