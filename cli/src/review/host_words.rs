//! What hosts attest, report and receipt, in words.

use portreeve_protocol::attest::{HostCheck, HostEvent, HostFact, Reach, Receipt};

use super::watched;
use super::words::{moment, why};
use crate::ssh::quote;

/// What a host found when it looked at itself; nothing when there is nothing to tell.
pub(super) fn found(check: &HostCheck) -> String {
    let known = check.vulnerabilities.iter().map(|known| {
        let doubt = if known.certain { "" } else { "possibly " };
        match known.reach {
            Reach::AnyAccount => format!("{doubt}{} (ANY ACCOUNT BECOMES ROOT)", known.id),
            Reach::Configured | Reach::Minor => format!("{doubt}{}", known.id),
        }
    });
    let findings = check.findings.iter().map(|finding| {
        let path = finding
            .path
            .as_ref()
            .map_or_else(String::new, |path| format!(" {path}:"));
        format!("{}{path} {}", finding.code, finding.detail)
    });
    let more = (check.more > 0).then(|| format!("{} more findings", check.more));
    let unseen = (!check.complete).then(|| "not everything could be looked at".to_owned());
    let all: Vec<String> = known.chain(findings).chain(more).chain(unseen).collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("; found: {}", all.join("; "))
    }
}

/// What a host says of the end of an account.
pub(super) fn gone(receipt: &Receipt) -> String {
    let killed = receipt
        .killed
        .len()
        .saturating_add(usize::try_from(receipt.killed_more).unwrap_or(usize::MAX));
    let left = if receipt.left.is_empty() {
        String::new()
    } else {
        format!("; LEFT BEHIND: {}", receipt.left.join(", "))
    };
    format!(
        "{} receipts: {} is gone at {} ({}); {killed} processes killed, {} sudo commands ran{left}",
        receipt.host,
        receipt.account,
        moment(receipt.gone_at),
        why(receipt.cause),
        receipt.sudo_commands
    )
}

/// What a host reports while a session runs.
pub(super) fn event(event: &HostEvent) -> String {
    match &event.fact {
        HostFact::Sudo {
            allowed,
            command,
            argv,
            run_as,
            reason,
            rule,
            comment,
            ..
        } => {
            let line = if argv.is_empty() {
                command.clone()
            } else {
                quote::command_line(argv)
            };
            match (allowed, reason) {
                (true, _) => {
                    let by = [rule, comment].map(|text| text.as_deref().unwrap_or_default());
                    let by = match by {
                        ["", _] => String::new(),
                        [rule, ""] => format!(" ({rule})"),
                        [rule, comment] => format!(" ({rule}: {comment})"),
                    };
                    format!("sudo ran as {run_as}: {line}{by}")
                }
                (false, Some(reason)) => format!("sudo REFUSED as {run_as}: {line} ({reason})"),
                (false, None) => format!("sudo REFUSED as {run_as}: {line}"),
            }
        }
        HostFact::Login { pid } => format!("login on the host, process {pid}"),
        HostFact::Watched { seen } => watched::sightings(seen),
    }
}
