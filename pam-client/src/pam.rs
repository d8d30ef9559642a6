//! What PAM asks for every login to a session's account (`pam_exec`): whether the account may be
//! used now, and to put the login into the session's control group.
//!
//! Anything but a clear yes is a no, also when the daemon is down. Standing accounts never get
//! here: the lines in `/etc/pam.d/sshd` skip this for every user that is not called `pr-…`.

use std::path::Path;

use crate::ask::{AskError, ask};
use crate::root::{Answer, Ask};

/// What PAM tells its helper through the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PamCall {
    /// `PAM_TYPE`.
    pub(crate) kind: String,
    /// `PAM_USER`.
    pub(crate) user: String,
    /// The process that PAM runs in: for a session, sshd's process of this connection.
    pub(crate) parent: i32,
}

/// Why the login is denied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// The daemon does not allow it.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// PAM wants something that we have no part in.
    #[error("`PAM_TYPE` is `{0}`; the lines belong into account and session only")]
    Type(String),
}

/// The question that a call by PAM is; closing a session is none.
fn question(call: PamCall) -> Result<Option<Ask>, Denied> {
    match call.kind.as_str() {
        "account" => Ok(Some(Ask::Account { user: call.user })),
        "open_session" => Ok(Some(Ask::Enter {
            user: call.user,
            pid: call.parent,
        })),
        "close_session" => Ok(None),
        _ => Err(Denied::Type(call.kind)),
    }
}

/// Answers PAM.
pub(crate) fn run(socket: &Path, call: PamCall) -> Result<(), Denied> {
    let Some(question) = question(call)? else {
        return Ok(());
    };
    match ask(socket, &question)? {
        Answer::Allowed => Ok(()),
        Answer::Refused { .. } | Answer::Principal { .. } | Answer::Status(_) => {
            Err(AskError::OtherAnswer.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: &str) -> PamCall {
        PamCall {
            kind: kind.into(),
            user: "pr-0123456789abcdef".into(),
            parent: 77,
        }
    }

    #[test]
    fn only_account_and_session_are_served() {
        assert!(matches!(
            question(call("account")),
            Ok(Some(Ask::Account { .. }))
        ));
        assert!(matches!(
            question(call("open_session")),
            Ok(Some(Ask::Enter { pid: 77, .. }))
        ));
        assert!(matches!(question(call("close_session")), Ok(None)));
        for other in ["auth", "password", ""] {
            assert!(
                matches!(question(call(other)), Err(Denied::Type(_))),
                "{other}"
            );
        }
    }

    #[test]
    fn without_a_daemon_the_login_is_denied() {
        let nowhere = tempfile::tempdir().unwrap();
        let socket = nowhere.path().join("host.sock");
        for kind in ["account", "open_session"] {
            assert!(matches!(
                run(&socket, call(kind)),
                Err(Denied::Ask(AskError::NotRunning(_)))
            ));
        }
    }
}
