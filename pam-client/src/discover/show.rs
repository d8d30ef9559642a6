//! A report for people: a table by account.

use std::collections::BTreeMap;
use std::fmt::Write;

use portreeve_protocol::time::Timestamp;

use super::code::Code;
use super::finding::Finding;
use super::report::{Report, counts};

/// How findings are headed that belong to no account.
const OF_THE_HOST: &str = "the host";

/// The report as text.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, report);
    text
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    let (gaps, found): (Vec<&Finding>, Vec<&Finding>) = report
        .findings
        .iter()
        .partition(|found| found.code == Code::NotSeen);
    writeln!(text, "{} accounts, {}", report.accounts, summary(report))?;
    for (account, findings) in grouped(&found) {
        writeln!(text, "\n{account}")?;
        for found in findings {
            line(text, found)?;
        }
    }
    if !gaps.is_empty() {
        writeln!(text, "\nnot looked at")?;
        for gap in gaps {
            line(text, gap)?;
        }
    }
    if !report.codes.is_empty() {
        writeln!(text, "\nwhat to do")?;
        for (code, about) in &report.codes {
            writeln!(text, "  {code}  {}: {}", about.title, about.advice)?;
        }
    }
    Ok(())
}

/// How many findings of which severity.
fn summary(report: &Report) -> String {
    let counts = counts(&report.findings);
    if counts.iter().all(|(_, count)| *count == 0) {
        let gaps = if report.complete {
            ""
        } else {
            ", and not everything could be looked at"
        };
        return format!("nothing was found{gaps}");
    }
    counts
        .map(|(severity, count)| format!("{count} {}", severity.as_str()))
        .join(", ")
}

/// The findings of each account, accounts with the worst ones first.
fn grouped<'a>(found: &[&'a Finding]) -> Vec<(&'a str, Vec<&'a Finding>)> {
    let mut groups: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for found in found {
        let account = found.account.as_deref().unwrap_or(OF_THE_HOST);
        groups.entry(account).or_default().push(found);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, findings)| findings.first().map(|found| found.severity));
    groups
}

fn line(text: &mut String, found: &Finding) -> std::fmt::Result {
    let severity = if found.code == Code::NotSeen {
        "-"
    } else {
        found.severity.as_str()
    };
    write!(text, "  {severity:6}  {}  ", found.code.as_str())?;
    if found.code != Code::NotSeen {
        write!(text, "{}: ", found.code.title())?;
    } else if let Some(account) = &found.account {
        write!(text, "{account}: ")?;
    }
    writeln!(text, "{}", found.what)?;
    let place = match (&found.path, found.line) {
        (Some(path), Some(line)) => Some(format!("{path}:{line}")),
        (path, _) => path.clone(),
    };
    let since = found.since.map(|since| format!("since {}", day(since)));
    let last = found
        .last_login
        .map(|last| format!("last login {}", day(last)));
    let about: Vec<String> = [place, since, last].into_iter().flatten().collect();
    if about.is_empty() {
        Ok(())
    } else {
        writeln!(text, "                 {}", about.join(", "))
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| *c != 'T').collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::with;
    use super::*;
    use portreeve_protocol::inventory::Severity;
    use std::path::Path;

    #[test]
    fn a_host_without_standing_access_says_so() {
        assert_eq!(text(&with(vec![])), "27 accounts, nothing was found\n");
        let with_a_gap = text(&with(vec![Finding::not_seen("x")]));
        let head = "27 accounts, nothing was found, and not everything could be looked at\n";
        assert!(with_a_gap.starts_with(head), "{with_a_gap}");
    }

    #[test]
    fn findings_stand_under_their_account_and_the_worst_account_first() {
        let since = Some(Timestamp::from_seconds(1_600_000_000));
        let key = Finding::new(
            Code::AuthorizedKey,
            Severity::Medium,
            "ssh-ed25519 SHA256:a (x\x1b[2J)",
        )
        .of("alice")
        .at(Path::new("/home/alice/.ssh/authorized_keys"))
        .on(3)
        .since(since);
        let rule = Finding::new(Code::SudoAllFree, Severity::High, "(ALL) NOPASSWD: ALL").of("bob");
        let gap = Finding::not_seen("permission denied")
            .of("carol")
            .at(Path::new("/home/carol"));
        let shown = text(&with(vec![key, rule, gap]));
        let expected = "27 accounts, 1 high, 1 medium, 0 low\n\
            \nbob\n\
            \x20 high    SA130  sudo allows everything and asks for nothing: (ALL) NOPASSWD: ALL\n\
            \nalice\n\
            \x20 medium  SA101  a key opens the account: ssh-ed25519 SHA256:a (x\\u{1b}[2J)\n\
            \x20                /home/alice/.ssh/authorized_keys:3, since 2020-09-13\n\
            \nnot looked at\n\
            \x20 -       SA190  carol: permission denied\n\
            \x20                /home/carol\n\
            \nwhat to do\n\
            \x20 SA101  ";
        assert!(shown.starts_with(expected), "{shown}");
    }
}
