//! The host's hands: each step and each removal of a plan, done for real.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use portreeve_sudo_policy::render::Sudoers;

use crate::apply::{Hands, StepError};
use crate::receipt::{Found, Killed};
use crate::step::{Left, Removal, Step};
use crate::{
    account, as_uid, cgroup, home, logins, mounts, process, stray_files, sudoers, sweep, tree, undo,
};

/// The hands of one session.
#[derive(Debug, Default)]
pub(crate) struct HostHands<'a> {
    /// The rules to install; a removal has none.
    rules: Option<&'a Sudoers>,
    /// What was killed so far.
    pub(crate) killed: Killed,
    /// Which files were found outside the home so far.
    pub(crate) found: Found,
}

impl<'a> HostHands<'a> {
    /// Hands that can make a session with these rules.
    pub(crate) fn making(rules: &'a Sudoers) -> Self {
        Self {
            rules: Some(rules),
            ..Self::default()
        }
    }
}

impl Hands for HostHands<'_> {
    fn make(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Cgroup {
                directory,
                max_processes,
            } => cgroup::make(directory, *max_processes),
            Step::SudoLog { file } => make_log(file),
            Step::Account { account } => account::make(account),
            Step::Home { directory, uid } => home::make(directory, *uid),
            Step::Rules { file, .. } => match self.rules {
                Some(rules) => sudoers::install(rules, file),
                None => Err(StepError::Wrong("there are no rules to install".into())),
            },
        }
    }

    fn remove(&mut self, removal: &Removal) -> Vec<Left> {
        match removal {
            Removal::Rules { file } => sudoers::remove(file),
            Removal::Use { account } => account::end_use(account),
            Removal::Processes { uid, cgroup } => {
                process::kill_all(*uid, cgroup, &mut self.killed);
                // Killing is done twice; what survives it is named by the verification.
                Vec::new()
            }
            Removal::Named { account } => sweep::named(account),
            Removal::Ipc { uid } => {
                as_uid::forget_its_keys(*uid);
                sweep::ipc(*uid)
            }
            Removal::Files { uid, search } => {
                let mut left = mounts::detach_of(*uid, search);
                left.extend(stray_files::deal_with(*uid, search, &mut self.found));
                left
            }
            Removal::Logins { account } => logins::remove(account),
            Removal::Home { directory } => home::remove(directory),
            Removal::Account { account } => account::remove(account),
            Removal::SudoLog { file } => gone(file, tree::remove_file_at(file).map_err(Into::into)),
            Removal::Cgroup { directory } => gone(directory, cgroup::remove(directory)),
            Removal::Unused { step } => undo::take_back(step),
        }
    }
}

fn make_log(path: &Path) -> Result<(), StepError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map(drop)
        .map_err(|error| StepError::making(path, error))
}

fn gone(path: &Path, removed: std::io::Result<()>) -> Vec<Left> {
    match removed {
        Ok(()) => Vec::new(),
        Err(error) => vec![Left::must_go(format!("`{}`: {error}", path.display()))],
    }
}
