//! One program that a bundle names, as it lies on this host.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::may_start_programs;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::word::RunAs;
use rustix::fs::StatVfsMountFlags;
use serde::Serialize;

use super::acl::Acl;
use super::digests::Digests;
use super::finding::{Finding, Severity};
use super::preload::{Held, Preload};
use super::walk::{End, Eyes, Gap, Kind, Mark, Seen, What, walk};

const SETUID_OR_SETGID: u32 = 0o6000;
const ANYBODY_EXECUTES: u32 = 0o111;
/// The attribute with a file's access control list.
const ACL: &str = "system.posix_acl_access";
/// More than any list has that a person wrote.
const MAX_ACL: usize = 16 * 1024;

/// A program of a bundle: where it should be, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The digests of which it must have one; whatever it has will do when there are none.
    pub(crate) digests: Vec<Digest>,
    /// As whom `noexec` is to keep it from starting others.
    pub(crate) held: Held,
    /// Whether it may start others with the arguments of these rules.
    pub(crate) may_start: bool,
}

/// What was found at the place of a program.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Found {
    /// Its path in the bundle.
    pub(crate) path: String,
    /// Where it really lies, where that is another place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) real_path: Option<String>,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// The digest that it has, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Digest>,
    /// What is not as it should be.
    pub(crate) findings: Vec<Finding>,
}

/// The programs of a bundle, each once for each choice of digests.
pub(crate) fn of_bundle(bundle: &Bundle) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for command in bundle.commands() {
        let wanted = Wanted {
            path: PathBuf::from(command.path().as_str()),
            digests: command.digests().to_vec(),
            held: match (command.noexec(), *command.run_as() == RunAs::root()) {
                (false, _) => Held::Not,
                (true, true) => Held::AsRoot,
                (true, false) => Held::AsAnother,
            },
            may_start: may_start_programs(bundle, command),
        };
        let is_known =
            |known: &&mut Wanted| (&known.path, &known.digests) == (&wanted.path, &wanted.digests);
        match all.iter_mut().find(is_known) {
            Some(known) => {
                known.held = known.held.max(wanted.held);
                known.may_start |= wanted.may_start;
            }
            None => all.push(wanted),
        }
    }
    all
}

/// Which digests are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// Of every program, because somebody wants to read them.
    All,
    /// Of those for which the bundle names one.
    Named,
}

/// Looks at one program. Where this sudo holds `noexec` by a library, that is asked too.
pub(crate) fn look_at(
    wanted: &Wanted,
    hashing: Hashing,
    digests: &Digests,
    noexec: Option<&Preload>,
) -> Found {
    let way = walk(&wanted.path, &HostEyes);
    let mut findings: Vec<Finding> = way.gaps.iter().map(of_gap).collect();
    let mut found = Found {
        path: wanted.path.to_string_lossy().into_owned(),
        real_path: None,
        exists: false,
        digest: None,
        findings: Vec::new(),
    };
    match way.end {
        End::Missing => findings.push(
            Finding::new(Code::ProgramMissing, Severity::Note, "does not exist")
                .about(&wanted.path),
        ),
        End::NotSeen(path, why) => findings.push(not_seen(&path, &why)),
        End::There(path, seen) => {
            found.exists = true;
            findings.extend(of_file(&path, &seen));
            if seen.kind == Kind::File {
                findings.extend(noexec.and_then(|noexec| not_held(&path, wanted, noexec)));
            }
            if seen.kind == Kind::File && (hashing == Hashing::All || !wanted.digests.is_empty()) {
                match digests.of(&path, seen.mark) {
                    Ok(digest) => found.digest = Some(digest),
                    Err(error) => findings.push(not_seen(&path, &error.to_string())),
                }
                findings.extend(other_digest(&path, &wanted.digests, found.digest));
            }
            if path != wanted.path {
                found.real_path = Some(path.to_string_lossy().into_owned());
            }
        }
    }
    found.findings = findings;
    found
}

/// What a gap on the way means.
pub(crate) fn of_gap(gap: &Gap) -> Finding {
    match &gap.what {
        What::WrittenBy(who) => Finding::new(
            Code::OthersMayReplace,
            Severity::Error,
            format!("{who} may write it"),
        ),
        What::OwnedBy(owner) => Finding::new(
            Code::NotOfRoot,
            Severity::Error,
            format!("it belongs to user {owner}"),
        ),
    }
    .about(&gap.path)
}

fn of_file(path: &Path, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |code, severity, detail: &str| {
        findings.push(Finding::new(code, severity, detail).about(path));
    };
    if seen.kind != Kind::File {
        say(Code::NotAProgram, Severity::Error, "is no plain file");
        return findings;
    }
    if seen.mode & ANYBODY_EXECUTES == 0 {
        say(
            Code::NotAProgram,
            Severity::Error,
            "has no executable bit; `chmod 755` sets it",
        );
    }
    if seen.mode & SETUID_OR_SETGID != 0 {
        let detail = format!("has the mode {:04o}", seen.mode);
        say(Code::SetuidProgram, Severity::Note, &detail);
    }
    if is_noexec(path) {
        let detail = "lies on a file system that is mounted `noexec`";
        say(Code::NoexecMount, Severity::Error, detail);
    }
    findings
}

/// Says that `noexec` does not hold a program. A warning where it would be needed; what is known to
/// start no other program with the arguments of its rules can do without.
fn not_held(path: &Path, wanted: &Wanted, noexec: &Preload) -> Option<Finding> {
    match noexec.misses(path, wanted.held) {
        Ok(why) => why.map(|why| {
            let (severity, otherwise) = if wanted.may_start {
                (Severity::Warning, "")
            } else {
                (Severity::Note, "; these arguments make it start none")
            };
            let detail = format!("{why}: `noexec` of this sudo does not hold it{otherwise}");
            Finding::new(Code::NoexecHoldsNot, severity, detail).about(path)
        }),
        Err(error) => Some(not_seen(path, &error.to_string())),
    }
}

fn other_digest(path: &Path, wanted: &[Digest], has: Option<Digest>) -> Option<Finding> {
    let (first, has) = (wanted.first()?, has?);
    (!wanted.contains(&has)).then(|| {
        let others = match wanted.len() {
            1 => String::new(),
            more => format!(" or one of {} others", more - 1),
        };
        let detail = format!("has {has}, the bundle names {first}{others}");
        Finding::new(Code::OtherDigest, Severity::Error, detail).about(path)
    })
}

pub(crate) fn not_seen(path: &Path, why: &str) -> Finding {
    let detail = format!("cannot be looked at: {why}");
    Finding::new(Code::NotSeen, Severity::Note, detail).about(path)
}

fn is_noexec(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// This host's file system.
#[derive(Debug)]
pub(crate) struct HostEyes;

impl Eyes for HostEyes {
    fn look(&self, path: &Path) -> io::Result<Seen> {
        let facts = fs::symlink_metadata(path)?;
        let kind = if facts.is_file() {
            Kind::File
        } else if facts.is_dir() {
            Kind::Directory
        } else if facts.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        Ok(Seen {
            kind,
            owner: facts.uid(),
            mode: facts.mode() & 0o7777,
            acl: if kind == Kind::Link { None } else { acl(path) },
            mark: mark(&facts),
        })
    }

    fn target(&self, link: &Path) -> io::Result<PathBuf> {
        fs::read_link(link)
    }
}

/// What changes when this file does.
pub(crate) fn mark(facts: &fs::Metadata) -> Mark {
    Mark {
        device: facts.dev(),
        inode: facts.ino(),
        size: facts.size(),
        changed: (facts.ctime(), facts.ctime_nsec()),
    }
}

/// The list of a file; none when it has none, or its file system knows none.
fn acl(path: &Path) -> Option<Acl> {
    let length = rustix::fs::lgetxattr(path, ACL, &mut [0_u8; 0][..]).ok()?;
    let mut bytes = vec![0_u8; length.min(MAX_ACL)];
    let length = rustix::fs::lgetxattr(path, ACL, &mut bytes[..]).ok()?;
    bytes.truncate(length);
    Acl::read(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_judged_by_kind_mode_and_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tool");
        let digest = Digest::of(b"content");
        let other = Digest::of(b"other");
        for (mode, wanted, expected) in [
            (0o755, vec![], vec![]),
            (0o755, vec![digest], vec![]),
            (0o755, vec![other, digest], vec![]),
            (0o755, vec![other], vec![Code::OtherDigest]),
            (0o644, vec![], vec![Code::NotAProgram]),
            (0o4755, vec![], vec![Code::SetuidProgram]),
        ] {
            fs::write(&path, "content").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let wanted = Wanted {
                path: path.clone(),
                digests: wanted,
                held: Held::AsRoot,
                may_start: true,
            };
            let found = look_at(&wanted, Hashing::Named, &Digests::up_to(1024), None);
            let of_the_file = |finding: &&Finding| finding.code != Code::NotOfRoot;
            let codes: Vec<Code> = found
                .findings
                .iter()
                .filter(of_the_file)
                .map(|finding| finding.code)
                .collect();
            assert_eq!(codes, expected, "{mode:o}");
            assert_eq!(found.digest.is_some(), !wanted.digests.is_empty());
        }
        let wanted = Wanted {
            path: directory.path().to_owned(),
            digests: vec![digest],
            held: Held::Not,
            may_start: true,
        };
        let found = look_at(&wanted, Hashing::All, &Digests::up_to(1024), None);
        let is_no_program = |finding: &Finding| finding.code == Code::NotAProgram;
        assert!(found.findings.iter().any(is_no_program), "{found:?}");
    }
}
