//! The sign-in as values: what the person is sent away with, and what must come back. Pure.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Ttl;
use reqwest::Url;

use crate::sign_in::discovery::Provider;

/// One sign-in that is under way.
#[derive(Debug)]
pub struct Flow {
    client_id: String,
    redirect: String,
    state: String,
    nonce: String,
    verifier: SecretText,
    issuer: Option<String>,
}

/// What a sign-in may ask for beside the client's own.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The scopes.
    pub scope: String,
    /// The oldest sign-in that will do.
    pub max_age: Ttl,
    /// The authentication context.
    pub acr: Option<String>,
}

/// 32 random bytes each for state, nonce and verifier.
pub type Entropy = [[u8; 32]; 3];

/// What the browser brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    /// A code to be exchanged.
    Code(String),
    /// The provider refused.
    Refused {
        /// Its name for the reason.
        error: String,
        /// The same in words.
        description: String,
    },
    /// This does not belong to the sign-in: some other page or program called.
    Foreign,
}

impl Flow {
    /// Begins a sign-in that comes back to `redirect`.
    #[must_use]
    pub fn begin(client_id: &str, redirect: &str, provider: &Provider, entropy: &Entropy) -> Self {
        let [state, nonce, verifier] = entropy
            .each_ref()
            .map(|bytes| Base64UrlUnpadded::encode_string(bytes));
        Self {
            client_id: client_id.to_owned(),
            redirect: redirect.to_owned(),
            state,
            nonce,
            verifier: SecretText::new(verifier),
            issuer: provider.names_itself.then(|| provider.issuer.clone()),
        }
    }

    /// The address to open in a browser.
    #[must_use]
    pub fn address(&self, provider: &Provider, wishes: &Wishes) -> Url {
        let challenge = Digest::of(self.verifier.expose().as_bytes());
        let mut url = provider.authorization_endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client_id)
                .append_pair("redirect_uri", &self.redirect)
                .append_pair("scope", &wishes.scope)
                .append_pair("state", &self.state)
                .append_pair("nonce", &self.nonce)
                .append_pair(
                    "code_challenge",
                    &Base64UrlUnpadded::encode_string(challenge.as_bytes()),
                )
                .append_pair("code_challenge_method", "S256")
                .append_pair("max_age", &wishes.max_age.as_seconds().to_string());
            if let Some(acr) = &wishes.acr {
                query.append_pair("acr_values", acr);
            }
        }
        url
    }

    /// What a request to the redirect address means. `target` is the path with its query.
    #[must_use]
    pub fn callback(&self, target: &str) -> Callback {
        let Some(url) = Url::parse("http://127.0.0.1")
            .ok()
            .and_then(|base| base.join(target).ok())
        else {
            return Callback::Foreign;
        };
        let mut values = Values::default();
        for (name, value) in url.query_pairs() {
            let slot = match &*name {
                "state" => &mut values.state,
                "code" => &mut values.code,
                "iss" => &mut values.iss,
                "error" => &mut values.error,
                "error_description" => &mut values.description,
                _ => continue,
            };
            // A parameter twice is nobody's honest answer.
            if slot.replace(value.into_owned()).is_some() {
                return Callback::Foreign;
            }
        }
        if url.path() != super::loopback::PATH
            || values.state.as_deref() != Some(self.state.as_str())
        {
            return Callback::Foreign;
        }
        if self.issuer.is_some() && values.iss != self.issuer {
            return Callback::Foreign;
        }
        match values {
            Values {
                error: Some(error),
                description,
                ..
            } => Callback::Refused {
                error,
                description: description.unwrap_or_default(),
            },
            Values {
                code: Some(code), ..
            } => Callback::Code(code),
            Values { .. } => Callback::Foreign,
        }
    }

    /// The form that exchanges the code.
    #[must_use]
    pub fn form<'a>(&'a self, code: &'a str) -> [(&'a str, &'a str); 5] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("client_id", &self.client_id),
            ("code_verifier", self.verifier.expose()),
        ]
    }

    /// The nonce that the ID token must carry.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The client id that the ID token must be for.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

#[derive(Default)]
struct Values {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    description: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn provider(names_itself: bool) -> Provider {
        Provider {
            issuer: "https://idp.example.com".into(),
            authorization_endpoint: Url::parse("https://idp.example.com/auth?tenant=1").unwrap(),
            token_endpoint: Url::parse("https://idp.example.com/token").unwrap(),
            names_itself,
            scopes: None,
        }
    }

    fn wishes() -> Wishes {
        Wishes {
            scope: "openid email".into(),
            max_age: "15m".parse().unwrap(),
            acr: None,
        }
    }

    fn begun(names_itself: bool) -> Flow {
        Flow::begin(
            "portreeve",
            "http://127.0.0.1:5000/callback",
            &provider(names_itself),
            &[[1; 32], [2; 32], [3; 32]],
        )
    }

    #[test]
    fn the_address_asks_for_a_code_bound_to_this_sign_in() {
        let url = begun(false).address(&provider(false), &wishes());
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["tenant"], "1");
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["redirect_uri"], "http://127.0.0.1:5000/callback");
        assert_eq!(query["max_age"], "900");
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(!url.as_str().contains(begun(false).verifier.expose()));
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let mut flow = begun(false);
        flow.verifier = SecretText::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        let url = flow.address(&provider(false), &wishes());
        assert!(
            url.as_str()
                .contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&")
        );
    }

    #[test]
    fn only_the_answer_to_this_sign_in_is_taken() {
        let flow = begun(false);
        let state = &flow.state;
        assert_eq!(
            flow.callback(&format!("/callback?code=c%20d&state={state}")),
            Callback::Code("c d".into())
        );
        assert_eq!(
            flow.callback(&format!("/callback?error=access_denied&state={state}")),
            Callback::Refused {
                error: "access_denied".into(),
                description: String::new()
            }
        );
        for foreign in [
            "/callback?code=c".to_owned(),
            "/callback?code=c&state=other".to_owned(),
            format!("/other?code=c&state={state}"),
            format!("/callback?state={state}"),
            format!("/callback?code=c&code=d&state={state}"),
            "/favicon.ico".to_owned(),
            "http://[".to_owned(),
        ] {
            assert_eq!(flow.callback(&foreign), Callback::Foreign, "{foreign}");
        }
    }

    #[test]
    fn a_provider_that_names_itself_must_do_so() {
        let flow = begun(true);
        let state = &flow.state;
        for (iss, taken) in [
            ("&iss=https%3A%2F%2Fidp.example.com", true),
            ("&iss=https%3A%2F%2Fidp.example.net", false),
            ("", false),
        ] {
            let answer = flow.callback(&format!("/callback?code=c&state={state}{iss}"));
            assert_eq!(answer == Callback::Code("c".into()), taken, "{iss}");
        }
    }
}
