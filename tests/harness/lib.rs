//! Test hosts: machines made of namespaces, on which the real programs meet the real OpenSSH and sudo.
//!
//! A [`Lab`] holds a few [`Host`]s and the networks between them. Each host has its own processes,
//! network, mounts, host name, control groups and disk (an overlay over the machine's root), so a test
//! may do as root what it likes there, cut the power, and look at what is left.
//! Nothing outside the lab is changed, and nothing of the lab outlives the process that made it.
//!
//! An [`installation::Installation`] is a lab with a whole Portreeve on it; nothing else here knows the
//! programs under test.
//! Callers: the machine tests in `tests/it`, the benchmarks and the demonstration.

#![forbid(unsafe_code)]

mod accounts;
pub mod as_root;
pub mod asciinema;
mod command;
pub mod debian;
mod dial;
pub mod dice;
mod files;
mod host;
mod idp;
pub mod installation;
mod keeper;
mod lab;
pub mod moto;
pub mod packages;
mod process;
pub mod programs;
pub mod seed;
mod service;
mod sshd;
pub mod sudo_rs;
mod topology;
mod wait;
mod wires;

pub use accounts::{Running, User};
pub use command::{HostCommand, Output};
pub use host::Host;
pub use idp::{Idp, Person, SignIn};
pub use lab::{Kept, Lab};
pub use process::Process;
pub use service::{Ready, Service};
pub use sshd::Sshd;
pub use topology::{Network, Port, Topology};
pub use wait::until;
