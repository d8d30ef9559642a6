//! A CA in a temporary directory, and the people, agents, hosts and bastions around it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::age;
use portreeve_protocol::enrol::{HostEnrolment, HostProof, HostTicket};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::TrailLimit;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{
    ASSERTION_TYPE_JWT, GRANT_TOKEN_EXCHANGE, TYPE_ID_TOKEN, TYPE_JWT,
};
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::store::Store as RecordingStore;
use portreeve_sudo_policy::STARTER_BUNDLE;
use serde_json::{Value, json};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use tokio::sync::watch;
use tower::Service as _;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, IssuerConfig, IssuerKeys, SessionConfig, SignerConfig, Transport};
use crate::http::router;
use crate::identity::testing::{self as tokens, CA, CLIENT_ID, IDP, public};
use crate::sign::Limits;
use crate::sign::keys::KeyFiles;
use crate::signer_main::{self, Until};
use crate::store::Change;

pub(super) const AGENT_ADDRESS: &str = "192.0.2.10:50000";
/// How many live sessions an agent of the lab may have.
pub(super) const MAX_LIVE: u32 = 20;
/// How long recordings are kept in the lab.
pub(super) const RETENTION: &str = "30d";
pub(super) const BUNDLE: &str = "forensic-read-only";

pub(super) struct Lab {
    pub(super) home: tempfile::TempDir,
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    pub(super) clock: Clock,
    pub(super) stop: watch::Sender<bool>,
    count: AtomicU64,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(super) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The code of a problem.
    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn detail(&self) -> String {
        self.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// The headers that prove who calls.
pub(super) type Proof = Vec<(&'static str, String)>;

impl Lab {
    /// A CA with the starter policy in force and nothing else.
    pub(super) async fn start() -> Self {
        Self::storing(recording_store).await
    }

    /// The same with another recording store, which is made in its folder.
    pub(super) async fn storing(store: impl FnOnce(&Path) -> RecordingStore) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = config(home.path());
        KeyFiles::create(&config.signer.keys).unwrap();
        let clock = Clock::fixed(tokens::now());
        let (signer, signer_clock) = (config.signer.clone(), clock.clone());
        std::thread::spawn(move || signer_main::run(&signer, &signer_clock, Until::Stopped));
        while !config.signer.socket.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        publish_starter(&config, &clock).await;
        let recordings = Some(store(home.path()));
        let app = App::start(&config, recordings, clock.clone())
            .await
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        Self {
            router: router(Arc::clone(&app), stopped),
            app,
            clock,
            stop,
            count: AtomicU64::new(0),
            home,
        }
    }

    /// The same with an agent, a host, a bastion and a bundle.
    pub(super) async fn ready() -> Self {
        Self::start().await.filled().await
    }

    pub(super) async fn filled(self) -> Self {
        self.add_agent().await;
        self.add_host("prod-1").await;
        self.add_bastion("b1").await;
        self.publish_bundle().await;
        self
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock
            .set(self.now().plus(Duration::from_secs(seconds)));
    }

    fn fresh(&self, what: &str) -> String {
        format!("{what}-{:08}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        proof: &Proof,
        body: Body,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in proof {
            request = request.header(*name, value);
        }
        let mut request = request.body(body).unwrap();
        let peer: SocketAddr = AGENT_ADDRESS.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().call(request).await.unwrap()
    }

    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        proof: &Proof,
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.send(method, path, proof, body.into()).await;
        let (parts, body) = response.into_parts();
        // A feed has no end to wait for.
        let is_feed = parts
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        let body = if is_feed { Body::empty() } else { body };
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str, proof: &Proof) -> Answer {
        self.raw("GET", path, proof, Body::empty()).await
    }

    pub(super) async fn post(&self, path: &str, proof: &Proof, body: &Value) -> Answer {
        self.json("POST", path, proof, body).await
    }

    pub(super) async fn json(
        &self,
        method: &str,
        path: &str,
        proof: &Proof,
        body: &Value,
    ) -> Answer {
        let mut proof = proof.clone();
        proof.push(("content-type", "application/json".into()));
        self.raw(method, path, &proof, body.to_string()).await
    }

    /// Headers of the analyst alice of the group soc.
    pub(super) fn analyst(&self) -> Proof {
        bearer(&self.person("alice", &["soc"]))
    }

    /// Headers of an administrator.
    pub(super) fn admin(&self) -> Proof {
        bearer(&self.person("ingrid", &["infra-admins"]))
    }

    pub(super) fn person(&self, name: &str, groups: &[&str]) -> SecretText {
        let now = self.now().as_seconds();
        tokens::id_token()
            .claim("sub", name)
            .claim("email", format!("{name}@example.com"))
            .claim("groups", json!(groups))
            .claim("iat", now - 10)
            .claim("auth_time", now - 60)
            .claim("exp", now + 3600)
            .sign(&tokens::idp_key())
    }

    /// The parameters of a good exchange for this human.
    pub(super) fn exchange_form(&self, subject: &SecretText) -> Vec<(&'static str, String)> {
        let now = self.now().as_seconds();
        let own = |draft: tokens::Draft| {
            draft
                .claim("jti", self.fresh("self-issued"))
                .claim("iat", now)
                .claim("exp", now + 60)
                .sign(&tokens::agent_key())
                .expose()
                .to_owned()
        };
        vec![
            ("grant_type", GRANT_TOKEN_EXCHANGE.into()),
            ("client_assertion_type", ASSERTION_TYPE_JWT.into()),
            ("client_assertion", own(tokens::assertion())),
            ("subject_token", subject.expose().into()),
            ("subject_token_type", TYPE_ID_TOKEN.into()),
            ("actor_token", own(tokens::actor_token())),
            ("actor_token_type", TYPE_JWT.into()),
        ]
    }

    pub(super) async fn exchange(&self, form: &[(&str, String)]) -> Answer {
        let body: Vec<_> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let kind = ("content-type", "application/x-www-form-urlencoded".into());
        self.raw("POST", "/oauth2/token", &vec![kind], body.join("&"))
            .await
    }

    /// A delegated token of the registered agent for this human.
    pub(super) async fn delegated(&self, name: &str, groups: &[&str]) -> SecretText {
        let subject = self.person(name, groups);
        let answer = self.exchange(&self.exchange_form(&subject)).await.is(200);
        SecretText::new(answer["access_token"].as_str().unwrap().into())
    }

    /// Headers of the pair for one request.
    pub(super) fn pair(&self, token: &SecretText, method: &str, path: &str) -> Proof {
        let proof = tokens::proof(token, method, path, &tokens::agent_key())
            .claim("iat", self.now().as_seconds())
            .claim("jti", self.fresh("proof"))
            .sign(&tokens::agent_key());
        vec![
            ("authorization", format!("DPoP {}", token.expose())),
            ("dpop", proof.expose().into()),
        ]
    }

    /// Headers of a bastion.
    pub(super) fn bastion(&self, name: &str) -> Proof {
        let now = self.now().as_seconds();
        let assertion = tokens::assertion()
            .claim("iss", format!("bastion:{name}"))
            .claim("sub", format!("bastion:{name}"))
            .claim("iat", now)
            .claim("exp", now + 60)
            .sign(&bastion_identity(name));
        bearer(&assertion)
    }

    pub(super) async fn add_agent(&self) {
        let body = json!({
            "agent": "soc/forensics",
            "key": public(&tokens::agent_key()),
            "owner": "olivia@example.com",
        });
        self.post("/v1/agents", &self.admin(), &body).await.is(201);
    }

    pub(super) async fn add_host(&self, name: &str) {
        self.enrol_host(name, false).await;
    }

    pub(super) async fn enrol_host(&self, name: &str, again: bool) {
        let body = json!({
            "host": name, "address": "198.51.100.7:22", "labels": ["production"], "again": again,
        });
        let answer = self.post("/v1/hosts", &self.admin(), &body).await.is(201);
        let ticket: HostTicket = serde_json::from_value(answer).unwrap();
        let proof = serde_json::to_value(host_proof(&ticket, name)).unwrap();
        let enrolled = self
            .post("/v1/enrolments/hosts", &Proof::new(), &proof)
            .await;
        assert_eq!(enrolled.is(201)["host"], name);
    }

    pub(super) async fn add_bastion(&self, name: &str) {
        let body = json!({
            "bastion": name, "address": "203.0.113.5:2222", "egress": ["203.0.113.5"],
        });
        let ticket = self
            .post("/v1/bastions", &self.admin(), &body)
            .await
            .is(201);
        let body = bastion_enrolment(name, ticket["token"].as_str().unwrap());
        let enrolled = self
            .post("/v1/enrolments/bastions", &Proof::new(), &body)
            .await;
        assert_eq!(enrolled.is(201)["issuer"], CA);
    }

    pub(super) async fn publish_bundle(&self) {
        let body = json!({ "text": STARTER_BUNDLE });
        let published = self.json("PUT", "/v1/bundles", &self.admin(), &body).await;
        assert_eq!(published.is(200)["name"], BUNDLE);
    }

    /// Asks for a session on `host` and gives the answer.
    pub(super) async fn ask(&self, token: &SecretText, change: impl FnOnce(&mut Value)) -> Answer {
        let mut body = json!({
            "host": "prod-1", "ticket": "INC-4711", "purpose": "find the reverse shell",
            "bundle": BUNDLE, "key": public(&tokens::key(40)),
        });
        change(&mut body);
        let proof = self.pair(token, "POST", "/v1/sessions");
        self.post("/v1/sessions", &proof, &body).await
    }

    /// A session of alice on prod-1.
    pub(super) async fn session(&self) -> Value {
        let token = self.delegated("alice", &["soc"]).await;
        self.ask(&token, |_| {}).await.is(201)
    }
}

pub(super) fn bearer(token: &SecretText) -> Proof {
    vec![("authorization", format!("Bearer {}", token.expose()))]
}

pub(super) fn private(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
}

/// The seed of a host's identity key: one for each host.
pub(super) fn host_seed(name: &str) -> u8 {
    100 + u8::try_from(name.len()).unwrap() + name.bytes().last().unwrap() % 10
}

pub(super) fn bastion_identity(name: &str) -> ed25519_dalek::SigningKey {
    tokens::key(50 + name.bytes().last().unwrap() % 10)
}

pub(super) fn unsealing_key() -> age::Identity {
    unsealing("b1")
}

/// A bastion's unsealing key.
pub(super) fn unsealing(name: &str) -> age::Identity {
    let seed = 60 + name.bytes().last().unwrap() % 10;
    age::Identity::from_secret_bytes(&[seed; 32])
}

pub(super) fn bastion_enrolment(name: &str, token: &str) -> Value {
    json!({
        "bastion": name, "token": token,
        "host_key": public(&tokens::key(61)),
        "identity": public(&bastion_identity(name)),
        "recipient": unsealing(name).recipient().to_string(),
    })
}

pub(super) fn host_proof(ticket: &HostTicket, name: &str) -> HostProof {
    let seed = host_seed(name);
    let enrolment = HostEnrolment {
        host: ticket.host.clone(),
        token: ticket.token.clone(),
        identity: public(&tokens::key(seed)),
        host_keys: vec![public(&tokens::key(62))],
        sudo: "sudo 1.9.13".into(),
    };
    HostProof {
        identity: enrolment.identity.clone(),
        enrolment: Signed::sign(&enrolment, &private(seed)).unwrap(),
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn publish_starter(config: &Config, clock: &Clock) {
    let store = crate::store::Store::create(&config.database, clock.clone())
        .await
        .unwrap();
    let publish = Change::PublishPolicy {
        text: STARTER_POLICY.into(),
        at: clock.now(),
    };
    store.commit(vec![publish], Vec::new()).await.unwrap();
}

/// A folder in the lab's.
fn recording_store(home: &Path) -> RecordingStore {
    let folder = home.join("recordings");
    std::fs::create_dir_all(&folder).unwrap();
    let config = StoreConfig {
        folder: Some(folder),
        ..StoreConfig::default()
    };
    config.open(home, |_| None).unwrap()
}

fn config(home: &Path) -> Config {
    let key_set = home.join("idp.json");
    std::fs::write(&key_set, tokens::key_set()).unwrap();
    let ttl = |text: &str| text.parse().unwrap();
    Config {
        issuer: CA.into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        transport: Transport::PlainOnLoopback,
        database: home.join("ca.db"),
        signer: SignerConfig {
            socket: home.join("run/signer.sock"),
            keys: home.join("keys"),
            spawn: false,
            server_uid: None,
            limits: Limits {
                issuer: CA.into(),
                log_origin: "ca.example.com/log".into(),
                session: ttl("12h"),
                control: ttl("5m"),
                bastion_host: ttl("9600h"),
                token: ttl("1h"),
                per_second: 5000,
            },
        },
        issuers: vec![IssuerConfig {
            url: IDP.into(),
            client_id: CLIENT_ID.into(),
            agent_client_id: Some("portreeve-agents".into()),
            keys: IssuerKeys::File(key_set),
            algorithms: vec!["EdDSA".into()],
            name_claim: "email".into(),
            groups_claim: "groups".into(),
        }],
        sessions: SessionConfig {
            default_ttl: ttl("15m"),
            max_ttl: ttl("8h"),
            connect_within: ttl("60s"),
            idle: ttl("5m"),
            linger: ttl("30s"),
            bind_source_address: true,
            max_live_per_agent: MAX_LIVE,
            trail_limit: TrailLimit::DEFAULT,
        },
        token_ttl: ttl("15m"),
        enrolment_ttl: ttl("1h"),
        review_recipients: vec![unsealing_key().recipient()],
        retention: RETENTION.parse().unwrap(),
        recording_store: None,
    }
}
