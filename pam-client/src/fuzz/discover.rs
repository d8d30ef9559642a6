//! The decoders of `portreeve-host discover`: what lies in homes, and what tools of the system say.

use std::path::{Path, PathBuf};

use crate::discover::decoders::{
    Groups, Mounts, Part, Rules, ServiceUids, Settings, accounts, doas, expanded, has_match,
    in_json, in_lines, in_passwd, includes, keys, listed, parts, polkit, private_key, shadow,
    shown,
};

/// The keys of an `authorized_keys`, in the words in which they are told.
#[must_use]
pub fn authorized_keys(text: &str) -> Vec<String> {
    let (keys, _) = keys(text);
    keys.iter().map(|key| shown(&key.words())).collect()
}

/// The private key without a passphrase at the beginning of a file.
#[must_use]
pub fn open_key(text: &str) -> Option<String> {
    private_key(text).map(|key| shown(&key.words()))
}

/// Names in files of accounts, groups and passwords, in this text as each of them.
#[must_use]
pub fn account_files(text: &str) -> Vec<String> {
    let (accounts, _) = accounts(&[text]);
    let groups = Groups::parse(&[text]);
    let services = ServiceUids::parse(text);
    let of_accounts = accounts.iter().map(|account| {
        let own = groups.name(account.gid).unwrap_or_default();
        let members = groups.members(own, &accounts).len();
        let pattern = expanded(text, account);
        format!(
            "{} {members} {} {}",
            account.name,
            services.has(account),
            pattern.display()
        )
    });
    let of_passwords = shadow(text).into_iter().chain(in_passwd(text));
    let of_passwords = of_passwords.map(|(name, entry)| format!("{name} {entry:?}"));
    of_accounts.chain(of_passwords).collect()
}

/// The rules that cvtsudoers tells.
#[must_use]
pub fn sudo_rules(text: &str) -> Vec<String> {
    let host = ["prod-1".to_owned()];
    let rules = Rules::read(text, &host).unwrap_or_default();
    let told = |rule| format!("{rule:?}");
    rules.rules.iter().map(told).collect()
}

/// The rules in a file of sudoers, of doas and of polkit, and in what sudo answers.
#[must_use]
pub fn rule_lines(text: &str) -> Vec<String> {
    let of_sudo = parts(Path::new("/etc/sudoers"), text);
    let of_sudo = of_sudo.into_iter().map(|part| match part {
        Part::Rule(place) => place.text,
        Part::Include { path, .. } => path,
    });
    let answered = listed(text).unwrap_or_default();
    of_sudo
        .chain(answered.into_iter().map(|rule| rule.text))
        .chain(doas(text).into_iter().map(|rule| rule.whom))
        .chain(polkit(text).groups)
        .collect()
}

/// Whether sshd answered, or its configuration says something of other files.
#[must_use]
pub fn sshd_settings(text: &str) -> bool {
    Settings::read(text).is_some() || has_match(text) || !includes(text).is_empty()
}

/// The names of variables with secrets.
#[must_use]
pub fn secret_names(text: &str) -> Vec<String> {
    [in_lines(text), in_json(text)].concat()
}

/// Where a path leads on a host with these mounts, every name `l` being a link to `target`.
#[must_use]
pub fn way(mountinfo: &str, path: &str, target: &str) -> Option<PathBuf> {
    let link = |path: &Path| path.ends_with("l").then(|| PathBuf::from(target));
    Mounts::read(mountinfo).way(Path::new(path), link).ok()
}
