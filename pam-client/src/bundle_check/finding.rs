//! Something that is not as it should be on this host.

use std::collections::HashSet;
use std::path::Path;

use portreeve_sudo_policy::code::Code;
use serde::Serialize;

use crate::log;

/// How much a finding matters, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The bundle does not work here, or somebody can get round it.
    Error,
    /// Somebody should look.
    Warning,
    /// Worth knowing.
    Note,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Finding {
    /// How much it matters.
    pub(crate) severity: Severity,
    /// What kind.
    pub(crate) code: Code,
    /// The file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// What is wrong, in words.
    pub(crate) detail: String,
}

impl Finding {
    /// A finding about the host as a whole.
    pub(crate) fn new(code: Code, severity: Severity, detail: impl AsRef<str>) -> Self {
        Self {
            severity,
            code,
            path: None,
            // What tools and file names say is foreign text.
            detail: log::one_line(detail.as_ref()),
        }
    }

    /// The same about a file.
    pub(crate) fn about(self, path: &Path) -> Self {
        Self {
            path: Some(log::one_line(&path.to_string_lossy())),
            ..self
        }
    }
}

/// The findings in the order in which somebody should look at them.
pub(crate) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut known = HashSet::new();
    findings.retain(|finding| known.insert(finding.clone()));
    // Of the same kind and place, the order in which they were found.
    findings.sort_by(|a, b| (a.severity, a.code, &a.path).cmp(&(b.severity, b.code, &b.path)));
    findings
}
