//! What the daemon may be asked through its socket, and by whom: all of it.
//!
//! [`permit`] is the only maker of a [`Permitted`] question, and the daemon answers nothing else.

use portreeve_protocol::attest::HostWatch;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::AccountName;
use serde::{Deserialize, Serialize};

/// The longest question or answer, its line feed included.
pub(crate) const MAX_LINE: usize = 4 * 1024;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Make this connection a control connection.
    Control,
    /// Which principal may log in as `user` with this certificate?
    Principals {
        /// The user.
        user: String,
        /// The fingerprint of the certified key.
        fingerprint: String,
        /// The certificate's serial number.
        serial: u64,
    },
    /// May this account be used now?
    Account {
        /// The account.
        user: String,
    },
    /// Put this process, which stands for a login, into the account's control group.
    Enter {
        /// The account.
        user: String,
        /// The process.
        pid: i32,
    },
    /// How is the daemon?
    Status,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// The principal that may log in.
    Principal {
        /// As it stands in the certificate.
        line: String,
    },
    /// Yes.
    Allowed,
    /// No.
    Refused {
        /// For the log of whoever asked.
        why: String,
    },
    /// How the daemon is.
    Status(Status),
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    /// The program's version.
    pub(crate) version: String,
    /// This host's name.
    pub(crate) host: String,
    /// sudo's dialect and version, or what is wrong with it.
    pub(crate) sudo: String,
    /// Where the sessions' control groups are.
    pub(crate) cgroup_root: String,
    /// The sessions that are live.
    pub(crate) sessions: Vec<LiveSession>,
    /// Sessions whose removal goes on.
    pub(crate) removing: u64,
    /// Sessions of which something is left that is tried again.
    pub(crate) unfinished: Vec<Unfinished>,
    /// Sessions that are over and whose reports wait for a bastion.
    pub(crate) undelivered: u64,
    /// The size of all journals together.
    pub(crate) spool_bytes: u64,
    /// Whether the spool is full, so that orders are refused.
    pub(crate) spool_full: bool,
    /// The last thing that went wrong.
    pub(crate) last_error: Option<String>,
    /// Since when the daemon waits for its last session to end, to make room for another one.
    /// Like everything that a daemon before this one did not say, it may be missing.
    #[serde(default)]
    pub(crate) retires_since: Option<String>,
    /// Whether it takes no orders meanwhile.
    #[serde(default)]
    pub(crate) refuses_orders: bool,
    /// By what it watches sessions.
    #[serde(default)]
    pub(crate) watch: Option<HostWatch>,
}

/// A live session in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveSession {
    /// The session.
    pub(crate) session: SessionId,
    /// Its account.
    pub(crate) account: AccountName,
    /// Whose it is.
    pub(crate) pair: String,
    /// When it ends at the latest, in RFC 3339.
    pub(crate) expires_at: String,
}

/// A session of which something is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unfinished {
    /// The session.
    pub(crate) session: SessionId,
    /// What is left of it.
    pub(crate) left: Vec<String>,
}

/// Who asks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The user.
    pub(crate) uid: u32,
    /// The process.
    pub(crate) pid: i32,
}

/// A question from somebody who may ask it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permitted(Ask);

impl Permitted {
    /// The question.
    pub(crate) fn into_ask(self) -> Ask {
        self.0
    }
}

/// Why a question is not answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("process {} of user {} may not ask this", peer.pid, peer.uid)]
pub(crate) struct NotPermitted {
    peer: Peer,
}

/// Lets a question through if `peer` may ask it; `control_user` is the UID of `portreeve`.
pub(crate) fn permit(ask: Ask, peer: Peer, control_user: u32) -> Result<Permitted, NotPermitted> {
    let asker = match ask {
        Ask::Control | Ask::Principals { .. } => control_user,
        Ask::Account { .. } | Ask::Enter { .. } | Ask::Status => 0,
    };
    if peer.uid == asker {
        Ok(Permitted(ask))
    } else {
        Err(NotPermitted { peer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL_USER: u32 = 990;

    /// The whole table: each question with the one user who may ask it.
    #[test]
    fn every_question_has_exactly_one_asker() {
        let user = || "pr-0123456789abcdef".to_owned();
        let table = [
            (Ask::Control, CONTROL_USER),
            (
                Ask::Principals {
                    user: user(),
                    fingerprint: "SHA256:x".into(),
                    serial: 1,
                },
                CONTROL_USER,
            ),
            (Ask::Account { user: user() }, 0),
            (
                Ask::Enter {
                    user: user(),
                    pid: 1,
                },
                0,
            ),
            (Ask::Status, 0),
        ];
        for (ask, asker) in table {
            for uid in [0, CONTROL_USER, 1000, 2_010_000_000, u32::MAX] {
                let permitted = permit(ask.clone(), Peer { uid, pid: 7 }, CONTROL_USER);
                assert_eq!(permitted.is_ok(), uid == asker, "{ask:?} by {uid}");
            }
        }
    }

    #[test]
    fn questions_are_read_strictly() {
        assert_eq!(
            serde_json::from_str::<Ask>(r#"{"ask":"control"}"#).unwrap(),
            Ask::Control
        );
        for bad in [
            r#"{"ask":"shutdown"}"#,
            r#"{"ask":"account"}"#,
            r#"{"ask":"account","user":"a","uid":0}"#,
            r#"{"ask":"enter","user":"a","pid":"1"}"#,
            "control",
        ] {
            assert!(serde_json::from_str::<Ask>(bad).is_err(), "{bad}");
        }
    }
}
