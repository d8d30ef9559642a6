//! What an OpenID provider says about itself (OpenID Connect Discovery 1.0).

use reqwest::Url;
use serde::Deserialize;

use crate::ca::base_url::{self, BaseUrl, NotABaseUrl};
use crate::ca::http::{self, BodyError};

/// The longest document that is read.
const MAX_DOCUMENT: usize = 256 * 1024;

/// A provider's document, as far as it is needed and after it was checked.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its issuer URL.
    pub issuer: String,
    /// Where the person is sent.
    pub authorization_endpoint: Url,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
    /// Whether it names itself in its answers (RFC 9207).
    pub names_itself: bool,
    /// The scopes that it knows, if it says so.
    pub scopes: Option<Vec<String>>,
}

impl Provider {
    /// The scopes to ask for unless told otherwise: who the person is and, where the provider has
    /// a scope for that, which groups they are in. One that it does not know might be refused.
    #[must_use]
    pub fn default_scope(&self) -> String {
        let knows = |scope: &&str| match &self.scopes {
            Some(known) => known.iter().any(|one| one == scope),
            None => *scope != "groups",
        };
        let further = ["email", "profile", "groups"].into_iter().filter(knows);
        let scopes: Vec<_> = std::iter::once("openid").chain(further).collect();
        scopes.join(" ")
    }
}

/// The document as it is written.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
}

/// Why a provider is not used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// It cannot be reached.
    #[error("`{url}` cannot be reached")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It has no such document.
    #[error("`{url}` answers with status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The document did not arrive.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It is no such document.
    #[error("the provider's document is not understood")]
    Malformed(#[from] serde_json::Error),
    /// It is the document of another issuer.
    #[error("the provider calls itself `{0}`; give exactly that as the issuer")]
    OtherIssuer(String),
    /// One of its addresses may not be talked to.
    #[error("the provider's address `{address}` is not used")]
    Endpoint {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: NotABaseUrl,
    },
    /// It does not know PKCE with SHA-256.
    #[error("the provider does not support PKCE with S256")]
    NoPkce,
}

/// Asks a provider for its document.
///
/// # Errors
/// When there is none, or it cannot be used.
pub async fn discover(
    http: &reqwest::Client,
    issuer: &BaseUrl,
) -> Result<Provider, DiscoveryError> {
    let url = issuer.join("/.well-known/openid-configuration");
    let response = http
        .get(&url)
        .send()
        .await
        .map_err(|source| DiscoveryError::Unreachable {
            url: url.clone(),
            source: source.without_url(),
        })?;
    if !response.status().is_success() {
        return Err(DiscoveryError::Status {
            url,
            status: response.status().as_u16(),
        });
    }
    let body = http::body(response, MAX_DOCUMENT).await?;
    understood(issuer, &body)
}

fn understood(issuer: &BaseUrl, body: &[u8]) -> Result<Provider, DiscoveryError> {
    let document: Document = serde_json::from_slice(body)?;
    if document.issuer.trim_end_matches('/') != issuer.as_str() {
        return Err(DiscoveryError::OtherIssuer(document.issuer));
    }
    // A provider that does not say is taken at RFC 7636's word: it ignores what it does not know,
    // and the code is still bound to this sign-in by state and nonce.
    if document
        .code_challenge_methods_supported
        .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
    {
        return Err(DiscoveryError::NoPkce);
    }
    let endpoint = |address: String| {
        let checked = Url::parse(&address)
            .map_err(|_| NotABaseUrl::Malformed)
            .and_then(|url| base_url::check(&url).map(|()| url));
        checked.map_err(|source| DiscoveryError::Endpoint { address, source })
    };
    Ok(Provider {
        issuer: document.issuer,
        authorization_endpoint: endpoint(document.authorization_endpoint)?,
        token_endpoint: endpoint(document.token_endpoint)?,
        names_itself: document.authorization_response_iss_parameter_supported,
        scopes: document.scopes_supported,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(change: &[(&str, serde_json::Value)]) -> Result<Provider, DiscoveryError> {
        let mut document = json!({
            "issuer": "https://idp.example.com",
            "authorization_endpoint": "https://idp.example.com/auth",
            "token_endpoint": "https://idp.example.com/token",
            "code_challenge_methods_supported": ["S256"],
        });
        for (name, value) in change {
            document[*name] = value.clone();
        }
        understood(
            &"https://idp.example.com".parse().unwrap(),
            document.to_string().as_bytes(),
        )
    }

    #[test]
    fn groups_are_asked_for_where_the_provider_has_a_scope_for_them() {
        let scope = |known: serde_json::Value| {
            read(&[("scopes_supported", known)])
                .unwrap()
                .default_scope()
        };
        assert_eq!(scope(json!(null)), "openid email profile");
        assert_eq!(
            scope(json!(["openid", "groups", "email"])),
            "openid email groups"
        );
    }

    #[test]
    fn a_provider_must_be_the_one_that_was_named_and_speak_tls() {
        assert!(read(&[]).is_ok());
        assert!(matches!(
            read(&[("issuer", json!("https://idp.example.net"))]),
            Err(DiscoveryError::OtherIssuer(_))
        ));
        assert!(matches!(
            read(&[("token_endpoint", json!("http://idp.example.com/token"))]),
            Err(DiscoveryError::Endpoint {
                source: NotABaseUrl::PlainText,
                ..
            })
        ));
        assert!(matches!(
            read(&[("code_challenge_methods_supported", json!(["plain"]))]),
            Err(DiscoveryError::NoPkce)
        ));
    }
}
