//! What is known of the host before anything is looked for: its accounts and groups, where file
//! systems lie, who logged in last, and which accounts are Portreeve's own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
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
use super::within::{Facts, Within};
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
    /// Nobody said which file systems there are, so any directory may be on one that never answers.
    is_blind: bool,
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
            is_blind: is_this_machine(paths) && mounts.is_empty(),
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
        if !account.has_home() {
            return Ok(None);
        }
        if self.is_blind {
            return Err("it is not known which file systems lie where".to_owned());
        }
        let path = self.root.path().join(account.home.trim_matches('/'));
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

    /// The text of a file that sshd reads for an account, by the path that its settings name, and
    /// what is known of it; nothing when there is none. sshd opens it as the account and we as
    /// root, so no link that the account could have made is followed out of the home, nor beside it.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub(super) fn file_of(
        &self,
        account: &Account,
        home: Option<&Within>,
        path: &Path,
        most: u64,
    ) -> Result<Option<(String, Facts)>, String> {
        if account.has_home()
            && let Ok(name) = path.strip_prefix(&account.home)
        {
            // Why a home is closed is told with the home.
            let Some(home) = home else {
                return Ok(None);
            };
            return home.text(name, most).map_err(|gap| gap.to_string());
        }
        let below = path.strip_prefix("/").unwrap_or(path);
        let path = self.root.path().join(below);
        let real = self.mounts.way(&path, |path| link_of(path, 0))?;
        let (Some(directory), Some(name)) = (real.parent(), real.file_name()) else {
            return Ok(None);
        };
        let found = match Within::home(directory) {
            Ok(Some(directory)) => directory.text(Path::new(name), most),
            Ok(None) => Ok(None),
            Err(gap) => Err(gap),
        };
        found.map_err(|gap| gap.to_string())
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

/// Where a link points that is this user's; nothing of others' links, nor of what is none.
fn link_of(path: &Path, owner: u32) -> Option<PathBuf> {
    let facts = std::fs::symlink_metadata(path).ok()?;
    if facts.uid() != owner {
        return None;
    }
    std::fs::read_link(path).ok()
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
        let journalled = match std::fs::read_dir(paths.journals()) {
            Ok(entries) => Some(
                entries
                    .flatten()
                    .filter_map(|entry| account_of(&entry))
                    .collect(),
            ),
            // Where no session ever was, no account is of one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(BTreeSet::new()),
            Err(_) => None,
        };
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

/// The account of the session that a journal belongs to.
fn account_of(journal: &std::fs::DirEntry) -> Option<AccountName> {
    let name = journal.file_name().into_string().ok()?;
    let session: SessionId = name.strip_suffix(".journal")?.parse().ok()?;
    Some(session.account())
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
    fn without_journals_no_account_is_ours() {
        let directory = tempfile::tempdir().unwrap();
        let ours = Ours::know(&Paths::below(directory.path()));
        let account = Account {
            name: "pr-0123456789abcdef".to_owned(),
            uid: 2_010_000_000,
            gid: 2_010_000_000,
            home: "/".to_owned(),
            shell: String::new(),
        };
        assert!(!ours.is(&account));
    }

    #[test]
    fn a_link_is_followed_only_where_its_owner_is_the_one_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("secret", &link).unwrap();
        let owner = fs::symlink_metadata(&link).unwrap().uid();
        assert_eq!(link_of(&link, owner), Some("secret".into()));
        assert_eq!(link_of(&link, owner + 1), None);
        assert_eq!(link_of(directory.path(), owner), None);
    }

    #[test]
    fn of_an_account_no_link_leads_to_what_is_another_s() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["etc", "home/alice/.ssh", "srv/keys"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at("etc/passwd"), "alice:x:1000:1000::/home/alice:/bin/sh\n").unwrap();
        fs::write(at("etc/secret"), "secret\n").unwrap();
        fs::write(at("home/alice/.ssh/plain"), "in the home\n").unwrap();
        fs::write(at("srv/keys/alice"), "beside it\n").unwrap();
        for name in ["home/alice/.ssh/link", "srv/keys/link"] {
            let link = at(name);
            std::os::unix::fs::symlink(at("etc/secret"), &link).unwrap();
            // Nobody but root can give it away, and then it was not root's to begin with.
            let _ = std::os::unix::fs::lchown(&link, Some(1000), Some(1000));
        }
        let mut findings = Vec::new();
        let now = Timestamp::from_seconds(1_790_000_000);
        let view = View::take(&Paths::below(directory.path()), now, &mut findings).unwrap();
        let account = view.accounts.first().unwrap();
        let home = view.home(account).unwrap().unwrap();
        let read = |path: &str| {
            view.file_of(account, Some(&home), Path::new(path), 100)
                .map(|found| found.map(|(text, _)| text))
        };
        let text = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read("/home/alice/.ssh/plain"), text("in the home\n"));
        assert_eq!(read("/srv/keys/alice"), text("beside it\n"));
        assert_eq!(read("/srv/keys/none"), Ok(None));
        for path in ["/home/alice/.ssh/link", "/srv/keys/link"] {
            assert!(read(path).is_err(), "{path}");
        }
        assert!(read("/home/alice/../../etc/secret").is_err());
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
