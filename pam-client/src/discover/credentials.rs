//! What lets somebody log in to an account: passwords and keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use portreeve_protocol::inventory::Severity;

use super::accounts::Account;
use super::authorized;
use super::code::Code;
use super::finding::Finding;
use super::private_key;
use super::shadow::Password;
use super::sshd::Sshd;
use super::sshd_settings::expanded;
use super::view::View;
use super::within::{Gap, Readers, Within};
use crate::host::CONTROL_USER;

/// The largest file of keys.
const MAX_KEYS: u64 = 1024 * 1024;
/// How much of a private key's file is read.
const MAX_HEAD: u64 = 8 * 1024;
/// How `ssh-keygen` calls keys: these are looked at however many other files there are.
const USUAL: [&str; 6] = [
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
    "id_dsa",
    "id_ecdsa_sk",
    "id_ed25519_sk",
];
/// Most files of a directory that are looked at.
const MOST_FILES: usize = 512;
/// Most entries of a directory whose names are looked at.
const MOST_ENTRIES: usize = 32_768;

/// What was found on the way, for what is looked for later.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// How each account that has some can be logged in to.
    ways: BTreeMap<String, BTreeSet<&'static str>>,
    /// Which accounts a key opens, by its fingerprint.
    opens: BTreeMap<String, BTreeSet<String>>,
}

impl Credentials {
    fn way(&mut self, account: &Account, way: &'static str) {
        self.ways
            .entry(account.name.clone())
            .or_default()
            .insert(way);
    }
}

/// The passwords. Needs nothing but what the view has.
pub(super) fn passwords(
    view: &View,
    sshd: &Sshd,
    found: &mut Credentials,
    findings: &mut Vec<Finding>,
) {
    for account in &view.accounts {
        if account.uid == 0 && account.name != "root" {
            let what = "it is root under another name";
            findings.push(Finding::new(Code::AnotherRoot, Severity::High, what).of(&account.name));
        }
        let Some((entry, password)) = view.password(account) else {
            continue;
        };
        if entry.is_over(view.now) {
            continue;
        }
        let settings = sshd.of(account);
        let found_one = match password {
            Password::Unusable => continue,
            Password::Empty => {
                let over_ssh = settings.takes_password(account) && settings.empty_passwords;
                let what = if over_ssh {
                    "anybody logs in, over SSH too"
                } else {
                    "anybody logs in by `su` and at the console; sshd takes no empty password"
                };
                Finding::new(Code::EmptyPassword, Severity::High, what)
            }
            Password::Usable(scheme) => {
                let (over_ssh, severity) = match settings.takes_password(account) {
                    _ if !account.has_shell() => ("its shell ends logins", Severity::Low),
                    true if account.uid == 0 => ("sshd takes it", Severity::High),
                    true => ("sshd takes it", Severity::Medium),
                    false => ("sshd takes none for it", Severity::Low),
                };
                if scheme.is_weak {
                    let what = format!("kept as {}", scheme.name);
                    let weak = Finding::new(Code::WeakHash, Severity::Medium, what);
                    findings.push(weak.of(&account.name).since(entry.changed));
                }
                let what = format!("kept as {}; {over_ssh}", scheme.name);
                Finding::new(Code::Password, severity, what)
            }
        };
        found.way(account, "a password");
        findings.push(Finding {
            last_login: view.last_login(account),
            ..found_one.of(&account.name).since(entry.changed)
        });
    }
}

/// The keys that `authorized_keys` of an account lets in.
pub(super) fn authorized_keys(
    view: &View,
    account: &Account,
    home: Option<&Within>,
    sshd: &Sshd,
    found: &mut Credentials,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = sshd.of(account);
    for pattern in &settings.key_files {
        let path = expanded(pattern, account);
        let (text, facts) = match view.file_of(account, home, &path, MAX_KEYS) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(why) => {
                findings.push(Finding::not_seen(why).at(&path));
                continue;
            }
        };
        let (keys, more) = authorized::keys(&text);
        for key in &keys {
            let (code, severity) = judged(
                view,
                account,
                settings.takes_key(account),
                key.is_authority(),
            );
            if severity > Severity::Low || account.has_shell() {
                found.way(account, "a key");
            }
            let opened = found.opens.entry(key.fingerprint.clone()).or_default();
            opened.insert(account.name.clone());
            let mut what = key.words();
            if !settings.takes_key(account) {
                what.push_str("; sshd takes no key for it");
            }
            findings.push(
                Finding::new(code, severity, what)
                    .at(&path)
                    .on(key.line)
                    .since(Some(facts.written)),
            );
        }
        if more > 0 {
            let what = format!("and {more} more keys");
            let (code, severity) = judged(view, account, settings.takes_key(account), false);
            findings.push(Finding::new(code, severity, what).at(&path));
        }
    }
    let last_login = view.last_login(account);
    let all = findings.into_iter().map(|found| Finding {
        last_login,
        ..found.of(&account.name)
    });
    all.collect()
}

fn judged(view: &View, account: &Account, is_taken: bool, is_authority: bool) -> (Code, Severity) {
    let code = if is_authority {
        Code::AuthorizedCa
    } else {
        Code::AuthorizedKey
    };
    let is_over = view
        .password(account)
        .is_some_and(|(entry, _)| entry.is_over(view.now));
    let severity = if !is_taken || is_over || !account.has_shell() {
        Severity::Low
    } else if is_authority || account.uid == 0 {
        Severity::High
    } else {
        Severity::Medium
    };
    (code, severity)
}

/// The private keys without a passphrase in an account's home.
pub(super) fn private_keys(home: &Within, account: &Account, found: &Credentials) -> Vec<Finding> {
    let mut findings = in_directory(home, Path::new(".ssh"), |_| true, found);
    findings.extend(in_directory(home, Path::new(""), is_named_so, found));
    let all = findings.into_iter().map(|found| found.of(&account.name));
    all.collect()
}

/// The private keys without a passphrase beside sshd's own.
pub(super) fn keys_of_the_host(view: &View, sshd: &Sshd, found: &Credentials) -> Vec<Finding> {
    let directory = Path::new("etc/ssh");
    let is_foreign = |name: &Path| {
        let path = Path::new("/").join(directory).join(name);
        let is_own = sshd.host_keys().iter().any(|own| Path::new(own) == path);
        !is_own && !name.to_string_lossy().starts_with("ssh_host_")
    };
    in_directory(&view.root, directory, is_foreign, found)
}

/// How files with keys are called that lie anywhere.
fn is_named_so(name: &Path) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("id_")
        || [".pem", ".key", ".ppk"]
            .iter()
            .any(|end| name.ends_with(end))
}

fn in_directory(
    within: &Within,
    directory: &Path,
    is_wanted: impl Fn(&Path) -> bool,
    found: &Credentials,
) -> Vec<Finding> {
    let shown = |name: &Path| -> PathBuf { within.path().join(directory).join(name) };
    let (mut names, is_all) = match within.names(directory, MOST_ENTRIES) {
        Ok(names) => names,
        Err(gap) => return vec![Finding::not_seen(gap.to_string()).at(&shown(Path::new("")))],
    };
    names.retain(|name| is_wanted(name));
    let mut findings = Vec::new();
    if !is_all || names.len() > MOST_FILES {
        let most = names.len().min(MOST_FILES);
        let why = format!("only {most} of its files were looked at");
        findings.push(Finding::not_seen(why).at(&shown(Path::new(""))));
    }
    let usual = USUAL
        .iter()
        .map(PathBuf::from)
        .filter(|name| is_wanted(name));
    let all: BTreeSet<PathBuf> = names.into_iter().take(MOST_FILES).chain(usual).collect();
    for name in &all {
        match within.head(&directory.join(name), MAX_HEAD) {
            Ok(None) => {}
            Ok(Some((text, facts))) => {
                let Some(key) = private_key::read(&text) else {
                    continue;
                };
                let mut what = key.words();
                let opened = key.public.and_then(|(_, print)| found.opens.get(&print));
                if let Some(accounts) = opened {
                    let names: Vec<&str> = accounts.iter().take(4).map(String::as_str).collect();
                    what.push_str("; it opens here ");
                    what.push_str(&names.join(", "));
                }
                let severity = match facts.readers {
                    Readers::Owner => Severity::Medium,
                    Readers::Group | Readers::All => {
                        what.push_str("; others can read it");
                        Severity::High
                    }
                };
                let open = Finding::new(Code::OpenKey, severity, what);
                findings.push(open.at(&shown(name)).since(Some(facts.written)));
            }
            // Sockets and directories lie beside keys; what is called a key and is none is told.
            Err(Gap::NotPlain | Gap::LeadsOut) if !is_named_so(name) => {}
            Err(gap) => findings.push(Finding::not_seen(gap.to_string()).at(&shown(name))),
        }
    }
    findings
}

/// Services that can log in, and those that did.
pub(super) fn services(view: &View, found: &Credentials) -> Vec<Finding> {
    let mut findings = Vec::new();
    let services = view
        .accounts
        .iter()
        .filter(|account| view.services.has(account));
    for account in services {
        let last_login = view.last_login(account);
        if account.has_shell()
            && let Some(ways) = found.ways.get(&account.name)
        {
            let ways: Vec<&str> = ways.iter().copied().collect();
            let what = format!(
                "by {}, with the shell {}",
                ways.join(" and "),
                account.shell
            );
            findings.push(Finding {
                last_login,
                ..Finding::new(Code::ServiceLogin, Severity::Medium, what).of(&account.name)
            });
        }
        // Bastions log in as the one that is ours.
        if last_login.is_some() && account.name != CONTROL_USER {
            let what = "its UID is one of services";
            findings.push(Finding {
                last_login,
                ..Finding::new(Code::ServiceLoggedIn, Severity::Low, what).of(&account.name)
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_not_looked_at_in_a_home_is_told_and_other_files_hide_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let home = Within::home(directory.path()).unwrap().unwrap();
        let looked_at = || in_directory(&home, Path::new(""), is_named_so, &Credentials::default());
        let write = |name: &str, count: usize| {
            for number in 0..count {
                fs::write(directory.path().join(format!("{number}{name}")), "").unwrap();
            }
        };
        write("-other", MOST_FILES + 1);
        write(".pem", MOST_FILES);
        assert_eq!(looked_at(), Vec::new());
        fs::write(directory.path().join("z.key"), "").unwrap();
        let told = looked_at();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].code, Code::NotSeen);
    }
}
