//! The questions that are put to the policies.

use std::fmt;

use crate::act::{HumanRequest, StartRequest, UseRequest};
use crate::explain::Asked;
use crate::facts::Session;

/// One question for the policies.
pub(crate) enum Question<'a> {
    /// May the human delegate?
    Delegate(&'a StartRequest),
    /// May the agent hold?
    Hold(&'a StartRequest),
    /// May the pair start?
    Start(&'a StartRequest),
    /// May the pair do this inside its session?
    Use(&'a UseRequest),
    /// May the person do this?
    Human(&'a HumanRequest),
}

impl<'a> Question<'a> {
    /// The questions that must all be permitted.
    pub(crate) fn of(asked: &'a Asked) -> Vec<Self> {
        match asked {
            Asked::Start(request) => vec![
                Self::Delegate(request),
                Self::Hold(request),
                Self::Start(request),
            ],
            Asked::Use(request) => vec![Self::Use(request)],
            Asked::Human(request) => vec![Self::Human(request)],
        }
    }
}

impl fmt::Display for Question<'_> {
    /// The question in short, as `Human alice@example.com delegate Host db-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |session: &Session| session.pair().to_string();
        match self {
            Self::Delegate(StartRequest { session, .. }) => {
                write!(
                    f,
                    "human {} delegate host {}",
                    session.human.identity.name, session.host.name
                )
            }
            Self::Hold(StartRequest { session, .. }) => {
                write!(
                    f,
                    "agent {} hold host {}",
                    session.agent.identity, session.host.name
                )
            }
            Self::Start(StartRequest { session, .. }) => {
                write!(f, "pair {} start host {}", pair(session), session.host.name)
            }
            Self::Use(UseRequest { session, act, .. }) => {
                write!(
                    f,
                    "pair {} {} host {}",
                    pair(session),
                    act.action(),
                    session.host.name
                )
            }
            Self::Human(HumanRequest { human, act, .. }) => {
                write!(f, "human {} {}", human.identity.name, act.action())
            }
        }
    }
}
