//! The whole look, for a person, for a program, or for the CA.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use portreeve_protocol::inventory::Severity;
use portreeve_protocol::time::Timestamp;
use serde::Serialize;

use super::code::Code;
use super::credentials::{self, Credentials};
use super::finding::{Finding, sorted};
use super::others;
use super::sshd::Sshd;
use super::sudo;
use super::tokens;
use super::view::{View, is_this_machine};
use crate::exit::Exit;
use crate::paths::Paths;

/// After how many accounts something is said about progress.
const STRIDE: usize = 50;

/// What a look came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// How this host calls itself.
    pub(crate) host: String,
    /// When looking began.
    pub(crate) at: Timestamp,
    /// Whether everything could be looked at.
    pub(crate) complete: bool,
    /// How many accounts there are, those of sessions left out.
    pub(crate) accounts: usize,
    /// What was found, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// What the codes mean that occur.
    pub(crate) codes: BTreeMap<&'static str, About>,
}

/// What a code means.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct About {
    /// What was found.
    pub(crate) title: &'static str,
    /// What to do about it.
    pub(crate) advice: &'static str,
}

impl Report {
    fn new(host: String, at: Timestamp, accounts: usize, findings: Vec<Finding>) -> Self {
        let codes: BTreeSet<Code> = findings.iter().map(|found| found.code).collect();
        let about = |code: Code| About {
            title: code.title(),
            advice: code.advice(),
        };
        Self {
            host,
            at,
            complete: !codes.contains(&Code::NotSeen),
            accounts,
            findings: sorted(findings),
            codes: codes
                .into_iter()
                .map(|code| (code.as_str(), about(code)))
                .collect(),
        }
    }

    /// What the exit status says.
    pub(crate) fn exit(&self) -> Exit {
        if self
            .findings
            .iter()
            .any(|found| found.code != Code::NotSeen)
        {
            Exit::NeedsALook
        } else if self.complete {
            Exit::Well
        } else {
            Exit::Incomplete
        }
    }
}

/// Looks at everything. `progress` is told in words how far it is.
pub(crate) fn look(paths: &Paths, now: Timestamp, progress: &mut dyn FnMut(&str)) -> Report {
    let mut findings = Vec::new();
    let view = match View::take(paths, now, &mut findings) {
        Ok(view) => view,
        Err(why) => {
            findings.push(Finding::not_seen(why));
            return Report::new(String::new(), now, 0, findings);
        }
    };
    progress("asking sshd and sudo");
    let sshd = Sshd::ask(&view, &mut findings);
    findings.extend(sshd.findings(&view, paths));
    if is_this_machine(paths) {
        findings.extend(sudo::look(&view, paths));
    }
    let mut found = Credentials::default();
    credentials::passwords(&view, &sshd, &mut found, &mut findings);
    of_homes(&view, &sshd, &mut found, &mut findings, progress);
    progress("looking at the host's own files");
    findings.extend(credentials::keys_of_the_host(&view, &sshd, &found));
    findings.extend(credentials::services(&view, &found));
    findings.extend(others::groups(&view));
    let doas = others::of_doas(&view, &mut findings);
    findings.extend(doas);
    findings.extend(others::of_polkit(&view));
    findings.extend(tokens::of_the_host(&view));
    let host = view.names.first().cloned().unwrap_or_default();
    Report::new(host, now, view.accounts.len(), findings)
}

/// Looks at the homes: twice, since a private key is told with the accounts that it opens.
fn of_homes(
    view: &View,
    sshd: &Sshd,
    found: &mut Credentials,
    findings: &mut Vec<Finding>,
    progress: &mut dyn FnMut(&str),
) {
    let mut unseen: BTreeSet<&str> = BTreeSet::new();
    for (count, account) in view.accounts.iter().enumerate() {
        if view.is_late() {
            findings.push(Finding::not_seen(
                "the time was over before all homes were seen",
            ));
            return;
        }
        if count % STRIDE == 0 {
            progress(&format!("homes: {count} of {}", view.accounts.len()));
        }
        let home = match view.home(account) {
            Ok(home) => home,
            Err(why) => {
                unseen.insert(&account.name);
                let home = PathBuf::from(&account.home);
                findings.push(Finding::not_seen(why).of(&account.name).at(&home));
                None
            }
        };
        let keys = credentials::authorized_keys(view, account, home.as_ref(), sshd, found);
        findings.extend(keys);
    }
    let mut seen = BTreeSet::new();
    let accounts = view.accounts.iter();
    for account in accounts.filter(|account| !unseen.contains(account.name.as_str())) {
        if view.is_late() {
            findings.push(Finding::not_seen(
                "the time was over before all homes were seen",
            ));
            return;
        }
        if let Ok(Some(home)) = view.home(account)
            && seen.insert(home.path().to_owned())
        {
            findings.extend(credentials::private_keys(&home, account, found));
            findings.extend(tokens::in_home(view, &home, account));
        }
    }
}

/// How many findings there are of each severity, what could not be looked at left aside.
pub(crate) fn counts(findings: &[Finding]) -> [(Severity, usize); 3] {
    [Severity::High, Severity::Medium, Severity::Low].map(|severity| {
        let is_one = |found: &&Finding| found.severity == severity && found.code != Code::NotSeen;
        (severity, findings.iter().filter(is_one).count())
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn with(findings: Vec<Finding>) -> Report {
        Report::new(
            "prod-1".into(),
            Timestamp::from_seconds(1_700_000_000),
            27,
            findings,
        )
    }

    #[test]
    fn the_exit_status_tells_nothing_something_and_not_everything() {
        let gap = Finding::not_seen("x");
        let key = Finding::new(Code::AuthorizedKey, Severity::Low, "x");
        for (findings, expected) in [
            (vec![], Exit::Well),
            (vec![gap.clone()], Exit::Incomplete),
            (vec![gap, key], Exit::NeedsALook),
        ] {
            assert_eq!(with(findings).exit(), expected);
        }
    }
}
