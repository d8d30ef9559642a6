//! The command line, and nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use portreeve_protocol::name::BastionName;

/// The recording SSH bastion of Portreeve.
#[derive(Debug, Parser)]
#[command(name = "portreeve-bastion", version, about)]
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
    /// Let agents in.
    Serve {
        /// The configuration.
        #[arg(long, default_value = "/etc/portreeve-bastion/config.toml")]
        config: PathBuf,
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
    /// Where recordings and waiting events go.
    #[arg(long, default_value = "/var/lib/portreeve-bastion")]
    pub state: PathBuf,
    /// Where agents connect.
    #[arg(long, default_value = "0.0.0.0:2222")]
    pub listen: SocketAddr,
}
