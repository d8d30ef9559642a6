//! sudo as this host has it: which one it is, whether it takes the rules, and the file with them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::Sudoers;
use portreeve_sudo_policy::sudoers::{MAX_BYTES, ReadError, Rules};
use portreeve_sudo_policy::vulnerable::{Program, Release};

use crate::apply::StepError;
use crate::file;
use crate::run::{self, ToolError};
use crate::step::Left;
use crate::tree;

/// The sudo that sessions use.
pub(crate) const SUDO: &str = "/usr/bin/sudo";
/// What checks sudoers.
pub(crate) const VISUDO: &str = "/usr/sbin/visudo";
const PATIENCE: Duration = Duration::from_secs(10);
/// What `sudoers.d` wants: root reads, nobody writes.
const MODE: u32 = 0o440;

/// Why this host's sudo is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSudo {
    /// It is not there or does not run.
    #[error("there is no sudo that works: {0}")]
    Tool(#[from] ToolError),
    /// It cannot be looked at.
    #[error("cannot look at `{SUDO}`: {0}")]
    Io(#[from] io::Error),
    /// It is neither of the two that are known.
    #[error("`{SUDO}` is neither sudo nor sudo-rs: it says `{0}`")]
    Unknown(String),
}

/// Knows this host's sudo, and notices when it is replaced.
#[derive(Debug, Default)]
pub(crate) struct Sudo {
    known: Mutex<Option<(FileMark, Said)>>,
}

/// What sudo says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which one it is, for writing rules.
    pub(crate) dialect: Dialect,
    /// Its release to the letter, for knowing what was found wrong with it; none of a beta.
    pub(crate) numbered: Option<(Program, Release)>,
}

/// What changes when a package is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileMark {
    inode: u64,
    changed: (i64, i64),
}

impl Sudo {
    /// Which sudo this host has now.
    pub(crate) fn dialect(&self) -> Result<Dialect, NoSudo> {
        self.said().map(|said| said.dialect)
    }

    /// What this host's sudo says of itself now.
    pub(crate) fn said(&self) -> Result<Said, NoSudo> {
        let facts = fs::metadata(SUDO)?;
        let mark = FileMark {
            inode: facts.ino(),
            changed: (facts.ctime(), facts.ctime_nsec()),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known_mark, said)) = *known
            && known_mark == mark
        {
            return Ok(said);
        }
        let said = ask()?;
        *known = Some((mark, said));
        Ok(said)
    }
}

fn ask() -> Result<Said, NoSudo> {
    let run::Output { stdout, stderr, .. } = run::run_well(SUDO, &["--version"], PATIENCE)?;
    // sudo-rs says it on standard error, up to 0.2.8 at least.
    let said = if stdout.is_empty() { stderr } else { stdout };
    let numbered = Release::from_version_output(&said);
    let dialect = Dialect::from_version_output(&said).ok_or_else(|| {
        let line: String = said
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(80)
            .collect();
        NoSudo::Unknown(crate::log::one_line(&line))
    })?;
    Ok(Said { dialect, numbered })
}

/// Why rules are not installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// They cannot be shown to visudo.
    #[error("cannot write rules to check: {0}")]
    Io(#[from] io::Error),
    /// They are not what this program writes.
    #[error("the rules do not read back: {0}")]
    Unread(#[from] ReadError),
    /// visudo does not take them.
    #[error("visudo does not take the rules: {0}")]
    Tool(#[from] ToolError),
}

/// Reads the rules back as what they are, and asks visudo whether it takes them, by a file that is
/// no rule of anybody: nothing on the host has changed when the answer is no.
pub(crate) fn check(rules: &Sudoers, path: &Path) -> Result<(), NotTaken> {
    Rules::read(rules.as_str())?;
    file::replace(path, rules.as_str().as_bytes(), MODE)?;
    let arguments = [
        "-c".as_ref(),
        "-q".as_ref(),
        "-f".as_ref(),
        path.as_os_str(),
    ];
    let checked = run::run_well(VISUDO, &arguments, PATIENCE);
    file::remove_if_there(path)?;
    checked?;
    Ok(())
}

/// The same by a file in a directory of its own, for whoever is not the daemon.
pub(crate) fn check_apart(rules: &Sudoers) -> Result<(), NotTaken> {
    // A directory that only we may enter: what visudo reads is what we wrote.
    let directory = nix::unistd::mkdtemp("/tmp/portreeve-check-XXXXXX").map_err(io::Error::from)?;
    let checked = check(rules, &directory.join("rules"));
    // An empty directory that stays is a nuisance and nothing else.
    let _ = fs::remove_dir(&directory);
    checked
}

/// Puts rules that were checked in place, in one step and where nothing is, and reads them back
/// from there.
pub(crate) fn install(rules: &Sudoers, path: &Path) -> Result<(), StepError> {
    file::create(path, rules.as_str().as_bytes(), MODE)
        .map_err(|error| StepError::making(path, error))?;
    let wrong = |error: &dyn std::fmt::Display| {
        StepError::Wrong(format!(
            "`{}` is not as it was written: {error}",
            path.display()
        ))
    };
    installed(path).map(drop).map_err(|error| wrong(&error))
}

/// Why a file of rules is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotInstalled {
    /// It cannot be read, or others may have written it.
    #[error(transparent)]
    File(#[from] file::ReadError),
    /// It is not what this program writes.
    #[error(transparent)]
    Unread(#[from] ReadError),
    /// It is in the place of another account's.
    #[error("the rules are for `{0}`")]
    OtherAccount(AccountName),
}

/// The rules in a file that bears the name of their account.
pub(crate) fn installed(path: &Path) -> Result<Rules, NotInstalled> {
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let rules = Rules::read(&file::read_trusted(path, most)?)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.ends_with(rules.account().as_str()) {
        return Err(NotInstalled::OtherAccount(rules.account().clone()));
    }
    Ok(rules)
}

/// Takes the rules away, and what a crash left beside them.
pub(crate) fn remove(path: &Path) -> Vec<Left> {
    let remove = |path: &Path| Ok(tree::remove_file_at(path)?);
    let removed = remove(path)
        .and_then(|()| file::beside(path))
        .and_then(|beside| remove(&beside))
        .and_then(|()| file::sync_parent(path));
    match removed {
        Ok(()) => Vec::new(),
        Err(error) => vec![Left::must_go(format!(
            "sudo rules `{}`: {error}",
            path.display()
        ))],
    }
}

#[cfg(test)]
mod tests {
    use portreeve_sudo_policy::STARTER_BUNDLE;
    use portreeve_sudo_policy::bundle::Bundle;
    use portreeve_sudo_policy::render::{Target, render};

    use super::*;

    #[test]
    fn rules_are_read_back_from_where_they_were_put() {
        let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
        let bundle = Bundle::parse("starter.toml", STARTER_BUNDLE.as_bytes()).unwrap();
        let target = Target {
            account: &account,
            dialect: "sudo:1.9.13".parse().unwrap(),
            log: None,
            until: None,
        };
        let rules = render(&bundle, &target).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portreeve-pr-0123456789abcdef");
        install(&rules, &path).unwrap();
        assert_eq!(installed(&path).unwrap().account(), &account);

        let of_another = directory.path().join("portreeve-pr-fedcba9876543210");
        let error = install(&rules, &of_another).unwrap_err().to_string();
        assert!(matches!(
            install(&rules, &path),
            Err(StepError::Occupied(_))
        ));
        assert!(
            error.contains("the rules are for `pr-0123456789abcdef`"),
            "{error}"
        );

        let more = format!(
            "{}pr-0123456789abcdef ALL=(ALL) NOPASSWD: ALL\n",
            rules.as_str()
        );
        file::replace(&path, more.as_bytes(), MODE).unwrap();
        let error = installed(&path).unwrap_err().to_string();
        assert!(error.contains("changed after they were written"), "{error}");
    }

    #[test]
    fn a_leftover_beside_the_rules_goes_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portreeve-pr-0123456789abcdef");
        fs::write(&path, "").unwrap();
        fs::write(file::beside(&path).unwrap(), "").unwrap();
        assert_eq!(remove(&path), []);
        assert_eq!(remove(&path), []);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
