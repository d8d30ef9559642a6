//! The command line, and nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use portreeve_protocol::name::BastionName;

/// What the exit codes mean, and the one variable that is not an option.
const AFTER_HELP: &str = "\
Environment:
  PORTREEVE_LOG  what is logged on standard error: a level, or a filter as of `tracing`'s
                 `EnvFilter` [default: info,russh=warn]

Exit codes:
  0  it did what it was asked
  1  it could not start, or failed; standard error says why
  2  the command line is wrong
  3  the configuration, or a key that it names, is wrong, or it would serve as root without `--allow-root`
  4  `status`: the bastion does not run, or is still starting
  5  `status`: something needs a look";

/// The recording bastion: the only way to a host. It lets agents in, decides each command, and records what passes.
#[derive(Debug, Parser)]
#[command(name = "portreeve-bastion", version, about, after_help = AFTER_HELP)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make this bastion's keys and make it known to the CA.
    Enroll(Enroll),
    /// Let agents in. On SIGTERM, end all sessions, seal their recordings, deliver what is left to tell, and stop. On
    /// SIGHUP, take from the configuration again who can open recordings.
    Serve {
        /// The configuration.
        #[arg(long, default_value = "/etc/portreeve-bastion/config.toml")]
        config: PathBuf,
        /// Run as root all the same.
        #[arg(long)]
        allow_root: bool,
    },
    /// Say how the bastion on this machine is: sessions, recordings, events that wait for the CA, disks, configuration and
    /// keys, and what somebody should look at. Run it as root. Changes nothing.
    Status {
        /// The configuration.
        #[arg(long, default_value = "/etc/portreeve-bastion/config.toml")]
        config: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How to enrol.
#[derive(Debug, clap::Args)]
pub struct Enroll {
    /// The CA's address, as `https://ca.example.com:8443`.
    #[arg(long, env = "PORTREEVE_CA")]
    pub ca: String,
    /// A file with the root of the CA's TLS certificate.
    #[arg(long, env = "PORTREEVE_CA_CERT")]
    pub ca_cert: PathBuf,
    /// The name under which an administrator added this bastion.
    #[arg(long)]
    pub name: BastionName,
    /// A file with the one-time token that the administrator got.
    #[arg(long)]
    pub token_file: PathBuf,
    /// Where keys and configuration go.
    #[arg(long, default_value = "/etc/portreeve-bastion")]
    pub dir: PathBuf,
    /// Where recordings and waiting events go; by default where the configuration that is there says, or
    /// `/var/lib/portreeve-bastion`.
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// Where agents connect; by default where the configuration that is there says, or 0.0.0.0:2222.
    #[arg(long)]
    pub listen: Option<SocketAddr>,
}
