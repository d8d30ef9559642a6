//! Which hosts a lab has and which networks join them. Values only; [`crate::Lab`] makes them real.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

/// A network that hosts can be plugged into: a /24 without a router.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    name: String,
    prefix: [u8; 3],
}

impl Network {
    /// Names a network with the first three bytes of its addresses, which should be reserved for documentation.
    #[must_use]
    pub fn new(name: &str, prefix: [u8; 3]) -> Self {
        Self {
            name: name.to_owned(),
            prefix,
        }
    }

    /// Where agents reach the bastion: 192.0.2.0/24.
    #[must_use]
    pub fn access() -> Self {
        Self::new("access", [192, 0, 2])
    }

    /// Where the bastion reaches production: 198.51.100.0/24.
    #[must_use]
    pub fn production() -> Self {
        Self::new("production", [198, 51, 100])
    }

    /// The rest of the world, for a test that needs an address of an attacker: 203.0.113.0/24.
    #[must_use]
    pub fn outside() -> Self {
        Self::new("outside", [203, 0, 113])
    }

    /// The place with this number in the network.
    #[must_use]
    pub fn at(&self, number: u8) -> Port {
        let [a, b, c] = self.prefix;
        Port {
            network: self.clone(),
            address: Ipv4Addr::new(a, b, c, number),
        }
    }

    pub(crate) fn bridge(&self) -> String {
        format!("br-{}", self.name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// One host's place in one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub(crate) network: Network,
    pub(crate) address: Ipv4Addr,
}

impl Port {
    /// A hardware address that follows from the network address, so that neighbours still find a host
    /// after it was switched off and on.
    pub(crate) fn hardware_address(&self) -> String {
        let [a, b, c, d] = self.address.octets();
        format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }
}

/// The hosts of a lab, each with its ports.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    hosts: Vec<(String, Vec<Port>)>,
    /// What hosts are made of, of those that are no copy of the machine.
    roots: BTreeMap<String, PathBuf>,
}

impl Topology {
    /// A lab without hosts.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// `agent` — `bastion` — `prod`: the agent and production have only the bastion in common.
    #[must_use]
    pub fn standard() -> Self {
        let (access, production) = (Network::access(), Network::production());
        Self::empty()
            .host("agent", [access.at(10)])
            .host("bastion", [access.at(20), production.at(20)])
            .host("prod", [production.at(30)])
    }

    /// Adds a host with its ports, which become `eth0`, `eth1` and so on.
    #[must_use]
    pub fn host(mut self, name: &str, ports: impl IntoIterator<Item = Port>) -> Self {
        self.hosts
            .push((name.to_owned(), ports.into_iter().collect()));
        self
    }

    /// Makes a host out of the system in this directory instead of a copy of the machine. What that
    /// system says about sshd and sudo stays as it is.
    #[must_use]
    pub fn made_of(mut self, name: &str, root: &Path) -> Self {
        self.roots.insert(name.to_owned(), root.to_owned());
        self
    }

    /// The directory with the system that a host is made of; none for a copy of the machine.
    pub(crate) fn root_of(&self, name: &str) -> Option<&Path> {
        self.roots.get(name).map(PathBuf::as_path)
    }

    pub(crate) fn hosts(&self) -> &[(String, Vec<Port>)] {
        &self.hosts
    }

    pub(crate) fn networks(&self) -> BTreeSet<&Network> {
        self.hosts
            .iter()
            .flat_map(|(_, ports)| ports)
            .map(|port| &port.network)
            .collect()
    }

    /// The content of `/etc/hosts` on the named host: itself, and whom it shares a network with.
    pub(crate) fn names_seen_by(&self, name: &str) -> String {
        let mut text = format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n");
        let own: Vec<&Port> = self.ports_of(name).collect();
        for (other, ports) in self.hosts.iter().filter(|(other, _)| other != name) {
            for port in ports
                .iter()
                .filter(|port| own.iter().any(|mine| mine.network == port.network))
            {
                text.push_str(&format!("{} {other}\n", port.address));
            }
        }
        text
    }

    /// Refuses names that the kernel or a path would not take, and names or addresses used twice.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        let networks = self.networks();
        let hosts = self.hosts.iter().map(|(name, _)| name.as_str());
        for name in hosts.chain(networks.iter().map(|network| network.name())) {
            // An interface has at most 15 characters, of which the bridge's prefix or the port's number takes some.
            ensure!(
                (1..=12).contains(&name.len()),
                "`{name}` is not 1 to 12 characters long"
            );
            ensure!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "`{name}` is not [a-z0-9]"
            );
        }
        for (name, ports) in &self.hosts {
            if !names.insert(name) {
                bail!("two hosts are called `{name}`");
            }
            for port in ports {
                ensure!(
                    addresses.insert(port.address),
                    "two hosts have the address `{}`",
                    port.address
                );
            }
        }
        Ok(())
    }

    fn ports_of(&self, name: &str) -> impl Iterator<Item = &Port> {
        self.hosts
            .iter()
            .filter(move |(host, _)| host == name)
            .flat_map(|(_, ports)| ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_knows_only_the_names_on_its_own_networks() {
        let topology = Topology::standard();
        assert!(
            topology
                .names_seen_by("agent")
                .contains("192.0.2.20 bastion\n")
        );
        assert!(!topology.names_seen_by("agent").contains("prod"));
        assert!(
            topology
                .names_seen_by("prod")
                .contains("198.51.100.20 bastion\n")
        );
        assert!(!topology.names_seen_by("prod").contains("192.0.2.20"));
    }

    #[test]
    fn names_and_addresses_that_cannot_work_are_refused() {
        let access = Network::access();
        let cases = [
            Topology::empty()
                .host("a", [access.at(1)])
                .host("a", [access.at(2)]),
            Topology::empty()
                .host("a", [access.at(1)])
                .host("b", [access.at(1)]),
            Topology::empty().host("../up", []),
            Topology::empty().host("", []),
            Topology::empty().host("thirteenchars", []),
            Topology::empty().host("a", [Network::new("a b", [192, 0, 2]).at(1)]),
        ];
        for topology in cases {
            assert!(topology.check().is_err(), "{topology:?}");
        }
        assert!(Topology::standard().check().is_ok());
    }
}
