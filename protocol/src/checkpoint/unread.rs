//! Events of another version: what every event has, whatever it says.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::LoggedEvent;
use crate::id::{EventId, SessionId};
use crate::time::Timestamp;

/// An event that is proved to be in the log, of a kind or with a field that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its place in the log.
    pub index: u64,
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// Of which session it is, if it is of one.
    pub session: Option<SessionId>,
    /// Its text as it was logged.
    pub text: String,
}

/// What an event has in every version.
#[derive(Deserialize)]
struct Envelope {
    id: EventId,
    at: Timestamp,
    #[serde(rename = "source")]
    _source: IgnoredAny,
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    session: Option<SessionId>,
}

impl Unread {
    /// Takes what every event has; nothing where it is no event at all.
    pub(super) fn of(logged: &LoggedEvent) -> Option<Self> {
        let envelope: Envelope = serde_json::from_str(&logged.event).ok()?;
        Some(Self {
            index: logged.index,
            id: envelope.id,
            at: envelope.at,
            session: envelope.body.session,
            text: logged.event.clone(),
        })
    }
}
