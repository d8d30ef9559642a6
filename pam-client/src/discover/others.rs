//! Ways to become root beside sudo: groups, doas, polkit.

use std::path::Path;

use portreeve_protocol::inventory::Severity;

use super::accounts::Account;
use super::code::Code;
use super::finding::Finding;
use super::powers::{POWERS, doas, polkit};
use super::view::View;

/// Most files of a directory of rules.
const MOST_FILES: usize = 500;
/// The largest file of rules.
const MAX_FILE: u64 = 256 * 1024;
/// Where polkit's rules lie; what packages bring counts less than what somebody wrote.
const POLKIT: [(&str, &str, Severity); 4] = [
    ("etc/polkit-1/rules.d", ".rules", Severity::Medium),
    (
        "etc/polkit-1/localauthority/50-local.d",
        ".pkla",
        Severity::Medium,
    ),
    ("usr/share/polkit-1/rules.d", ".rules", Severity::Low),
    (
        "var/lib/polkit-1/localauthority/10-vendor.d",
        ".pkla",
        Severity::Low,
    ),
];

/// Members of groups that are root in effect.
pub(super) fn groups(view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    for power in &POWERS {
        for account in view.groups.members(power.group, &view.accounts) {
            // A service is in the group that was made for it.
            let is_own_service =
                view.services.has(account) && view.groups.gid(power.group) == Some(account.gid);
            let is_idle = !account.has_shell() && power.severity != Severity::High;
            if account.uid == 0 || is_own_service || is_idle {
                continue;
            }
            let severity = if account.has_shell() {
                power.severity
            } else {
                Severity::Low
            };
            let what = format!("`{}`, which {}", power.group, power.can);
            findings.push(Finding::new(Code::Power, severity, what).of(&account.name));
        }
    }
    findings
}

/// The rules of doas.
pub(super) fn of_doas(view: &View, findings: &mut Vec<Finding>) -> Vec<Finding> {
    let path = Path::new("etc/doas.conf");
    let Some(text) = view.text("etc/doas.conf", findings) else {
        return Vec::new();
    };
    let since = view
        .root
        .facts(path)
        .ok()
        .flatten()
        .map(|facts| facts.written);
    let mut found = Vec::new();
    for rule in doas(&text) {
        let severity = match (rule.is_all, rule.is_free) {
            (true, true) => Severity::High,
            (true, false) | (false, true) => Severity::Medium,
            (false, false) => Severity::Low,
        };
        let one = Finding::new(Code::Doas, severity, &rule.text);
        let one = one
            .at(&Path::new("/").join(path))
            .on(rule.line)
            .since(since);
        match rule.whom.strip_prefix(':') {
            Some(group) => {
                let members = view.groups.members(group, &view.accounts).into_iter();
                let others = members.filter(|account| account.uid != 0);
                found.extend(others.map(|account: &Account| one.clone().of(&account.name)));
            }
            None if rule.whom == "root" => {}
            None => found.push(one.of(&rule.whom)),
        }
    }
    found
}

/// Rules of polkit that say yes: that they are there, since a program decides in them.
pub(super) fn of_polkit(view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (directory, ending, severity) in POLKIT {
        let directory = Path::new(directory);
        let shown = |name: &Path| Path::new("/").join(directory).join(name);
        let names = match view.root.names(directory, MOST_FILES) {
            Ok((names, _)) => names,
            Err(gap) => {
                findings.push(Finding::not_seen(gap.to_string()).at(&shown(Path::new(""))));
                continue;
            }
        };
        for name in names {
            if !name.to_string_lossy().ends_with(ending) {
                continue;
            }
            let (text, facts) = match view.root.text(&directory.join(&name), MAX_FILE) {
                Ok(Some(read)) => read,
                Ok(None) => continue,
                Err(gap) => {
                    findings.push(Finding::not_seen(gap.to_string()).at(&shown(&name)));
                    continue;
                }
            };
            let rules = polkit(&text);
            if !rules.is_open() {
                continue;
            }
            let about = match rules.groups.as_slice() {
                [] => "names no group".to_owned(),
                groups => format!("names the groups {}", groups.join(", ")),
            };
            findings.extend(rules.lines.into_iter().map(|line| {
                let found = Finding::new(Code::Polkit, severity, format!("the file {about}"));
                found.at(&shown(&name)).on(line).since(Some(facts.written))
            }));
        }
    }
    findings
}
