//! The installation that all rows share, with the keys that rows are forged with.

use std::ops::Deref;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::event::Event;
use portreeve_tests::installation::{Installation, Story, Visit, Wish};
use portreeve_tests::until;
use serde_json::{Value, json};
use ssh_key::PrivateKey;

use super::draft::{self, CLIENT_ID, IDP, id_token, jwk, key};
use super::https::{Answer, FROM_AFAR, FROM_BESIDE, Https, Request};

const CA_DIRECTORY: &str = "/var/lib/portreeve-ca";
const BASTION_DIRECTORY: &str = "/etc/portreeve-bastion";
/// How many events of the log one answer has at most.
const PAGE: usize = 500;
const PATIENCE: Duration = Duration::from_secs(20);

/// A second agent of the same team, whose key these tests made.
pub(super) const OTHER_AGENT: &str = "soc/other";
/// An agent that was disabled.
pub(super) const RETIRED_AGENT: &str = "soc/retired";

/// An installation that also trusts an issuer whose key these tests hold.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) installation: Installation,
    /// HTTPS from where the agent is.
    pub(super) https: Https,
    /// HTTPS from beside the CA. How much one stranger can write into the log is bounded, and nobody is a
    /// stranger here: this is for tables with many rows.
    pub(super) beside: Https,
    /// The key of the installation's agent.
    pub(super) agent: SigningKey,
}

/// One test's turn on the installation.
#[derive(Debug)]
pub(super) struct Turn {
    site: &'static Site,
    _visit: Visit,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Turn {
    type Target = Site;

    fn deref(&self) -> &Site {
        self.site
    }
}

/// Waits for the installation to be free.
pub(super) fn turn() -> Turn {
    static SITE: LazyLock<Site> = LazyLock::new(Site::new);
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let site = &*SITE;
    Turn {
        site,
        _visit: site.installation.visit(),
        _turn: turn,
    }
}

/// The key of the issuer.
pub(super) fn idp_key() -> SigningKey {
    key(1)
}

/// The key of [`OTHER_AGENT`].
pub(super) fn other_key() -> SigningKey {
    key(2)
}

/// The key of [`RETIRED_AGENT`].
pub(super) fn retired_key() -> SigningKey {
    key(3)
}

impl Site {
    fn new() -> Self {
        let mut installation = Installation::new().unwrap();
        trust_another_issuer(&mut installation);
        let agent = installation.agent();
        let text = agent.account.host().read_text(&agent.key).unwrap();
        let site = Self {
            https: Https::new(agent.account.host(), FROM_AFAR),
            beside: Https::new(installation.lab().host("bastion"), FROM_BESIDE),
            agent: signing_key(&PrivateKey::from_openssh(text).unwrap()),
            installation,
        };
        site.installation.sign_in("alice").unwrap();
        for (name, key) in [(OTHER_AGENT, other_key()), (RETIRED_AGENT, retired_key())] {
            let body =
                json!({ "agent": name, "key": draft::public(&key), "owner": "lena@example.com" });
            let added = site.as_lead("POST", "/v1/agents", &body);
            assert_eq!(added.status, 201, "{added:?}");
        }
        let retired = format!("/v1/agents/{RETIRED_AGENT}/disable");
        let disabled = site.https.send(&site.lead("POST", &retired));
        assert_eq!(disabled.status, 200, "{disabled:?}");
        // The CA was away for a moment, and the bastion lets nobody in until it hears it again.
        until("a session", PATIENCE, || Ok(site.try_session().ok())).unwrap();
        site
    }

    /// A request of somebody who may do everything.
    pub(super) fn lead(&self, method: &'static str, path: &str) -> Request {
        let token = id_token("lena", &["soc-leads", "infra-admins"]).sign(&idp_key());
        Request::new(method, path).bearer(&token)
    }

    /// The same, sent with a body.
    pub(super) fn as_lead(&self, method: &'static str, path: &str, body: &Value) -> Answer {
        self.https.send(&self.lead(method, path).json(body))
    }

    /// A request of a pair with this token, proved by the agent's key.
    pub(super) fn pair(&self, token: &str, method: &'static str, path: &str) -> Request {
        let proof = draft::proof(token, method, path, &self.agent).sign(&self.agent);
        Request::new(method, path)
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof)
    }

    /// The parameters of a token exchange in which nothing is wrong.
    pub(super) fn exchange(&self) -> Vec<(&'static str, String)> {
        use portreeve_protocol::token::{
            ASSERTION_TYPE_JWT, GRANT_TOKEN_EXCHANGE, TYPE_ID_TOKEN, TYPE_JWT,
        };
        let subject = id_token("alice", &["soc"]).sign(&idp_key());
        vec![
            ("grant_type", GRANT_TOKEN_EXCHANGE.to_owned()),
            ("client_assertion_type", ASSERTION_TYPE_JWT.to_owned()),
            ("client_assertion", draft::assertion().sign(&self.agent)),
            ("subject_token", subject),
            ("subject_token_type", TYPE_ID_TOKEN.to_owned()),
            ("actor_token", draft::actor_token().sign(&self.agent)),
            ("actor_token_type", TYPE_JWT.to_owned()),
        ]
    }

    /// A delegated token of alice and the agent, as the CA issues it.
    pub(super) fn delegated(&self) -> String {
        let request = Request::new("POST", "/oauth2/token").form(&self.exchange());
        let answer = self.https.send(&request);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("access_token")
    }

    /// One of the CA's signing keys.
    pub(super) fn ca_key(&self, role: &str) -> PrivateKey {
        let host = self.installation.lab().host("bastion");
        let text = host.read_text(&format!("{CA_DIRECTORY}/keys/{role}"));
        PrivateKey::from_openssh(text.unwrap()).unwrap()
    }

    /// The key of delegated tokens.
    pub(super) fn token_key(&self) -> SigningKey {
        signing_key(&self.ca_key("token"))
    }

    /// The key with which the bastion proves itself to the CA.
    pub(super) fn bastion_key(&self) -> SigningKey {
        let host = self.installation.lab().host("bastion");
        let text = host.read_text(&format!("{BASTION_DIRECTORY}/identity"));
        signing_key(&PrivateKey::from_openssh(text.unwrap()).unwrap())
    }

    /// The events of the log from a place on, with their places.
    pub(super) fn log_from(&self, place: u64) -> Vec<(u64, Event)> {
        let mut events = Vec::new();
        loop {
            let since = events.last().map_or(place, |(last, _)| last + 1);
            let path = format!("/v1/log/events?since={since}");
            let answer = self.https.send(&self.lead("GET", &path));
            let page: Trail = serde_json::from_str(&answer.body)
                .unwrap_or_else(|error| panic!("{error}: {answer:?}"));
            let read = page.events.iter().map(|logged| {
                let event = serde_json::from_str(&logged.event).unwrap();
                (logged.index, event)
            });
            events.extend(read);
            if page.events.len() < PAGE {
                return events;
            }
        }
    }

    /// A session from its request to its end, as the agent's own program has it.
    pub(super) fn try_session(&self) -> anyhow::Result<()> {
        let agent = self.installation.agent();
        let granted = agent.start_session(&Wish::default())?;
        let said = agent.exec(granted.session, &["id", "-un"]).run()?.ok()?;
        anyhow::ensure!(said.text() == granted.account.as_str(), "{said:?}");
        agent.end(granted.session)?;
        until("the end of the trail", PATIENCE, || {
            let story = Story::of(&agent.trail(granted.session)?)?;
            Ok(story.closed().is_some().then_some(()))
        })
    }
}

/// Adds an issuer with a key set in a file, as an administrator does it.
fn trust_another_issuer(installation: &mut Installation) {
    let host = installation.lab().host("bastion").clone();
    let mut key = serde_json::to_value(jwk(&idp_key())).unwrap();
    key["kid"] = json!("idp-1");
    let keys = format!("{CA_DIRECTORY}/idp-1.json");
    host.write(&keys, json!({ "keys": [key] }).to_string(), 0o644)
        .unwrap();
    let issuer = format!(
        "\n[[issuer]]\nurl = \"{IDP}\"\nclient_id = \"{CLIENT_ID}\"\njwks_file = \"{keys}\"\nalgorithms = [\"EdDSA\"]\n"
    );
    host.command("sh")
        .args(["-euc", r#"cat >>"$1""#, "append"])
        .arg(format!("{CA_DIRECTORY}/config.toml"))
        .input(issuer.as_bytes())
        .run()
        .unwrap()
        .ok()
        .unwrap();
    installation.ca.stop().unwrap();
    installation.ca.start_again().unwrap();
}

fn signing_key(key: &PrivateKey) -> SigningKey {
    SigningKey::from_bytes(&key.key_data().ed25519().unwrap().private.to_bytes())
}
