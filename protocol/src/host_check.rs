//! What a host found when it looked at its sudo and at the programs that a session's bundle names.
//!
//! Part of the attestation, and so under the host's signature. It says what is; whether anything
//! may be done on such a host is for the policy to say.

use serde::{Deserialize, Serialize};

/// Most findings that are listed; the rest is a number.
pub const MAX_FINDINGS: usize = 32;
/// Most vulnerabilities that are listed.
pub const MAX_VULNERABILITIES: usize = 32;
/// Longest text of a host's own, in bytes.
pub const MAX_TEXT: usize = 512;

/// What a host found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostCheck {
    /// Whether everything could be looked at in the time that there was.
    pub complete: bool,
    /// The package that sudo came from, for example `sudo 1.9.13p3-1+deb12u2`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The known vulnerabilities that its sudo has or may have, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<SudoVulnerability>,
    /// What is not as it should be, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<HostFinding>,
    /// How many more findings there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u32,
    /// How many of the bundle's programs this host does not have. A bundle is shared by hosts that
    /// differ, so that is no finding.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A published vulnerability of sudo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SudoVulnerability {
    /// Its CVE number.
    pub id: String,
    /// Whom it serves.
    pub reach: Reach,
    /// Whether this sudo has it for certain; otherwise the host cannot tell whether its
    /// distribution repaired it.
    pub certain: bool,
}

/// Whom a vulnerability of sudo serves, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Any local account becomes root by it, whatever the rules say.
    AnyAccount,
    /// It takes a rule or a setting that no bundle writes and a host's own sudoers may have.
    Configured,
    /// It tells something, or spoils a log.
    Minor,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFinding {
    /// What kind, as `SP403`.
    pub code: String,
    /// The program or file that it is about, as the bundle or the host names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The same in words.
    pub detail: String,
}

impl HostCheck {
    /// Whether the lists and texts keep to their limits. A host that says more is not believed:
    /// what it says becomes part of every decision of the session.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        let short = |text: &str| text.len() <= MAX_TEXT;
        let finding = |finding: &HostFinding| {
            short(&finding.code)
                && short(&finding.detail)
                && finding.path.as_deref().is_none_or(short)
        };
        self.vulnerabilities.len() <= MAX_VULNERABILITIES
            && self.findings.len() <= MAX_FINDINGS
            && self.package.as_deref().is_none_or(short)
            && self.vulnerabilities.iter().all(|known| short(&known.id))
            && self.findings.iter().all(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> HostCheck {
        HostCheck {
            complete: true,
            package: None,
            vulnerabilities: vec![],
            findings: vec![],
            more: 0,
            missing: 0,
        }
    }

    fn finding(detail: usize) -> HostFinding {
        HostFinding {
            code: "SP403".into(),
            path: Some("/usr/bin/ss".into()),
            detail: "x".repeat(detail),
        }
    }

    #[test]
    fn a_clean_host_says_little() {
        assert_eq!(
            serde_json::to_string(&clean()).unwrap(),
            r#"{"complete":true}"#
        );
    }

    #[test]
    fn what_is_said_is_read_back() {
        let check = HostCheck {
            package: Some("sudo 1.9.13p3-1+deb12u1".into()),
            vulnerabilities: vec![SudoVulnerability {
                id: "CVE-2025-32462".into(),
                reach: Reach::Configured,
                certain: true,
            }],
            findings: vec![finding(3)],
            more: 1,
            missing: 2,
            ..clean()
        };
        let text = serde_json::to_string(&check).unwrap();
        assert_eq!(serde_json::from_str::<HostCheck>(&text).unwrap(), check);
        assert!(check.is_within_limits());
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        for text in [
            "{}",
            r#"{"complete":true,"root":1}"#,
            r#"{"complete":true,"vulnerabilities":[{"id":"x","reach":"all","certain":true}]}"#,
        ] {
            assert!(serde_json::from_str::<HostCheck>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_that_says_too_much_is_over_the_limits() {
        let long = |detail| HostCheck {
            findings: vec![finding(detail)],
            ..clean()
        };
        assert!(long(MAX_TEXT).is_within_limits());
        assert!(!long(MAX_TEXT + 1).is_within_limits());
        let many = |count| HostCheck {
            findings: vec![finding(1); count],
            ..clean()
        };
        assert!(many(MAX_FINDINGS).is_within_limits());
        assert!(!many(MAX_FINDINGS + 1).is_within_limits());
    }
}
