//! What a caller is told when something is refused (RFC 9457), and nothing more.
//!
//! Diagnosis goes to the trail. Here are the few answers that leave the house: from outside,
//! unknown and forbidden look the same.

use serde::{Deserialize, Serialize};

/// The stable name of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is not in the form that the API expects.
    Malformed,
    /// The request is larger than allowed.
    TooLarge,
    /// The caller did not prove who it is.
    Unauthenticated,
    /// The caller may not, or there is no such thing.
    NotPermitted,
    /// A human must approve first; the answer says where to look.
    PendingApproval,
    /// The session belongs to another bastion, or its time is over, or it was ended.
    SessionUnavailable,
    /// The recording cannot be read from its store now.
    RecordingUnavailable,
    /// What was to be made exists.
    Conflict,
    /// The content has errors, which the detail lists.
    Invalid,
    /// Too many requests.
    Busy,
    /// The policy in force or another need of the decision is missing: nothing is permitted.
    Unavailable,
    /// The fault is ours.
    Internal,
}

impl Code {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::TooLarge,
        Self::Unauthenticated,
        Self::NotPermitted,
        Self::PendingApproval,
        Self::SessionUnavailable,
        Self::RecordingUnavailable,
        Self::Conflict,
        Self::Invalid,
        Self::Busy,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The HTTP status (RFC 9110) that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TooLarge => 413,
            Self::Unauthenticated => 401,
            Self::NotPermitted => 403,
            Self::PendingApproval => 202,
            Self::SessionUnavailable => 410,
            Self::Conflict => 409,
            Self::Invalid => 422,
            Self::Busy => 429,
            Self::RecordingUnavailable | Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The same answer in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "the request is malformed",
            Self::TooLarge => "the request is too large",
            Self::Unauthenticated => "the caller is not authenticated",
            Self::NotPermitted => "not permitted, or no such thing",
            Self::PendingApproval => "a human must approve first",
            Self::SessionUnavailable => "the session is not available",
            Self::RecordingUnavailable => "the recording cannot be read from its store now",
            Self::Conflict => "it does not fit what is there",
            Self::Invalid => "the content has errors",
            Self::Busy => "too many requests",
            Self::Unavailable => "no decision can be made now",
            Self::Internal => "the service failed",
        }
    }

    /// The name as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Unauthenticated => "unauthenticated",
            Self::NotPermitted => "not_permitted",
            Self::PendingApproval => "pending_approval",
            Self::SessionUnavailable => "session_unavailable",
            Self::RecordingUnavailable => "recording_unavailable",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// A refusal as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:portreeve:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The answer in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable name of the answer.
    pub code: Code,
    /// What to do about it, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the trail has the diagnosis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<crate::id::EventId>,
}

impl Problem {
    /// A refusal with nothing but its code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            kind: format!("urn:portreeve:problem:{}", code.as_str()),
            title: code.title().into(),
            status: code.status(),
            code,
            detail: None,
            event: None,
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same with the event that has the diagnosis.
    #[must_use]
    pub fn event(self, event: crate::id::EventId) -> Self {
        Self {
            event: Some(event),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_they_say() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
