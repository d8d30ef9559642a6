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
const PATIENCE: Duration = Duration::from_secs(20);
/// A name that no session has, for asking sshd what it would do.
const EXAMPLE_ACCOUNT: &str = "pr-0000000000000000";

/// Why sshd is not as it must be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SshdError {
    /// It does not take its configuration.
    #[error("sshd does not take its configuration: {0}")]
    Tool(#[from] ToolError),
    /// Something else in its configuration is in the way.
    #[error(
        "sshd's `{keyword}` for the user `{user}` is `{found}` and must be `{wanted}`: \
         does `sshd_config` include `sshd_config.d/*.conf` at its top, and does no earlier `Match` say otherwise?"
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

/// Asks sshd what it would do for the two kinds of user that are ours, and for root.
pub(crate) fn verify(session_ca: &Path) -> Result<(), SshdError> {
    let ca = paths::text(session_ca);
    let command = format!("{PROGRAM} principals %u %f %s");
    let control = format!("{PROGRAM} control");
    for (user, force) in [(CONTROL_USER, control.as_str()), (EXAMPLE_ACCOUNT, "none")] {
        let settings = settings_for(user)?;
        for (keyword, wanted) in [
            ("usepam", "yes"),
            ("pubkeyauthentication", "yes"),
            ("trustedusercakeys", &ca),
            ("authorizedprincipalscommand", &command),
            ("authorizedprincipalscommanduser", CONTROL_USER),
            ("authorizedkeysfile", "none"),
            ("authenticationmethods", "publickey"),
            ("disableforwarding", "yes"),
            ("permituserrc", "no"),
            ("forcecommand", force),
        ] {
            let found = settings.get(keyword).map_or("", String::as_str);
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
    }
    match settings_for("root")?.get("trustedusercakeys") {
        Some(trusted) if *trusted == ca => Err(SshdError::TrustedForRoot),
        _ => Ok(()),
    }
}

fn settings_for(user: &str) -> Result<BTreeMap<String, String>, SshdError> {
    let connection = format!("user={user},host=localhost,addr=127.0.0.1");
    let said = run::run_well(SSHD, &["-T", "-C", &connection], PATIENCE)?;
    Ok(settings(&said.stdout))
}

/// `sshd -T` prints keywords in lower case; of those that repeat, the first is what we ask for.
fn settings(text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for line in text.lines() {
        if let Some((keyword, value)) = line.split_once(' ') {
            settings
                .entry(keyword.to_owned())
                .or_insert_with(|| value.trim().to_owned());
        }
    }
    settings
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
mod tests {
    use super::*;

    #[test]
    fn every_setting_stands_inside_a_match_block() {
        let outside: Vec<_> = DROP_IN
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("    ") && !line.starts_with('#'))
            .collect();
        assert_eq!(
            outside,
            ["Match User portreeve", "Match User pr-*", "Match all"]
        );
        assert!(
            DROP_IN.ends_with("Match all\n"),
            "what other files say must not fall into our block"
        );
    }

    #[test]
    fn the_drop_in_names_what_is_installed() {
        let ca = paths::text(&paths::Paths::system().session_ca());
        for needle in [
            &format!("TrustedUserCAKeys {ca}\n"),
            &format!("ForceCommand {PROGRAM} control\n"),
        ] {
            assert!(DROP_IN.contains(needle), "{needle}");
        }
        assert!(DROP_IN.contains(&format!("AuthorizedPrincipalsCommandUser {CONTROL_USER}\n")));
    }

    #[test]
    fn effective_settings_are_read() {
        let settings =
            settings("usepam yes\nhostkey /a\nhostkey /b\nauthenticationmethods publickey\n");
        assert_eq!(settings.get("usepam").map(String::as_str), Some("yes"));
        assert_eq!(settings.get("hostkey").map(String::as_str), Some("/a"));
    }
}
