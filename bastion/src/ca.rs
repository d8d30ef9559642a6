//! The CA, as this bastion's client: claims, events, the feed.
//!
//! Every request carries an assertion that the bastion signs for itself and uses until shortly before it expires. The TLS
//! root comes from a file; no other is trusted. What an answer holds is bounded.

mod assertion;

use std::net::IpAddr;
use std::time::Duration;

use portreeve_protocol::enrol::{BastionEnrolled, BastionEnrolment};
use portreeve_protocol::event::EventsStored;
use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::look::{LookAnswer, LookClaimed, LookStatus};
use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::recording::Deletion;
use portreeve_protocol::session::{ClaimRequest, Claimed};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use assertion::Assertions;

/// How long any request but the feed may take.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// The longest answer. A claim's holds a bundle of 64 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why the CA did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// It said no.
    #[error("the CA refused: {}: {}", .0.code.as_str(), .0.detail.as_deref().unwrap_or(&.0.title))]
    Refused(Box<Problem>),
    /// It did not answer, or not in time.
    #[error("the CA does not answer; check its address, its certificate and the network: {0}")]
    Unreachable(String),
    /// It answered something else.
    #[error("the CA's answer is not understood: {0}")]
    Answer(String),
}

/// Where a CA is, and whom to believe that it is there.
#[derive(Debug)]
pub struct Ca {
    http: Client,
    base: Url,
    assertions: Option<Assertions>,
}

/// Why there can be no connection to a CA.
#[derive(Debug, thiserror::Error)]
pub enum BadCa {
    /// The address is not one.
    #[error("`{url}` is not the address of a CA: {rule}")]
    Url {
        /// What was given.
        url: String,
        /// What it breaks.
        rule: &'static str,
    },
    /// The root certificate does not read.
    #[error("the root of the CA's certificate is not PEM: {0}")]
    Root(String),
    /// The client cannot be made.
    #[error("no HTTPS client: {0}")]
    Client(String),
}

impl Ca {
    /// A CA at `url` that shows a certificate under one of the roots in `root_pem`.
    ///
    /// # Errors
    /// When the address or a root is not one. Plain HTTP is accepted for loopback addresses only.
    pub fn new(url: &str, root_pem: &[u8], assertions: Option<Assertions>) -> Result<Self, BadCa> {
        let base = base(url)?;
        let roots = reqwest::Certificate::from_pem_bundle(root_pem)
            .map_err(|error| BadCa::Root(chain(&error)))?;
        if roots.is_empty() {
            return Err(BadCa::Root("there is no certificate in it".into()));
        }
        let http = Client::builder()
            .tls_certs_only(roots)
            .connect_timeout(CONNECT_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("portreeve-bastion/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| BadCa::Client(chain(&error)))?;
        Ok(Self {
            http,
            base,
            assertions,
        })
    }

    /// Takes a session for this bastion.
    ///
    /// # Errors
    /// When the CA does not give it.
    pub async fn claim(
        &self,
        session: SessionId,
        serial: u64,
        agent_address: IpAddr,
    ) -> Result<Claimed, CaError> {
        let body = ClaimRequest {
            serial,
            agent_address,
        };
        self.post(&format!("v1/sessions/{session}/claim"), &body)
            .await
    }

    /// Takes a look for this bastion.
    ///
    /// # Errors
    /// When the CA does not give it, as when another bastion was faster.
    pub async fn claim_look(&self, look: OrderId) -> Result<LookClaimed, CaError> {
        self.post_empty(&format!("v1/looks/{look}/claim")).await
    }

    /// Says what came of a look.
    ///
    /// # Errors
    /// When the CA does not take it.
    pub async fn answer_look(
        &self,
        look: OrderId,
        answer: &LookAnswer,
    ) -> Result<LookStatus, CaError> {
        self.post(&format!("v1/looks/{look}/answer"), answer).await
    }

    /// Asks whether a recording may be deleted, now.
    ///
    /// # Errors
    /// When it may not, or nothing is known.
    pub async fn deletion(&self, session: SessionId) -> Result<Deletion, CaError> {
        self.post_empty(&format!("v1/sessions/{session}/recording/deletion"))
            .await
    }

    /// Delivers events, each as JSON.
    ///
    /// # Errors
    /// When the CA did not take them.
    pub async fn deliver(&self, events: &[Vec<u8>]) -> Result<EventsStored, CaError> {
        let mut body = b"{\"events\":[".to_vec();
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(event);
        }
        body.extend_from_slice(b"]}");
        let request = self
            .request(Method::POST, "v1/events")?
            .header("content-type", "application/json")
            .timeout(REQUEST_TIME)
            .body(body);
        read(send(request).await?).await
    }

    /// Opens the feed behind the item called `last`.
    ///
    /// # Errors
    /// When the CA does not open it.
    pub async fn feed(&self, last: Option<&str>) -> Result<Response, CaError> {
        let mut request = self
            .request(Method::GET, "v1/feed")?
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let opened = tokio::time::timeout(REQUEST_TIME, send(request)).await;
        opened.map_err(|_| CaError::Unreachable("no answer in time".into()))?
    }

    /// Enrols this bastion with its ticket.
    ///
    /// # Errors
    /// When the CA refuses the ticket.
    pub async fn enrol(&self, enrolment: &BastionEnrolment) -> Result<BastionEnrolled, CaError> {
        self.post("v1/enrolments/bastions", enrolment).await
    }

    /// Has something done for which the address says everything.
    async fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T, CaError> {
        let request = self.request(Method::POST, path)?.timeout(REQUEST_TIME);
        read(send(request).await?).await
    }

    async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, CaError> {
        let request = self
            .request(Method::POST, path)?
            .timeout(REQUEST_TIME)
            .json(body);
        read(send(request).await?).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, CaError> {
        let url = self
            .base
            .join(path)
            .map_err(|error| CaError::Answer(error.to_string()))?;
        let request = self.http.request(method, url);
        match &self.assertions {
            None => Ok(request),
            Some(assertions) => {
                let assertion = assertions
                    .current()
                    .map_err(|error| CaError::Answer(error.to_string()))?;
                Ok(request.bearer_auth(assertion.expose()))
            }
        }
    }
}

fn base(url: &str) -> Result<Url, BadCa> {
    let bad = |rule| BadCa::Url {
        url: url.chars().take(200).collect(),
        rule,
    };
    let mut base: Url = url.parse().map_err(|_| bad("it is no URL"))?;
    let is_loopback = matches!(base.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback) {
        return Err(bad("it must begin with `https://`"));
    }
    // Without the slash, joining a path would replace the last segment.
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    Ok(base)
}

async fn send(request: RequestBuilder) -> Result<Response, CaError> {
    let response = request
        .send()
        .await
        .map_err(|error| CaError::Unreachable(chain(&error)))?;
    let status = response.status();
    if status.is_success() && status != StatusCode::ACCEPTED {
        return Ok(response);
    }
    let body = body(response).await?;
    let problem = serde_json::from_slice(&body).unwrap_or_else(|_| {
        let code = if status.is_server_error() {
            Code::Unavailable
        } else {
            Code::Internal
        };
        Problem::new(code).detail(format!("status {status}"))
    });
    Err(CaError::Refused(Box::new(problem)))
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, CaError> {
    let body = body(response).await?;
    serde_json::from_slice(&body).map_err(|error| CaError::Answer(error.to_string()))
}

async fn body(mut response: Response) -> Result<Vec<u8>, CaError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| CaError::Unreachable(chain(&error)))?
    {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(CaError::Answer(format!("longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://ca.example.com:8443",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "https://ca.example.com/x",
        ] {
            assert!(base(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ca.example.com",
            "http://ca.example.com",
            "ftp://127.0.0.1",
            "http://127.0.0.1.example.com",
        ] {
            assert!(base(bad).is_err(), "{bad}");
        }
        assert_eq!(
            base("https://ca.example.com/x")
                .unwrap()
                .join("v1")
                .unwrap()
                .path(),
            "/x/v1"
        );
    }
}
