//! Taking back the steps of a session that was never ready.
//!
//! Nobody has used what such a session made, so each thing is as its step left it, or it is not
//! ours: a directory that holds something, a file with another content, an account with another
//! number. What is not ours stays as it is and is named. The end of a session that was ready is
//! another matter (`end.rs`): by then anything may be in what was made for it.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::path::Path;

use nix::libc;
use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::sudoers::{self, MAX_BYTES};
use rustix::io::Errno;

use crate::account;
use crate::counter::SessionUid;
use crate::file;
use crate::step::{Left, Step};

/// Takes a step back, and says what is left of it. Not done, half done and taken back before is
/// nothing left.
pub(crate) fn take_back(step: &Step) -> Vec<Left> {
    match step {
        Step::Cgroup { directory, .. } => empty_directory(directory, None),
        Step::SudoLog { file } => left(file, empty_file(file)),
        Step::Account { account } => account::remove(account),
        Step::Home { directory, uid } => empty_directory(directory, Some(*uid)),
        Step::Rules { file, digest } => {
            let mut all = match file::beside(file) {
                Ok(beside) => left(&beside, half_of_rules(&beside)),
                Err(error) => left(file, Err(error)),
            };
            all.extend(left(file, rules(file, *digest)));
            all
        }
    }
}

/// What becomes of one thing.
enum Fate {
    /// It is gone, or was not there.
    Gone,
    /// Somebody else made it.
    Foreign,
}

/// Removes a directory that holds nothing and belongs to root, who makes it, or to the session, to
/// whom it is given.
fn empty_directory(path: &Path, given_to: Option<SessionUid>) -> Vec<Left> {
    left(path, try_empty_directory(path, given_to))
}

fn try_empty_directory(path: &Path, given_to: Option<SessionUid>) -> io::Result<Fate> {
    let Some(facts) = facts(path)? else {
        return Ok(Fate::Gone);
    };
    let is_ours = facts.uid() == 0 || Some(facts.uid()) == given_to.map(SessionUid::as_raw);
    if !is_ours {
        return Ok(Fate::Foreign);
    }
    match fs::remove_dir(path) {
        Ok(()) => Ok(Fate::Gone),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => Ok(Fate::Gone),
            // Not a directory; not empty; a group with processes or a mount.
            Some(Errno::NOTDIR | Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(Fate::Foreign),
            _ => Err(error),
        },
    }
}

/// Removes a file of root's that nothing was written to.
fn empty_file(path: &Path) -> io::Result<Fate> {
    match facts(path)? {
        None => Ok(Fate::Gone),
        Some(facts) if facts.is_file() && facts.len() == 0 && facts.uid() == 0 => {
            file::remove_if_there(path).map(|()| Fate::Gone)
        }
        Some(_) => Ok(Fate::Foreign),
    }
}

/// Removes what a crash left beside the rules: a file of root's alone with the beginning of rules, or
/// nothing, in it. The journal names the rules and not this file, so its name says nothing.
fn half_of_rules(path: &Path) -> io::Result<Fate> {
    let Some(facts) = facts(path)? else {
        return Ok(Fate::Gone);
    };
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let is_begun = facts.is_file()
        && facts.uid() == 0
        && facts.mode() & 0o077 & !0o040 == 0
        && facts.len() <= most
        && sudoers::is_beginning(&head(path)?);
    if is_begun {
        file::remove_if_there(path).map(|()| Fate::Gone)
    } else {
        Ok(Fate::Foreign)
    }
}

/// The first bytes of a file.
fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    opened.take(64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes the rules if they are the planned ones, and makes what is gone beside them durable too.
fn rules(path: &Path, digest: Digest) -> io::Result<Fate> {
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let fate = match file::read_trusted(path, most) {
        Ok(text) if Digest::of(text.as_bytes()) == digest => {
            file::remove_if_there(path).map(|()| Fate::Gone)
        }
        Ok(_) | Err(file::ReadError::NotTrusted(_) | file::ReadError::TooLong(..)) => {
            Ok(Fate::Foreign)
        }
        Err(file::ReadError::Missing(_)) => Ok(Fate::Gone),
        Err(file::ReadError::Io(_, error)) if error.kind() == io::ErrorKind::InvalidData => {
            Ok(Fate::Foreign)
        }
        Err(file::ReadError::Io(_, error)) => Err(error),
        // Only a secret can be exposed.
        Err(file::ReadError::Exposed(_)) => Ok(Fate::Foreign),
    };
    file::sync_parent(path)?;
    fate
}

fn facts(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn left(path: &Path, fate: io::Result<Fate>) -> Vec<Left> {
    let name = path.display();
    match fate {
        Ok(Fate::Gone) => Vec::new(),
        Ok(Fate::Foreign) => vec![Left::stays(format!(
            "`{name}` was not made for this session and was not touched"
        ))],
        Err(error) => vec![Left::must_go(format!("`{name}`: {error}"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// What is at the place of a step, whether it goes, and whether it is named.
    fn check(step: impl Fn(&Path) -> Step, put: impl Fn(&Path), goes: bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portreeve-pr-0123456789abcdef");
        put(&path);
        let step = step(&path);
        let left = take_back(&step);
        assert_eq!(file::is_there(&path), !goes, "{step:?} {left:?}");
        assert_eq!(left.is_empty(), goes, "{step:?} {left:?}");
        assert!(left.iter().all(|left| !left.again), "{left:?}");
        assert_eq!(take_back(&step), left, "a second time");
    }

    fn home(path: &Path) -> Step {
        Step::Home {
            directory: path.to_owned(),
            uid: SessionUid::for_test(nix::unistd::geteuid().as_raw()),
        }
    }

    fn log(path: &Path) -> Step {
        Step::SudoLog {
            file: path.to_owned(),
        }
    }

    fn rules_of(content: &'static str) -> impl Fn(&Path) -> Step {
        move |path| Step::Rules {
            file: path.to_owned(),
            digest: Digest::of(content.as_bytes()),
        }
    }

    #[test]
    fn what_was_made_and_never_used_goes() {
        check(home, |_| {}, true);
        check(home, |path| fs::create_dir(path).unwrap(), true);
        check(log, |_| {}, true);
        check(rules_of("rules"), |_| {}, true);
        check(
            rules_of("rules"),
            |path| file::replace(path, b"rules", 0o440).unwrap(),
            true,
        );
    }

    /// What lies beside the place of rules, and whether it goes with them.
    #[test]
    fn what_a_crash_left_beside_the_rules_goes_and_nothing_else() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let of = |content: &'static str, mode: u32| {
            move |beside: &Path| {
                fs::write(beside, content).unwrap();
                fs::set_permissions(beside, fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        type Put = Box<dyn Fn(&Path)>;
        let rows: [(Put, bool); 9] = [
            (Box::new(of("", 0o600)), true),
            (Box::new(of("# portr", 0o600)), true),
            (Box::new(of("# portreeve: forensic sha256:0", 0o600)), true),
            (Box::new(of("# portreeve: forensic sha256:0", 0o440)), true),
            (Box::new(of("# theirs", 0o600)), false),
            (Box::new(of("ada ALL=(ALL) ALL\n", 0o440)), false),
            (Box::new(of("# portr", 0o644)), false),
            (Box::new(|beside| fs::create_dir(beside).unwrap()), false),
            (
                Box::new(|beside| std::os::unix::fs::symlink("/etc/passwd", beside).unwrap()),
                false,
            ),
        ];
        for (row, (put, goes)) in rows.into_iter().enumerate() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("portreeve-pr-0123456789abcdef");
            let beside = file::beside(&path).unwrap();
            put(&beside);
            let left = take_back(&rules_of("rules")(&path));
            assert_eq!(file::is_there(&beside), !goes, "row {row}: {left:?}");
            assert_eq!(left.is_empty(), goes, "row {row}: {left:?}");
        }
    }

    #[test]
    fn what_somebody_else_made_meanwhile_stays_and_is_named() {
        let full = |path: &Path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("theirs"), "precious").unwrap();
        };
        check(home, full, false);
        check(home, |path| fs::write(path, "a file").unwrap(), false);
        let link = |path: &Path| std::os::unix::fs::symlink("/etc", path).unwrap();
        check(home, link, false);
        check(log, |path| fs::write(path, "content").unwrap(), false);
        check(log, full, false);
        check(log, link, false);
        let others = |path: &Path| file::replace(path, b"other rules", 0o440).unwrap();
        check(rules_of("rules"), others, false);
        check(rules_of("rules"), link, false);
        let binary = |path: &Path| file::replace(path, &[0xff, 0xfe], 0o440).unwrap();
        check(rules_of("rules"), binary, false);
    }
}
