//! `enroll`: makes this bastion's keys, makes it known to the CA, and writes the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
use crate::config::{self, File};
use crate::entropy;
use crate::files::{self, FileError};

const HOST_KEY: &str = "host_key";
const HOST_CERTIFICATE: &str = "host_key-cert.pub";
const IDENTITY: &str = "identity";
const UNSEALING: &str = "unsealing.key";
const CA_ROOT: &str = "ca.pem";
const CONFIG: &str = "config.toml";
/// Where things go, and where agents connect, unless something else is said.
const STATE: &str = "/var/lib/portreeve-bastion";
/// The configuration that the packaged service reads.
const OF_THE_UNIT: &str = "/etc/portreeve-bastion/config.toml";
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 2222);

/// What an enrolment made.
#[derive(Debug)]
pub struct Made {
    /// The configuration.
    pub config: PathBuf,
    /// Where recordings and waiting events go.
    pub state: PathBuf,
}

impl Made {
    /// What to do next; `by_root` when root enrolled, as whom nothing serves.
    #[must_use]
    pub fn next_step(&self, by_root: bool) -> String {
        let (config, state) = (self.config.display(), self.state.display());
        let serve = format!("portreeve-bastion serve --config {config}");
        if !by_root {
            return format!("start with `{serve}`");
        }
        let folder = self.config.parent().unwrap_or(Path::new("")).display();
        let start = if self.config == Path::new(OF_THE_UNIT) {
            "systemctl enable --now portreeve-bastion".to_owned()
        } else {
            format!("runuser -u portreeve-bastion -- {serve}")
        };
        format!(
            "give it to the user that will serve, `portreeve-bastion` where the package is: \
             `chown -R portreeve-bastion: {folder} {state}`; then start with `{start}`"
        )
    }
}

/// Enrols.
///
/// # Errors
/// With what went wrong and where. Keys that were made are kept and used by the next attempt.
pub async fn enrol(args: &Enroll) -> Result<Made> {
    let root = files::read(&args.ca_cert)?;
    let token = files::read_secret(&args.token_file)?;
    files::make_folder(&args.dir)?;
    let config = args.dir.join(CONFIG);
    let before = settings_before(&config)?;
    let state = state(args, before.as_ref())?;
    files::make_folder(&state)?;
    let host_key = key(&args.dir.join(HOST_KEY))?;
    let identity = key(&args.dir.join(IDENTITY))?;
    let unsealing = unsealing(&args.dir.join(UNSEALING))?;
    let ca = Ca::new(&args.ca, root.as_bytes(), None)?;
    let enrolled = ca
        .enrol(&BastionEnrolment {
            bastion: args.name.clone(),
            token: SecretText::new(token.expose().trim().to_owned()),
            host_key: public(&host_key)?,
            identity: public(&identity)?,
            recipient: unsealing.recipient().to_string(),
        })
        .await
        .context("the CA did not enrol this bastion; ask its administrator for a new token")?;
    files::write(&args.dir.join(CA_ROOT), &root, 0o644)?;
    let certificate = format!("{}\n", enrolled.host_certificate.trim());
    files::write(&args.dir.join(HOST_CERTIFICATE), &certificate, 0o644)?;
    let file = file(args, enrolled, state.clone(), before)?;
    let text = toml::to_string(&file).context("the configuration has no TOML form")?;
    files::write(&config, &text, 0o600)?;
    Ok(Made { config, state })
}

/// The configuration of an earlier enrolment, whose settings stay.
fn settings_before(config: &Path) -> Result<Option<File>> {
    if config.exists() {
        let file = File::read(config).context("put it right, or move it away")?;
        Ok(Some(file))
    } else {
        Ok(None)
    }
}

fn state(args: &Enroll, before: Option<&File>) -> Result<PathBuf> {
    let state = match (&args.state, before) {
        (Some(state), _) => state,
        (None, Some(before)) => &args.dir.join(&before.state),
        (None, None) => Path::new(STATE),
    };
    std::path::absolute(state).context("the state folder has no absolute path")
}

fn file(
    args: &Enroll,
    enrolled: BastionEnrolled,
    state: PathBuf,
    before: Option<File>,
) -> Result<File> {
    let recipients: Result<Vec<age::Recipient>, _> = enrolled
        .review_recipients
        .iter()
        .map(|text| text.parse())
        .collect();
    let before = before.as_ref();
    let listen = match (args.listen, before) {
        (Some(address), _) => vec![address],
        (None, Some(before)) => before.listen.clone(),
        (None, None) => vec![LISTEN],
    };
    Ok(File {
        name: args.name.clone(),
        listen,
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
        max_sessions: before.map_or_else(config::default_sessions, |before| before.max_sessions),
        max_connections: before
            .map_or_else(config::default_connections, |before| before.max_connections),
        max_starting: before.map_or_else(config::default_starting, |before| before.max_starting),
        stale_after: before.map_or_else(config::default_stale, |before| before.stale_after),
        reserve: before.and_then(|before| before.reserve),
        store: before.and_then(|before| before.store.clone()),
    })
}

/// The key in a file, made if there is none: an attempt that failed after the keys were made is simply repeated.
fn key(path: &Path) -> Result<PrivateKey> {
    if let Some(text) = existing(path)? {
        return PrivateKey::from_openssh(text.expose())
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
            .expose()
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

fn existing(path: &Path) -> Result<Option<SecretText>, FileError> {
    if path.exists() {
        files::read_secret(path).map(Some)
    } else {
        Ok(None)
    }
}

fn public(key: &PrivateKey) -> Result<PublicKey> {
    Ok(PublicKey::new(key.public_key().key_data().clone())?)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILJ6sIWpNsyc3huWokDoN1ULnI5eGlx0EduXmVPUrEi6";

    fn settled(folder: &Path, options: &[&str]) -> File {
        let words = [
            "portreeve-bastion enroll --ca https://ca.example.com --ca-cert ca.pem --name b1",
            "--token-file token --dir",
        ];
        let words = words.iter().flat_map(|line| line.split(' '));
        let words = words.chain(folder.to_str()).chain(options.iter().copied());
        let Command::Enroll(args) = Args::try_parse_from(words).unwrap().command else {
            panic!("it is `enroll`");
        };
        let before = settings_before(&folder.join(CONFIG)).unwrap();
        let state = state(&args, before.as_ref()).unwrap();
        let enrolled = BastionEnrolled {
            host_certificate: String::new(),
            access_ca: KEY.parse().unwrap(),
            issuer: "https://ca.example.com".into(),
            review_recipients: Vec::new(),
        };
        file(&args, enrolled, state, before).unwrap()
    }

    #[test]
    fn enrolling_again_keeps_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let first = settled(folder.path(), &[]);
        assert_eq!((first.listen[0], first.max_sessions), (LISTEN, 2000));
        assert_eq!(first.state, Path::new(STATE));

        let changed = File {
            listen: vec!["192.0.2.20:22".parse().unwrap()],
            state: "recorded".into(),
            max_sessions: 7,
            ..first
        };
        let text = toml::to_string(&changed).unwrap();
        files::write(&folder.path().join(CONFIG), &text, 0o600).unwrap();
        let again = settled(folder.path(), &[]);
        assert_eq!((&again.listen, again.max_sessions), (&changed.listen, 7));
        assert_eq!(again.state, folder.path().join("recorded"));
        let moved = settled(folder.path(), &["--listen", "192.0.2.21:22"]);
        assert_eq!(moved.listen, ["192.0.2.21:22".parse().unwrap()]);
    }

    #[test]
    fn what_root_is_told_to_do_next_works_for_root() {
        let cases = [
            (
                OF_THE_UNIT,
                false,
                "start with `portreeve-bastion serve --config /etc/",
            ),
            (
                OF_THE_UNIT,
                true,
                "`systemctl enable --now portreeve-bastion`",
            ),
            (
                "/srv/b1/config.toml",
                true,
                "`runuser -u portreeve-bastion -- portreeve-bastion serve --config /srv/b1/config.toml`",
            ),
        ];
        for (config, by_root, start) in cases {
            let made = Made {
                config: config.into(),
                state: STATE.into(),
            };
            let next = made.next_step(by_root);
            assert!(next.contains(start), "{next}");
            let folder = made.config.parent().unwrap().display();
            let chown = format!("`chown -R portreeve-bastion: {folder} {STATE}`");
            assert_eq!(next.contains(&chown), by_root, "{next}");
        }
    }
}
