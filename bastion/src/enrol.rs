//! `enroll`: makes this bastion's keys, makes it known to the CA, and writes the configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use portreeve_protocol::age;
use portreeve_protocol::enrol::{BastionEnrolled, BastionEnrolment};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::secret::SecretText;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::args::Enroll;
use crate::ca::Ca;
use crate::config::File;
use crate::entropy;
use crate::files::{self, FileError};

const HOST_KEY: &str = "host_key";
const HOST_CERTIFICATE: &str = "host_key-cert.pub";
const IDENTITY: &str = "identity";
const UNSEALING: &str = "unsealing.key";
const CA_ROOT: &str = "ca.pem";
const CONFIG: &str = "config.toml";

/// Enrols. What comes back is the path of the configuration.
///
/// # Errors
/// With what went wrong and where. Keys that were made are kept and used by the next attempt.
pub async fn enrol(args: &Enroll) -> Result<PathBuf> {
    let root = files::read(&args.ca_cert)?;
    let token = files::read_secret(&args.token_file)?;
    files::make_folder(&args.dir)?;
    files::make_folder(&args.state)?;
    let host_key = key(&args.dir.join(HOST_KEY))?;
    let identity = key(&args.dir.join(IDENTITY))?;
    let unsealing = unsealing(&args.dir.join(UNSEALING))?;
    let ca = Ca::new(&args.ca, root.as_bytes(), None)?;
    let enrolled = ca
        .enrol(&BastionEnrolment {
            bastion: args.name.clone(),
            token: SecretText::new(token.trim().to_owned()),
            host_key: public(&host_key)?,
            identity: public(&identity)?,
            recipient: unsealing.recipient().to_string(),
        })
        .await
        .context("the CA did not enrol this bastion; ask its administrator for a new token")?;
    files::write(&args.dir.join(CA_ROOT), &root, 0o644)?;
    let certificate = format!("{}\n", enrolled.host_certificate.trim());
    files::write(&args.dir.join(HOST_CERTIFICATE), &certificate, 0o644)?;
    let config = args.dir.join(CONFIG);
    let text =
        toml::to_string(&file(args, enrolled)?).context("the configuration has no TOML form")?;
    files::write(&config, &text, 0o600)?;
    Ok(config)
}

fn file(args: &Enroll, enrolled: BastionEnrolled) -> Result<File> {
    let recipients: Result<Vec<age::Recipient>, _> = enrolled
        .review_recipients
        .iter()
        .map(|text| text.parse())
        .collect();
    let state =
        std::path::absolute(&args.state).context("the state folder has no absolute path")?;
    Ok(File {
        name: args.name.clone(),
        listen: vec![args.listen],
        ca: args.ca.clone(),
        ca_root: CA_ROOT.into(),
        issuer: enrolled.issuer,
        access_ca: enrolled.access_ca,
        review_recipients: recipients.context("the CA named a review recipient that is none")?,
        host_key: HOST_KEY.into(),
        host_certificate: Some(HOST_CERTIFICATE.into()),
        identity: IDENTITY.into(),
        unsealing: UNSEALING.into(),
        state,
        max_sessions: 2000,
        max_connections: 8000,
        max_starting: 256,
        stale_after: portreeve_protocol::time::Ttl::from_seconds(10)?,
    })
}

/// The key in a file, made if there is none: an attempt that failed after the keys were made is simply repeated.
fn key(path: &Path) -> Result<PrivateKey> {
    if let Some(text) = existing(path)? {
        return PrivateKey::from_openssh(text.as_bytes())
            .with_context(|| format!("`{}` is not a private key; move it away", path.display()));
    }
    let seed = Zeroizing::new(entropy::random::<32>());
    let pair = Ed25519Keypair::from_seed(&seed);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "portreeve-bastion")?;
    files::write(path, &key.to_openssh(LineEnding::LF)?, 0o600)?;
    Ok(key)
}

fn unsealing(path: &Path) -> Result<age::Identity> {
    if let Some(text) = existing(path)? {
        return text
            .trim()
            .parse()
            .with_context(|| format!("`{}` is not an age identity; move it away", path.display()));
    }
    let identity = age::Identity::generate(&mut entropy::fill);
    files::write(
        path,
        &format!("{}\n", *identity.expose_secret_text()),
        0o600,
    )?;
    Ok(identity)
}

fn existing(path: &Path) -> Result<Option<Zeroizing<String>>, FileError> {
    if path.exists() {
        files::read_secret(path).map(Some)
    } else {
        Ok(None)
    }
}

fn public(key: &PrivateKey) -> Result<PublicKey> {
    Ok(PublicKey::new(key.public_key().key_data().clone())?)
}
