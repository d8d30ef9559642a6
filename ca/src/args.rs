//! The command line of `portreeve-ca`, and nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use portreeve_access_policy::starter::Administrator;
use portreeve_protocol::age::Recipient;

/// What a process says by its exit code; shown in `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  it did what it was asked
  1  it ran, and failed
  2  the command line is wrong
  3  the configuration is wrong, or it would serve as root without `--allow-root`
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
    /// Make a new CA: keys, certificate, configuration, database, a first policy and bundle.
    Init(Init),
    /// Serve the API. Starts the signer too, unless the configuration says that it runs by itself.
    Serve(Serve),
    /// Run the signer: it holds the keys and answers on a unix socket only.
    Signer(Signer),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The directory to make it in; it must be empty or not there.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/portreeve-ca")]
    pub(crate) dir: PathBuf,

    /// The CA's URL as everybody will write it; http is for loopback only.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: String,

    /// Where to listen; by default on all addresses and the URL's port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// A group at the identity provider whose members administer. May be repeated.
    #[arg(
        long = "admin-group",
        value_name = "GROUP",
        required_unless_present = "admins"
    )]
    pub(crate) admin_groups: Vec<Administrator>,

    /// A person who administers, by the e-mail address that the identity provider vouches for.
    /// May be repeated.
    #[arg(long = "admin", value_name = "EMAIL")]
    pub(crate) admins: Vec<Administrator>,

    /// The identity provider's issuer URL.
    #[arg(long, value_name = "URL")]
    pub(crate) idp: Option<String>,

    /// Our client id there.
    #[arg(long, value_name = "ID", default_value = "portreeve", requires = "idp")]
    pub(crate) idp_client_id: String,

    /// The client id there of the tokens that people hand to agents; without one such a token is as good as the
    /// human's own.
    #[arg(long, value_name = "ID", requires = "idp")]
    pub(crate) idp_agent_client_id: Option<String>,

    /// An age recipient that recordings are sealed to; without one a key pair is made.
    /// May be repeated.
    #[arg(long = "review-recipient", value_name = "RECIPIENT")]
    pub(crate) review_recipients: Vec<Recipient>,
}

#[derive(Debug, Args)]
pub(crate) struct WithConfig {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/portreeve-ca/config.toml",
        env = "PORTREEVE_CA_CONFIG"
    )]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) with: WithConfig,

    #[command(flatten)]
    pub(crate) user: User,
}

/// As whom.
#[derive(Debug, Args)]
pub(crate) struct User {
    /// Run as root all the same.
    #[arg(long)]
    pub(crate) allow_root: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Signer {
    #[command(flatten)]
    pub(crate) with: WithConfig,

    #[command(flatten)]
    pub(crate) user: User,

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

    #[test]
    fn a_new_ca_has_an_administrator() {
        let parse = |line: &str| CommandLine::try_parse_from(line.split(' '));
        let init = "portreeve-ca init --issuer https://ca.example.com";
        assert!(parse(init).is_err());
        for administrator in ["--admin-group infra-admins", "--admin alice@example.com"] {
            let line = format!("{init} {administrator}");
            assert!(parse(&line).is_ok(), "{line}");
        }
        assert!(parse(&format!("{init} --admin-group a\"b")).is_err());
    }
}
