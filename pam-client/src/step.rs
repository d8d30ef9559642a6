//! The steps by which a host is changed for a session, and those by which it is as before.
//!
//! Data only: a plan is made of them, the journal holds them, `hands.rs` does them. Each
//! [`Step`] has an inverse, and every [`Removal`] can be done again and again.

use std::fmt;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::AccountName;
use serde::{Deserialize, Serialize};

use crate::counter::SessionUid;
use crate::search::SearchRoot;

/// A session's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Its name, which is also its group's.
    pub(crate) name: AccountName,
    /// Its UID, which is also its group's number.
    pub(crate) uid: SessionUid,
    /// Its full-name field, which makes it ours.
    pub(crate) full_name: String,
    /// Its home.
    pub(crate) home: PathBuf,
}

/// One change of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// A control group for all processes of the session.
    Cgroup {
        /// Its directory.
        directory: PathBuf,
        /// How many processes it may have.
        max_processes: u32,
    },
    /// An empty file for sudo's log.
    SudoLog {
        /// The file.
        file: PathBuf,
    },
    /// The account and its group.
    Account {
        /// The account.
        account: Account,
    },
    /// An empty home.
    Home {
        /// The directory.
        directory: PathBuf,
        /// Whose it is.
        uid: SessionUid,
    },
    /// The sudo rules.
    Rules {
        /// The file.
        file: PathBuf,
        /// The digest of its content.
        digest: Digest,
    },
}

impl Step {
    /// What undoes it, whether it was done, half done or not done.
    pub(crate) fn inverse(&self) -> Removal {
        match self {
            Self::Cgroup { directory, .. } => Removal::Cgroup {
                directory: directory.clone(),
            },
            Self::SudoLog { file } => Removal::SudoLog { file: file.clone() },
            Self::Account { account } => Removal::Account {
                account: account.clone(),
            },
            Self::Home { directory, .. } => Removal::Home {
                directory: directory.clone(),
            },
            Self::Rules { file, .. } => Removal::Rules { file: file.clone() },
        }
    }

    /// What takes it back when the session never became ready.
    pub(crate) fn unused(&self) -> Removal {
        Removal::Unused { step: self.clone() }
    }

    /// The path that it makes; an account has none.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Cgroup { directory, .. } | Self::Home { directory, .. } => Some(directory),
            Self::SudoLog { file } | Self::Rules { file, .. } => Some(file),
            Self::Account { .. } => None,
        }
    }

    fn taken_back(&self) -> &'static str {
        match self {
            Self::Cgroup { .. } => "take back the control group",
            Self::SudoLog { .. } => "take back sudo's log",
            Self::Account { .. } => "take back the account",
            Self::Home { .. } => "take back the home",
            Self::Rules { .. } => "take back the sudo rules",
        }
    }

    /// The step in a few words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cgroup { .. } => "make the control group",
            Self::SudoLog { .. } => "make sudo's log",
            Self::Account { .. } => "make the account",
            Self::Home { .. } => "make the home",
            Self::Rules { .. } => "install the sudo rules",
        }
    }
}

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The sudo rules.
    Rules {
        /// The file.
        file: PathBuf,
    },
    /// Any further use of the account by whatever asks PAM.
    Use {
        /// The account.
        account: Account,
    },
    /// Every process of the session.
    Processes {
        /// The session's UID.
        uid: SessionUid,
        /// The session's control group.
        cgroup: PathBuf,
    },
    /// Files that belong to the account by their name: schedules, mail, timestamps, linger.
    Named {
        /// The account.
        account: Account,
    },
    /// IPC objects and keys in the kernel.
    Ipc {
        /// The session's UID.
        uid: SessionUid,
    },
    /// Mounts, message queues, and files of the session's UID in directories where anybody may write.
    Files {
        /// The session's UID.
        uid: SessionUid,
        /// Where to look, and what becomes of what is found.
        search: Vec<SearchRoot>,
    },
    /// Records of logins that other programs would show or trip over.
    Logins {
        /// The account.
        account: Account,
    },
    /// The home and everything in it.
    Home {
        /// The directory.
        directory: PathBuf,
    },
    /// The account and its group.
    Account {
        /// The account.
        account: Account,
    },
    /// sudo's log.
    SudoLog {
        /// The file.
        file: PathBuf,
    },
    /// The control group.
    Cgroup {
        /// Its directory.
        directory: PathBuf,
    },
    /// What a step made for a session that was never ready, and nothing else in its place.
    Unused {
        /// The step.
        step: Step,
    },
}

impl Removal {
    /// The removal in a few words, as it stands in a receipt.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Rules { .. } => "remove the sudo rules",
            Self::Use { .. } => "lock the account",
            Self::Processes { .. } => "kill all processes",
            Self::Named { .. } => "remove schedules, mail and timestamps",
            Self::Ipc { .. } => "remove IPC objects and keys",
            Self::Files { .. } => "remove files elsewhere",
            Self::Logins { .. } => "remove login records",
            Self::Home { .. } => "remove the home",
            Self::Account { .. } => "remove the account",
            Self::SudoLog { .. } => "remove sudo's log",
            Self::Cgroup { .. } => "remove the control group",
            Self::Unused { step } => step.taken_back(),
        }
    }
}

impl fmt::Display for Step {
    /// What the step makes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cgroup {
                directory,
                max_processes,
            } => write!(
                formatter,
                "{}, at most {max_processes} processes",
                directory.display()
            ),
            Self::SudoLog { file } => write!(formatter, "{}", file.display()),
            Self::Account { account } => write!(formatter, "{account}: {}", account.full_name),
            Self::Home { directory, .. } => write!(formatter, "{}", directory.display()),
            Self::Rules { file, digest } => write!(formatter, "{}, {digest}", file.display()),
        }
    }
}

impl fmt::Display for Removal {
    /// What is removed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules { file } | Self::SudoLog { file } => {
                write!(formatter, "{}", file.display())
            }
            Self::Use { account }
            | Self::Named { account }
            | Self::Logins { account }
            | Self::Account { account } => write!(formatter, "{account}"),
            Self::Processes { uid, cgroup } => {
                write!(formatter, "of UID {uid}, and all in {}", cgroup.display())
            }
            Self::Ipc { uid } => write!(formatter, "of UID {uid}"),
            Self::Files { uid, search } => {
                write!(formatter, "of UID {uid} below")?;
                let mut search = search.iter();
                search.try_for_each(|root| write!(formatter, " {root}"))
            }
            Self::Home { directory } | Self::Cgroup { directory } => {
                write!(formatter, "{}", directory.display())
            }
            Self::Unused { step } => write!(formatter, "{step}"),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} with UID {}", self.name, self.uid)
    }
}

/// Something that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// What and why, for the receipt.
    pub(crate) what: String,
    /// Whether it is worth trying again: it gives, or will give, somebody something to use.
    pub(crate) again: bool,
}

impl Left {
    /// Something that must go and is tried again.
    pub(crate) fn must_go(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            again: true,
        }
    }

    /// Something that stays and is named.
    pub(crate) fn stays(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            again: false,
        }
    }
}
