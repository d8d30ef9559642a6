//! The command line and nothing but the command line: what can be written, and what it means.
//!
//! [`crate::settings`] makes settled values of it, [`crate::command`] acts.

pub mod access;
pub mod admin;
pub mod bundle;
pub mod recording;
pub mod review;
pub mod search;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use portreeve_protocol::pair::Agent;

use crate::exit::Exit;
use crate::variables;

/// Governed SSH access for AI agents, each access in the name of a human and an agent.
#[derive(Debug, Parser)]
#[command(
    name = "portreeve",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = Exit::table()
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Print data as JSON, and a failure as one line of JSON on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// The CA's URL
    #[arg(long, global = true, value_name = "URL", env = variables::CA, hide_env_values = true)]
    pub ca: Option<String>,
    /// A PEM file with the root of the CA's TLS certificate
    #[arg(long, global = true, value_name = "FILE", env = variables::CA_CERT, hide_env_values = true)]
    pub ca_cert: Option<PathBuf>,
    /// As whom to call the CA, where both may: by default the agent if one is set
    #[arg(long = "as", global = true, value_name = "WHO")]
    pub who: Option<Who>,
    /// The agent, as team/name
    #[arg(long, global = true, value_name = "TEAM/NAME", env = variables::AGENT, hide_env_values = true)]
    pub agent: Option<Agent>,
    /// The agent's Ed25519 private key file
    #[arg(long, global = true, value_name = "FILE", env = variables::AGENT_KEY, hide_env_values = true)]
    pub agent_key: Option<PathBuf>,
    /// The file with the human's ID token that the agent was handed; - is standard input
    #[arg(long, global = true, value_name = "FILE", env = variables::SUBJECT_TOKEN_FILE, hide_env_values = true)]
    pub subject_token_file: Option<PathBuf>,
    /// Where the delegated token is kept
    #[arg(long, global = true, value_name = "FILE", env = variables::TOKEN_FILE, hide_env_values = true)]
    pub token_file: Option<PathBuf>,
    /// Where the person's ID token is kept
    #[arg(long, global = true, value_name = "FILE", env = variables::ID_TOKEN_FILE, hide_env_values = true)]
    pub id_token_file: Option<PathBuf>,
}

/// As whom to call the CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// The person who signed in
    Person,
    /// The agent together with its human
    Agent,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in at the identity provider
    Login(access::Login),
    /// Show who is signed in and which tokens are there
    Whoami,
    /// Forget the ID token and the delegated token
    Logout,
    /// Exchange the human's ID token and the agent's own proof for a delegated token
    Exchange(access::Exchange),
    /// Sessions: ask for one, list, show, end
    Session {
        /// Which act.
        #[command(subcommand)]
        act: access::Session,
    },
    /// Run a command on a host, with nothing but this program
    Exec(access::Exec),
    /// Open a shell or run a command on a host with the system's ssh
    Ssh(access::Ssh),
    /// Print an ssh_config by which plain `ssh HOST` works
    SshConfig(access::SshConfig),
    /// Called by ssh: make a session ready for a host
    #[command(hide = true)]
    SshPrepare(access::SshPrepare),
    /// Holds a session's key in memory and signs with it; started by other commands
    #[command(hide = true)]
    Hold,
    /// Replay a recording in the terminal
    Replay(review::Replay),
    /// Convert a recording
    Export(review::Export),
    /// Read recordings into the index of searches
    Index(search::Index),
    /// Search all recordings in the index
    Search(search::Search),
    /// Show the audit trail of a session
    Trail(review::Trail),
    /// Read the audit log: what belongs to no session is there too
    Log(review::Log),
    /// Verify recordings, trails and files of evidence offline
    Verify(review::Verify),
    /// One file about a session, for somebody who has no account: make it, verify it
    Evidence(review::Evidence),
    /// Alter a recording and a log in every place, and fail unless each is noticed
    Canary(review::Canary),
    /// Recordings as files: list, fetch, hold, release
    Recording {
        /// Which act.
        #[command(subcommand)]
        act: recording::Recordings,
    },
    /// sudo bundles: check, try, compare, learn, publish, withdraw
    Bundle {
        /// Which act.
        #[command(subcommand)]
        act: bundle::Bundle,
    },
    /// The access policy: check, publish, show
    Policy {
        /// Which act.
        #[command(subcommand)]
        act: admin::Policy,
    },
    /// Agents: add, list, disable, enable
    Agent {
        /// Which act.
        #[command(subcommand)]
        act: admin::Agents,
    },
    /// Hosts: add, list, confirm, discover, inventory
    Host {
        /// Which act.
        #[command(subcommand)]
        act: admin::Hosts,
    },
    /// Bastions: add, list
    Bastion {
        /// Which act.
        #[command(subcommand)]
        act: admin::Bastions,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write one page per command into this folder instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_after_two_dashes_belongs_to_the_remote_command() {
        let cli = Cli::try_parse_from([
            "portreeve",
            "exec",
            "--host",
            "prod-1",
            "--",
            "ls",
            "--json",
            "-c",
        ])
        .unwrap();
        let Command::Exec(exec) = cli.command else {
            panic!("not exec")
        };
        assert_eq!(exec.argv, ["ls", "--json", "-c"]);
        assert!(!cli.global.json);
    }

    #[test]
    fn wrong_names_are_refused_by_what_they_are() {
        let error = Cli::try_parse_from(["portreeve", "exec", "--host", "Prod_1", "--", "true"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("is not a host name"), "{error}");
    }
}
