//! Tokens as an attacker makes them: a right one, one thing about it altered, any key.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::token::{
    ACCESS_TOKEN, ACTOR, CLIENT_ASSERTION, DPOP_PROOF, Jwk, access_token_hash,
};
use portreeve_tests::installation::{AGENT, CA_URL};
use serde_json::{Value, json};

use super::now;

/// The issuer whose key these tests hold.
pub(super) const IDP: &str = "https://idp.example.com";
/// The client id that it knows the CA by.
pub(super) const CLIENT_ID: &str = "portreeve";

/// A header and claims, to be altered and signed.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    header: Value,
    claims: Value,
}

impl Draft {
    /// The same with one claim set; null removes it.
    pub(super) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// The same with one member of the header set; null removes it.
    pub(super) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    pub(super) fn sign(&self, key: &SigningKey) -> String {
        let input = self.input();
        let signature = key.sign(input.as_bytes()).to_bytes();
        format!("{input}.{}", Base64UrlUnpadded::encode_string(&signature))
    }

    /// With `alg: none` and no signature.
    pub(super) fn unsigned(self) -> String {
        format!("{}.", self.header("alg", "none").input())
    }

    /// With HS256, and as its secret what a verifier knows of the real key.
    pub(super) fn confused(self, secret: &[u8]) -> String {
        let input = self.header("alg", "HS256").input();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", Base64UrlUnpadded::encode_string(tag.as_ref()))
    }

    fn input(&self) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    /// A token that somebody else made, to be altered: what it was signed with is lost.
    pub(super) fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| {
            let bytes = Base64UrlUnpadded::decode_vec(part).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        });
        Self {
            header: parts.next().unwrap(),
            claims: parts.next().unwrap(),
        }
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let object = object.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
}

/// An ID token of the issuer whose key these tests hold.
pub(super) fn id_token(name: &str, groups: &[&str]) -> Draft {
    Draft {
        header: json!({ "alg": "EdDSA", "typ": "JWT", "kid": "idp-1" }),
        claims: json!({
            "iss": IDP, "sub": name, "aud": CLIENT_ID,
            "iat": now() - 10, "exp": now() + 3600, "auth_time": now() - 60,
            "amr": ["pwd", "otp"], "email": format!("{name}@example.com"), "email_verified": true,
            "groups": groups,
        }),
    }
}

fn self_issued(typ: &str, who: &str) -> Draft {
    Draft {
        header: json!({ "alg": "EdDSA", "typ": typ }),
        claims: json!({
            "iss": who, "sub": who, "aud": CA_URL,
            "iat": now(), "exp": now() + 60, "jti": fresh(),
        }),
    }
}

/// A client assertion of the installation's agent.
pub(super) fn assertion() -> Draft {
    self_issued(CLIENT_ASSERTION, AGENT)
}

/// A client assertion of somebody.
pub(super) fn assertion_of(who: &str) -> Draft {
    self_issued(CLIENT_ASSERTION, who)
}

/// An actor token of the installation's agent.
pub(super) fn actor_token() -> Draft {
    self_issued(ACTOR, AGENT)
}

/// A delegated token as the CA makes it for alice and the agent with this key.
pub(super) fn delegated(agent: &SigningKey) -> Draft {
    Draft {
        header: json!({ "alg": "EdDSA", "typ": ACCESS_TOKEN }),
        claims: json!({
            "iss": CA_URL, "aud": CA_URL, "sub": format!("{IDP}#alice"),
            "act": { "sub": AGENT }, "client_id": AGENT,
            "iat": now() - 10, "exp": now() + 900, "jti": fresh(),
            "cnf": { "jkt": jwk(agent).thumbprint() },
            "auth_time": now() - 60, "amr": ["pwd", "otp"], "name": "alice@example.com",
            "human_iss": IDP, "human_sub": "alice", "groups": ["soc"],
        }),
    }
}

/// A proof that `key` stands behind `token` in one request.
pub(super) fn proof(token: &str, method: &str, path: &str, key: &SigningKey) -> Draft {
    let path = path.split('?').next().unwrap();
    Draft {
        header: json!({ "alg": "EdDSA", "typ": DPOP_PROOF, "jwk": jwk(key) }),
        claims: json!({
            "jti": fresh(), "htm": method, "htu": format!("{CA_URL}{path}"), "iat": now(),
            "ath": access_token_hash(&SecretText::new(token.to_owned())),
        }),
    }
}

/// A key that nobody registered, or that a test registers.
pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(super) fn public(key: &SigningKey) -> PublicKey {
    let bytes = key.verifying_key().to_bytes();
    let data = ssh_key::public::KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(bytes));
    PublicKey::new(data).unwrap()
}

pub(super) fn jwk(key: &SigningKey) -> Jwk {
    Jwk::of(&public(key)).unwrap()
}

/// A `jti` that no token of this run had.
pub(super) fn fresh() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("bad-input-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
