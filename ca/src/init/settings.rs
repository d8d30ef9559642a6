//! What follows from the CA's URL: how it is served and where it listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Init;
use crate::config::host_of;

/// Why a CA cannot be as asked.
#[derive(Debug, thiserror::Error)]
pub enum NotInit {
    /// The URL is not one that everybody can write.
    #[error(
        "`{0}` cannot be the CA's URL: write `https://<host>[:<port>]`, or `http://` with a loopback host for trying out"
    )]
    Url(String),
    /// The directory has no name.
    #[error("`{0}` cannot be the CA's directory: name a new one")]
    Directory(String),
    /// Nobody could administer it.
    #[error(
        "nobody would administer the CA: name a group or an e-mail address with `--admin-group`"
    )]
    NoAdministrator,
}

/// What follows from the request.
pub(super) struct Settings {
    pub(super) listen: SocketAddr,
    server: String,
    secure: bool,
}

impl Settings {
    pub(super) fn of(init: &Init) -> Result<Self, NotInit> {
        let bad_url = || NotInit::Url(init.url.chars().take(200).collect());
        if init.directory.file_name().is_none() {
            return Err(NotInit::Directory(init.directory.display().to_string()));
        }
        if init.administrators.is_empty() {
            return Err(NotInit::NoAdministrator);
        }
        let (scheme, authority) = init.url.split_once("://").ok_or_else(bad_url)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(bad_url()),
        };
        if authority.contains(['/', '?', '#', '@', '"', '\\', ' ']) {
            return Err(bad_url());
        }
        let server = host_of(authority).to_owned();
        let port = port_of(authority, &server).ok_or_else(bad_url)?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        if !is_host(&server) || !(secure || is_loopback(&server)) {
            return Err(bad_url());
        }
        let address = if secure {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let listen = init
            .listen
            .unwrap_or_else(|| SocketAddr::new(address.into(), port));
        Ok(Self {
            listen,
            server,
            secure,
        })
    }

    /// The name or address that the TLS certificate is for, when there is to be one.
    pub(super) fn tls_name(&self) -> Option<&str> {
        self.secure.then_some(self.server.as_str())
    }
}

/// The port behind the host, if there is one; nothing at all when what is there is no port.
fn port_of(authority: &str, host: &str) -> Option<Option<u16>> {
    let bracketed = format!("[{host}]");
    let rest = authority
        .strip_prefix(bracketed.as_str())
        .or_else(|| authority.strip_prefix(host))?;
    match rest.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).map(Some),
        None => rest.is_empty().then_some(None),
    }
}

fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host.parse::<portreeve_protocol::name::HostName>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Option<(String, bool)> {
        let init = Init {
            directory: "/srv/ca".into(),
            url: url.into(),
            listen: None,
            administrators: vec!["infra-admins".parse().unwrap()],
            review_recipients: Vec::new(),
            identity_provider: None,
        };
        let settings = Settings::of(&init).ok()?;
        Some((settings.listen.to_string(), settings.tls_name().is_some()))
    }

    #[test]
    fn listening_and_tls_follow_from_the_url() {
        for (url, listen, tls) in [
            ("https://ca.example.com", "0.0.0.0:443", true),
            ("https://ca.example.com:8443", "0.0.0.0:8443", true),
            ("https://192.0.2.1:8443", "0.0.0.0:8443", true),
            ("https://[2001:db8::1]:8443", "0.0.0.0:8443", true),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", false),
            ("http://localhost:8080", "127.0.0.1:8080", false),
        ] {
            assert_eq!(of(url), Some((listen.into(), tls)), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_ca_is_refused() {
        for url in [
            "ca.example.com",
            "ftp://ca.example.com",
            "http://ca.example.com",
            "https://",
            "https://:8443",
            "https://ca.example.com:0",
            "https://ca.example.com:99999",
            "https://ca.example.com:8443/",
            "https://ca.example.com/path",
            "https://user@ca.example.com",
            "https://ca example.com",
            "https://ca.example.com\"",
            "https://[::1",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
