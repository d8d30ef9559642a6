//! Signing in, delegated tokens, sessions, and running commands.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use portreeve_protocol::id::{SessionId, TaskId};
use portreeve_protocol::name::{BundleName, HostName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Ttl;

use crate::variables;

/// `login`.
#[derive(Debug, Args)]
pub struct Login {
    /// The identity provider's issuer URL
    #[arg(long, value_name = "URL", env = variables::ISSUER, hide_env_values = true)]
    pub issuer: String,
    /// A PEM file with the root of the identity provider's TLS certificate
    #[arg(long, value_name = "FILE", env = variables::ISSUER_CERT, hide_env_values = true)]
    pub issuer_cert: Option<PathBuf>,
    /// The client id under which this program is registered there; by default `portreeve`, and
    /// `portreeve-agents` with --for-agent
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The scopes to ask for; by default `openid` and those of `email`, `profile` and `groups` that
    /// the provider knows
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// Ask for a sign-in that is not older than this
    #[arg(long, value_name = "TIME", default_value = "12h")]
    pub max_age: Ttl,
    /// Ask for this authentication context, for example one that stands for MFA
    #[arg(long, value_name = "ACR")]
    pub acr: Option<String>,
    /// Run this command with the address as its last argument; by default nothing is opened
    #[arg(long, value_name = "COMMAND")]
    pub browser: Option<String>,
    /// The loopback port to wait on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// How long to wait for the browser
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub timeout: Ttl,
    /// Sign in for an agent: print an ID token that is good for an exchange and for nothing else, and store nothing
    #[arg(long)]
    pub for_agent: bool,
    /// Also print the ID token that is you to standard output; to an agent hand one of --for-agent
    #[arg(long, conflicts_with = "for_agent")]
    pub print_token: bool,
}

impl Login {
    /// Our client id at the provider; the CA takes tokens for the agents' one in an exchange only.
    #[must_use]
    pub fn client_id(&self) -> &str {
        let usual = if self.for_agent {
            "portreeve-agents"
        } else {
            "portreeve"
        };
        self.client_id.as_deref().unwrap_or(usual)
    }
}

/// `exchange`.
#[derive(Debug, Args)]
pub struct Exchange {
    /// Print the delegated token to standard output instead of storing it
    #[arg(long)]
    pub print: bool,
}

/// What a session is for and what it may do.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Session")]
pub struct Task {
    /// Why: the ticket
    #[arg(long, env = variables::TICKET, hide_env_values = true)]
    pub ticket: Option<Ticket>,
    /// Why: the purpose, in a sentence
    #[arg(long, value_name = "TEXT", env = variables::PURPOSE, hide_env_values = true)]
    pub purpose: Option<Purpose>,
    /// The sudo bundle
    #[arg(long, value_name = "NAME", env = variables::BUNDLE, hide_env_values = true)]
    pub bundle: Option<BundleName>,
    /// For how long at most, for example 15m; policy may shorten it
    #[arg(long, value_name = "TIME", env = variables::TTL, hide_env_values = true)]
    pub ttl: Option<Ttl>,
    /// An earlier task that this session continues
    #[arg(long, value_name = "ID", env = variables::TASK, hide_env_values = true)]
    pub task: Option<TaskId>,
    /// The address from which the bastion will see this machine, if not the one that the CA sees
    #[arg(long, value_name = "ADDRESS", env = variables::SOURCE_ADDRESS, hide_env_values = true)]
    pub source_address: Option<IpAddr>,
}

/// `session …`.
#[derive(Debug, Subcommand)]
pub enum Session {
    /// Ask for a session on a host
    Start {
        /// The host
        #[arg(long)]
        host: HostName,
        /// What for.
        #[command(flatten)]
        task: Task,
        /// Write the session's key to a file in the session's folder instead of keeping it in
        /// the memory of a background process
        #[arg(long)]
        key_on_disk: bool,
    },
    /// List sessions, the newest first
    List {
        /// Only those that are not over
        #[arg(long)]
        open: bool,
        /// Only those on this host
        #[arg(long)]
        host: Option<HostName>,
        /// Only those of this agent
        #[arg(long, value_name = "TEAM/NAME")]
        of_agent: Option<Agent>,
    },
    /// Show one session
    Show {
        /// The session
        session: SessionId,
    },
    /// Kill a session: everything that it runs dies, and the account goes
    Kill {
        /// The session
        session: SessionId,
        /// Why, for the trail and for the agent to read
        #[arg(long, value_name = "TEXT")]
        reason: Purpose,
    },
    /// End one's own session and forget its key
    End {
        /// The session
        session: SessionId,
    },
}

/// `exec`.
#[derive(Debug, Args)]
#[command(
    after_help = "The exit code is that of the remote command, 128 and the number for a signal, \
                  and 125 when the command did not run to its end for a reason of ours."
)]
pub struct Exec {
    /// The host
    #[arg(long, required_unless_present = "session")]
    pub host: Option<HostName>,
    /// What for.
    #[command(flatten)]
    pub task: Task,
    /// Use this session of `session start`, and do not end it
    #[arg(long, value_name = "ID", conflicts_with = "keep")]
    pub session: Option<SessionId>,
    /// Keep the session for `exec --session` and `ssh`
    #[arg(long)]
    pub keep: bool,
    /// A command line for the remote shell, passed on as it is, instead of arguments
    #[arg(short = 'c', long, value_name = "TEXT", conflicts_with = "argv")]
    pub command: Option<String>,
    /// Give the command no standard input
    #[arg(short = 'n', long)]
    pub no_input: bool,
    /// The command and its arguments, each passed on exactly
    #[arg(last = true, required_unless_present = "command")]
    pub argv: Vec<String>,
}

/// `ssh`.
#[derive(Debug, Args)]
pub struct Ssh {
    /// The host
    pub host: HostName,
    /// What for.
    #[command(flatten)]
    pub task: Task,
    /// Ask for a session even if one for the same task is open
    #[arg(long)]
    pub fresh: bool,
    /// Ask for a terminal even for a command
    #[arg(short = 't', long)]
    pub tty: bool,
    /// An option for ssh, as in ssh_config
    #[arg(short = 'o', long = "option", value_name = "OPTION")]
    pub options: Vec<String>,
    /// A command, joined by spaces as ssh does; without one, a shell
    #[arg(last = true)]
    pub command: Vec<String>,
}

/// `ssh-config`.
#[derive(Debug, Args)]
pub struct SshConfig {
    /// The hosts, as ssh_config patterns: `prod-1`, `*.prod.example.com`
    #[arg(required = true)]
    pub hosts: Vec<String>,
}

/// `ssh-prepare`.
#[derive(Debug, Args)]
pub struct SshPrepare {
    /// The host
    pub host: HostName,
    /// What for.
    #[command(flatten)]
    pub task: Task,
}
