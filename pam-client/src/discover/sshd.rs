//! Asking sshd what it would do for each account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use portreeve_protocol::inventory::Severity;

use super::accounts::Account;
use super::authorized;
use super::code::Code;
use super::finding::Finding;
use super::sshd_settings::{Settings, expanded, has_match, includes};
use super::view::View;
use crate::host::CONTROL_USER;
use crate::paths::{PROGRAM, Paths};
use crate::run;

const SSHD: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(10);
/// For a stranger: a name and an address that nobody has (RFC 2606, RFC 5737).
const STRANGER: &str = "host=host.invalid,addr=192.0.2.1";
/// Most accounts of which sshd is asked one by one.
const MOST_ASKED: usize = 1000;
/// Most files of configuration that are read.
const MOST_FILES: usize = 100;
/// The largest file of CAs or of names.
const MAX_FILE: u64 = 1024 * 1024;
/// Most names in a file that are told.
const MOST_NAMES: usize = 8;
/// The longest name that is told.
const MAX_NAME: usize = 64;

/// sshd's settings, for each account.
#[derive(Debug)]
pub(super) struct Sshd {
    common: Settings,
    own: BTreeMap<String, Settings>,
}

impl Sshd {
    /// Asks sshd; what it does not answer is added to `findings`, and counts as its defaults.
    pub(super) fn ask(view: &View, findings: &mut Vec<Finding>) -> Self {
        let defaults = Settings {
            passwords: true,
            keys: true,
            root: "without-password".to_owned(),
            key_files: vec![
                ".ssh/authorized_keys".into(),
                ".ssh/authorized_keys2".into(),
            ],
            ..Settings::default()
        };
        let mut own = BTreeMap::new();
        if !matches!(view.root.facts(Path::new("usr/sbin/sshd")), Ok(Some(_))) {
            return Self {
                common: defaults,
                own,
            };
        }
        let common = match ask("nobody") {
            Ok(settings) => settings,
            Err(why) => {
                findings.push(Finding::not_seen(why).at(Path::new(SSHD)));
                return Self {
                    common: defaults,
                    own,
                };
            }
        };
        let all = differs(view, findings);
        let asked = view
            .accounts
            .iter()
            .filter(|account| all || account.name == CONTROL_USER);
        for (count, account) in asked.enumerate() {
            if count == MOST_ASKED || view.is_late() {
                let why = "not of every account sshd was asked what it would do";
                findings.push(Finding::not_seen(why));
                break;
            }
            match ask(&account.name) {
                Ok(settings) => {
                    own.insert(account.name.clone(), settings);
                }
                Err(why) => findings.push(Finding::not_seen(why).of(&account.name)),
            }
        }
        Self { common, own }
    }

    /// The settings for an account.
    pub(super) fn of(&self, account: &Account) -> &Settings {
        self.own.get(&account.name).unwrap_or(&self.common)
    }

    /// sshd's own keys, which open nothing.
    pub(super) fn host_keys(&self) -> &[String] {
        &self.common.host_keys
    }

    /// What lets in by other means than keys and passwords: CAs that are not ours, programs.
    pub(super) fn findings(&self, view: &View, paths: &Paths) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut known = BTreeSet::new();
        let of_all = std::iter::once((None, &self.common));
        let of_some = self.own.iter().map(|(name, own)| (Some(name), own));
        for (account, settings) in of_all.chain(of_some) {
            for found in of_settings(settings, view, paths) {
                // What holds for everybody need not be told of each.
                let about = (
                    found.code,
                    found.path.clone(),
                    found.line,
                    found.what.clone(),
                );
                if known.insert(about) {
                    findings.push(match account {
                        Some(account) => found.of(account),
                        None => found,
                    });
                }
            }
        }
        for account in &view.accounts {
            let settings = self.of(account);
            if is_foreign(settings, paths)
                && let Some(pattern) = &settings.principals_file
            {
                let path = expanded(pattern, account);
                let found = principals(view, account, &path);
                findings.extend(found.map(|found| found.of(&account.name)));
            }
        }
        findings
    }
}

fn is_foreign(settings: &Settings, paths: &Paths) -> bool {
    let ours = paths.session_ca();
    let others = settings.trusted_cas.as_deref();
    others.is_some_and(|path| Path::new(path) != ours)
}

fn of_settings(settings: &Settings, view: &View, paths: &Paths) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_foreign(settings, paths)
        && let Some(path) = &settings.trusted_cas
    {
        findings.extend(cas(view, Path::new(path)));
    }
    if let Some(command) = &settings.keys_command {
        let what = format!("`AuthorizedKeysCommand {command}`");
        findings.push(Finding::new(Code::KeysCommand, Severity::Medium, what));
    }
    let is_ours = |command: &&String| command.split(' ').next() == Some(PROGRAM);
    if let Some(command) = settings.principals_command.as_ref().filter(|c| !is_ours(c)) {
        let what = format!("`AuthorizedPrincipalsCommand {command}`");
        findings.push(Finding::new(Code::Principals, Severity::Medium, what));
    }
    findings
}

fn cas(view: &View, path: &Path) -> Vec<Finding> {
    let (text, facts) = match view.root.text(below(path), MAX_FILE) {
        Ok(Some(found)) => found,
        Ok(None) => return Vec::new(),
        Err(gap) => return vec![Finding::not_seen(gap.to_string()).at(path)],
    };
    let (keys, more) = authorized::keys(&text);
    let mut findings: Vec<Finding> = keys
        .iter()
        .map(|key| Finding::new(Code::OtherCa, Severity::High, key.words()).on(key.line))
        .collect();
    if more > 0 {
        let what = format!("and {more} more CAs");
        findings.push(Finding::new(Code::OtherCa, Severity::High, what));
    }
    let all = findings.into_iter();
    all.map(|found| found.at(path).since(Some(facts.written)))
        .collect()
}

fn principals(view: &View, account: &Account, path: &Path) -> Option<Finding> {
    // Why a home is closed is told with the home.
    let home = view.home(account).ok().flatten();
    let (text, facts) = match view.file_of(account, home.as_ref(), path, MAX_FILE) {
        Ok(found) => found?,
        Err(why) => return Some(Finding::not_seen(why).at(path)),
    };
    let found = Finding::new(Code::Principals, Severity::Medium, names_in(&text)?);
    Some(found.at(path).since(Some(facts.written)))
}

/// The names in a file of them, options left aside; what cannot be one is only counted, since an
/// account can give any file of its own for such a file.
fn names_in(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let last = lines
        .iter()
        .filter_map(|line| line.rsplit([' ', '\t']).next());
    let names: Vec<&str> = last.filter(|name| is_name(name)).take(MOST_NAMES).collect();
    let more = lines.len() - names.len();
    match (names.is_empty(), more) {
        (true, 0) => None,
        (true, _) => Some(format!("{more} lines, none of which is a name")),
        (false, 0) => Some(names.join(", ")),
        (false, _) => Some(format!("{} and {more} more", names.join(", "))),
    }
}

/// Whether a word is what people call users, roles and hosts.
fn is_name(word: &str) -> bool {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    (1..=MAX_NAME).contains(&word.len()) && word.chars().all(is_of_one)
}

/// An absolute path, from `/`.
fn below(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn ask(user: &str) -> Result<Settings, String> {
    if user.contains([',', '=']) {
        return Err("sshd cannot be asked about a user of this name".to_owned());
    }
    let about = format!("user={user},{STRANGER}");
    let said = run::run_well(SSHD, &["-T", "-C", &about], PATIENCE);
    let said = said.map_err(|error| error.to_string())?;
    Settings::read(&said.stdout).ok_or_else(|| "sshd does not say its settings".to_owned())
}

/// Whether a `Match` block that we did not write makes accounts differ.
fn differs(view: &View, findings: &mut Vec<Finding>) -> bool {
    let mut names = vec!["/etc/ssh/sshd_config".to_owned()];
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        at += 1;
        let name = Path::new("/etc/ssh").join(name);
        if name.ends_with("50-portreeve.conf") {
            continue;
        }
        let Some(text) = view.text(&below(&name).to_string_lossy(), findings) else {
            continue;
        };
        if has_match(&text) {
            return true;
        }
        for pattern in includes(&text) {
            names.extend(matching(view, &pattern));
        }
        // Rather ask too often than miss a block.
        if names.len() > MOST_FILES {
            return true;
        }
    }
    false
}

/// The files that a pattern of an `Include` means: a name, or `*` and an ending in one directory.
fn matching(view: &View, pattern: &str) -> Vec<String> {
    let path = Path::new("/etc/ssh").join(pattern);
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let Some((head, tail)) = name.split_once('*') else {
        return vec![path.to_string_lossy().into_owned()];
    };
    let Some(directory) = path.parent() else {
        return Vec::new();
    };
    let (names, _) = view
        .root
        .names(below(directory), MOST_FILES)
        .unwrap_or_default();
    names
        .into_iter()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(head) && name.ends_with(tail))
        .map(|name| directory.join(name).to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_of_names_nothing_is_told_that_is_no_name() {
        for (text, expected) in [
            ("", None),
            ("# who\n\n", None),
            ("# who\ndbas\n", Some("dbas")),
            (
                "from=\"192.0.2.0/24\" ops\n\tadmin@example.com",
                Some("ops, admin@example.com"),
            ),
            (
                "root:$6$salt$hash:19000:0:99999:7:::\nbin:*:19000:::::\n",
                Some("2 lines, none of which is a name"),
            ),
            ("dbas\nroot:$y$x:1::::::", Some("dbas and 1 more")),
        ] {
            assert_eq!(names_in(text).as_deref(), expected, "{text}");
        }
        let many = "dbas\n".repeat(MOST_NAMES + 3);
        assert!(names_in(&many).unwrap().ends_with("and 3 more"));
        assert!(!names_in(&"x".repeat(MAX_NAME + 1)).unwrap().contains('x'));
    }
}
