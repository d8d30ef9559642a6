//! Tokens, key sets and questions to the signer: `portreeve-ca`.

use std::convert::Infallible;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::FutureExt as _;
use portreeve_ca::identity::{
    Issuer, IssuerSettings, Issuers, KeyOrigin, Request, TokenKey, TokenUse, authenticate_agent,
    authenticate_bastion, claimed_agent, claimed_bastion, verify_actor, verify_delegated,
};
use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{
    ACCESS_TOKEN, ACTOR, CLIENT_ASSERTION, DPOP_PROOF, Jwk, access_token_hash,
};
use serde_json::{Value, json};

use crate::target::Target;
use crate::text::{fields, joined};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "token",
        feed: token,
        seeds: token_seeds,
    },
    Target {
        name: "token_content",
        feed: token_content,
        seeds: token_content_seeds,
    },
    Target {
        name: "possession",
        feed: possession,
        seeds: possession_seeds,
    },
    Target {
        name: "key_set",
        feed: key_set,
        seeds: || vec![the_key_set()],
    },
    Target {
        name: "signer_request",
        feed: signer_request,
        seeds: || vec![br#"{"sign":"public_keys"}"#.to_vec()],
    },
];

const IDP: &str = "https://idp.example.com";
const CA: &str = "https://ca.example.com:8443";
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// A token as it comes, whose signature a mutation breaks.
fn token(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(everybody)
}

fn token_seeds() -> Vec<Vec<u8>> {
    drafts()
        .iter()
        .map(|draft| sign(draft).into_bytes())
        .collect()
}

/// Header and claims that are signed here, with the one key that everybody trusts: what is read
/// once the signature holds.
fn token_content(bytes: &[u8]) -> bool {
    fields(bytes).is_some_and(|[header, claims]| everybody(&sign_text(header, claims)))
}

fn token_content_seeds() -> Vec<Vec<u8>> {
    drafts()
        .iter()
        .map(|[header, claims]| joined(&[&header.to_string(), &claims.to_string()]))
        .collect()
}

/// Shows a text to everything that verifies tokens.
fn everybody(text: &str) -> bool {
    let secret = SecretText::new(text.to_owned());
    let person = issuers().authenticate(&secret, NOW).now_or_never();
    let person = person.expect("a key set in a file needs no waiting");
    if let Ok(person) = &person {
        assert_eq!(person.human().issuer, IDP);
    }
    let delegated = verify_delegated(secret, &TokenKey::new(&public()).unwrap(), CA, NOW);
    let _ = claimed_bastion(text);
    let bastion = "bastion-1".parse().unwrap();
    let bastion = authenticate_bastion(text, bastion, Some(&public()), CA, NOW);
    let _ = claimed_agent(text);
    let agent = authenticate_agent(text, Some(record()), CA, NOW);
    let actor = verify_actor(text, &authenticated(), CA, NOW);
    let accepted = [
        person.is_ok(),
        delegated.is_ok(),
        bastion.is_ok(),
        agent.is_ok(),
        actor.is_ok(),
    ];
    // A bastion is no agent, a client assertion no actor token, an ID token no access token.
    let count = accepted.iter().filter(|accepted| **accepted).count();
    assert!(count <= 1, "one token is taken for two kinds: {accepted:?}");
    count == 1
}

/// A proof of possession for one delegated token.
fn possession(bytes: &[u8]) -> bool {
    let signed = fields(bytes).map(|[header, claims]| sign_text(header, claims));
    let Some(proof) = signed.or_else(|| Some(std::str::from_utf8(bytes).ok()?.to_owned())) else {
        return false;
    };
    let token = SecretText::new(sign(&delegated()));
    let key = TokenKey::new(&public()).unwrap();
    let verified = verify_delegated(token, &key, CA, NOW).unwrap();
    let request = Request {
        method: "POST",
        path: "/v1/sessions",
        at: NOW,
    };
    verified.prove(&proof, Some(record()), CA, request).is_ok()
}

fn possession_seeds() -> Vec<Vec<u8>> {
    let token = SecretText::new(sign(&delegated()));
    let proof = [
        json!({ "alg": "EdDSA", "typ": DPOP_PROOF, "jwk": jwk() }),
        json!({
            "htm": "POST", "htu": format!("{CA}/v1/sessions"), "iat": NOW.as_seconds(),
            "jti": "proof-0001", "ath": access_token_hash(&token),
        }),
    ];
    vec![
        joined(&[&proof[0].to_string(), &proof[1].to_string()]),
        sign(&proof).into_bytes(),
    ]
}

fn key_set(bytes: &[u8]) -> bool {
    issuer(bytes.to_vec()).is_ok()
}

fn the_key_set() -> Vec<u8> {
    let mut key = serde_json::to_value(jwk()).unwrap();
    key["kid"] = "idp-1".into();
    json!({ "keys": [key] }).to_string().into_bytes()
}

/// The serving process might be malicious: the signer reads what it sends.
fn signer_request(bytes: &[u8]) -> bool {
    serde_json::from_slice::<portreeve_ca::sign::Request>(bytes).is_ok()
}

fn issuers() -> Issuers {
    Issuers::new(vec![issuer(the_key_set()).unwrap()]).unwrap()
}

fn issuer(key_set: Vec<u8>) -> Result<Issuer, portreeve_ca::identity::NotAnIssuer> {
    Issuer::new(IssuerSettings {
        url: IDP.into(),
        client_id: "portreeve".into(),
        agent_client_id: None,
        algorithms: ["EdDSA", "ES256", "RS256", "PS384"]
            .map(Into::into)
            .to_vec(),
        name_claim: "email".into(),
        groups_claim: "groups".into(),
        keys: KeyOrigin::KeySet(key_set),
    })
}

fn drafts() -> Vec<[Value; 2]> {
    let now = NOW.as_seconds();
    let by_itself = |typ: &str, signer: &str| {
        [
            json!({ "alg": "EdDSA", "typ": typ }),
            json!({
                "iss": signer, "sub": signer, "aud": CA,
                "iat": now, "exp": now + 60, "jti": "0123456789",
            }),
        ]
    };
    let id_token = [
        json!({ "alg": "EdDSA", "typ": "JWT", "kid": "idp-1" }),
        json!({
            "iss": IDP, "sub": "alice", "aud": "portreeve",
            "iat": now - 10, "exp": now + 3600, "auth_time": now - 60,
            "amr": ["pwd", "otp"], "email": "alice@example.com", "email_verified": true,
            "groups": ["soc"],
        }),
    ];
    vec![
        id_token,
        delegated(),
        by_itself(CLIENT_ASSERTION, "soc/forensics"),
        by_itself(ACTOR, "soc/forensics"),
        by_itself(CLIENT_ASSERTION, "bastion:bastion-1"),
    ]
}

fn delegated() -> [Value; 2] {
    let now = NOW.as_seconds();
    [
        json!({ "alg": "EdDSA", "typ": ACCESS_TOKEN }),
        json!({
            "iss": CA, "aud": CA, "sub": format!("{IDP}#alice"),
            "act": { "sub": "soc/forensics" }, "client_id": "soc/forensics",
            "iat": now - 10, "exp": now + 900, "jti": "delegated-1",
            "cnf": { "jkt": jwk().thumbprint() },
            "auth_time": now - 60, "amr": ["pwd", "otp"], "name": "alice@example.com",
            "human_iss": IDP, "human_sub": "alice", "groups": ["soc"],
        }),
    ]
}

fn authenticated() -> portreeve_ca::identity::AuthenticatedAgent {
    let assertion = sign(&drafts()[2]);
    let once = authenticate_agent(&assertion, Some(record()), CA, NOW).unwrap();
    let first = async |_: &TokenUse| Ok::<_, Infallible>(true);
    once.spend(first).now_or_never().unwrap().unwrap().unwrap()
}

fn record() -> AgentRecord {
    AgentRecord {
        agent: "soc/forensics".parse().unwrap(),
        key: public(),
        owner: "olivia@example.com".parse().unwrap(),
        enabled: true,
        review_by: None,
        created_at: Timestamp::from_seconds(0),
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn public() -> PublicKey {
    let bytes = key().verifying_key().to_bytes();
    PublicKey::new(ssh_key::public::KeyData::Ed25519(
        ssh_key::public::Ed25519PublicKey(bytes),
    ))
    .unwrap()
}

fn jwk() -> Jwk {
    Jwk::of(&public()).unwrap()
}

fn sign([header, claims]: &[Value; 2]) -> String {
    sign_text(&header.to_string(), &claims.to_string())
}

fn sign_text(header: &str, claims: &str) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = key().sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", Base64UrlUnpadded::encode_string(&signature))
}
