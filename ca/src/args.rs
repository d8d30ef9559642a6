//! The command line of `portreeve-ca`, and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What a process says by its exit code; shown in `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  it did what it was asked
  1  it ran, and failed
  2  the command line is wrong
  3  the configuration is wrong
  4  something that it needs is not there: database, signer, keys, address";

/// The certificate authority of Portreeve: it decides who may have a session, and issues it.
#[derive(Debug, Parser)]
#[command(name = "portreeve-ca", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct CommandLine {
    /// How the log is written to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "PORTREEVE_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,

    /// What is logged: a level, or a filter as of `tracing`'s `EnvFilter`.
    #[arg(long, global = true, default_value = "info", env = "PORTREEVE_LOG")]
    pub(crate) log: String,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API. Starts the signer too, unless the configuration says that it runs by itself.
    Serve(WithConfig),
    /// Run the signer: it holds the keys and answers on a unix socket only.
    Signer(Signer),
}

#[derive(Debug, Args)]
pub(crate) struct WithConfig {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/portreeve-ca/config.toml",
        env = "PORTREEVE_CA_CONFIG"
    )]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Signer {
    #[command(flatten)]
    pub(crate) with: WithConfig,

    /// End when standard input is closed, as `serve` does it with its own signer.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
    }
}
