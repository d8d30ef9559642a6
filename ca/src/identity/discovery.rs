//! The keys of an issuer that publishes them (OpenID Connect Discovery 1.0), cached.
//!
//! A key id that is not in the cache makes it ask again, but not more often than
//! [`RETRY_AFTER`], so that tokens with invented key ids do not make us hammer the issuer. While
//! the issuer is away the last keys stay in use for [`KEEP_FOR`].

use std::net::IpAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::fault::TokenFault;
use super::keyset::{KeySet, MAX_KEY_SET};

/// How long keys are used without asking again.
const FRESH_FOR: Duration = Duration::from_secs(3600);
/// How long keys are used while the issuer does not answer.
const KEEP_FOR: Duration = Duration::from_secs(24 * 3600);
/// The least time between two attempts.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long one request to the issuer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The issuer did not answer, or not with success.
    #[error("`{url}` does not answer as it should: {cause}")]
    Request {
        /// What was asked.
        url: String,
        /// What happened.
        cause: String,
    },
    /// The answer is longer than allowed.
    #[error("`{0}` answers with too much")]
    TooLong(String),
    /// The discovery document is for another issuer, or is none.
    #[error("`{0}` is not the discovery document of this issuer")]
    Document(String),
    /// The key set's URL cannot be accepted.
    #[error("the key set's URL `{0}` is neither https nor on loopback")]
    KeySetUrl(String),
    /// The key set cannot be used.
    #[error("the key set at `{url}` cannot be used: {reason}")]
    KeySet {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
}

/// An issuer's keys, fetched when they are first needed.
#[derive(Debug)]
pub(super) struct Discovered {
    issuer: String,
    cache: RwLock<Cache>,
    /// Held by the one that asks the issuer.
    asking: Mutex<Option<reqwest::Client>>,
}

#[derive(Debug, Clone, Default)]
struct Cache {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    tried_at: Option<Timestamp>,
    /// Why the last attempt failed.
    failure: Option<String>,
}

/// What the cache is good for.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Use,
    AskThenUse,
    Ask,
}

impl Cache {
    /// What to do for a token whose key is, or is not, among the cached ones.
    fn plan(&self, found: bool, now: Timestamp) -> Plan {
        match &self.keys {
            None => Plan::Ask,
            Some((_, at)) if now.since(*at) > KEEP_FOR => Plan::Ask,
            Some((_, at)) if !found || now.since(*at) > FRESH_FOR => {
                if self.may_ask(now) {
                    Plan::AskThenUse
                } else {
                    Plan::Use
                }
            }
            Some(_) => Plan::Use,
        }
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        self.tried_at
            .is_none_or(|tried| now.since(tried) >= RETRY_AFTER || now < tried)
    }
}

impl Discovered {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            cache: RwLock::default(),
            asking: Mutex::new(None),
        }
    }

    /// Keys among which the one that a token names is to be looked for.
    pub(super) async fn keys_for(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, TokenFault> {
        let cache = self.cached();
        let found = matches!(&cache.keys, Some((keys, _)) if keys.find(kid, algorithm).is_ok());
        match (cache.plan(found, now), cache.keys) {
            (Plan::Use, Some((keys, _))) => Ok(keys),
            (Plan::AskThenUse, Some((keys, _))) => {
                // Somebody else asks already: a key that is found need not wait for the answer.
                if found && self.asking.try_lock().is_err() {
                    return Ok(keys);
                }
                Ok(self.ask(now).await.unwrap_or(keys))
            }
            _ => self.ask(now).await.map_err(TokenFault::KeysUnavailable),
        }
    }

    fn cached(&self) -> Cache {
        match self.cache.read() {
            Ok(cache) => cache.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    fn remember(&self, cache: Cache) {
        match self.cache.write() {
            Ok(mut place) => *place = cache,
            Err(poisoned) => *poisoned.into_inner() = cache,
        }
    }

    /// Asks the issuer, unless somebody did while we waited for our turn.
    async fn ask(&self, now: Timestamp) -> Result<Arc<KeySet>, String> {
        let mut client = self.asking.lock().await;
        let before = self.cached();
        if !before.may_ask(now) {
            return match (before.keys, before.failure) {
                (Some((keys, _)), None) => Ok(keys),
                (_, failure) => Err(failure.unwrap_or_else(|| "no answer yet".into())),
            };
        }
        let outcome = self
            .fetch(&mut client)
            .await
            .map_err(|error| error.to_string());
        match outcome {
            Ok(keys) => {
                let keys = Arc::new(keys);
                self.remember(Cache {
                    keys: Some((Arc::clone(&keys), now)),
                    tried_at: Some(now),
                    failure: None,
                });
                Ok(keys)
            }
            Err(failure) => {
                tracing::warn!(
                    issuer = self.issuer,
                    failure,
                    "keys of the issuer not fetched"
                );
                self.remember(Cache {
                    tried_at: Some(now),
                    failure: Some(failure.clone()),
                    ..before
                });
                Err(failure)
            }
        }
    }

    async fn fetch(&self, client: &mut Option<reqwest::Client>) -> Result<KeySet, DiscoveryError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }
        let client = match client {
            Some(client) => client.clone(),
            None => client.insert(build_client(&self.issuer)?).clone(),
        };
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let text = get(&client, &url).await?;
        let document: Document =
            serde_json::from_slice(&text).map_err(|_| DiscoveryError::Document(url.clone()))?;
        if document.issuer != self.issuer {
            return Err(DiscoveryError::Document(url));
        }
        let url = document.jwks_uri;
        if !is_acceptable_url(&url) {
            return Err(DiscoveryError::KeySetUrl(url));
        }
        let text = get(&client, &url).await?;
        KeySet::parse(&text).map_err(|error| DiscoveryError::KeySet {
            url,
            reason: error.to_string(),
        })
    }
}

fn build_client(issuer: &str) -> Result<reqwest::Client, DiscoveryError> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        // A redirect could lead from https to anywhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| failed(issuer, &error))
}

async fn get(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, DiscoveryError> {
    let mut response = client
        .get(url)
        .header("accept", "application/json")
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| failed(url, &error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(DiscoveryError::Request {
            url: url.into(),
            cause: format!("status {}", response.status()),
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failed(url, &error))?
    {
        if body.len() + chunk.len() > MAX_KEY_SET {
            return Err(DiscoveryError::TooLong(url.into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(url: &str, error: &reqwest::Error) -> DiscoveryError {
    // The error's own text repeats the URL; its causes say what happened.
    let mut cause = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    if cause.is_empty() {
        cause = match error.status() {
            Some(status) => format!("status {status}"),
            None => "no answer in time".into(),
        };
    }
    DiscoveryError::Request {
        url: url.into(),
        cause,
    }
}

/// Whether a URL may be asked for keys: https, or http to this very machine.
pub(super) fn is_acceptable_url(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback =
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    url.username().is_empty()
        && url.password().is_none()
        && match url.scheme() {
            "https" => !host.is_empty(),
            "http" => loopback,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
