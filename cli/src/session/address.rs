//! Where a bastion listens, as the CA says it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name or an address, and a port. It cannot hold anything that would mean something else in
/// an ssh_config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// The text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address is a name or an IP address, a colon and a port: `bastion.example.com:22`, `[2001:db8::1]:22`"
)]
pub struct NotAnAddress;

impl Address {
    /// The name or the IP address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress)?;
        let port = match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err(NotAnAddress),
        };
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) => match address.parse::<IpAddr>() {
                Ok(IpAddr::V6(address)) => address.to_string(),
                _ => return Err(NotAnAddress),
            },
            None if is_name(host) => host.to_owned(),
            None => return Err(NotAnAddress),
        };
        Ok(Self { host, port })
    }
}

fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_and_hold_nothing_else() {
        for good in [
            "bastion.example.com:22",
            "192.0.2.1:2222",
            "[2001:db8::1]:22",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "bastion",
            "bastion:",
            "bastion:0",
            "bastion:99999",
            ":22",
            "2001:db8::1:22",
            "[192.0.2.1]:22",
            "-oProxyCommand=x:22",
            "a b:22",
            "a\nb:22",
            "a$(x):22",
            "[::1:22",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(NotAnAddress), "{bad}");
        }
    }
}
