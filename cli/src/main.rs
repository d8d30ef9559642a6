//! `portreeve`: parse, settle, run, and say once how it ended.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use portreeve_cli::agent::hold;
use portreeve_cli::args::{Cli, Command};
use portreeve_cli::command;
use portreeve_cli::exit::Exit;
use portreeve_cli::failure::Failure;
use portreeve_cli::output::{self, Printer};
use portreeve_cli::settings::{Environment, Settings};

fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os()) => {
            Printer::standard(true)
                .say(&Failure::of_command_line(&error.render().to_string()).to_json());
            return Exit::Usage.into();
        }
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
    let mut printer = Printer::standard(json).coloured(output::takes_colour(variable));
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

/// Whether a command line that could not be parsed asks for JSON; what is behind `--` is not ours.
fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    args.take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
}

/// An environment variable; one that is set to nothing counts as none.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Parses the command line. A variable that is set to nothing counts as none.
fn parse() -> Result<Cli, clap::Error> {
    let matches = without_empty_variables(Cli::command()).try_get_matches()?;
    Cli::from_arg_matches(&matches)
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None) } else { arg })
        .mut_subcommands(without_empty_variables)
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
            variable: &variable,
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
