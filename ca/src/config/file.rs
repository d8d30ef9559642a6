//! The file's fields as they are written, with their defaults. What they mean together is
//! [`super::understand()`]'s.

use std::net::SocketAddr;
use std::path::PathBuf;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::recording::Retention;
use portreeve_protocol::time::Ttl;
use portreeve_recording_store::config::StoreConfig;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) url: Spanned<String>,
    pub(super) listen: Spanned<SocketAddr>,
    #[serde(default)]
    pub(super) insecure_http: bool,
    #[serde(default)]
    pub(super) tls: Option<Tls>,
    #[serde(default = "database")]
    pub(super) database: PathBuf,
    #[serde(default)]
    pub(super) token_ttl: Lifetime,
    #[serde(default)]
    pub(super) enrolment_ttl: Lifetime,
    pub(super) review_recipients: Spanned<Vec<Recipient>>,
    #[serde(default)]
    pub(super) signer: Signer,
    #[serde(default)]
    pub(super) sessions: Sessions,
    #[serde(default)]
    pub(super) recordings: Recordings,
    #[serde(default)]
    pub(super) store: Option<Spanned<StoreConfig>>,
    #[serde(default)]
    pub(super) issuer: Vec<Issuer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Signer {
    pub(super) socket: PathBuf,
    pub(super) keys: PathBuf,
    pub(super) spawn: bool,
    pub(super) server_uid: Option<u32>,
    pub(super) log_origin: Option<Spanned<String>>,
    pub(super) limits: SignerLimits,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            socket: "run/signer.sock".into(),
            keys: "keys".into(),
            spawn: true,
            server_uid: None,
            log_origin: None,
            limits: SignerLimits::default(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignerLimits {
    pub(super) session: Lifetime,
    pub(super) control: Lifetime,
    pub(super) bastion_host: Lifetime,
    pub(super) token: Lifetime,
    pub(super) per_second: Option<Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sessions {
    pub(super) default_ttl: Lifetime,
    pub(super) max_ttl: Lifetime,
    pub(super) connect_within: Lifetime,
    pub(super) idle: Lifetime,
    pub(super) linger: Lifetime,
    pub(super) bind_source_address: Option<bool>,
    pub(super) max_live_per_agent: Option<Spanned<u32>>,
    pub(super) trail_limit: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Recordings {
    pub(super) retention: Option<WrittenRetention>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) url: Spanned<String>,
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) agent_client_id: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) discovery: bool,
    #[serde(default)]
    pub(super) jwks_file: Option<PathBuf>,
    #[serde(default = "algorithms")]
    pub(super) algorithms: Spanned<Vec<String>>,
    #[serde(default = "name_claim")]
    pub(super) name_claim: String,
    #[serde(default = "groups_claim")]
    pub(super) groups_claim: String,
}

fn database() -> PathBuf {
    "ca.db".into()
}

fn algorithms() -> Spanned<Vec<String>> {
    Spanned::new(0..0, vec!["RS256".into(), "ES256".into()])
}

fn name_claim() -> String {
    "email".into()
}

fn groups_claim() -> String {
    "groups".into()
}

/// A lifetime as people write it, `90s`, `15m`, `2h`, or nothing.
pub(super) type Lifetime = Option<Spanned<WrittenTtl>>;

#[derive(Clone, Copy)]
pub(super) struct WrittenTtl(pub(super) Ttl);

impl<'de> Deserialize<'de> for WrittenTtl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// How long recordings are kept, as people write it: `365d`.
#[derive(Clone, Copy)]
pub(super) struct WrittenRetention(pub(super) Retention);

impl<'de> Deserialize<'de> for WrittenRetention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
