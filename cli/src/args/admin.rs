//! What administrators do, and what authors of policies do offline.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Subcommand;
use portreeve_protocol::name::{BastionName, HostName, HumanName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::time::{Timestamp, Ttl};

/// `policy …`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check a policy against the schema and run the examples beside it
    Check {
        /// The policy files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Publish a policy at the CA: it decides from the next request on
    Publish {
        /// The policy file
        file: PathBuf,
    },
    /// Print the policy in force
    Show,
}

/// `agent …`.
#[derive(Debug, Subcommand)]
pub enum Agents {
    /// Register an agent
    Add {
        /// The agent, as team/name
        #[arg(value_name = "TEAM/NAME")]
        name: Agent,
        /// Its public key, or a `.pub` file with it
        #[arg(long, value_name = "KEY|FILE")]
        key: String,
        /// Who answers for it
        #[arg(long, value_name = "PERSON")]
        owner: HumanName,
        /// When its owner must look at it again, as 2026-12-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        review_by: Option<Timestamp>,
    },
    /// List the agents
    List,
    /// Disable an agent: its sessions end, and it gets none until it is enabled again
    Disable {
        /// The agent, as team/name
        #[arg(value_name = "TEAM/NAME")]
        name: Agent,
    },
    /// Enable an agent that was disabled, with the key that it had; what was ended stays ended
    Enable {
        /// The agent, as team/name
        #[arg(value_name = "TEAM/NAME")]
        name: Agent,
    },
}

/// `host …`.
#[derive(Debug, Subcommand)]
pub enum Hosts {
    /// Register a host and print its ticket, for `portreeve-host enroll`
    Add {
        /// Its name
        host: HostName,
        /// Its address as bastions reach it, with the port
        #[arg(long, value_name = "ADDRESS:PORT")]
        address: String,
        /// A label that policies can ask for
        #[arg(long = "label", value_name = "LABEL")]
        labels: Vec<String>,
        /// Also when it is enrolled: after a new installation, or with other keys of sshd
        #[arg(long)]
        again: bool,
    },
    /// List the hosts
    List,
    /// Read a host's proof from standard input and enrol it
    Confirm,
    /// Have a host look for standing access on itself, and show what it finds
    ///
    /// The CA orders it, a bastion brings the order there and the answer back. What the host has to
    /// look through decides how long it takes; what comes later than --wait is kept all the same,
    /// for `host inventory`.
    Discover {
        /// The host
        host: HostName,
        /// How long to wait for the answer
        #[arg(long, value_name = "TIME", default_value = "5m")]
        wait: Ttl,
    },
    /// Show what hosts found of standing access on themselves, or hand in what one signed
    ///
    /// Without a host: all hosts with how many findings each has, and those that never looked.
    Inventory {
        /// The host
        host: Option<HostName>,
        /// Hand in what `portreeve-host discover --signed` printed there; - is standard input
        #[arg(long, value_name = "FILE", requires = "host")]
        file: Option<PathBuf>,
    },
}

/// `bastion …`.
#[derive(Debug, Subcommand)]
pub enum Bastions {
    /// Register a bastion and print its one-time token, for `portreeve-bastion enroll`
    Add {
        /// Its name
        bastion: BastionName,
        /// Its address as agents reach it, with the port
        #[arg(long, value_name = "ADDRESS:PORT")]
        address: String,
        /// The addresses from which it reaches hosts
        #[arg(long = "egress", value_name = "ADDRESS", required = true)]
        egress: Vec<IpAddr>,
        /// Also when it is enrolled: for a new host certificate, or new keys
        #[arg(long)]
        again: bool,
    },
    /// List the bastions
    List,
}
