//! The code for an ID token, and what the ID token must say.
//!
//! Its signature is not checked here: it came straight from the provider's token endpoint, which
//! TLS vouches for (OpenID Connect Core, section 3.1.3.7, point 6), and the CA verifies it before
//! anything is permitted by it.

use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;

use crate::ca::http;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::peek::IdClaims;
use crate::identity::person::IdToken;
use crate::safe;
use crate::sign_in::discovery::Provider;
use crate::sign_in::flow::Flow;

/// The longest answer of a token endpoint that is read.
const MAX_ANSWER: usize = 256 * 1024;

#[derive(Deserialize)]
struct Answer {
    id_token: SecretText,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Exchanges the code.
///
/// # Errors
/// When the provider refuses, or its ID token is not for this sign-in.
pub async fn exchange(
    http: &reqwest::Client,
    provider: &Provider,
    flow: &Flow,
    code: &str,
) -> Result<IdToken, Failure> {
    let unreachable = |error: reqwest::Error| {
        Failure::new(Exit::Unavailable, "the identity provider cannot be reached").because(&error)
    };
    let response = http
        .post(provider.token_endpoint.clone())
        .form(&flow.form(code))
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status();
    let body = http::body(response, MAX_ANSWER).await.map_err(|error| {
        Failure::new(
            Exit::Unavailable,
            "the identity provider's answer is not read",
        )
        .because(&error)
    })?;
    if !status.is_success() {
        return Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refused(&refusal.error, &refusal.error_description),
            Err(_) => Failure::failed(format!(
                "the identity provider answered with status {}",
                status.as_u16()
            )),
        });
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
        Failure::failed("the identity provider gave no ID token")
            .because(&error)
            .next("the scope must contain `openid`")
    })?;
    let now = clock::now();
    let token = IdToken::parse(answer.id_token.expose(), now)?;
    check(token.claims(), provider, flow, now).map_err(|error| {
        Failure::new(Exit::NotAuthenticated, "the ID token is not used").because(&error)
    })?;
    Ok(token)
}

/// The failure when the provider does not let the person in.
#[must_use]
pub fn refused(error: &str, description: &str) -> Failure {
    let failure = Failure::new(
        Exit::NotAuthenticated,
        format!(
            "the identity provider refused the sign-in: {}",
            safe::line(error)
        ),
    );
    if description.is_empty() {
        failure
    } else {
        failure.reason(description)
    }
}

/// Why an ID token does not belong to a sign-in (OpenID Connect Core, section 3.1.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NotForUs {
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another client")]
    Audience,
    #[error("it is of another sign-in")]
    Nonce,
    #[error("it is void")]
    Expired,
}

fn check(
    claims: &IdClaims,
    provider: &Provider,
    flow: &Flow,
    now: Timestamp,
) -> Result<(), NotForUs> {
    let several_for_another = claims
        .azp
        .as_deref()
        .is_some_and(|party| party != flow.client_id());
    if claims.iss != provider.issuer {
        Err(NotForUs::Issuer)
    } else if !claims.aud.contains(flow.client_id()) || several_for_another {
        Err(NotForUs::Audience)
    } else if claims.nonce.as_deref() != Some(flow.nonce()) {
        Err(NotForUs::Nonce)
    } else if claims.expires_at() <= now {
        Err(NotForUs::Expired)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_id_token_must_be_for_this_sign_in() {
        let provider = Provider {
            issuer: "https://idp.example.com".into(),
            authorization_endpoint: reqwest::Url::parse("https://idp.example.com/auth").unwrap(),
            token_endpoint: reqwest::Url::parse("https://idp.example.com/token").unwrap(),
            names_itself: false,
            scopes: None,
        };
        let flow = Flow::begin(
            "portreeve",
            "http://127.0.0.1:1/callback",
            &provider,
            &[[1; 32], [2; 32], [3; 32]],
        );
        let checked = |change: &[(&str, Value)]| {
            let mut claims = json!({
                "iss": "https://idp.example.com", "sub": "a", "aud": "portreeve", "exp": 1_000,
                "nonce": flow.nonce(),
            });
            for (name, value) in change {
                claims[*name] = value.clone();
            }
            check(
                &serde_json::from_value(claims).unwrap(),
                &provider,
                &flow,
                Timestamp::from_seconds(999),
            )
        };
        assert_eq!(checked(&[]), Ok(()));
        for (name, value, why) in [
            ("iss", json!("https://idp.example.net"), NotForUs::Issuer),
            ("aud", json!(["other"]), NotForUs::Audience),
            ("azp", json!("other"), NotForUs::Audience),
            ("nonce", json!("other"), NotForUs::Nonce),
            ("nonce", Value::Null, NotForUs::Nonce),
            ("exp", json!(999), NotForUs::Expired),
        ] {
            assert_eq!(checked(&[(name, value)]), Err(why), "{name}");
        }
    }
}
