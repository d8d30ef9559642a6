//! What the host's own sudoers gives, and to whom.
//!
//! Original sudo comes with a converter, which reads sudoers as sudo does and names the rules; other
//! sudos are asked about each account.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portreeve_protocol::inventory::Severity;
use portreeve_sudo_policy::dialect::Dialect;

use super::accounts::Account;
use super::code::Code;
use super::finding::Finding;
use super::sudo_lines::{Part, Place, is_read_in_directory, listed, parts};
use super::sudo_rules::{Rule, Rules, Who};
use super::view::{View, services_of};
use crate::paths::Paths;
use crate::run;
use crate::sudoers::{SUDO, Sudo};

const CONVERTER: &str = "/usr/bin/cvtsudoers";
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that the converter may say.
const MAX_RULES: u64 = 16 * 1024 * 1024;
/// The largest file of rules of which lines are told.
const MAX_FILE: u64 = 1024 * 1024;
/// Most files of rules.
const MOST_FILES: usize = 1000;
/// Most accounts that sudo is asked about one by one.
const MOST_ASKED: usize = 500;

/// The rules; what could not be looked at is among the findings.
pub(super) fn look(view: &View, paths: &Paths) -> Vec<Finding> {
    if !matches!(view.root.facts(Path::new("usr/bin/sudo")), Ok(Some(_))) {
        return Vec::new();
    }
    if !nix::unistd::geteuid().is_root() {
        let why = "only root may read the rules and ask sudo about others";
        return vec![Finding::not_seen(why).at(&paths.sudoers())];
    }
    let mut findings = Vec::new();
    let nsswitch = view
        .text("etc/nsswitch.conf", &mut findings)
        .unwrap_or_default();
    for service in services_of(&nsswitch, "sudoers") {
        if service != "files" {
            let why = format!("the rules that `{service}` has for sudo are not in files");
            findings.push(Finding::not_seen(why).at(Path::new("/etc/nsswitch.conf")));
        }
    }
    let dialect = Sudo::default().dialect();
    let has_converter = matches!(
        view.root.facts(Path::new("usr/bin/cvtsudoers")),
        Ok(Some(_))
    );
    findings.extend(match dialect {
        Ok(Dialect::Sudo(_)) if has_converter => converted(view, paths),
        Ok(Dialect::Sudo(_) | Dialect::SudoRs(_)) | Err(_) => asked(view),
    });
    findings
}

fn converted(view: &View, paths: &Paths) -> Vec<Finding> {
    let sudoers = paths.sudoers();
    let arguments = [
        "-e".as_ref(),
        "-f".as_ref(),
        "json".as_ref(),
        sudoers.as_os_str(),
    ];
    let said = match run::run_long(CONVERTER, &arguments, PATIENCE, MAX_RULES) {
        Ok(said) if said.status.success() => said.stdout,
        Ok(said) => return vec![Finding::not_seen(said.stderr.trim()).at(&sudoers)],
        Err(error) => return vec![Finding::not_seen(error.to_string()).at(&sudoers)],
    };
    let rules = match Rules::read(&said, &view.names) {
        Ok(rules) => rules,
        Err(error) => {
            let why = format!("what cvtsudoers says cannot be read: {error}");
            return vec![Finding::not_seen(why).at(&sudoers)];
        }
    };
    let places = places(view, &sudoers);
    // Lines are told where the count shows that both readers saw the same rules.
    let is_same = places.len() == rules.lines;
    let place = |rule: &Rule| places.get(rule.number).filter(|_| is_same);
    let mut findings = Vec::new();
    for rule in rules.rules.iter().filter(|rule| !rule.is_elsewhere) {
        for who in &rule.whom {
            findings.extend(of_rule(view, rule, who, place(rule), &rules.free));
        }
    }
    findings
}

/// Somebody whom a rule is for, and by which group.
struct Holder<'a> {
    account: Option<&'a str>,
    by: Option<String>,
}

fn holders<'a>(view: &'a View, who: &'a Who) -> Vec<Holder<'a>> {
    let accounts = &view.accounts;
    let of_group = |name: &str| -> Vec<Holder<'a>> {
        let members = view.groups.members(name, accounts).into_iter();
        let holder = |account: &'a Account| Holder {
            account: Some(&account.name),
            by: Some(format!("by the group `{name}`")),
        };
        // What root may is no news.
        members
            .filter(|account| account.uid != 0)
            .map(holder)
            .collect()
    };
    let one = |account, by| vec![Holder { account, by }];
    match who {
        Who::All => one(None, Some("everybody".to_owned())),
        Who::User(name) => match accounts.iter().find(|account| account.name == *name) {
            Some(account) if account.uid == 0 => Vec::new(),
            // Rules of sessions are told by their orders and not here.
            None if name
                .parse::<portreeve_protocol::name::AccountName>()
                .is_ok() =>
            {
                Vec::new()
            }
            Some(account) => one(Some(&account.name), None),
            None => one(
                Some(name),
                Some("an account that is not known here".to_owned()),
            ),
        },
        Who::Uid(0) => Vec::new(),
        Who::Uid(uid) => one(view.name_of(*uid), Some(format!("the UID {uid}"))),
        Who::Group(name) => of_group(name),
        Who::Gid(gid) => view.groups.name(*gid).map_or_else(Vec::new, of_group),
        Who::Elsewhere(name) => one(None, Some(format!("the members of {name}"))),
    }
}

fn of_rule(
    view: &View,
    rule: &Rule,
    who: &Who,
    place: Option<&Place>,
    free: &[Who],
) -> Vec<Finding> {
    holders(view, who)
        .into_iter()
        .filter_map(|holder| {
            let is_freed = |freed: &Who| match (freed, holder.account) {
                (Who::All, _) => true,
                (freed, Some(account)) => holders(view, freed)
                    .iter()
                    .any(|one| one.account == Some(account)),
                (_, None) => false,
            };
            let is_free = rule.is_free || free.iter().any(is_freed);
            let (code, severity) = judged(is_free, rule.is_all, &rule.run_as)?;
            let severity = if matches!(who, Who::All) {
                Severity::High
            } else {
                severity
            };
            let tag = if is_free { "NOPASSWD: " } else { "" };
            let mut what = format!("({}) {tag}{}", rule.run_as, rule.commands);
            if let Some(by) = &holder.by {
                what.push_str("; ");
                what.push_str(by);
            }
            let mut found = Finding::new(code, severity, what);
            if let Some(account) = holder.account {
                found = found.of(account);
            }
            if let Some(place) = place {
                let below = place.path.strip_prefix("/").unwrap_or(&place.path);
                let facts = view.root.facts(below).ok().flatten();
                found = found.at(&place.path).on(place.line);
                found = found.since(facts.map(|facts| facts.written));
            }
            Some(found)
        })
        .collect()
}

/// What a rule is, if it is one that stands open.
fn judged(is_free: bool, is_all: bool, run_as: &str) -> Option<(Code, Severity)> {
    let users = run_as.split(':').next().unwrap_or_default();
    let has = |wanted: &[&str]| users.split(',').any(|user| wanted.contains(&user));
    let is_root = has(&["ALL", "root", "#0"]);
    match (is_all, is_free) {
        (true, true) if is_root => Some((Code::SudoAllFree, Severity::High)),
        (true, false) if is_root => Some((Code::SudoAll, Severity::Medium)),
        (true, true) => Some((Code::SudoAllFree, Severity::Medium)),
        (true, false) => Some((Code::SudoAll, Severity::Low)),
        (false, true) => Some((Code::SudoFree, Severity::Medium)),
        (false, false) if has(&["ALL"]) => Some((Code::SudoAnybody, Severity::Low)),
        (false, false) => None,
    }
}

/// The lines that are rules, in the order in which sudo reads them.
fn places(view: &View, sudoers: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    let mut files = 0;
    let mut open = vec![sudoers.to_owned()];
    let mut rest: Vec<Vec<Part>> = Vec::new();
    // Depth first, as sudo does: an included file stands where it is included.
    loop {
        if let Some(path) = open.pop() {
            files += 1;
            let below = path.strip_prefix("/").unwrap_or(&path);
            let text = view.root.text(below, MAX_FILE).ok().flatten();
            let mut of_file = text.map_or_else(Vec::new, |(text, _)| parts(&path, &text));
            of_file.reverse();
            rest.push(of_file);
        }
        let Some(current) = rest.last_mut() else {
            return found;
        };
        match current.pop() {
            None => {
                rest.pop();
            }
            Some(Part::Rule(place)) => found.push(place),
            Some(Part::Include { .. }) if files > MOST_FILES => {}
            Some(Part::Include { path, is_directory }) => {
                let path = included(view, sudoers, &path);
                if is_directory {
                    let mut all = directory(view, &path);
                    all.reverse();
                    current.extend(all);
                } else {
                    open.push(path);
                }
            }
        }
    }
}

/// The files of a directory as if each were included by name.
fn directory(view: &View, path: &Path) -> Vec<Part> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let (names, _) = view.root.names(below, MOST_FILES).unwrap_or_default();
    names
        .into_iter()
        .filter(|name| is_read_in_directory(&name.to_string_lossy()))
        .map(|name| Part::Include {
            path: path.join(name).to_string_lossy().into_owned(),
            is_directory: false,
        })
        .collect()
}

fn included(view: &View, sudoers: &Path, path: &str) -> PathBuf {
    let short = view.names.last().map_or("", String::as_str);
    let path = path.replace("%h", short);
    sudoers.parent().unwrap_or(Path::new("/")).join(path)
}

/// What sudo says of each account.
fn asked(view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    for (count, account) in view.accounts.iter().filter(|a| a.uid != 0).enumerate() {
        if count == MOST_ASKED || view.is_late() {
            findings.push(Finding::not_seen(
                "not of every account sudo was asked what it may do",
            ));
            break;
        }
        let said = match run::run(SUDO, &["-n", "-l", "-U", &account.name], PATIENCE) {
            Ok(said) => said,
            Err(error) => {
                findings.push(Finding::not_seen(error.to_string()).of(&account.name));
                // A sudo that hangs for one hangs for all.
                break;
            }
        };
        let Some(rules) = listed(&said.stdout).or_else(|| listed(&said.stderr)) else {
            let why = format!("sudo does not say what it may do: {}", said.stderr.trim());
            if known.insert(why.clone()) {
                findings.push(Finding::not_seen(why).of(&account.name));
            }
            continue;
        };
        for rule in rules {
            let run_as = rule
                .text
                .strip_prefix('(')
                .and_then(|rest| rest.split_once(')'));
            let run_as = run_as.map_or("root", |(run_as, _)| run_as).replace(' ', "");
            if let Some((code, severity)) = judged(rule.is_free, rule.is_all, &run_as) {
                findings.push(Finding::new(code, severity, &rule.text).of(&account.name));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_judged_by_what_it_opens() {
        for (is_free, is_all, run_as, expected) in [
            (
                true,
                true,
                "ALL:ALL",
                Some((Code::SudoAllFree, Severity::High)),
            ),
            (false, true, "root", Some((Code::SudoAll, Severity::Medium))),
            (
                true,
                true,
                "postgres",
                Some((Code::SudoAllFree, Severity::Medium)),
            ),
            (
                true,
                false,
                "root",
                Some((Code::SudoFree, Severity::Medium)),
            ),
            (
                false,
                false,
                "ALL",
                Some((Code::SudoAnybody, Severity::Low)),
            ),
            (false, false, "root", None),
            (false, false, "ALLY", None),
        ] {
            assert_eq!(judged(is_free, is_all, run_as), expected, "{run_as}");
        }
    }
}
