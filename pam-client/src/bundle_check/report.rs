//! The whole check, for a person or for a program.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use portreeve_protocol::attest::Reach;
use portreeve_protocol::name::AccountName;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::diagnostic::Report as Problems;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{RenderError, Until};
use serde::Serialize;

use super::besides;
use super::digests::{Digests, LARGEST};
use super::finding::{Finding, Severity, sorted};
use super::program::{Found, Hashing, look_at, of_bundle};
use super::show;
use super::sudo::{self, SudoSeen};
use crate::accept::{self, NotAccepted};
use crate::exit::Exit;
use crate::log;
use crate::paths::Paths;
use crate::sudoers::{self, Sudo};

/// Larger than any bundle, so that the bundle's own reader says what is too large.
const MAX_BUNDLE: u64 = 1024 * 1024;
/// The account for which rules are written when there is no session.
const ACCOUNT: &str = "pr-0000000000000000";

/// What a check came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The bundle.
    pub(crate) bundle: BundleRef,
    /// This host's sudo.
    pub(crate) sudo: SudoReport,
    /// Whether everything could be looked at.
    pub(crate) complete: bool,
    /// Whether rules were written for this sudo, and its visudo takes them.
    pub(crate) rules: bool,
    /// The programs that the bundle names.
    pub(crate) programs: Vec<Found>,
    /// What is not as it should be on the host as a whole.
    pub(crate) findings: Vec<Finding>,
}

/// This host's sudo in a [`Report`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SudoReport {
    /// Where it really lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// What it is, as `sudo 1.9.13`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// The package that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<String>,
    /// Known vulnerabilities that it has or may have, the worst first.
    pub(crate) vulnerabilities: Vec<KnownReport>,
}

/// A vulnerability in a [`Report`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct KnownReport {
    /// Its CVE number.
    pub(crate) id: &'static str,
    /// What it lets somebody do.
    pub(crate) title: &'static str,
    /// Whom it serves.
    pub(crate) reach: Reach,
    /// Whether this sudo has it for certain.
    pub(crate) certain: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoReport {
    /// The file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Io(String, #[source] std::io::Error),
    /// The file is no bundle; what is wrong with it, for people.
    #[error("{0}")]
    NotABundle(String),
}

/// Checks the bundle in a file on this host; the text for standard output, and the exit status.
///
/// # Errors
/// When the file is no bundle.
pub(crate) fn run(paths: &Paths, file: &Path, json: bool) -> Result<(String, Exit), NoReport> {
    let report = report(paths, &read(file)?);
    let text = if json {
        let text = serde_json::to_string_pretty(&report);
        // A report is made of texts and numbers, which have a form in JSON.
        format!("{}\n", text.unwrap_or_default())
    } else {
        show::text(&report)
    };
    Ok((text, exit(&report)))
}

fn read(file: &Path) -> Result<Bundle, NoReport> {
    let name = file.to_string_lossy();
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_BUNDLE).read_to_end(&mut bytes))
        .map_err(|error| NoReport::Io(log::one_line(&name), error))?;
    Bundle::parse(&name, &bytes).map_err(|report| NoReport::NotABundle(report.render()))
}

fn report(paths: &Paths, bundle: &Bundle) -> Report {
    let sudo = Arc::new(Sudo::default());
    let seen = sudo::look_at(&sudo, paths);
    let digests = Digests::up_to(LARGEST);
    let programs: Vec<Found> = of_bundle(bundle)
        .iter()
        .map(|wanted| look_at(wanted, Hashing::All, &digests, seen.noexec.as_ref()))
        .collect();
    let mut findings = seen.findings.clone();
    findings.extend(sudo::vulnerabilities(&seen));
    let refused = seen
        .dialect
        .map_or_else(Vec::new, |dialect| refused(paths, bundle, dialect));
    let rules = seen.dialect.is_some() && refused.is_empty();
    findings.extend(refused);
    findings.extend(besides::look_at(seen.dialect, paths));
    let is_seen = |finding: &Finding| finding.code != Code::NotSeen;
    let complete = findings
        .iter()
        .chain(programs.iter().flat_map(|found| &found.findings))
        .all(is_seen);
    Report {
        bundle: BundleRef {
            name: bundle.name().clone(),
            digest: bundle.digest(),
        },
        sudo: SudoReport::of(&seen),
        complete,
        rules,
        programs,
        findings: sorted(findings),
    }
}

impl SudoReport {
    fn of(seen: &SudoSeen) -> Self {
        Self {
            path: seen.real_path.clone(),
            version: seen.dialect.map(|dialect| dialect.to_string()),
            package: seen.package.name.clone(),
            vulnerabilities: seen
                .verdicts
                .iter()
                .map(|verdict| KnownReport {
                    id: verdict.vulnerability.id,
                    title: verdict.vulnerability.title,
                    reach: verdict.vulnerability.reach,
                    certain: verdict.certain,
                })
                .collect(),
        }
    }
}

/// Why a session with this bundle would be refused here; nothing when it would not.
fn refused(paths: &Paths, bundle: &Bundle, dialect: Dialect) -> Vec<Finding> {
    let Ok(account) = ACCOUNT.parse::<AccountName>() else {
        return Vec::new();
    };
    // Any end is as good as another for being read, and these rules are for nobody.
    let until = Until::of(Timestamp::from_seconds(0));
    let rules = match accept::written(bundle, &account, until, dialect, paths) {
        Ok(rules) => rules,
        Err(error) => return not_written(&error),
    };
    let visudo = |detail: String| vec![Finding::new(Code::RulesRefused, Severity::Error, detail)];
    sudoers::check_apart(&rules)
        .err()
        .map_or_else(Vec::new, |error| visudo(error.to_string()))
}

/// What keeps rules from being written, each problem of the bundle on its own.
fn not_written(error: &NotAccepted) -> Vec<Finding> {
    let NotAccepted::BundleInexpressible(problem) = error else {
        let detail = error.to_string();
        return vec![Finding::new(Code::NotExpressible, Severity::Error, detail)];
    };
    if let RenderError::TooOld { .. } = problem {
        let detail = problem.to_string();
        return vec![Finding::new(Code::NoUsableSudo, Severity::Error, detail)];
    }
    match problem.report() {
        Some(report) => of_bundle_problems(report),
        None => {
            let detail = problem.to_string();
            vec![Finding::new(Code::NotExpressible, Severity::Error, detail)]
        }
    }
}

/// The problems of a bundle on this sudo; those that differ only in their line are one.
fn of_bundle_problems(report: &Problems) -> Vec<Finding> {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for found in report.findings() {
        let text = format!("{} ({}); {}", found.message, found.code, found.help);
        let line = found.line.to_string();
        match all.iter_mut().find(|(known, _)| *known == text) {
            Some((_, lines)) => lines.push(line),
            None => all.push((text, vec![line])),
        }
    }
    all.iter()
        .map(|(text, lines)| {
            let lines = match lines.as_slice() {
                [line] => format!("line {line}"),
                lines => format!("lines {}", lines.join(", ")),
            };
            let detail = format!("{lines}: {text}");
            Finding::new(Code::NotExpressible, Severity::Error, detail)
        })
        .collect()
}

/// What the exit status says.
fn exit(report: &Report) -> Exit {
    let all = || {
        let of_programs = report.programs.iter().flat_map(|found| &found.findings);
        report.findings.iter().chain(of_programs)
    };
    let is_unusable = |finding: &Finding| {
        matches!(
            finding.code,
            Code::NoUsableSudo | Code::NotExpressible | Code::RulesRefused | Code::RulesNotRead
        )
    };
    if all().any(is_unusable) {
        Exit::Failed
    } else if all().any(|finding| finding.severity != Severity::Note) {
        Exit::NeedsALook
    } else if report.complete {
        Exit::Well
    } else {
        Exit::Incomplete
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn empty() -> Report {
        let bundle = Bundle::parse("b", portreeve_sudo_policy::STARTER_BUNDLE.as_bytes()).unwrap();
        Report {
            bundle: BundleRef {
                name: bundle.name().clone(),
                digest: bundle.digest(),
            },
            sudo: SudoReport {
                path: Some("/usr/bin/sudo".into()),
                version: Some("sudo 1.9.13".into()),
                package: Some("sudo 1.9.13p3-1+deb12u4".into()),
                vulnerabilities: vec![],
            },
            complete: true,
            rules: true,
            programs: vec![],
            findings: vec![],
        }
    }

    #[test]
    fn what_a_sudo_cannot_express_is_told_line_by_line() {
        let text = r#"
name = "look"
description = "Looks."
intent = "read-only"

[[command]]
path = "/usr/bin/ls"
args_pattern = "^-l /var/log/[a-z]+$"

[[command]]
path = "/usr/bin/stat"
args_pattern = "^/var/log/[a-z]+$"

[[command]]
path = "/usr/bin/cat"
args = ["/etc/hostname"]
digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
"#;
        let bundle = Bundle::parse("look.toml", text.as_bytes()).unwrap();
        let refused = |dialect: &str| {
            let dialect = Dialect::from_version_output(dialect).unwrap();
            refused(&Paths::system(), &bundle, dialect)
                .iter()
                .map(|finding| (finding.code, finding.detail.clone()))
                .collect::<Vec<_>>()
        };
        let by_rs = refused("sudo-rs 0.2.8");
        assert_eq!(by_rs.len(), 2, "{by_rs:?}");
        for (code, detail) in &by_rs {
            assert_eq!(*code, Code::NotExpressible);
            assert!(
                detail.starts_with("line") && detail.contains("(SP3"),
                "{detail}"
            );
        }
        let of_patterns = by_rs
            .iter()
            .any(|(_, detail)| detail.starts_with("lines 8, 12: "));
        assert!(of_patterns, "{by_rs:?}");
        let by_old = refused("Sudo version 1.8.31");
        assert_eq!(by_old[0].0, Code::NoUsableSudo, "{by_old:?}");
    }

    #[test]
    fn a_report_in_json_has_the_fields_that_the_page_has() {
        let file = Path::new("/usr/bin/ss");
        let finding = |severity| Finding::new(Code::OthersMayReplace, severity, "x").about(file);
        let whole = Report {
            sudo: SudoReport {
                vulnerabilities: vec![KnownReport {
                    id: "CVE-2025-32463",
                    title: "any account becomes root",
                    reach: Reach::AnyAccount,
                    certain: true,
                }],
                ..empty().sudo
            },
            programs: vec![Found {
                path: "/bin/ss".into(),
                real_path: Some("/usr/bin/ss".into()),
                exists: true,
                digest: Some(portreeve_protocol::digest::Digest::of(b"")),
                findings: vec![finding(Severity::Error)],
            }],
            findings: vec![
                finding(Severity::Warning),
                Finding::new(Code::NotSeen, Severity::Note, "y"),
            ],
            ..empty()
        };
        let none = Report {
            sudo: SudoReport {
                path: None,
                version: None,
                package: None,
                vulnerabilities: vec![],
            },
            complete: false,
            rules: false,
            programs: vec![Found {
                path: "/bin/ss".into(),
                real_path: None,
                exists: false,
                digest: None,
                findings: vec![],
            }],
            ..empty()
        };
        let bundle = serde_json::json!({
            "name": whole.bundle.name, "digest": whole.bundle.digest.to_string(),
        });
        let of_file = |severity| {
            serde_json::json!({
                "severity": severity, "code": "SP403", "path": "/usr/bin/ss", "detail": "x",
            })
        };
        for (report, expected) in [
            (
                whole,
                serde_json::json!({
                    "bundle": bundle,
                    "sudo": {
                        "path": "/usr/bin/sudo", "version": "sudo 1.9.13",
                        "package": "sudo 1.9.13p3-1+deb12u4",
                        "vulnerabilities": [{
                            "id": "CVE-2025-32463", "title": "any account becomes root",
                            "reach": "any_account", "certain": true,
                        }],
                    },
                    "complete": true,
                    "rules": true,
                    "programs": [{
                        "path": "/bin/ss", "real_path": "/usr/bin/ss", "exists": true,
                        "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                        "findings": [of_file("error")],
                    }],
                    "findings": [
                        of_file("warning"),
                        { "severity": "note", "code": "SP420", "detail": "y" },
                    ],
                }),
            ),
            (
                none,
                serde_json::json!({
                    "bundle": bundle,
                    "sudo": { "vulnerabilities": [] },
                    "complete": false,
                    "rules": false,
                    "programs": [{ "path": "/bin/ss", "exists": false, "findings": [] }],
                    "findings": [],
                }),
            ),
        ] {
            assert_eq!(serde_json::to_value(&report).unwrap(), expected);
        }
    }

    #[test]
    fn the_exit_status_is_that_of_the_worst() {
        let with = |code, severity, complete| Report {
            findings: vec![Finding::new(code, severity, "x")],
            complete,
            ..empty()
        };
        for (report, expected) in [
            (empty(), Exit::Well),
            (with(Code::ProgramMissing, Severity::Note, true), Exit::Well),
            (with(Code::NotSeen, Severity::Note, false), Exit::Incomplete),
            (
                with(Code::KnownVulnerability, Severity::Warning, true),
                Exit::NeedsALook,
            ),
            (
                with(Code::OthersMayReplace, Severity::Error, false),
                Exit::NeedsALook,
            ),
            (
                with(Code::NotExpressible, Severity::Error, true),
                Exit::Failed,
            ),
        ] {
            assert_eq!(exit(&report), expected, "{:?}", report.findings);
        }
    }
}
