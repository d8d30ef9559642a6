//! The file's fields as they are written, with their defaults. What they mean together is
//! [`super::understand`]'s.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::time::Ttl;
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
    #[serde(default, deserialize_with = "ttl")]
    pub(super) token_ttl: Option<Ttl>,
    #[serde(default, deserialize_with = "ttl")]
    pub(super) enrolment_ttl: Option<Ttl>,
    pub(super) review_recipients: Spanned<Vec<Recipient>>,
    #[serde(default)]
    pub(super) signer: Signer,
    #[serde(default)]
    pub(super) sessions: Sessions,
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
    #[serde(deserialize_with = "ttl")]
    pub(super) session: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) control: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) bastion_host: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) token: Option<Ttl>,
    pub(super) per_second: Option<Spanned<u32>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sessions {
    #[serde(deserialize_with = "ttl")]
    pub(super) default_ttl: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) max_ttl: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) connect_within: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) idle: Option<Ttl>,
    #[serde(deserialize_with = "ttl")]
    pub(super) linger: Option<Ttl>,
    pub(super) bind_source_address: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) url: Spanned<String>,
    pub(super) client_id: String,
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

/// A lifetime as people write it, `90s`, `15m`, `2h`.
fn ttl<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ttl>, D::Error> {
    text(deserializer).map(Some)
}

fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
