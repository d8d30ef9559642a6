//! `bundle …`: what authors of bundles do offline, and what administrators do at the CA.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::task::Purpose;
use portreeve_sudo_policy::dialect::Dialect;

/// `bundle …`.
#[derive(Debug, Subcommand)]
pub enum Bundle {
    /// Say what is wrong or unwise with a bundle, and run its own tests
    Check {
        /// The bundle files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Also say what this sudo cannot express, as `sudo:1.9.13` or `sudo-rs:0.2.14`; may be repeated
        #[arg(long = "dialect", value_name = "SUDO")]
        dialects: Vec<Dialect>,
        /// Count warnings as errors
        #[arg(long)]
        strict: bool,
        /// In which form; `--json` means json
        #[arg(long)]
        format: Option<Form>,
    },
    /// Say what is behind a code, with a wrong and a right example; without one, list all codes
    Explain {
        /// The code, for example SP104
        code: Option<String>,
    },
    /// Run the tests that bundles carry
    Test {
        /// The bundle files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say whether a command would be allowed, and by which rule; the exit code is 0 or 1
    Can(Can),
    /// Say which command lines a change allows or forbids; the exit code is 0 when none, else 1
    #[command(
        after_help = "Exit codes: 0 the same command lines are allowed in the same way, 1 they differ, 2 trouble."
    )]
    Diff {
        /// The bundle as it was: a file, or NAME or NAME@DIGEST of a published one
        #[arg(value_name = "BEFORE")]
        before: Origin,
        /// The bundle as it is to be, likewise
        #[arg(value_name = "AFTER")]
        after: Origin,
    },
    /// Print the sudo rules that a host would be given
    Render {
        /// The bundle file
        file: PathBuf,
        /// The host's sudo as `sudo --version` names it, for example `sudo 1.9.13` or `sudo-rs 0.2.8`
        #[arg(
            long,
            visible_alias = "dialect",
            value_name = "NAME VERSION",
            default_value = "sudo 1.9.13"
        )]
        sudo: Dialect,
    },
    /// Join a bundle and those that it includes, found beside it as NAME.toml, into one text
    Link {
        /// The bundle file
        file: PathBuf,
    },
    /// Print the JSON schema of bundle files, for editors
    Schema,
    /// Print a bundle that comes with Portreeve, to publish or to build on; without a name, list them
    Shipped {
        /// The bundle, for example web-triage
        name: Option<String>,
    },
    /// Propose a bundle from what sessions asked sudo for
    Learn(Learn),
    /// Publish a bundle at the CA: new sessions get it; running ones keep theirs
    Publish {
        /// The bundle file; what it includes lies beside it
        file: PathBuf,
        /// What changed and why, for the bundle's history
        #[arg(long, short, value_name = "TEXT")]
        message: Option<Purpose>,
    },
    /// List the published bundles
    List,
    /// Print a published bundle
    Show {
        /// Which: NAME, or NAME@DIGEST for another version than the one in force
        #[arg(value_name = "NAME[@DIGEST]")]
        version: Version,
    },
    /// List what was done to the versions of a bundle, the newest first
    History {
        /// The bundle
        name: BundleName,
    },
    /// Withdraw a version of a bundle: no session gets it any more
    Withdraw(Withdraw),
}

/// How `bundle check` says what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for annotations of pull requests
    Sarif,
}

/// `bundle can`.
#[derive(Debug, Args)]
pub struct Can {
    /// The bundle: a file, or NAME or NAME@DIGEST of a published one
    #[arg(value_name = "BUNDLE")]
    pub bundle: Origin,
    /// As which user; root unless a group is named
    #[arg(long, short, visible_alias = "run-as", value_name = "NAME")]
    pub user: Option<String>,
    /// With which group
    #[arg(long, short, value_name = "NAME")]
    pub group: Option<String>,
    /// On a host with this sudo, as in `bundle render`; by default whichever allows more
    #[arg(long, visible_alias = "dialect", value_name = "NAME VERSION")]
    pub sudo: Option<Dialect>,
    /// The command, by name or with its absolute path, and its arguments
    #[arg(last = true, required = true)]
    pub argv: Vec<String>,
}

/// `bundle learn`.
#[derive(Debug, Args)]
pub struct Learn {
    /// Sessions, or files of `portreeve trail --output`
    #[arg(required = true, value_name = "SESSION|FILE")]
    pub trails: Vec<Trail>,
    /// The bundle's name
    #[arg(long, default_value = "learned")]
    pub name: BundleName,
    /// Allow also what was refused then; the linter still decides
    #[arg(long)]
    pub include_refused: bool,
    /// A bundle whose `[[expect]] refuse` stay refused, beside those that the sessions had: a file,
    /// or NAME or NAME@DIGEST of a published one
    #[arg(long, value_name = "BUNDLE")]
    pub refused_by: Vec<Origin>,
}

/// `bundle withdraw`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("sessions").required(true).args(["end_sessions", "spare_sessions"]))]
pub struct Withdraw {
    /// Which: NAME means the version in force
    #[arg(value_name = "NAME[@DIGEST]")]
    pub version: Version,
    /// Why, for the trail and for the agents whose sessions it ends
    #[arg(long, value_name = "TEXT")]
    pub reason: Purpose,
    /// End the sessions that have it
    #[arg(long)]
    pub end_sessions: bool,
    /// Let the sessions that run with it go on until they end by themselves
    #[arg(long)]
    pub spare_sessions: bool,
    /// The earlier version that new sessions get from now on; by default they get none
    #[arg(long, value_name = "DIGEST")]
    pub fall_back_to: Option<DigestStart>,
}

/// Where a bundle is: in a file, or at the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File(PathBuf),
    /// Published.
    Published(Version),
}

/// Where a trail is: in a file, or at the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trail {
    /// In a file.
    File(PathBuf),
    /// That of a session.
    Session(SessionId),
}

/// A version of a published bundle, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The bundle.
    pub name: BundleName,
    /// The version; the one in force when none is named.
    pub digest: Option<DigestStart>,
}

/// A digest, or so much of it that a person tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestStart(String);

/// The text names no version of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAVersion {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] portreeve_protocol::name::NotAName),
    /// The digest is none.
    #[error(
        "a version is a digest as `bundle list` prints it, or at least its first {} hexadecimal digits",
        DigestStart::LEAST
    )]
    Digest,
}

impl DigestStart {
    /// How many digits tell versions apart well enough to be asked for.
    pub const LEAST: usize = 8;

    /// Whether a digest begins so.
    #[must_use]
    pub fn begins(&self, digest: &Digest) -> bool {
        let text = digest.to_string();
        text.strip_prefix("sha256:")
            .is_some_and(|hex| hex.starts_with(&self.0))
    }

    /// The digest, when all of it was given.
    #[must_use]
    pub fn whole(&self) -> Option<Digest> {
        format!("sha256:{}", self.0).parse().ok()
    }
}

impl FromStr for DigestStart {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hex = hex
            .bytes()
            .all(|c| c.is_ascii_digit() || matches!(c, b'a'..=b'f'));
        if is_hex && (Self::LEAST..=64).contains(&hex.len()) {
            Ok(Self(hex.to_owned()))
        } else {
            Err(NotAVersion::Digest)
        }
    }
}

impl fmt::Display for DigestStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        match text.split_once('@') {
            None => Ok(Self {
                name: text.parse()?,
                digest: None,
            }),
            Some((name, digest)) => Ok(Self {
                name: name.parse()?,
                digest: Some(digest.parse()?),
            }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            None => write!(f, "{}", self.name),
            Some(digest) => write!(f, "{}@{digest}", self.name),
        }
    }
}

impl FromStr for Origin {
    type Err = std::convert::Infallible;

    /// A name has no dot and no slash, so a file of that name is written `./name`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(version) => Self::Published(version),
            Err(_) => Self::File(text.into()),
        })
    }
}

impl FromStr for Trail {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(session) => Self::Session(session),
            Err(_) => Self::File(text.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_published_bundle_and_everything_else_a_file() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, published) in [
            ("look", true),
            (&format!("look@{digest}"), true),
            ("look@abababab", true),
            ("look@abab", false),
            ("look@ABABABAB", false),
            ("look.toml", false),
            ("./look", false),
            ("a/look", false),
            ("", false),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(matches!(origin, Origin::Published(_)), published, "{text}");
        }
    }

    #[test]
    fn a_version_is_told_by_the_beginning_of_its_digest() {
        let digest = Digest::of(b"x");
        let text = digest.to_string();
        let start: DigestStart = text.get(..20).unwrap().parse().unwrap();
        assert!(start.begins(&digest) && !start.begins(&Digest::of(b"y")));
        assert_eq!(start.whole(), None);
        let whole: DigestStart = text.parse().unwrap();
        assert_eq!(whole.whole(), Some(digest));
        assert_eq!(whole.to_string(), text);
    }
}
