//! What is known of the host before anything is looked for: its accounts and groups, where file
//! systems lie, who logged in last, and which accounts are Portreeve's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::AccountName;
use portreeve_protocol::time::Timestamp;

use super::accounts::{Account, Groups, ServiceUids, accounts};
use super::finding::Finding;
use super::last::Logins;
use super::mounts::Mounts;
use super::shadow::{self, Entry, Password};
use super::within::Within;
use crate::config::Config;
use crate::paths::Paths;
use crate::run;

/// How long everything together may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a name service may take to list everybody.
const LISTING: Duration = Duration::from_secs(20);
/// The largest listing.
const MAX_LISTING: u64 = 8 * 1024 * 1024;
/// The largest file of the system's own.
const MAX_FILE: u64 = 8 * 1024 * 1024;
const GETENT: &str = "/usr/bin/getent";
/// Name services that list local files, or nobody who logs in.
const LOCAL: [&str; 5] = ["files", "systemd", "compat", "db", "mymachines"];

/// The host as it is looked at.
#[derive(Debug)]
pub(super) struct View {
    /// `/`.
    pub(super) root: Within,
    /// Everybody who is not ours.
    pub(super) accounts: Vec<Account>,
    /// The groups.
    pub(super) groups: Groups,
    /// Which UIDs are for services.
    pub(super) services: ServiceUids,
    /// The passwords, where they could be read.
    pub(super) passwords: BTreeMap<String, Entry>,
    /// The last logins.
    pub(super) logins: Logins,
    /// When looking began.
    pub(super) now: Timestamp,
    /// How this host is called, short and in full.
    pub(super) names: Vec<String>,
    mounts: Mounts,
    deadline: Instant,
}

impl View {
    /// Looks at what everything else needs. What could not be looked at is added to `findings`.
    pub(super) fn take(
        paths: &Paths,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, String> {
        let root = match Within::host(paths.root()) {
            Ok(Some(root)) => root,
            Ok(None) => return Err("there is no root directory".to_owned()),
            Err(gap) => return Err(gap.to_string()),
        };
        let mut text = |name: &str| host_text(&root, name, findings).unwrap_or_default();
        let (passwd, group) = (text("etc/passwd"), text("etc/group"));
        let services = ServiceUids::parse(&text("etc/login.defs"));
        let shadow = text("etc/shadow");
        let mounts = Mounts::read(&text("proc/self/mountinfo"));
        let (more, more_groups) = if is_this_machine(paths) {
            let services = text("etc/nsswitch.conf");
            findings.extend(of_name_services(&services));
            (listing("passwd", findings), listing("group", findings))
        } else {
            Default::default()
        };
        let (mut accounts, is_all) = accounts(&[&passwd, &more]);
        if !is_all {
            findings.push(Finding::not_seen(
                "there are more accounts than are looked at",
            ));
        }
        let mut passwords = shadow::read(&shadow);
        for (name, password) in shadow::in_passwd(&passwd) {
            passwords.insert(name, password);
        }
        let ours = Ours::know(paths);
        accounts.retain(|account| !ours.is(account));
        Ok(Self {
            accounts,
            groups: Groups::parse(&[&group, &more_groups]),
            services,
            passwords,
            logins: Logins::read(
                &paths.root().join("var/log/lastlog"),
                &paths.root().join("var/log/wtmp"),
            ),
            now,
            names: names(),
            mounts,
            root,
            deadline: Instant::now() + PATIENCE,
        })
    }

    /// Whether the time is over.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// An account's home; nothing when it has none.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub(super) fn home(&self, account: &Account) -> Result<Option<Within>, String> {
        let below = account.home.trim_matches('/');
        if below.is_empty() || !account.home.starts_with('/') {
            return Ok(None);
        }
        let path = self.root.path().join(below);
        let real = self
            .mounts
            .way(&path, |path| std::fs::read_link(path).ok())?;
        let home = Within::home(&real).map_err(|gap| gap.to_string())?;
        // Better one word about a home that is closed than one about each file in it.
        if let Some(home) = &home {
            home.directories(0).map_err(|gap| gap.to_string())?;
        }
        Ok(home)
    }

    /// The text of a file of the host's own; what keeps it from being read is added to `findings`.
    pub(super) fn text(&self, name: &str, findings: &mut Vec<Finding>) -> Option<String> {
        host_text(&self.root, name, findings)
    }

    /// Whether an account with this password can be logged in to by it.
    pub(super) fn password(&self, account: &Account) -> Option<(&Entry, Password)> {
        let entry = self.passwords.get(&account.name)?;
        Some((entry, entry.password))
    }

    /// The last login of an account.
    pub(super) fn last_login(&self, account: &Account) -> Option<Timestamp> {
        self.logins.of(&account.name, account.uid)
    }

    /// The name of a UID.
    pub(super) fn name_of(&self, uid: u32) -> Option<&str> {
        let account = self.accounts.iter().find(|account| account.uid == uid)?;
        Some(&account.name)
    }
}

/// Whether tools, which know no other root, can be asked.
pub(super) fn is_this_machine(paths: &Paths) -> bool {
    paths.root() == Path::new("/")
}

fn host_text(root: &Within, name: &str, findings: &mut Vec<Finding>) -> Option<String> {
    match root.text(Path::new(name), MAX_FILE) {
        Ok(found) => found.map(|(text, _)| text),
        Err(gap) => {
            let path = PathBuf::from("/").join(name);
            findings.push(Finding::not_seen(gap.to_string()).at(&path));
            None
        }
    }
}

/// What every name service lists, which is more than the files have where there is a directory.
fn listing(database: &'static str, findings: &mut Vec<Finding>) -> String {
    match run::run_long(GETENT, &[database], LISTING, MAX_LISTING) {
        Ok(said) => said.stdout,
        Err(error) => {
            findings.push(Finding::not_seen(error.to_string()));
            String::new()
        }
    }
}

/// Services that may know accounts which they do not list.
fn of_name_services(text: &str) -> Vec<Finding> {
    let services = services_of(text, "passwd");
    let foreign = services.iter().filter(|name| !LOCAL.contains(name));
    foreign
        .map(|name| {
            Finding::not_seen(format!(
                "accounts of the name service `{name}` are seen as far as it lists them"
            ))
            .at(Path::new("/etc/nsswitch.conf"))
        })
        .collect()
}

/// The services that `nsswitch.conf` names for a database.
pub(super) fn services_of<'a>(text: &'a str, database: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| {
        let line = line.split('#').next()?;
        line.trim()
            .strip_prefix(database)?
            .trim_start()
            .strip_prefix(':')
    });
    let words = line.unwrap_or_default().split_ascii_whitespace();
    words.filter(|word| !word.starts_with('[')).collect()
}

fn names() -> Vec<String> {
    let full = nix::unistd::gethostname().unwrap_or_default();
    let full = full.to_string_lossy().into_owned();
    let short = full.split('.').next().unwrap_or_default().to_owned();
    vec![full, short]
}

/// Accounts of sessions, which nobody needs to be told of here.
struct Ours {
    uids: std::ops::RangeInclusive<u32>,
    /// Those that a journal names; none when the journals cannot be read.
    journalled: Option<BTreeSet<AccountName>>,
}

impl Ours {
    fn know(paths: &Paths) -> Self {
        let config = Config::load(&paths.settings()).unwrap_or_default();
        let journalled = std::fs::read_dir(paths.journals()).ok().map(|entries| {
            entries
                .flatten()
                .filter_map(|entry| {
                    let name = entry.file_name().into_string().ok()?;
                    let session: SessionId = name.strip_suffix(".journal")?.parse().ok()?;
                    Some(session.account())
                })
                .collect()
        });
        Self {
            uids: config.first_uid..=config.last_uid,
            journalled,
        }
    }

    /// A name alone is nothing: anybody can call an account so to hide it.
    fn is(&self, account: &Account) -> bool {
        let Ok(name) = account.name.parse::<AccountName>() else {
            return false;
        };
        let is_known = |known: &BTreeSet<AccountName>| known.contains(&name);
        self.uids.contains(&account.uid) && self.journalled.as_ref().is_none_or(is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_account_that_only_bears_the_name_of_a_session_is_not_ours() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::below(directory.path());
        fs::create_dir_all(paths.journals()).unwrap();
        let session: SessionId = "01890a5d-ac96-774b-8123-456789abcdef".parse().unwrap();
        fs::write(paths.journal(session), "").unwrap();
        let ours = Ours::know(&paths);
        let account = |name: &str, uid| Account {
            name: name.to_owned(),
            uid,
            gid: uid,
            home: "/".to_owned(),
            shell: String::new(),
        };
        let name = session.account();
        assert!(ours.is(&account(name.as_str(), 2_010_000_000)));
        assert!(!ours.is(&account(name.as_str(), 1000)));
        assert!(!ours.is(&account("pr-0000000000000000", 2_010_000_000)));
        assert!(!ours.is(&account("alice", 2_010_000_000)));
    }

    #[test]
    fn services_that_do_not_list_their_accounts_are_told() {
        let text =
            "# passwd: sss\npasswd:  files systemd [NOTFOUND=return] sss # x\nsudoers: files\n";
        assert_eq!(services_of(text, "passwd"), ["files", "systemd", "sss"]);
        assert_eq!(of_name_services(text).len(), 1);
        assert_eq!(services_of(text, "shadow"), Vec::<&str>::new());
    }
}
