//! `portreeve-ca init`: everything that a new CA needs, made in one directory or not at all.
//!
//! All of it is made beside the final place and moved there at the end, so that a half-made CA
//! cannot exist and an old one cannot be overwritten. Printing is the caller's.

mod settings;
#[cfg(test)]
mod tests;
mod text;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use portreeve_access_policy::starter::{Administrator, starter_policy};
use portreeve_protocol::age::{Identity, Recipient};
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;

use crate::clock::Clock;
use crate::config::{self, ConfigError};
use crate::sign::keys::{KeyFileError, KeyFiles};
use crate::store::{Change, CommitError, Store, StoreError};
use crate::{disk, entropy};

pub use settings::NotInit;

/// What a new CA is to be.
#[derive(Debug, Clone)]
pub struct Init {
    /// Where; must not exist, or be empty.
    pub directory: PathBuf,
    /// The CA's URL as everybody will write it. `http://` is for loopback only.
    pub url: String,
    /// Where it listens; by default on all addresses and the URL's port.
    pub listen: Option<SocketAddr>,
    /// Who administers.
    pub administrators: Vec<Administrator>,
    /// Who opens recordings; a key pair is made when there is nobody.
    pub review_recipients: Vec<Recipient>,
    /// Who signs people in, when that is known already.
    pub identity_provider: Option<IdentityProvider>,
}

/// An identity provider as `init` is told of it.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// Its issuer URL.
    pub url: String,
    /// Our client id there.
    pub client_id: String,
    /// The client id there of the tokens that people hand to agents.
    pub agent_client_id: Option<String>,
}

/// Why no CA was made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// What was asked for cannot be.
    #[error(transparent)]
    Settings(#[from] NotInit),
    /// The place is taken.
    #[error("`{}` exists and is not empty: a CA is never overwritten", .0.display())]
    Taken(PathBuf),
    /// A file cannot be made.
    #[error("`{}` cannot be made", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The keys cannot be made.
    #[error("the keys cannot be made")]
    Keys(#[from] KeyFileError),
    /// The TLS certificates cannot be made.
    #[error("the TLS certificates cannot be made: {0}")]
    Tls(#[source] rcgen::Error),
    /// The database cannot be made.
    #[error("the database cannot be made")]
    Store(#[from] StoreError),
    /// The starter policy or bundle cannot be published.
    #[error("the starter policy and bundle cannot be published")]
    Publish(#[from] CommitError),
    /// The program's own starter bundle has errors.
    #[error("the starter bundle has errors: {0}")]
    Bundle(String),
    /// The configuration that was written cannot be read back.
    #[error("the configuration that was written is refused")]
    Config(#[from] ConfigError),
}

/// Makes a CA and says what to do next.
///
/// # Errors
/// When something of it cannot be; then nothing is left behind.
pub async fn init(init: &Init, clock: &Clock) -> Result<String, InitError> {
    let settings = settings::Settings::of(init)?;
    refuse_taken(&init.directory)?;
    let draft = Draft::beside(&init.directory)?;
    KeyFiles::create(&draft.path.join("keys"))?;
    draft.directory("run")?;
    let recipients = review_key(&draft, &init.review_recipients, clock)?;
    if let Some(server) = settings.tls_name() {
        tls_files(&draft, server, clock)?;
    }
    let text = text::config(&settings, init, &recipients);
    draft.private_file("config.toml", text.as_bytes())?;
    config::read(&draft.path.join("config.toml"))?;
    database(&draft, &init.administrators, clock).await?;
    draft.move_to(&init.directory)?;
    Ok(text::next_steps(
        &settings,
        init,
        nix::unistd::geteuid().is_root(),
    ))
}

fn refuse_taken(directory: &Path) -> Result<(), InitError> {
    let taken = match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if taken {
        Err(InitError::Taken(directory.to_owned()))
    } else {
        Ok(())
    }
}

/// The recipients of recordings; makes a key pair when nobody was named.
fn review_key(
    draft: &Draft,
    named: &[Recipient],
    clock: &Clock,
) -> Result<Vec<Recipient>, InitError> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let identity = Identity::generate(&mut entropy::fill);
    let content = text::review_key(&identity, clock.now());
    draft.private_file("review_key.txt", content.as_bytes())?;
    Ok(vec![identity.recipient()])
}

fn tls_files(draft: &Draft, server: &str, clock: &Clock) -> Result<(), InitError> {
    let tls = tls::make(server, clock.now()).map_err(InitError::Tls)?;
    draft.directory("tls")?;
    draft.public_file("tls/ca-cert.pem", tls.root.as_bytes())?;
    draft.private_file("tls/ca-key.pem", tls.root_key.as_bytes())?;
    draft.public_file("tls/server.pem", tls.server.as_bytes())?;
    draft.private_file("tls/server.key", tls.server_key.as_bytes())
}

async fn database(
    draft: &Draft,
    administrators: &[Administrator],
    clock: &Clock,
) -> Result<(), InitError> {
    let bundle = Bundle::parse("starter.toml", STARTER_BUNDLE.as_bytes())
        .map_err(|report| InitError::Bundle(report.to_string()))?;
    let at = clock.now();
    let changes = vec![
        Change::PublishPolicy {
            text: starter_policy(administrators),
            at,
        },
        Change::PublishBundle {
            name: bundle.name().clone(),
            text: STARTER_BUNDLE.to_owned(),
            by: None,
            message: None,
            at,
        },
    ];
    let store = Store::create(&draft.path.join("ca.db"), clock.clone()).await?;
    let published = store.commit(changes, Vec::new()).await;
    store.close().await;
    published?;
    Ok(())
}

/// A directory beside the final one; removed when dropped unless it was moved.
struct Draft {
    path: PathBuf,
    moved: bool,
}

impl Draft {
    fn beside(directory: &Path) -> Result<Self, InitError> {
        let suffix = u32::from_be_bytes(entropy::random());
        let mut name = std::ffi::OsString::from(".");
        name.push(directory.file_name().unwrap_or("portreeve-ca".as_ref()));
        name.push(format!(".{suffix:08x}"));
        let path = directory.with_file_name(name);
        disk::new_private_directory(&path).map_err(|source| InitError::File {
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, moved: false })
    }

    fn directory(&self, name: &str) -> Result<(), InitError> {
        self.make(name, disk::new_private_directory)
    }

    fn private_file(&self, name: &str, content: &[u8]) -> Result<(), InitError> {
        self.make(name, |path| disk::new_private_file(path, content))
    }

    fn public_file(&self, name: &str, content: &[u8]) -> Result<(), InitError> {
        self.make(name, |path| disk::new_public_file(path, content))
    }

    fn make(&self, name: &str, how: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), InitError> {
        let path = self.path.join(name);
        how(&path).map_err(|source| InitError::File { path, source })
    }

    /// The one step that makes the CA exist. A directory that is not empty is not replaced.
    fn move_to(mut self, directory: &Path) -> Result<(), InitError> {
        let failed = |source| InitError::File {
            path: directory.to_owned(),
            source,
        };
        for name in ["keys", "tls", "."] {
            match disk::sync_directory(&self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        match std::fs::rename(&self.path, directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(InitError::Taken(directory.to_owned()));
            }
            moved => moved.map_err(failed)?,
        }
        self.moved = true;
        let parent = directory
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        disk::sync_directory(parent.unwrap_or(Path::new("."))).map_err(failed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.moved
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished CA is left behind: remove it");
        }
    }
}
