//! The short form of the check, for the attestation of a session.
//!
//! A session does not wait for it: it runs beside the making of the account, has a time limit, and
//! what did not answer by then is said to be incomplete. What seldom changes (sudo, its package,
//! the host's own sudoers) is looked at again only when its files changed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portreeve_protocol::attest::{HostCheck, HostFinding, SudoVulnerability};
use portreeve_protocol::host_check::{MAX_FINDINGS, MAX_TEXT, MAX_VULNERABILITIES};
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::vulnerable::Verdict;

use super::besides;
use super::digests::Digests;
use super::finding::{Finding, Severity, sorted};
use super::program::{Found, Hashing, Wanted, look_at, mark};
use super::sudo::{self, SudoSeen};
use super::walk::Mark;
use crate::log;
use crate::paths::Paths;
use crate::sudoers::{SUDO, Sudo};

/// How long a session waits for its check at most, beside what it waits for anyway.
const PATIENCE: Duration = Duration::from_secs(1);
/// Checks at a time. A file system that does not answer holds one for ever, and no more than these.
const MOST_AT_A_TIME: usize = 64;
/// Programs with a digest up to this size are read while a session begins.
const LARGEST: u64 = 32 * 1024 * 1024;

/// Looks at this host for its sessions.
#[derive(Debug)]
pub(crate) struct Checker {
    paths: Paths,
    sudo: Arc<Sudo>,
    digests: Digests,
    running: AtomicUsize,
    seen: Mutex<Option<(Vec<Mark>, Arc<SudoSeen>)>>,
    besides: Mutex<Option<(besides::Marks, Arc<Vec<Finding>>)>>,
}

/// A check that runs.
#[derive(Debug)]
pub(crate) struct Look {
    answer: Receiver<HostCheck>,
    by: Instant,
}

impl Checker {
    /// A checker of this host, which has looked at nothing yet.
    pub(crate) fn new(paths: Paths, sudo: Arc<Sudo>) -> Self {
        Self {
            paths,
            sudo,
            digests: Digests::up_to(LARGEST),
            running: AtomicUsize::new(0),
            seen: Mutex::default(),
            besides: Mutex::default(),
        }
    }

    /// Begins to look, on a thread of its own.
    pub(crate) fn begin(self: &Arc<Self>, programs: Vec<Wanted>) -> Look {
        let (done, answer) = mpsc::channel();
        let look = Look {
            answer,
            by: Instant::now() + PATIENCE,
        };
        if self.running.fetch_add(1, Ordering::SeqCst) >= MOST_AT_A_TIME {
            self.running.fetch_sub(1, Ordering::SeqCst);
            log::warning!("checks of this host do not end; does a file system not answer?");
            return look;
        }
        let checker = Arc::clone(self);
        let started = thread::Builder::new().name("check".into()).spawn(move || {
            // Nobody may wait any more, which is no failure.
            let _ = done.send(checker.check(&programs));
            checker.running.fetch_sub(1, Ordering::SeqCst);
        });
        if started.is_err() {
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
        look
    }

    /// Looks at what seldom changes, so that no session is the first to wait for it.
    pub(crate) fn warm(self: &Arc<Self>) {
        drop(self.begin(Vec::new()));
    }

    fn check(&self, programs: &[Wanted]) -> HostCheck {
        let seen = self.sudo_seen();
        let look = |wanted| look_at(wanted, Hashing::Named, &self.digests, seen.noexec.as_ref());
        let found: Vec<Found> = programs.iter().map(look).collect();
        summary(&seen, &self.besides(&seen), &found)
    }

    fn sudo_seen(&self) -> Arc<SudoSeen> {
        let paths = [self.paths.dpkg_status(), self.paths.os_release()];
        let files = paths.iter().map(|path| path.as_path());
        let marks: Vec<Mark> = files
            .chain([Path::new(SUDO)])
            .map(|path| fs::metadata(path).map_or_else(|_| Mark::default(), |facts| mark(&facts)))
            .collect();
        again(&self.seen, marks, || sudo::look_at(&self.sudo, &self.paths))
    }

    fn besides(&self, seen: &SudoSeen) -> Arc<Vec<Finding>> {
        again(&self.besides, besides::marks(&self.paths), || {
            besides::look_at(seen.dialect, &self.paths)
        })
    }
}

/// What was found before, while the marks are the same; otherwise what is found now.
fn again<K: PartialEq, T>(
    known: &Mutex<Option<(K, Arc<T>)>>,
    marks: K,
    look: impl FnOnce() -> T,
) -> Arc<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    match known.as_ref() {
        Some((before, found)) if *before == marks => Arc::clone(found),
        Some(_) | None => {
            let found = Arc::new(look());
            *known = Some((marks, Arc::clone(&found)));
            found
        }
    }
}

impl Look {
    /// What was found, or that it is not known in time.
    pub(crate) fn take(self) -> HostCheck {
        let left = self.by.saturating_duration_since(Instant::now());
        self.answer.recv_timeout(left).unwrap_or(HostCheck {
            complete: false,
            package: None,
            vulnerabilities: Vec::new(),
            findings: Vec::new(),
            more: 0,
            missing: 0,
        })
    }
}

fn summary(seen: &SudoSeen, besides: &[Finding], programs: &[Found]) -> HostCheck {
    let of_programs = programs.iter().flat_map(|found| &found.findings);
    let all: Vec<Finding> = seen
        .findings
        .iter()
        .chain(besides)
        .chain(of_programs)
        .cloned()
        .collect();
    let is_seen = |finding: &Finding| finding.code != Code::NotSeen;
    let complete = seen.dialect.is_some() && all.iter().all(is_seen);
    let missing = programs.iter().filter(|found| is_missing(found)).count();
    let matters = |finding: &Finding| finding.severity != Severity::Note;
    let mattering: Vec<Finding> = sorted(all).into_iter().filter(matters).collect();
    let more = mattering.len().saturating_sub(MAX_FINDINGS);
    HostCheck {
        complete,
        package: seen.package.name.as_deref().map(short),
        vulnerabilities: seen
            .verdicts
            .iter()
            .take(MAX_VULNERABILITIES)
            .map(of_verdict)
            .collect(),
        findings: mattering
            .iter()
            .take(MAX_FINDINGS)
            .map(of_finding)
            .collect(),
        more: u32::try_from(more).unwrap_or(u32::MAX),
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    }
}

fn is_missing(found: &Found) -> bool {
    let is_told = |finding: &Finding| finding.code == Code::ProgramMissing;
    found.findings.iter().any(is_told)
}

fn of_verdict(verdict: &Verdict) -> SudoVulnerability {
    SudoVulnerability {
        id: verdict.vulnerability.id.into(),
        reach: verdict.vulnerability.reach,
        certain: verdict.certain,
    }
}

fn of_finding(finding: &Finding) -> HostFinding {
    HostFinding {
        code: finding.code.to_string(),
        path: finding.path.as_deref().map(short),
        detail: short(&finding.detail),
    }
}

/// The beginning of a text that keeps to the limit of attestations.
fn short(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::preload::Held;
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A checker of this machine, with packages of its own.
    fn checker(root: &Path) -> Arc<Checker> {
        Arc::new(Checker::new(Paths::below(root), Arc::default()))
    }

    fn codes(check: &HostCheck, path: &Path) -> Vec<String> {
        let is_about = |finding: &&HostFinding| finding.path.as_deref() == path.to_str();
        check
            .findings
            .iter()
            .filter(is_about)
            .map(|finding| finding.code.clone())
            .collect()
    }

    fn named(path: PathBuf) -> Wanted {
        Wanted {
            path,
            digests: vec![],
            held: Held::Not,
            may_start: true,
        }
    }

    #[test]
    fn what_somebody_may_replace_is_found_at_every_look() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("tool");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let checker = checker(root.path());
        let is_root = nix::unistd::geteuid().is_root();
        for (mode, is_open) in [(0o755, false), (0o757, true), (0o755, false)] {
            fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
            let check = checker.begin(vec![named(program.clone())]).take();
            // Of what does not belong to root that is told, whoever else may write it.
            let expected = match (is_root, is_open) {
                (true, true) => &["SP403"][..],
                (true, false) => &[],
                (false, _) => &["SP404"],
            };
            assert_eq!(codes(&check, &program), expected, "{mode:o}: {check:?}");
            assert!(check.is_within_limits());
        }
    }

    #[test]
    fn what_is_looked_at_once_is_looked_at_again_when_its_mark_changed() {
        let known = Mutex::default();
        let looks = std::cell::Cell::new(0);
        let look = |mark: u8| {
            *again(&known, mark, || {
                looks.set(looks.get() + 1);
                mark
            })
        };
        assert_eq!([1, 1, 2, 2, 1].map(look), [1, 1, 2, 2, 1]);
        assert_eq!(looks.get(), 3);
    }

    #[test]
    fn programs_that_are_not_here_are_counted_and_no_finding() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("bin/nothing");
        let check = checker(root.path()).begin(vec![named(path.clone())]).take();
        assert_eq!(check.missing, 1);
        assert!(codes(&check, &path).is_empty(), "{check:?}");
    }

    #[test]
    fn more_findings_than_are_told_are_counted() {
        let root = tempfile::tempdir().unwrap();
        let programs = (0..MAX_FINDINGS + 5).map(|number| {
            let path = root.path().join(format!("tool-{number}"));
            fs::write(&path, "").unwrap();
            named(path)
        });
        let check = checker(root.path()).begin(programs.collect()).take();
        assert_eq!(check.findings.len(), MAX_FINDINGS);
        assert!(check.more >= 5, "{check:?}");
        assert!(check.is_within_limits());
    }

    #[test]
    fn a_check_that_does_not_end_is_incomplete_and_not_waited_for() {
        let (never, answer) = mpsc::channel();
        let look = Look {
            answer,
            by: Instant::now(),
        };
        assert!(!look.take().complete);
        drop(never);
    }

    #[test]
    fn texts_are_cut_between_letters() {
        let text = "é".repeat(MAX_TEXT);
        assert_eq!(short(&text).len(), MAX_TEXT);
        let odd = format!("x{text}");
        assert_eq!(short(&odd).len(), MAX_TEXT - 1);
    }
}
