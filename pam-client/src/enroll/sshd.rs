//! What sshd is told, and whether it understood.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portreeve_protocol::key::PublicKey;

use crate::host::CONTROL_USER;
use crate::log;
use crate::paths::{self, PROGRAM};
use crate::run::{self, ToolError};

const SSHD: &str = "/usr/sbin/sshd";
const CONFIG: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";
const PATIENCE: Duration = Duration::from_secs(20);
/// A name that no session has, for asking sshd what it would do.
const EXAMPLE_ACCOUNT: &str = "pr-0000000000000000";

/// What the session CA signs with, and what it signs: sshd must take both.
const ALGORITHMS: [(&str, &str); 2] = [
    ("casignaturealgorithms", "ssh-ed25519"),
    (
        "pubkeyacceptedalgorithms",
        "ssh-ed25519-cert-v01@openssh.com",
    ),
];

/// Why sshd is not as it must be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshdError {
    /// It does not take its configuration.
    #[error("sshd does not take its configuration: {0}")]
    Tool(#[from] ToolError),
    /// It reads no drop-ins.
    #[error(
        "sshd does not read the drop-in: make `Include {DROP_INS}/*.conf` the first line of `{CONFIG}`, \
         before every `Match`"
    )]
    NotIncluded,
    /// Something else in its configuration is in the way.
    #[error(
        "sshd's `{keyword}` for the user `{user}` is `{found}` and must be `{wanted}`: \
         what stands before `Include {DROP_INS}/*.conf`, or in a drop-in of an earlier name, wins"
    )]
    Setting {
        /// For which user.
        user: &'static str,
        /// Which setting.
        keyword: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: String,
    },
    /// It asks no PAM.
    #[error(
        "sshd's `UsePAM` is `no`: nothing would ask the daemon about logins; set it to `yes` for all users"
    )]
    NoPam,
    /// Only some may log in, and sessions are not among them.
    #[error("sshd's `{keyword}` keeps out `{user}`: let in the user `{CONTROL_USER}` and `pr-*`")]
    KeptOut {
        /// By which keyword.
        keyword: &'static str,
        /// Whom.
        user: &'static str,
    },
    /// It takes no Ed25519, as where only FIPS algorithms are allowed.
    #[error(
        "sshd's `{keyword}` lacks `{wanted}`, which sessions log in with; the crypto policy of this \
         system may be the reason (FIPS mode is)"
    )]
    Algorithm {
        /// Which list.
        keyword: &'static str,
        /// What is missing in it.
        wanted: &'static str,
    },
    /// The session CA is trusted beyond sessions.
    #[error(
        "sshd trusts the session CA for `root`; it must trust it for `{CONTROL_USER}` and `pr-*` only"
    )]
    TrustedForRoot,
    /// It has no host key that can be pinned.
    #[error("sshd has no Ed25519 or ECDSA host key; make one with `ssh-keygen -A`")]
    NoHostKey,
}

/// The drop-in, as it is installed.
pub(crate) const DROP_IN: &str = include_str!("../../../packaging/sshd/50-portreeve.conf");

/// Asks sshd whether it takes its configuration.
pub(crate) fn test() -> Result<(), SshdError> {
    run::run_well(SSHD, &["-t"], PATIENCE)?;
    Ok(())
}

/// Asks sshd, before anything is changed, whether sessions could log in.
pub(crate) fn suits() -> Result<(), SshdError> {
    for user in [CONTROL_USER, EXAMPLE_ACCOUNT] {
        suits_user(user, &settings_for(user)?)?;
    }
    Ok(())
}

/// What no drop-in of ours can repair, or should.
fn suits_user(user: &'static str, settings: &Settings) -> Result<(), SshdError> {
    if settings.first("usepam") != "yes" {
        return Err(SshdError::NoPam);
    }
    // A session's group is called as its account, and the control user's too.
    for (allow, deny) in [("allowusers", "denyusers"), ("allowgroups", "denygroups")] {
        let mut allowed = settings.all(allow).peekable();
        if allowed.peek().is_some() && !allowed.any(|pattern| names(pattern, user)) {
            let keyword = allow;
            return Err(SshdError::KeptOut { keyword, user });
        }
        if settings.all(deny).any(|pattern| names(pattern, user)) {
            let keyword = deny;
            return Err(SshdError::KeptOut { keyword, user });
        }
    }
    for (keyword, wanted) in ALGORITHMS {
        let list = settings.first(keyword);
        // An sshd that says nothing of a list takes everything that it knows.
        if !list.is_empty() && !list.split(',').any(|algorithm| algorithm == wanted) {
            return Err(SshdError::Algorithm { keyword, wanted });
        }
    }
    Ok(())
}

/// Whether a pattern of `AllowUsers` and its kin, its part about addresses apart, names a user.
fn names(pattern: &str, user: &str) -> bool {
    let pattern = pattern.split('@').next().unwrap_or_default();
    fits(pattern.as_bytes(), user.as_bytes())
}

/// Patterns of sshd: `*` is any number of characters, `?` is one.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on when what follows the last `*` turns out not to fit.
    let mut again = None;
    let (mut at, mut from) = (0, 0);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                again = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || text.get(from) == Some(wanted) => {
                at += 1;
                from += 1;
            }
            Some(_) | None => {
                let Some((star, taken)) = again else {
                    return false;
                };
                again = Some((star, taken + 1));
                at = star + 1;
                from = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == b'*')
}

/// Asks sshd what it would do for the two kinds of user that are ours, and for root.
pub(crate) fn verify(session_ca: &Path) -> Result<(), SshdError> {
    let ca = paths::text(session_ca);
    for user in [CONTROL_USER, EXAMPLE_ACCOUNT] {
        let settings = settings_for(user)?;
        obeys(user, &settings, &ca).map_err(|error| {
            let config = fs::read_to_string(CONFIG).unwrap_or_default();
            if reads_drop_ins(&config) {
                error
            } else {
                // The simpler reason.
                SshdError::NotIncluded
            }
        })?;
    }
    if settings_for("root")?.first("trustedusercakeys") == ca {
        return Err(SshdError::TrustedForRoot);
    }
    Ok(())
}

/// Whether what the drop-in says is what sshd does.
fn obeys(user: &'static str, settings: &Settings, ca: &str) -> Result<(), SshdError> {
    let command = format!("{PROGRAM} principals %u %f %s");
    let control = format!("{PROGRAM} control");
    let force = if user == CONTROL_USER {
        control.as_str()
    } else {
        "none"
    };
    for (keyword, wanted) in [
        ("usepam", "yes"),
        ("pubkeyauthentication", "yes"),
        ("trustedusercakeys", ca),
        ("authorizedprincipalscommand", &command),
        ("authorizedprincipalscommanduser", CONTROL_USER),
        ("authorizedkeysfile", "none"),
        ("authenticationmethods", "publickey"),
        ("disableforwarding", "yes"),
        ("permituserrc", "no"),
        ("forcecommand", force),
    ] {
        let found = settings.first(keyword);
        if found != wanted {
            let (found, wanted) = (found.into(), wanted.into());
            return Err(SshdError::Setting {
                user,
                keyword,
                found,
                wanted,
            });
        }
    }
    Ok(())
}

/// Whether a line of the configuration, one that counts for every connection, reads our drop-in.
fn reads_drop_ins(config: &str) -> bool {
    config
        .lines()
        .map(words)
        .take_while(|words| words.first().is_none_or(|word| word != "match"))
        .filter(|words| words.first().is_some_and(|word| word == "include"))
        .flat_map(|words| words.into_iter().skip(1))
        .any(|pattern| {
            let below = pattern.strip_prefix("/etc/ssh/").unwrap_or(&pattern);
            below
                .strip_prefix("sshd_config.d/")
                .is_some_and(|names| fits(names.as_bytes(), b"50-portreeve.conf"))
        })
}

/// The words of a line of `sshd_config`, the keyword in lower case as it is compared.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<_> = line
        .replacen('=', " ", 1)
        .split_whitespace()
        .map(|word| word.trim_matches('"').to_owned())
        .collect();
    if let Some(keyword) = words.first_mut() {
        keyword.make_ascii_lowercase();
    }
    words
}

fn settings_for(user: &str) -> Result<Settings, SshdError> {
    let connection = format!("user={user},host=localhost,addr=127.0.0.1");
    let said = run::run_well(SSHD, &["-T", "-C", &connection], PATIENCE)?;
    Ok(Settings::read(&said.stdout))
}

/// What `sshd -T` prints: keywords in lower case, some of them several times.
#[derive(Debug, Default)]
struct Settings(BTreeMap<String, Vec<String>>);

impl Settings {
    fn read(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines() {
            if let Some((keyword, value)) = line.split_once(' ') {
                let values = settings.0.entry(keyword.to_owned()).or_default();
                values.push(value.trim().to_owned());
            }
        }
        settings
    }

    /// The value of a keyword, or nothing.
    fn first(&self, keyword: &str) -> &str {
        self.all(keyword).next().unwrap_or_default()
    }

    fn all<'a>(&'a self, keyword: &str) -> impl Iterator<Item = &'a str> {
        let values = self.0.get(keyword).into_iter().flatten();
        values.map(String::as_str)
    }
}

/// The host keys that bastions will pin.
pub(crate) fn host_keys() -> Result<Vec<PublicKey>, SshdError> {
    let said = run::run_well(SSHD, &["-T"], PATIENCE)?;
    let files = said
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("hostkey "));
    let keys: Vec<PublicKey> = files
        .filter_map(|file| fs::read_to_string(format!("{}.pub", file.trim())).ok())
        // RSA keys are not accepted anywhere here and are left out.
        .filter_map(|text| text.parse().ok())
        .collect();
    if keys.is_empty() {
        Err(SshdError::NoHostKey)
    } else {
        Ok(keys)
    }
}

/// Has a running sshd read its configuration again. Connections are not touched.
pub(crate) fn reload(pid_file: &PathBuf) {
    let pid = fs::read_to_string(pid_file)
        .ok()
        .and_then(|text| text.trim().parse::<i32>().ok());
    let Some(pid) = pid.filter(|pid| *pid > 1) else {
        return log::info!(
            "sshd does not run, or is started for each connection: nothing to reload"
        );
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim() != "sshd" {
        return log::warning!("`{}` is stale: reload sshd yourself", pid_file.display());
    }
    if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGHUP) {
        log::error!("cannot reload sshd: {error}; do it yourself");
    }
}

#[cfg(test)]
mod tests;
