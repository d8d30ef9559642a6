//! This host's sudo: where it lies, what it is, where it comes from, and what is known against it.

use std::path::Path;

use portreeve_protocol::attest::Reach;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::vulnerable::{Verdict, assess};

use super::finding::{Finding, Severity};
use super::origin::{self, Package};
use super::preload::Preload;
use super::program::{HostEyes, not_seen, of_gap};
use super::walk::{End, walk};
use crate::paths::{Paths, text};
use crate::sudoers::{SUDO, Sudo};

const SETUID: u32 = 0o4000;

/// What was found out about sudo.
#[derive(Debug, Clone)]
pub(crate) struct SudoSeen {
    /// Where it really lies.
    pub(crate) real_path: Option<String>,
    /// What it is, if it is one for which rules are written.
    pub(crate) dialect: Option<Dialect>,
    /// How it holds `noexec`, where that is by a library; none where the kernel does.
    pub(crate) noexec: Option<Preload>,
    /// Where it comes from.
    pub(crate) package: Package,
    /// The known vulnerabilities that it has or may have, the worst first.
    pub(crate) verdicts: Vec<Verdict>,
    /// What is not as it should be, beside the vulnerabilities.
    pub(crate) findings: Vec<Finding>,
}

/// Looks at sudo.
pub(crate) fn look_at(sudo: &Sudo, paths: &Paths) -> SudoSeen {
    let mut findings = Vec::new();
    let way = walk(Path::new(SUDO), &HostEyes);
    findings.extend(way.gaps.iter().map(of_gap));
    let real_path = match way.end {
        End::There(path, seen) => {
            if seen.mode & SETUID == 0 || is_nosuid(&path) {
                let detail = "is not setuid, or lies on a file system that is mounted `nosuid`";
                findings.push(
                    Finding::new(Code::SudoNotPrivileged, Severity::Error, detail).about(&path),
                );
            }
            Some(path)
        }
        End::Missing => None,
        End::NotSeen(path, why) => {
            findings.push(not_seen(&path, &why));
            None
        }
    };
    let said = sudo.said();
    if let Err(error) = &said {
        let detail = error.to_string();
        findings.push(Finding::new(Code::NoUsableSudo, Severity::Error, detail));
    }
    let said = said.ok();
    let mut noexec = None;
    if let (Some(Dialect::Sudo(_)), Some(path)) = (said.map(|said| said.dialect), &real_path) {
        match Preload::of(path) {
            Ok(preload) => noexec = preload,
            Err(error) => findings.push(not_seen(path, &error.to_string())),
        }
    }
    let numbered = said.and_then(|said| said.numbered);
    let release = numbered.map(|(_, release)| release);
    let package = origin::of(
        real_path.as_deref().unwrap_or(Path::new(SUDO)),
        release,
        paths,
    );
    let verdicts = numbered.map_or_else(Vec::new, |(program, release)| {
        assess(program, release, &package.origin)
    });
    SudoSeen {
        real_path: real_path.as_deref().map(text),
        dialect: said.map(|said| said.dialect),
        noexec,
        package,
        verdicts,
        findings,
    }
}

fn is_nosuid(path: &Path) -> bool {
    use rustix::fs::StatVfsMountFlags;
    rustix::fs::statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOSUID))
}

/// The vulnerabilities as findings, for people.
pub(crate) fn vulnerabilities(seen: &SudoSeen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.verdicts.iter().map(of_verdict).collect();
    if let Some(why) = &seen.package.unknown {
        findings.push(Finding::new(Code::PatchLevelUnknown, Severity::Note, why));
    }
    findings
}

fn of_verdict(verdict: &Verdict) -> Finding {
    let known = verdict.vulnerability;
    let (code, severity) = match (verdict.certain, known.reach) {
        (true, Reach::AnyAccount) => (Code::KnownVulnerability, Severity::Error),
        (true, Reach::Configured) => (Code::KnownVulnerability, Severity::Warning),
        (true, Reach::Minor) => (Code::KnownVulnerability, Severity::Note),
        (false, Reach::AnyAccount) => (Code::PatchLevelUnknown, Severity::Warning),
        (false, Reach::Configured | Reach::Minor) => (Code::PatchLevelUnknown, Severity::Note),
    };
    let doubt = if verdict.certain {
        ""
    } else {
        " (cannot tell whether it is repaired here)"
    };
    Finding::new(
        code,
        severity,
        format!("{}: {}{doubt}", known.id, known.title),
    )
}
