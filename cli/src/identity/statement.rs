//! What an agent states about itself under its own key: client assertion, actor token, and proof
//! of possession. Pure: time and randomness are arguments. The rules are in `docs/spec/token.md`.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{
    self, ACTOR, CLIENT_ASSERTION, DPOP_PROOF, Header, ProofClaims, SelfIssuedClaims,
};

use crate::identity::agent_key::AgentKey;

/// How long an assertion or an actor token is good for, in seconds: one request.
const LIFETIME: i64 = 60;

/// Sixteen random bytes that make a token unique.
pub type Unique = [u8; 16];

/// The assertion by which the agent authenticates at the token endpoint (RFC 7523).
///
/// # Errors
/// When the claims do not serialise.
pub fn client_assertion(
    agent: &Agent,
    audience: &str,
    key: &AgentKey,
    now: Timestamp,
    unique: Unique,
) -> Result<SecretText, serde_json::Error> {
    self_issued(CLIENT_ASSERTION, agent, audience, key, now, unique)
}

/// The token by which the agent proves that it is the actor (RFC 8693, section 2.1).
///
/// # Errors
/// When the claims do not serialise.
pub fn actor_token(
    agent: &Agent,
    audience: &str,
    key: &AgentKey,
    now: Timestamp,
    unique: Unique,
) -> Result<SecretText, serde_json::Error> {
    self_issued(ACTOR, agent, audience, key, now, unique)
}

fn self_issued(
    typ: &str,
    agent: &Agent,
    audience: &str,
    key: &AgentKey,
    now: Timestamp,
    unique: Unique,
) -> Result<SecretText, serde_json::Error> {
    let claims = SelfIssuedClaims {
        iss: agent.to_string(),
        sub: agent.to_string(),
        aud: audience.to_owned(),
        iat: now.as_seconds(),
        exp: now.as_seconds().saturating_add(LIFETIME),
        jti: Base64UrlUnpadded::encode_string(&unique),
    };
    let header = Header::new(typ, Some(key.jwk().thumbprint()));
    token::sign(&header, &claims, key.signing())
}

/// The proof that whoever sends `token` with this request holds the key it is bound to (RFC 9449).
///
/// # Errors
/// When the claims do not serialise.
pub fn proof(
    method: &str,
    url: &str,
    token: &SecretText,
    key: &AgentKey,
    now: Timestamp,
    unique: Unique,
) -> Result<SecretText, serde_json::Error> {
    let without_query = url.split(['?', '#']).next().unwrap_or(url);
    let claims = ProofClaims {
        jti: Base64UrlUnpadded::encode_string(&unique),
        htm: method.to_owned(),
        htu: without_query.to_owned(),
        iat: now.as_seconds(),
        ath: token::access_token_hash(token),
    };
    let header = Header {
        jwk: Some(key.jwk().clone()),
        ..Header::new(DPOP_PROOF, None)
    };
    token::sign(&header, &claims, key.signing())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier as _};
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::agent_key::tests::example;

    /// Decodes a token and checks its signature with the agent's key.
    fn opened(token: &SecretText, key: &AgentKey) -> (Value, Value) {
        let parts: Vec<_> = token.expose().split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("not three parts")
        };
        let decode = |text: &str| Base64UrlUnpadded::decode_vec(text).unwrap();
        let signature = Signature::from_slice(&decode(signature)).unwrap();
        key.signing()
            .verifying_key()
            .verify(format!("{header}.{claims}").as_bytes(), &signature)
            .unwrap();
        let json = |text: &str| serde_json::from_slice(&decode(text)).unwrap();
        (json(header), json(claims))
    }

    #[test]
    fn an_agent_speaks_of_itself_only_and_for_a_minute() {
        let key = example();
        let agent = "soc/forensics".parse().unwrap();
        let now = Timestamp::from_seconds(1_800_000_000);
        for (typ, token) in [
            (
                "client-authentication+jwt",
                client_assertion(&agent, "https://ca.example.com", &key, now, [1; 16]),
            ),
            (
                "actor+jwt",
                actor_token(&agent, "https://ca.example.com", &key, now, [1; 16]),
            ),
        ] {
            let (header, claims) = opened(&token.unwrap(), &key);
            assert_eq!(
                header,
                json!({"alg": "EdDSA", "typ": typ, "kid": key.jwk().thumbprint()})
            );
            assert_eq!(
                claims,
                json!({
                    "iss": "soc/forensics", "sub": "soc/forensics", "aud": "https://ca.example.com",
                    "iat": 1_800_000_000, "exp": 1_800_000_060, "jti": "AQEBAQEBAQEBAQEBAQEBAQ",
                })
            );
        }
    }

    #[test]
    fn a_proof_names_the_request_the_token_and_the_key() {
        let key = example();
        let token = SecretText::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU".into());
        let proof = proof(
            "GET",
            "https://ca.example.com/v1/sessions?open=1",
            &token,
            &key,
            Timestamp::from_seconds(1_800_000_000),
            [2; 16],
        );
        let (header, claims) = opened(&proof.unwrap(), &key);
        assert_eq!(header["typ"], "dpop+jwt");
        assert_eq!(header["jwk"], serde_json::to_value(key.jwk()).unwrap());
        assert_eq!(header["jwk"].get("d"), None);
        assert_eq!(claims["htm"], "GET");
        assert_eq!(claims["htu"], "https://ca.example.com/v1/sessions");
        // The token and its hash are those of RFC 9449, section 7.1.
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }
}
