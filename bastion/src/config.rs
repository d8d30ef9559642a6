//! The configuration file, and the settled values that the program runs with.
//!
//! Paths in the file are taken from the file's folder. Reading it and understanding it are two steps; what comes out needs
//! no further checks.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use portreeve_protocol::age;
use portreeve_protocol::feed::STALE_AFTER;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Ttl;
use serde::{Deserialize, Serialize};
use ssh_key::{Certificate, PrivateKey};

use crate::files::{self, FileError};

/// The file as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// This bastion's name in the registry.
    pub name: BastionName,
    /// Where agents connect.
    pub listen: Vec<SocketAddr>,
    /// The CA's address.
    pub ca: String,
    /// A file with the root of the CA's TLS certificate.
    pub ca_root: PathBuf,
    /// The CA's issuer URL, for assertions.
    pub issuer: String,
    /// The CA of access certificates.
    pub access_ca: PublicKey,
    /// Who can open recordings.
    pub review_recipients: Vec<age::Recipient>,
    /// A file with the SSH host key.
    pub host_key: PathBuf,
    /// A file with the host certificate; without one, clients must know the host key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_certificate: Option<PathBuf>,
    /// A file with the key that signs assertions and manifests.
    pub identity: PathBuf,
    /// A file with the key that opens grants.
    pub unsealing: PathBuf,
    /// Where recordings and waiting events go.
    pub state: PathBuf,
    /// The most sessions at a time.
    #[serde(default = "default_sessions")]
    pub max_sessions: usize,
    /// The most connections of agents at a time.
    #[serde(default = "default_connections")]
    pub max_connections: usize,
    /// The most connections that have not proved their access yet.
    #[serde(default = "default_starting")]
    pub max_starting: usize,
    /// After how many seconds without the CA's feed sessions end.
    #[serde(default = "default_stale")]
    pub stale_after: Ttl,
}

const fn default_sessions() -> usize {
    2000
}

const fn default_connections() -> usize {
    8000
}

const fn default_starting() -> usize {
    256
}

fn default_stale() -> Ttl {
    u32::try_from(STALE_AFTER)
        .ok()
        .and_then(|seconds| Ttl::from_seconds(seconds).ok())
        // INVARIANT: the protocol's constant is a small number above zero.
        .unwrap_or_else(|| unreachable!("{STALE_AFTER} seconds are a lifetime"))
}

/// Everything that the program runs with.
pub struct Config {
    /// The file, paths resolved.
    pub file: File,
    /// The root of the CA's TLS certificate.
    pub ca_root: String,
    /// The SSH host key.
    pub host_key: PrivateKey,
    /// Its certificate.
    pub host_certificate: Option<Certificate>,
    /// The key that signs manifests.
    pub identity: PrivateKey,
    /// The same key, for tokens.
    pub identity_signer: SigningKey,
    /// The key that opens grants.
    pub unsealing: age::Identity,
    /// After how long without the CA's feed sessions end.
    pub stale_after: Duration,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file does not follow the form.
    #[error("`{}`: {source}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: toml::de::Error,
    },
    /// A value makes no sense.
    #[error("`{field}`: {rule}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it breaks.
        rule: String,
    },
}

impl Config {
    /// Reads a configuration and every file that it names.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = files::read(path)?;
        let mut file: File = toml::from_str(&text).map_err(|source| ConfigError::Form {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for named in [
            Some(&mut file.ca_root),
            Some(&mut file.host_key),
            file.host_certificate.as_mut(),
            Some(&mut file.identity),
            Some(&mut file.unsealing),
            Some(&mut file.state),
        ]
        .into_iter()
        .flatten()
        {
            *named = folder.join(&*named);
        }
        Self::settle(file)
    }

    fn settle(file: File) -> Result<Self, ConfigError> {
        let bad = |field, rule: &str| ConfigError::Value {
            field,
            rule: rule.into(),
        };
        if file.listen.is_empty() {
            return Err(bad("listen", "name at least one address"));
        }
        if file.review_recipients.is_empty() {
            return Err(bad(
                "review_recipients",
                "name at least one; a recording that nobody can open is none",
            ));
        }
        let host_key = private_key("host_key", &file.host_key)?;
        let identity = private_key("identity", &file.identity)?;
        let seed = identity
            .key_data()
            .ed25519()
            .ok_or_else(|| bad("identity", "it must be an Ed25519 key"))?
            .private
            .to_bytes();
        let host_certificate = file
            .host_certificate
            .as_ref()
            .map(|path| {
                let certificate = Certificate::from_openssh(files::read(path)?.trim())
                    .map_err(|_| bad("host_certificate", "it is not an OpenSSH certificate"))?;
                if certificate.public_key() != host_key.public_key().key_data() {
                    return Err(bad(
                        "host_certificate",
                        "it certifies another key; enrol again",
                    ));
                }
                Ok(certificate)
            })
            .transpose()?;
        let unsealing = files::read_secret(&file.unsealing)?
            .trim()
            .parse()
            .map_err(|error: age::ParseKeyError| bad("unsealing", &error.to_string()))?;
        Ok(Self {
            ca_root: files::read(&file.ca_root)?,
            identity_signer: SigningKey::from_bytes(&seed),
            stale_after: file.stale_after.as_duration(),
            host_key,
            host_certificate,
            identity,
            unsealing,
            file,
        })
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

fn private_key(field: &'static str, path: &Path) -> Result<PrivateKey, ConfigError> {
    let text = files::read_secret(path)?;
    PrivateKey::from_openssh(text.as_bytes()).map_err(|_| ConfigError::Value {
        field,
        rule: format!(
            "`{}` is not an OpenSSH private key without passphrase",
            path.display()
        ),
    })
}
