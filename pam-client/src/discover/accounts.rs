//! Who there is on this host: accounts, groups and their members. Pure: texts in, values out.

use std::collections::{BTreeMap, BTreeSet};

/// Most accounts that are looked at.
pub(crate) const MOST_ACCOUNTS: usize = 20_000;
/// Most groups that are read.
const MOST_GROUPS: usize = 20_000;
/// Most members of one group that are read.
const MOST_MEMBERS: usize = 10_000;

/// Shells that end a login at once. An empty field means `/bin/sh`.
const NO_SHELLS: [&str; 6] = ["nologin", "false", "true", "sync", "shutdown", "halt"];

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name.
    pub(crate) name: String,
    /// Its UID.
    pub(crate) uid: u32,
    /// Its own group.
    pub(crate) gid: u32,
    /// Its home directory.
    pub(crate) home: String,
    /// Its login shell.
    pub(crate) shell: String,
}

impl Account {
    /// Whether a login gets a shell.
    pub(crate) fn has_shell(&self) -> bool {
        let name = self.shell.rsplit('/').next().unwrap_or_default();
        !NO_SHELLS.contains(&name)
    }

    /// Whether it has a directory of its own, which `/` is not.
    pub(crate) fn has_home(&self) -> bool {
        self.home.starts_with('/') && !self.home.trim_matches('/').is_empty()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let mut next = || fields.next();
        let name = next()?;
        let _password = next()?;
        let (uid, gid) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let _full_name = next()?;
        let (home, shell) = (next()?, next()?);
        // `+` and `-` begin lines that include accounts of other services; `getent` has those.
        let is_name = !name.is_empty() && !name.starts_with(['+', '-', '#']);
        is_name.then(|| Self {
            name: name.to_owned(),
            uid,
            gid,
            home: home.to_owned(),
            shell: shell.to_owned(),
        })
    }
}

/// The accounts in texts of the form of `/etc/passwd`, each name once, the first text winning; and
/// whether these are all.
pub(crate) fn accounts(texts: &[&str]) -> (Vec<Account>, bool) {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    let lines = texts.iter().flat_map(|text| text.lines());
    for account in lines.filter_map(Account::parse) {
        if all.len() == MOST_ACCOUNTS {
            return (all, false);
        }
        if known.insert(account.name.clone()) {
            all.push(account);
        }
    }
    (all, true)
}

/// The groups of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Each with its number and the members that it lists.
    groups: BTreeMap<String, (u32, BTreeSet<String>)>,
}

impl Groups {
    /// Reads texts of the form of `/etc/group`; members of a group in several texts are joined.
    pub(crate) fn parse(texts: &[&str]) -> Self {
        let mut groups: BTreeMap<String, (u32, BTreeSet<String>)> = BTreeMap::new();
        for line in texts.iter().flat_map(|text| text.lines()) {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members, ..] = fields.as_slice() else {
                continue;
            };
            let Ok(gid) = gid.parse() else { continue };
            if groups.len() == MOST_GROUPS && !groups.contains_key(*name) {
                continue;
            }
            let (_, known) = groups
                .entry((*name).to_owned())
                .or_insert_with(|| (gid, BTreeSet::new()));
            let members = members.split(',').map(str::trim);
            known.extend(
                members
                    .filter(|member| !member.is_empty())
                    .take(MOST_MEMBERS)
                    .map(str::to_owned),
            );
        }
        Self { groups }
    }

    /// The group's number.
    pub(crate) fn gid(&self, name: &str) -> Option<u32> {
        self.groups.get(name).map(|(gid, _)| *gid)
    }

    /// The group of this number.
    pub(crate) fn name(&self, gid: u32) -> Option<&str> {
        self.groups
            .iter()
            .find(|(_, (known, _))| *known == gid)
            .map(|(name, _)| name.as_str())
    }

    /// Who is in the group: whom it lists, and whose own group it is.
    pub(crate) fn members<'a>(&self, name: &str, accounts: &'a [Account]) -> Vec<&'a Account> {
        let Some((gid, listed)) = self.groups.get(name) else {
            return Vec::new();
        };
        let is_member = |account: &&Account| account.gid == *gid || listed.contains(&account.name);
        accounts.iter().filter(is_member).collect()
    }
}

/// The UIDs that `login.defs` keeps for services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceUids {
    /// The first UID of people.
    first_person: u32,
}

impl ServiceUids {
    /// Reads `login.defs`; what it does not say is as everywhere.
    pub(crate) fn parse(text: &str) -> Self {
        let first_person = text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
        });
        Self {
            first_person: first_person.unwrap_or(1000),
        }
    }

    /// Whether the account is one of a service: not root, and below people; or `nobody`.
    pub(crate) fn has(&self, account: &Account) -> bool {
        let nobody = account.uid == 65_534;
        nobody || (account.uid != 0 && account.uid < self.first_person)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
        +@admins::::::\n\
        broken:x:one:1:::\n\
        postgres:x:105:110:PostgreSQL:/var/lib/postgresql:/bin/bash\n\
        alice:x:1000:1000::/home/alice:\n\
        alice:x:0:0::/home/alice:/bin/bash\n";

    pub(crate) fn some() -> Vec<Account> {
        accounts(&[PASSWD]).0
    }

    #[test]
    fn accounts_are_read_and_the_first_of_a_name_counts() {
        let (all, is_all) = accounts(&[PASSWD, "bob:x:1001:1001::/home/bob:/bin/sh\n"]);
        let names: Vec<_> = all.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["root", "daemon", "postgres", "alice", "bob"]);
        assert!(is_all);
        let with_shell: Vec<_> = all.iter().map(Account::has_shell).collect();
        assert_eq!(with_shell, [true, false, true, true, true]);
    }

    #[test]
    fn an_account_is_in_its_own_group_and_in_those_that_list_it() {
        let text = "sudo:x:27:alice,bob\nstaff:x:110:\nsudo:x:27: carol \nbroken\n";
        let groups = Groups::parse(&[text]);
        let accounts = some();
        let names = |group: &str| -> Vec<_> {
            let members = groups.members(group, &accounts);
            members.iter().map(|account| account.name.clone()).collect()
        };
        assert_eq!(names("sudo"), ["alice"]);
        assert_eq!(names("staff"), ["postgres"]);
        assert_eq!(names("wheel"), Vec::<String>::new());
        assert_eq!(groups.gid("sudo"), Some(27));
        assert_eq!(groups.name(110), Some("staff"));
    }

    #[test]
    fn services_are_below_people_and_root_is_none() {
        let people = ServiceUids::parse("# UID_MIN 5\nUID_MAX 60000\nUID_MIN\t500\n");
        assert_eq!(people.first_person, 500);
        let services: Vec<_> = some()
            .into_iter()
            .filter(|account| ServiceUids::parse("").has(account))
            .map(|account| account.name)
            .collect();
        assert_eq!(services, ["daemon", "postgres"]);
    }
}
