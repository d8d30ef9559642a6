//! A CA that grants every session, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};

use crate::keys::{self, ACCOUNT};
use crate::web::{self, Answer, Request};

/// A running CA.
pub(crate) struct Ca {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// How the CA is to answer.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// Where it says that the bastion is.
    pub(crate) bastion: String,
    /// What it answers to a request for a session, instead of granting it.
    pub(crate) refusal: Option<Value>,
    /// How far it says that sessions have come.
    pub(crate) state: &'static str,
}

impl Ca {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let seen = Arc::new(Mutex::new(Vec::<Request>::new()));
        let record = Arc::clone(&seen);
        let url = web::serve(move |request| {
            record.lock().unwrap().push(request.clone());
            let host = format!("http://{}", request.header("host").unwrap());
            let seen = record.lock().unwrap();
            let granted = seen
                .iter()
                .filter(|request| is_session_request(request))
                .count();
            let killed = seen.iter().any(|request| request.target.ends_with("/kill"));
            drop(seen);
            let behaviour = Behaviour {
                state: if killed { "ended" } else { behaviour.state },
                ..behaviour.clone()
            };
            answer(&behaviour, &host, request, granted)
        });
        Self { url, seen }
    }

    pub(crate) fn granting(bastion: &str) -> Self {
        Self::start(Behaviour {
            bastion: bastion.to_owned(),
            refusal: None,
            state: "open",
        })
    }

    /// The requests so far, as method and target.
    pub(crate) fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|request| format!("{} {}", request.method, request.target))
            .collect()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many sessions were asked for.
    pub(crate) fn sessions(&self) -> usize {
        self.requests()
            .iter()
            .filter(|request| is_session_request(request))
            .count()
    }
}

fn is_session_request(request: &Request) -> bool {
    request.method == "POST" && request.target == "/v1/sessions"
}

/// A token with these claims and no signature that anybody checks here.
pub(crate) fn token(claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    format!("{}.{}.c2ln", part(&json!({"alg": "EdDSA"})), part(claims))
}

pub(crate) fn id_token() -> String {
    token(&json!({
        "iss": "https://idp.example.com", "sub": "a", "aud": "portreeve", "exp": 4_000_000_000_i64,
        "email": "alice@example.com",
    }))
}

fn answer(behaviour: &Behaviour, url: &str, request: &Request, granted: usize) -> Answer {
    match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/oauth2/token") => (200, "application/json", delegated(url, request)),
        ("POST", "/v1/sessions") => match &behaviour.refusal {
            Some(problem) => (
                u16::try_from(problem["status"].as_u64().unwrap()).unwrap(),
                "application/problem+json",
                problem.to_string(),
            ),
            None => (
                201,
                "application/json",
                session(behaviour, request, granted).to_string(),
            ),
        },
        _ => (200, "application/json", summary(behaviour).to_string()),
    }
}

fn delegated(url: &str, request: &Request) -> String {
    assert!(
        request.body.contains("subject_token=ey"),
        "{}",
        request.body
    );
    let key: portreeve_protocol::key::PublicKey = keys::public_line(7).parse().unwrap();
    let thumbprint = portreeve_protocol::token::Jwk::of(&key)
        .unwrap()
        .thumbprint();
    let access_token = token(&json!({
        "iss": url, "sub": "https://idp.example.com#a", "act": {"sub": "soc/forensics"},
        "client_id": "soc/forensics", "aud": url, "iat": 0, "exp": 4_000_000_000_i64, "jti": "jti",
        "cnf": {"jkt": thumbprint}, "auth_time": 0, "name": "alice@example.com",
        "human_iss": "https://idp.example.com", "human_sub": "a",
    }));
    json!({
        "access_token": access_token, "token_type": "DPoP", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    })
    .to_string()
}

fn session(behaviour: &Behaviour, request: &Request, number: usize) -> Value {
    assert!(
        request
            .header("authorization")
            .unwrap()
            .starts_with("DPoP ey")
    );
    assert!(request.header("dpop").unwrap().starts_with("ey"));
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    let key = ssh_key::PublicKey::from_openssh(asked["key"].as_str().unwrap()).unwrap();
    let certificate = keys::access_certificate(&key, keys::ACCESS_CA);
    json!({
        "session": format!("01890a5d-ac96-774b-8123-{number:012x}"),
        "task": {
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "ticket": asked["ticket"], "purpose": asked["purpose"],
        },
        "host": asked["host"], "account": ACCOUNT,
        "bundle": {"name": asked["bundle"], "digest": portreeve_protocol::digest::Digest::of(b"")},
        "certificate": certificate.to_openssh().unwrap(),
        "connect_by": "2096-01-01T00:01:00Z", "expires_at": "2096-01-01T00:15:00Z",
        "bastions": [{
            "name": "b1", "address": behaviour.bastion, "host_ca": keys::public_line(keys::HOST_CA),
        }],
    })
}

fn summary(behaviour: &Behaviour) -> Value {
    json!({
        "session": "01890a5d-ac96-774b-8123-000000000001",
        "pair": {
            "human": {"issuer": "https://idp.example.com", "subject": "a", "name": "alice@example.com"},
            "agent": "soc/forensics",
        },
        "task": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "ticket": "INC-4711", "purpose": "look"},
        "host": "prod-1", "account": ACCOUNT,
        "bundle": {"name": "look", "digest": portreeve_protocol::digest::Digest::of(b"")},
        "state": behaviour.state, "bastion": "b1", "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2096-01-01T00:15:00Z", "ended_at": null, "cause": null, "killed_by": null,
    })
}
