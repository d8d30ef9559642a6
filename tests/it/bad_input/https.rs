//! HTTPS request by request, as bytes that no client of ours would send.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portreeve_tests::Host;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// The CA as agents reach it.
pub(super) const FROM_AFAR: &str = "192.0.2.20:8443";
/// The CA as its own machine reaches it.
pub(super) const FROM_BESIDE: &str = "127.0.0.1:8443";
const CA_NAME: &str = "ca.example.com";
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the CA on one host.
#[derive(Debug)]
pub(super) struct Https {
    from: Host,
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A request, not yet sent and not necessarily sensible.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Https {
    pub(super) fn new(from: &Host, address: &str) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let root = from.read("/etc/portreeve/ca.pem").unwrap();
        roots
            .add(CertificateDer::from_pem_slice(&root).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            from: from.clone(),
            address: address.parse().unwrap(),
            config: Arc::new(config),
        }
    }

    /// Sends a request on a connection of its own.
    pub(super) fn send(&self, request: &Request) -> Answer {
        let stream = self.from.dial(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from(CA_NAME).unwrap();
        let session = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        // The answer may come, and the connection end, before all of a large request is sent.
        let _ = stream
            .write_all(request.head().as_bytes())
            .and_then(|()| stream.write_all(&request.body))
            .and_then(|()| stream.flush());
        let mut bytes = Vec::new();
        // An end without a farewell is how some connections end; what matters is what was said.
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }
}

impl Request {
    pub(super) fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(super) fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(super) fn form(self, fields: &[(&str, String)]) -> Self {
        let encoded: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        self.body("application/x-www-form-urlencoded", encoded.join("&"))
    }

    fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {CA_NAME}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            // No status at all is a connection that was closed without an answer.
            status: status.unwrap_or(0),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A text of the body by its name; empty when there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
