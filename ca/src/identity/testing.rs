//! Tokens as tests need them: right ones, and the means to make every wrong one.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{
    ACCESS_TOKEN, ACTOR, CLIENT_ASSERTION, DPOP_PROOF, Jwk, access_token_hash,
};
use serde_json::{Value, json};

use super::{Issuer, IssuerSettings, Issuers, KeyOrigin};

pub(crate) const IDP: &str = "https://idp.example.com";
pub(crate) const CLIENT_ID: &str = "portreeve";
pub(crate) const CA: &str = "https://ca.example.com:8443";

/// The moment at which tests take place.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

/// A header and claims, to be altered and signed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Draft {
    /// The same with one claim set; `null` removes it.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// The same with one member of the header set; `null` removes it.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    fn input(&self) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    pub(crate) fn sign(&self, key: &SigningKey) -> SecretText {
        let input = self.input();
        let signature = key.sign(input.as_bytes()).to_bytes();
        SecretText::new(format!(
            "{input}.{}",
            Base64UrlUnpadded::encode_string(&signature)
        ))
    }

    /// With `alg: none` and no signature.
    pub(crate) fn unsigned(self) -> SecretText {
        SecretText::new(format!("{}.", self.header("alg", "none").input()))
    }

    /// With HS256 and a public key as the secret.
    pub(crate) fn confused(self, secret: &[u8]) -> SecretText {
        let input = self.header("alg", "HS256").input();
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        let signature =
            jsonwebtoken::crypto::sign(input.as_bytes(), &key, jsonwebtoken::Algorithm::HS256)
                .unwrap();
        SecretText::new(format!("{input}.{signature}"))
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let object = object.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.into(), value);
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The identity provider's key.
pub(crate) fn idp_key() -> SigningKey {
    key(1)
}

/// The agent's registered key.
pub(crate) fn agent_key() -> SigningKey {
    key(2)
}

/// The CA's token key.
pub(crate) fn token_key() -> SigningKey {
    key(3)
}

pub(crate) fn public(key: &SigningKey) -> PublicKey {
    let bytes = key.verifying_key().to_bytes();
    PublicKey::new(ssh_key::public::KeyData::Ed25519(
        ssh_key::public::Ed25519PublicKey(bytes),
    ))
    .unwrap()
}

fn jwk(key: &SigningKey) -> Jwk {
    Jwk::of(&public(key)).unwrap()
}

/// A key set with the identity provider's key as `idp-1`.
pub(crate) fn key_set() -> Vec<u8> {
    let mut key = serde_json::to_value(jwk(&idp_key())).unwrap();
    set(&mut key, "kid", "idp-1".into());
    json!({ "keys": [key] }).to_string().into_bytes()
}

pub(crate) fn issuer_settings() -> IssuerSettings {
    IssuerSettings {
        url: IDP.into(),
        client_id: CLIENT_ID.into(),
        agent_client_id: Some("portreeve-agents".into()),
        algorithms: vec!["EdDSA".into(), "ES256".into()],
        name_claim: "email".into(),
        groups_claim: "groups".into(),
        keys: KeyOrigin::KeySet(key_set()),
    }
}

pub(crate) fn issuers() -> Issuers {
    Issuers::new(vec![Issuer::new(issuer_settings()).unwrap()]).unwrap()
}

pub(crate) fn id_token() -> Draft {
    let now = now().as_seconds();
    Draft {
        header: json!({ "alg": "EdDSA", "typ": "JWT", "kid": "idp-1" }),
        claims: json!({
            "iss": IDP, "sub": "alice", "aud": CLIENT_ID,
            "iat": now - 10, "exp": now + 3600, "auth_time": now - 60,
            "amr": ["pwd", "otp"], "email": "alice@example.com", "email_verified": true,
            "groups": ["soc"],
        }),
    }
}

pub(crate) fn agent_record() -> AgentRecord {
    AgentRecord {
        agent: "soc/forensics".parse().unwrap(),
        key: public(&agent_key()),
        owner: "olivia@example.com".parse().unwrap(),
        enabled: true,
        review_by: None,
        created_at: Timestamp::from_seconds(0),
    }
}

fn self_issued(typ: &str, jti: &str) -> Draft {
    let now = now().as_seconds();
    Draft {
        header: json!({ "alg": "EdDSA", "typ": typ }),
        claims: json!({
            "iss": "soc/forensics", "sub": "soc/forensics", "aud": CA,
            "iat": now, "exp": now + 60, "jti": jti,
        }),
    }
}

pub(crate) fn assertion() -> Draft {
    self_issued(CLIENT_ASSERTION, "assertion-1")
}

pub(crate) fn actor_token() -> Draft {
    self_issued(ACTOR, "actor-token-1")
}

pub(crate) fn delegated() -> Draft {
    let now = now().as_seconds();
    Draft {
        header: json!({ "alg": "EdDSA", "typ": ACCESS_TOKEN }),
        claims: json!({
            "iss": CA, "aud": CA, "sub": format!("{IDP}#alice"),
            "act": { "sub": "soc/forensics" }, "client_id": "soc/forensics",
            "iat": now - 10, "exp": now + 900, "jti": "delegated-1",
            "cnf": { "jkt": jwk(&agent_key()).thumbprint() },
            "auth_time": now - 60, "amr": ["pwd", "otp"], "name": "alice@example.com",
            "human_iss": IDP, "human_sub": "alice", "groups": ["soc"],
        }),
    }
}

/// A proof for `method` and `path` by `key`.
pub(crate) fn proof(token: &SecretText, method: &str, path: &str, key: &SigningKey) -> Draft {
    Draft {
        header: json!({ "alg": "EdDSA", "typ": DPOP_PROOF, "jwk": jwk(key) }),
        claims: json!({
            "htm": method, "htu": format!("{CA}{path}"), "iat": now().as_seconds(),
            "jti": "proof-0001", "ath": access_token_hash(token),
        }),
    }
}
