//! What the program's exit status means.

use std::process::ExitCode;

/// How a command ended. Usage errors are 2, which the argument parser says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Well,
    /// It failed, or was refused; the message says why.
    Failed,
    /// The daemon does not run, or this host is not enrolled.
    NotRunning,
    /// Not now: another daemon runs, or sessions are live.
    Busy,
    /// It works, and something needs a look.
    NeedsALook,
    /// Nothing was found, and not everything could be looked at.
    Incomplete,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failed => 1,
            Self::NotRunning => 3,
            Self::Busy => 4,
            Self::NeedsALook => 5,
            Self::Incomplete => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
