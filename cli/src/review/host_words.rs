//! What hosts attest and receipt, in words.

use portreeve_protocol::attest::{HostCheck, Reach, Receipt};

use super::words::{moment, why};

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
