//! What the agent reads when its session ends: the one mapping from what happened to what is told.

use std::fmt;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::problem::Code;

/// The longest text of somebody else's that is passed on.
const MAX_REASON: usize = 500;

/// One line for the agent, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(String);

impl Notice {
    /// The session ended.
    #[must_use]
    pub fn ended(cause: EndCause, reason: Option<&str>) -> Self {
        let why = match cause {
            EndCause::Asked => "asked for",
            EndCause::Left => "nobody was connected",
            EndCause::Expired => "its time is over; ask for another session",
            EndCause::Idle => "nothing passed for too long",
            EndCause::Killed => "killed",
            EndCause::LinkLost => "the connection to the host broke",
            EndCause::FeedStale => "the bastion lost the CA; try again later",
            EndCause::RecordingFailed => "it can no longer be recorded",
            EndCause::Flooded => "it asked sudo for too much",
            EndCause::HostFailed => {
                "the host did not open; its administrators find the reason in the trail"
            }
            EndCause::Restarted => "the host restarted",
            EndCause::Shutdown => {
                "the bastion is being stopped, or the host's daemon; ask for another session"
            }
        };
        let reason = reason
            .map(|text| format!(": {}", printable(text)))
            .unwrap_or_default();
        Self(format!("portreeve: session ended: {why}{reason}"))
    }

    /// The session was never given to this bastion.
    #[must_use]
    pub fn refused(code: Code, detail: Option<&str>) -> Self {
        let detail = detail
            .filter(|text| *text != code.title())
            .map(|text| format!(": {}", printable(text)))
            .unwrap_or_default();
        Self(format!(
            "portreeve: {}: {}{detail}",
            code.as_str(),
            code.title()
        ))
    }

    /// The line, without an end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_everything_once() {
        let code = Code::SessionUnavailable;
        for (detail, told) in [
            (None, ""),
            (Some(code.title()), ""),
            (Some("connect to `b2`"), ": connect to `b2`"),
        ] {
            let words = "portreeve: session_unavailable: the session is not available";
            assert_eq!(
                Notice::refused(code, detail).as_str(),
                format!("{words}{told}")
            );
        }
    }

    #[test]
    fn a_reason_cannot_drive_a_terminal() {
        let notice = Notice::ended(EndCause::Killed, Some("alice@example.com: \x1b[2Jstop\r\n"));
        assert_eq!(
            notice.as_str(),
            "portreeve: session ended: killed: alice@example.com: [2Jstop"
        );
    }
}
