//! The networks of a lab: a bridge for each in the keeper's network namespace, and a cable from it to
//! every host. A host that loses power therefore disappears from its neighbours without a word, and its
//! neighbours keep their own addresses.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::topology::{Network, Port};

/// Lays the bridges.
pub(crate) fn lay(keeper: u32, networks: &BTreeSet<&Network>) -> Result<()> {
    let mut batch = String::new();
    for network in networks {
        let bridge = network.bridge();
        batch.push_str(&format!(
            "link add name {bridge} type bridge\nlink set {bridge} up\n"
        ));
    }
    ip(keeper, &batch)
}

/// Plugs a freshly booted host into its networks.
pub(crate) fn plug(keeper: u32, host: &str, init: u32, ports: &[Port]) -> Result<()> {
    let mut outer = String::new();
    let mut inner = String::new();
    for (number, port) in ports.iter().enumerate() {
        let socket = socket(host, number);
        let bridge = port.network.bridge();
        let hardware = port.hardware_address();
        outer.push_str(&format!(
            "link add name {socket} type veth peer name eth{number} address {hardware} netns {init}\n\
             link set {socket} master {bridge} up\n"
        ));
        inner.push_str(&format!(
            "address add {}/24 dev eth{number}\nlink set eth{number} up\n",
            port.address
        ));
    }
    ip(keeper, &outer)?;
    ip(init, &inner)
}

/// Removes a host's cables. The kernel does so by itself when the host is gone, at a moment of its own choice.
pub(crate) fn unplug(keeper: u32, host: &str, ports: &[Port]) -> Result<()> {
    for number in 0..ports.len() {
        let command = ["link", "delete", &socket(host, number)];
        // A cable that is gone already is what is wanted.
        in_network(keeper, &command)
            .stderr(Stdio::null())
            .status()?;
    }
    Ok(())
}

/// Takes a host's cable to one network, or its cables to all, out of or into the bridge.
pub(crate) fn switch(
    keeper: u32,
    host: &str,
    ports: &[Port],
    network: Option<&Network>,
    up: bool,
) -> Result<()> {
    let state = if up { "up" } else { "down" };
    let batch: String = ports
        .iter()
        .enumerate()
        .filter(|(_, port)| network.is_none_or(|network| port.network == *network))
        .map(|(number, _)| format!("link set {} {state}\n", socket(host, number)))
        .collect();
    ip(keeper, &batch)
}

fn socket(host: &str, number: usize) -> String {
    format!("{host}.{number}")
}

/// Runs lines of `ip` in the network namespace of a process.
fn ip(target: u32, batch: &str) -> Result<()> {
    let mut child = in_network(target, &["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `nsenter`")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(batch.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`ip` refused one of these lines: {}\n{batch}",
        complaint.trim()
    );
    Ok(())
}

fn in_network(target: u32, args: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command
        .args(["--target", &target.to_string(), "--net", "--", "ip"])
        .args(args)
        .stdin(Stdio::null());
    command
}
