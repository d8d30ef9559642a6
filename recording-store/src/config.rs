//! Which store: the `[store]` section that a bastion's and the CA's configuration share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use portreeve_protocol::recording::{NotAStoreName, StoreName};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::access::NoAccess;
use crate::credentials::Credentials;
use crate::folder::{Folder, NotAFolder};
use crate::secret_file::SecretFileError;
use crate::store::Store;

/// The region that stores without regions expect.
const NO_REGION: &str = "us-east-1";
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take as a whole: a part over a slow line.
const REQUEST: Duration = Duration::from_secs(120);
/// How often a request is sent again before whoever asked hears of it, who then waits longer.
const RETRIES: usize = 2;

/// The section as it is written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// A folder. Nothing else is said then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The URL of an S3-compatible store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The bucket in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the names of all objects begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A file with the credential; by default the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// A file with the roots of its TLS certificate; by default the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither or both of the two kinds are named.
    #[error("`store`: name a `folder`, or an `endpoint` and a `bucket`, and not both")]
    Kind,
    /// The endpoint cannot be one.
    #[error(
        "`store.endpoint`: it begins with `https://` and names a host and nothing behind it; `http://` is for loopback only"
    )]
    Endpoint,
    /// Bucket or prefix cannot be parts of a name.
    #[error(
        "`store.{0}`: letters, digits, `.`, `_` and `-`, and `/` between the parts of a prefix"
    )]
    Name(&'static str),
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder is none, or cannot be reached.
    #[error("`store.folder`: {0}")]
    NoAccess(#[from] NoAccess),
    /// The file with the credential is not used.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// A file holds no credential.
    #[error(
        "`{}` holds no credential: it is TOML with `access_key_id`, `secret_access_key` and, where there is one, `session_token`",
        .0.display()
    )]
    Credentials(PathBuf),
    /// The environment holds no credential.
    #[error("`store.credentials`: name a file, or set {0} in the environment")]
    NoCredentials(&'static str),
    /// The name that all this makes is none.
    #[error("`store`: {0}")]
    StoreName(#[from] NotAStoreName),
    /// The client cannot be made.
    #[error("`store`: the store cannot be used")]
    Client(#[from] object_store::Error),
}

impl StoreConfig {
    /// The store that this names. Paths begin at `folder`, where the configuration is; `variable` reads the
    /// environment. Nothing is sent yet, and a folder that is not there may be there later. Blocks for a few
    /// seconds at most.
    ///
    /// # Errors
    /// When it does not make sense, or a file that it names cannot be used.
    pub fn open(
        &self,
        folder: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Store, ConfigError> {
        match (&self.folder, &self.endpoint, &self.bucket) {
            (Some(path), None, None) if self.is_plain_folder() => of_folder(&folder.join(path)),
            (None, Some(endpoint), Some(bucket)) => self.s3(endpoint, bucket, folder, variable),
            _ => Err(ConfigError::Kind),
        }
    }

    fn is_plain_folder(&self) -> bool {
        self.region.is_none()
            && self.prefix.is_none()
            && self.credentials.is_none()
            && self.root.is_none()
    }

    fn s3(
        &self,
        endpoint: &str,
        bucket: &str,
        folder: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Store, ConfigError> {
        let (endpoint, authority) = checked_endpoint(endpoint)?;
        let prefix = self.prefix.as_deref().unwrap_or_default();
        if !is_part(bucket) {
            return Err(ConfigError::Name("bucket"));
        }
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err(ConfigError::Name("prefix"));
        }
        let slash = if prefix.is_empty() { "" } else { "/" };
        let name: StoreName = format!("s3://{authority}/{bucket}{slash}{prefix}").parse()?;
        let credentials = match &self.credentials {
            Some(path) => Credentials::of_file(&folder.join(path))?,
            None => Credentials::of_environment(variable)?,
        };
        let mut options = ClientOptions::new()
            .with_connect_timeout(CONNECT)
            .with_timeout(REQUEST)
            .with_allow_http(endpoint.scheme() == "http");
        if let Some(root) = &self.root {
            let path = folder.join(root);
            let pem = std::fs::read(&path).map_err(|source| ConfigError::File { path, source })?;
            options = options.with_no_system_certificates(true);
            for certificate in Certificate::from_pem_bundle(&pem)? {
                options = options.with_root_certificate(certificate);
            }
        }
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_region(self.region.as_deref().unwrap_or(NO_REGION))
            .with_bucket_name(bucket)
            .with_access_key_id(credentials.access_key_id.expose())
            .with_secret_access_key(credentials.secret_access_key.expose())
            .with_client_options(options)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: REQUEST,
            });
        if let Some(token) = &credentials.session_token {
            builder = builder.with_token(token.expose());
        }
        Ok(Store::remote(Arc::new(builder.build()?), prefix, name))
    }
}

fn of_folder(path: &Path) -> Result<Store, ConfigError> {
    let folder = Folder::at(path).map_err(|error| match error {
        NotAFolder::NoAccess(no_access) => no_access.into(),
        NotAFolder::Io(source) => ConfigError::File {
            path: path.to_owned(),
            source,
        },
    })?;
    // The name must be the same for all who share it, from whatever folder they were started.
    let name = format!("file:{}", folder.path().display()).parse()?;
    Ok(Store::in_folder(folder, name))
}

/// The endpoint, and what names it: host and, where it is said, port.
fn checked_endpoint(text: &str) -> Result<(Url, String), ConfigError> {
    let url = Url::parse(text).map_err(|_| ConfigError::Endpoint)?;
    let host = url.host().ok_or(ConfigError::Endpoint)?;
    let is_loopback = match &host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_plain_address = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let is_protected = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    if !is_plain_address || !is_protected {
        return Err(ConfigError::Endpoint);
    }
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    Ok((url, authority))
}

/// Whether a text is one part of an object's name that every store takes as it is.
fn is_part(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(fits) && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Store, ConfigError> {
        let config: StoreConfig = toml::from_str(text).unwrap();
        config.open(Path::new("/"), |name| Some(name.to_owned()))
    }

    #[test]
    fn a_store_is_named_the_same_by_all_who_share_it() {
        for (text, name) in [
            (
                "endpoint = 'https://s3.example.com'\nbucket = 'r'",
                "s3://s3.example.com/r",
            ),
            (
                "endpoint = 'https://S3.example.com:443/'\nbucket = 'r'\nprefix = 'a/b'",
                "s3://s3.example.com/r/a/b",
            ),
            (
                "endpoint = 'http://127.0.0.1:9000'\nbucket = 'r'",
                "s3://127.0.0.1:9000/r",
            ),
            ("folder = 'tmp/../tmp'", "file:/tmp"),
            // It may be mounted later.
            ("folder = 'nowhere/at/all'", "file:/nowhere/at/all"),
        ] {
            let store = open(text).unwrap();
            assert_eq!(store.name().as_str(), name, "{text}");
        }
    }

    #[test]
    fn what_makes_no_store_is_refused_with_what_to_change() {
        for (text, told) in [
            ("", "name a `folder`"),
            ("folder = 'tmp'\nbucket = 'r'", "not both"),
            ("folder = 'tmp'\nprefix = 'p'", "not both"),
            ("endpoint = 'https://s3.example.com'", "name a `folder`"),
            (
                "endpoint = 'http://s3.example.com'\nbucket = 'r'",
                "`http://` is for loopback",
            ),
            (
                "endpoint = 'https://u:p@s3.example.com'\nbucket = 'r'",
                "`store.endpoint`",
            ),
            (
                "endpoint = 'https://s3.example.com/r'\nbucket = 'r'",
                "`store.endpoint`",
            ),
            (
                "endpoint = 'https://s3.example.com'\nbucket = 'a/b'",
                "`store.bucket`",
            ),
            (
                "endpoint = 'https://s3.example.com'\nbucket = 'r'\nprefix = '/a'",
                "`store.prefix`",
            ),
            (
                "endpoint = 'https://s3.example.com'\nbucket = 'r'\nprefix = '..'",
                "`store.prefix`",
            ),
            ("folder = 'proc/version'", "it is no folder"),
            (
                "endpoint = 'https://s3.example.com'\nbucket = 'r'\ncredentials = 'nowhere'",
                "`/nowhere` cannot be read",
            ),
        ] {
            let error = open(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
