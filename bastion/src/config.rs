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
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::store::Store;
use serde::{Deserialize, Serialize};
use ssh_key::{Certificate, PrivateKey};

use crate::files::{self, FileError};
use crate::room::Reserve;

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
    /// How much of the disks of recordings and events is kept for the ends of sessions; 5 %, and 512 MiB at most, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    /// Where recordings go; without it they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreConfig>,
}

pub(crate) const fn default_sessions() -> usize {
    2000
}

pub(crate) const fn default_connections() -> usize {
    8000
}

pub(crate) const fn default_starting() -> usize {
    256
}

pub(crate) fn default_stale() -> Ttl {
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
    /// Where recordings go.
    pub store: Option<Store>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The recording store cannot be used.
    #[error("{}: {source}", path.display())]
    Store {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: portreeve_recording_store::config::ConfigError,
    },
    /// The file does not follow the form.
    #[error("{}:{line}: `{field}`: {rule}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// Which field; `file` where it is none in particular.
        field: String,
        /// What it breaks.
        rule: String,
    },
    /// A value makes no sense.
    #[error("{}: `{field}`: {rule}", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which field.
        field: &'static str,
        /// What it breaks.
        rule: String,
    },
}

impl File {
    /// Reads a configuration as it is written.
    ///
    /// # Errors
    /// When it cannot be read or does not follow the form.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        parse(path, &files::read(path)?)
    }
}

impl Config {
    /// Reads a configuration and every file that it names.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_with(path, |name| std::env::var(name).ok())
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_with(
        path: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut file = File::read(path)?;
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
        Self::settle(path, file, variable)
    }

    fn settle(
        path: &Path,
        file: File,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let bad = |field, rule: &str| ConfigError::Value {
            path: path.to_owned(),
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
        let private_key = |field, key: &Path| {
            let text = files::read_secret(key)?;
            PrivateKey::from_openssh(text.expose()).map_err(|_| {
                let key = key.display();
                bad(
                    field,
                    &format!("`{key}` is not an OpenSSH private key without passphrase"),
                )
            })
        };
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
            .expose()
            .trim()
            .parse()
            .map_err(|error: age::ParseKeyError| bad("unsealing", &error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let open = |store: &StoreConfig| {
            store
                .open(folder, &variable)
                .map_err(|source| ConfigError::Store {
                    path: path.to_owned(),
                    source,
                })
        };
        Ok(Self {
            store: file.store.as_ref().map(open).transpose()?,
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

fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    let bad = |error: &toml::de::Error, field: String| ConfigError::Form {
        path: path.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        field,
        rule: error.message().trim_end().replace('\n', "; "),
    };
    let deserializer =
        toml::Deserializer::parse(text).map_err(|error| bad(&error, "file".into()))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let field = error.path().to_string();
        // A field that is missing is none of those that are there.
        let field = if field == "." { "file".into() } else { field };
        bad(error.inner(), field)
    })
}

/// The line of a byte offset, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"name = "bastion-1"
listen = ["192.0.2.20:2222"]
ca = "https://ca.example.com:8443"
ca_root = "ca.pem"
issuer = "https://ca.example.com:8443"
access_ca = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILJ6sIWpNsyc3huWokDoN1ULnI5eGlx0EduXmVPUrEi6"
review_recipients = ["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"]
host_key = "host_key"
identity = "identity"
unsealing = "unsealing.key"
state = "state"
"#;

    #[test]
    fn every_fault_is_told_with_file_line_and_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (was, is, expected) in [
            ("ca_root", "root", ":4: `root`: unknown field `root`"),
            (
                "ca_root = \"ca.pem\"",
                "",
                ":1: `file`: missing field `ca_root`",
            ),
            (
                "\"bastion-1\"",
                "\"Bastion One\"",
                ":1: `name`: `Bastion One` is not",
            ),
            (":2222", "", ":2: `listen[0]`: "),
            ("\"state\"", "state", ":11: `file`: "),
            (
                "state = ",
                "reserve = \"lots\"\nstate = ",
                ":11: `reserve`: `lots` is no reserve",
            ),
            (
                "[\"192.0.2.20:2222\"]",
                "[]",
                ": `listen`: name at least one",
            ),
        ] {
            std::fs::write(&path, FILE.replacen(was, is, 1)).unwrap();
            let told = Config::read(&path).unwrap_err().to_string();
            let expected = format!("{}{expected}", path.display());
            assert!(told.starts_with(&expected), "{told}\n{expected}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_told_by_its_name_and_why() {
        let missing = Path::new("/nonexistent/config.toml");
        let error = anyhow::Error::from(Config::read(missing).unwrap_err());
        assert_eq!(
            format!("{error:#}"),
            "`/nonexistent/config.toml` cannot be read or written: No such file or directory (os error 2)"
        );
    }
}
