//! A way in that stands open on this host.

use std::collections::HashSet;
use std::path::Path;

use portreeve_protocol::inventory::Severity;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::unseen::is_unseen;
use serde::Serialize;

use super::code::Code;
use crate::log;

/// Longest text that is kept; what is longer ends in `…`.
pub(crate) const MAX_TEXT: usize = 240;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Finding {
    /// What kind.
    pub(crate) code: Code,
    /// How much it opens.
    pub(crate) severity: Severity,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// What it is, in words.
    pub(crate) what: String,
    /// The file that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The line there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// When that file was last changed, or the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// When the account last logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_login: Option<Timestamp>,
}

impl Finding {
    /// A finding about the host as a whole.
    pub(crate) fn new(code: Code, severity: Severity, what: impl AsRef<str>) -> Self {
        Self {
            code,
            severity,
            account: None,
            what: shown(what.as_ref()),
            path: None,
            line: None,
            since: None,
            last_login: None,
        }
    }

    /// Something that could not be looked at.
    pub(crate) fn not_seen(why: impl AsRef<str>) -> Self {
        Self::new(Code::NotSeen, Severity::Low, why)
    }

    /// The same of an account.
    pub(crate) fn of(self, account: &str) -> Self {
        Self {
            account: Some(shown(account)),
            ..self
        }
    }

    /// The same in a file.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self {
            // A directory that was joined with nothing ends in a slash.
            path: Some(shown(path.to_string_lossy().trim_end_matches('/'))),
            ..self
        }
    }

    /// The same in a line of its file.
    pub(crate) fn on(self, line: usize) -> Self {
        Self {
            line: u32::try_from(line).ok(),
            ..self
        }
    }

    /// The same, there since then.
    pub(crate) fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }
}

/// Foreign text as one line of at most [`MAX_TEXT`] bytes that cannot drive a terminal.
pub(crate) fn shown(text: &str) -> String {
    // Nothing beyond is kept, so nothing beyond is escaped.
    let head: String = text.chars().take(MAX_TEXT).collect();
    let line: String = log::one_line(&head)
        .chars()
        .map(|c| if is_unseen(c) { '\u{fffd}' } else { c })
        .collect();
    if line.len() <= MAX_TEXT && head.len() == text.len() {
        return line;
    }
    let mut short = String::with_capacity(MAX_TEXT);
    for c in line.chars() {
        if short.len() + c.len_utf8() + '…'.len_utf8() > MAX_TEXT {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// The findings in the order in which somebody should look at them, each once.
pub(crate) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut known = HashSet::new();
    findings.retain(|finding| known.insert(finding.clone()));
    findings.sort_by(|a, b| {
        (a.severity, a.code, &a.account, &a.path, a.line)
            .cmp(&(b.severity, b.code, &b.account, &b.path, b.line))
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_short_and_drives_no_terminal() {
        for text in [
            "alice@laptop\x1b[2J\u{202e}gpj",
            &"x".repeat(MAX_TEXT + 1),
            &"\u{1}".repeat(MAX_TEXT),
            &"ä".repeat(10_000),
        ] {
            let shown = shown(text);
            assert!(shown.len() <= MAX_TEXT, "{}", shown.len());
            assert!(!shown.chars().any(is_unseen));
        }
        assert_eq!(shown("alice@laptop"), "alice@laptop");
        assert!(shown(&"x".repeat(MAX_TEXT + 1)).ends_with('…'));
    }

    #[test]
    fn the_worst_comes_first_and_nothing_twice() {
        let low = Finding::not_seen("x");
        let high = Finding::new(Code::EmptyPassword, Severity::High, "x").of("bob");
        let found = sorted(vec![low.clone(), high.clone(), low.clone()]);
        assert_eq!(found, [high, low]);
    }
}
