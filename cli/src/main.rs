//! `portreeve`: parse, settle, run, and say once how it ended.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use portreeve_cli::agent::hold;
use portreeve_cli::args::{Cli, Command};
use portreeve_cli::command;
use portreeve_cli::exit::Exit;
use portreeve_cli::failure::Failure;
use portreeve_cli::output::Printer;
use portreeve_cli::settings::{Environment, Settings};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers and go to standard output; clap knows which is which.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    let json = cli.global.json;
    let mut printer = Printer::standard(json);
    match run(cli, &mut printer) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.is_quiet() {
                printer.say(&if json {
                    failure.to_json()
                } else {
                    failure.to_string()
                });
            }
            failure.exit().into()
        }
    }
}

fn run(cli: Cli, printer: &mut Printer) -> Result<Exit, Failure> {
    // The holder of a key is one thread without a network; it needs nothing of what follows.
    if matches!(cli.command, Command::Hold) {
        return hold::run().map(|()| Exit::Done);
    }
    // Only fails when one is installed already, which then is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = Settings::settle(
        &cli.global,
        Environment {
            variable: &|name| std::env::var_os(name).filter(|value| !value.is_empty()),
            uid: nix::unistd::geteuid().as_raw(),
        },
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the program cannot be started").because(&error))?;
    let result = runtime.block_on(command::run(cli, &settings, printer));
    // A read of standard input that nobody ends must not keep the program from ending.
    runtime.shutdown_background();
    result
}
