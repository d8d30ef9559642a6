//! The registry of hosts.

use portreeve_access_policy::facts;
use portreeve_protocol::admin::{AddHost, HostRecord, Listing};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::facts::MAX_GROUPS;
use portreeve_protocol::problem::Code;

use super::permit::Exists;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::entropy;
use crate::identity::Person;
use crate::store::Change;

/// The longest label.
const MAX_LABEL: usize = 128;
/// The longest address: a host name, a colon and a port.
const MAX_ADDRESS: usize = 260;

impl App {
    /// All hosts.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn hosts(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<HostRecord>, Failure> {
        let asked = HumanAct::ManageHosts { host: None };
        self.permit(person, asked, "hosts", origin).await?;
        let hosts = self.store.hosts().await?;
        Ok(Listing {
            items: hosts.into_iter().map(|host| host.record).collect(),
        })
    }

    /// Registers a host and gives the ticket with which it enrols.
    ///
    /// # Errors
    /// When the person may not, the host is enrolled and is not to enrol again, its address or labels are no such things, or
    /// the store fails.
    pub async fn add_host(
        &self,
        person: &Person,
        request: AddHost,
        origin: Origin,
    ) -> Result<HostTicket, Failure> {
        let AddHost {
            host,
            address,
            labels,
            again,
        } = request;
        if again && let Some(known) = self.store.host(&host).await? {
            // What it is called from now on decides nothing about what it is.
            let asked = HumanAct::ManageHosts {
                host: Some(facts::Host {
                    name: host.clone(),
                    labels: known.record.labels,
                }),
            };
            self.permit(person, asked, host.to_string(), origin).await?;
        }
        let asked = HumanAct::ManageHosts {
            host: Some(facts::Host {
                name: host.clone(),
                labels: labels.clone(),
            }),
        };
        let permitted = self.permit(person, asked, host.to_string(), origin).await?;
        check_address(&address)?;
        check_labels(&labels)?;
        let token = entropy::token();
        let expires_at = origin.at.plus(self.settings.enrolment_ttl.as_duration());
        let change = Change::AddHost {
            host: host.clone(),
            address,
            labels,
            again,
            token: Digest::of(token.expose().as_bytes()),
            token_expires_at: expires_at,
            at: origin.at,
        };
        let exists = Exists {
            recorded: "it is enrolled already",
            told: "the host is enrolled already; to enrol it again, say so (`--again`)",
        };
        self.make(change, &permitted, "ticket issued", exists)
            .await?;
        Ok(HostTicket {
            host,
            token,
            expires_at,
            session_ca: self.keys.session_ca.clone(),
            order_key: self.keys.order.clone(),
        })
    }
}

/// An address is a name or an IP address, a colon and a port, as bastions and agents dial it.
pub(super) fn check_address(address: &str) -> Result<(), Failure> {
    let parts = address.rsplit_once(':');
    let good = address.len() <= MAX_ADDRESS
        && parts.is_some_and(|(name, port)| is_dialled(name) && is_port(port));
    if good {
        Ok(())
    } else {
        Err(Failure::advise(
            Code::Invalid,
            "an address is a name or an IP address, a colon and a port, as `host.example.com:22` or `[2001:db8::1]:22`",
        ))
    }
}

fn is_port(port: &str) -> bool {
    !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_dialled(name: &str) -> bool {
    match name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        }
    }
}

fn check_labels(labels: &[String]) -> Result<(), Failure> {
    let is_label = |label: &String| {
        (1..=MAX_LABEL).contains(&label.len()) && !label.chars().any(char::is_control)
    };
    if labels.len() <= MAX_GROUPS && labels.iter().all(is_label) {
        Ok(())
    } else {
        Err(Failure::advise(
            Code::Invalid,
            format!("a host has at most {MAX_GROUPS} labels of 1 to {MAX_LABEL} characters"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_name_and_a_port() {
        for good in ["host.example.com:22", "192.0.2.1:2222", "[2001:db8::1]:22"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "host",
            "host:",
            ":22",
            "host:0",
            "host:+22",
            "host:70000",
            "a b:22",
            "2001:db8::1:22",
            "[2001:db8::1]",
            "-oProxyCommand=x y:22",
            "[host]:22",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
