//! Exit codes and what each of them means. `docs/spec/cli.md` has the same table; a test compares.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for was done.
    Done,
    /// Something else went wrong; the message says what.
    Failed,
    /// The command line or a setting is wrong.
    Usage,
    /// The CA or the bastion refused, or there is no such thing.
    NotPermitted,
    /// The caller did not prove who it is, or the proof is void.
    NotAuthenticated,
    /// A human must approve first.
    Pending,
    /// The CA or the bastion cannot be reached, or can decide nothing now.
    Unavailable,
    /// What was to be verified does not verify, or a check found errors.
    VerificationFailed,
    /// A recording is sealed, and no review key that was given opens it; what can be read without one was
    /// shown or indexed.
    Sealed,
    /// The audit log has events of a newer version; nothing else is wrong with them.
    Outdated,
    /// `exec`, `ssh`: the command did not run to its end, for a reason of ours and not its own.
    CommandNotRun,
    /// Interrupted by the user.
    Interrupted,
    /// `exec`, `ssh`: the exit code of the remote command.
    Remote(u8),
}

impl Exit {
    /// The codes of our own, with the meaning that the documentation gives them.
    pub const OWN: [(Self, &'static str); 12] = [
        (Self::Done, "done"),
        (Self::Failed, "failed; the message says why"),
        (Self::Usage, "the command line or a setting is wrong"),
        (Self::NotPermitted, "not permitted, or no such thing"),
        (
            Self::NotAuthenticated,
            "not authenticated: sign in, or renew the token",
        ),
        (Self::Pending, "a human must approve first"),
        (
            Self::Unavailable,
            "the CA or the bastion is not available; try again",
        ),
        (
            Self::VerificationFailed,
            "a verification failed, or a check found errors",
        ),
        (
            Self::Sealed,
            "a recording is sealed, and no review key that was given opens it \
             (`index` without any: 0); what can be read without one was shown \
             or indexed",
        ),
        (
            Self::Outdated,
            "the audit log has events that this version does not know: update the command line",
        ),
        (
            Self::CommandNotRun,
            "`exec`, `ssh`: the command did not run to its end; standard error says why",
        ),
        (Self::Interrupted, "interrupted"),
    ];

    /// What `--help` says of them.
    #[must_use]
    pub fn table() -> String {
        let mut text = "Exit codes:".to_owned();
        for (exit, meaning) in Self::OWN {
            text.push_str(&format!("\n{:>5}  {meaning}", exit.code()));
        }
        text
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotPermitted => 3,
            Self::NotAuthenticated => 4,
            Self::Pending => 5,
            Self::Unavailable => 6,
            Self::VerificationFailed => 7,
            Self::Sealed => 8,
            Self::Outdated => 9,
            Self::CommandNotRun => 125,
            Self::Interrupted => 130,
            Self::Remote(code) => code,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotPermitted => "not_permitted",
            Self::NotAuthenticated => "not_authenticated",
            Self::Pending => "pending",
            Self::Unavailable => "unavailable",
            Self::VerificationFailed => "verification_failed",
            Self::Sealed => "sealed",
            Self::Outdated => "outdated",
            Self::CommandNotRun => "command_not_run",
            Self::Interrupted => "interrupted",
            Self::Remote(_) => "remote",
        }
    }

    /// The exit code of a remote command that ended with `status`, which SSH carries in 32 bits.
    #[must_use]
    pub fn of_remote_status(status: u32) -> Self {
        // A status that does not fit is not a success, whatever its low byte is.
        Self::Remote(u8::try_from(status).unwrap_or(255))
    }

    /// The exit code of a remote command that a signal ended, as shells report it.
    #[must_use]
    pub fn of_remote_signal(name: &str) -> Self {
        let number = match name {
            "HUP" => 1,
            "INT" => 2,
            "QUIT" => 3,
            "ILL" => 4,
            "TRAP" => 5,
            "ABRT" => 6,
            "BUS" => 7,
            "FPE" => 8,
            "KILL" => 9,
            "USR1" => 10,
            "SEGV" => 11,
            "USR2" => 12,
            "PIPE" => 13,
            "ALRM" => 14,
            "TERM" => 15,
            // A signal that we do not know still is not a success.
            _ => 127,
        };
        Self::Remote(128_u8.saturating_add(number))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_every_code() {
        let page = include_str!("../../docs/spec/cli.md");
        for (exit, meaning) in Exit::OWN {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(page.contains(&row), "docs/spec/cli.md lacks `{row}`");
        }
    }

    #[test]
    fn the_help_has_every_code() {
        use clap::CommandFactory as _;

        let help = crate::args::Cli::command().render_long_help().to_string();
        // Long lines are wrapped.
        let words: Vec<_> = help.split_whitespace().collect();
        let help = words.join(" ");
        for (exit, meaning) in Exit::OWN {
            let row = format!("{} {meaning}", exit.code());
            assert!(help.contains(&row), "`portreeve --help` lacks `{row}`");
        }
    }

    #[test]
    fn a_remote_failure_never_becomes_a_success() {
        assert_eq!(Exit::of_remote_status(0).code(), 0);
        assert_eq!(Exit::of_remote_status(42).code(), 42);
        assert_eq!(Exit::of_remote_status(256).code(), 255);
        assert_eq!(Exit::of_remote_signal("KILL").code(), 137);
        assert_eq!(Exit::of_remote_signal("no such").code(), 255);
    }
}
