//! The configuration file: one TOML document, no unknown fields, errors with file, line and field.

mod file;
#[cfg(test)]
mod tests;
mod understand;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Recipient;
use portreeve_protocol::recording::Retention;
use portreeve_protocol::session::TrailLimit;
use portreeve_protocol::time::Ttl;
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::store::Store as RecordingStore;

use self::understand::understand;
use crate::sign::Limits;

pub use self::understand::Fault;
pub(crate) use self::understand::host_of;

/// The most bytes of the file that are read.
const MAX_FILE: u64 = 1024 * 1024;

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The CA's URL as everybody writes it: issuer of tokens, base of the API.
    pub issuer: String,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How.
    pub transport: Transport,
    /// The database file.
    pub database: PathBuf,
    /// The signer.
    pub signer: SignerConfig,
    /// Who signs humans in.
    pub issuers: Vec<IssuerConfig>,
    /// What sessions are like unless policy is stricter.
    pub sessions: SessionConfig,
    /// How long a delegated token lives.
    pub token_ttl: Ttl,
    /// How long a one-time enrolment token lives.
    pub enrolment_ttl: Ttl,
    /// What recordings are sealed to.
    pub review_recipients: Vec<Recipient>,
    /// How long recordings are kept unless policy says so.
    pub retention: Retention,
    /// Where recordings can be read, if anywhere.
    pub recording_store: Option<RecordingStoreConfig>,
}

/// The `[store]` section, read and not opened: the server alone needs what it names, and a signer of another user must
/// not read the credential.
#[derive(Debug, Clone)]
pub struct RecordingStoreConfig {
    section: StoreConfig,
    file: PathBuf,
    line: usize,
}

impl RecordingStoreConfig {
    /// The store that the section names.
    ///
    /// # Errors
    /// When it does not make sense, or a file that it names cannot be used.
    pub fn open(&self) -> Result<RecordingStore, ConfigError> {
        self.section
            .open(directory_of(&self.file), |name| std::env::var(name).ok())
            .map_err(|error| ConfigError::Content {
                path: self.file.clone(),
                line: self.line,
                fault: Fault::Store(error),
            })
    }
}

/// How the API is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TLS with these PEM files.
    Tls {
        /// The certificate chain.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Without TLS, on loopback only, because the configuration asks for it by name.
    PlainOnLoopback,
}

/// The signer's part.
#[derive(Debug, Clone)]
pub struct SignerConfig {
    /// Its socket, in a directory of mode 0700.
    pub socket: PathBuf,
    /// The directory of its key files.
    pub keys: PathBuf,
    /// Whether `serve` starts the signer itself.
    pub spawn: bool,
    /// The user that the server runs as, where it is another than the signer's.
    pub server_uid: Option<u32>,
    /// What it signs at most.
    pub limits: Limits,
}

/// An identity provider.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Its issuer URL.
    pub url: String,
    /// Our client id there: the audience of its ID tokens.
    pub client_id: String,
    /// Another client id of ours there: the audience of ID tokens that people hand to agents, which
    /// are good for an exchange and for nothing else.
    pub agent_client_id: Option<String>,
    /// Where its keys come from.
    pub keys: IssuerKeys,
    /// The signature algorithms that are accepted, by their names in JOSE.
    pub algorithms: Vec<String>,
    /// The claim that holds the human's readable name.
    pub name_claim: String,
    /// The claim that holds the human's groups.
    pub groups_claim: String,
}

/// Where an identity provider's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerKeys {
    /// From its discovery document.
    Discovery,
    /// From a file.
    File(PathBuf),
}

/// What sessions are like unless policy is stricter.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// How long, when the request does not say.
    pub default_ttl: Ttl,
    /// How long at most.
    pub max_ttl: Ttl,
    /// Within what time the first connection must be made.
    pub connect_within: Ttl,
    /// After how long without traffic it ends.
    pub idle: Ttl,
    /// How long it stays without any connection.
    pub linger: Ttl,
    /// Whether access certificates work from the agent's address only.
    pub bind_source_address: bool,
    /// How many sessions of one agent may be live at the same time.
    pub max_live_per_agent: u32,
    /// How much one session may put into the trail.
    pub trail_limit: TrailLimit,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration `{}` cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{}:{line}: {fault}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// What is wrong with which field.
        fault: Fault,
    },
}

/// Reads and checks the configuration file. Relative paths in it begin at its directory. The recording store that it
/// names is not opened.
///
/// # Errors
/// When it cannot be read or says something that cannot be.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = read_text(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    understand(&text, path).map_err(|(offset, fault)| ConfigError::Content {
        path: path.to_owned(),
        line: line_of(&text, offset),
        fault,
    })
}

/// Where relative paths in the configuration `file` begin.
fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// The line of a byte offset, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}
