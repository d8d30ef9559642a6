//! Permissions, as values that only a decision can make.
//!
//! Each carries what it permits, to whom, and on what grounds. Code that acts takes the permit as
//! an argument and reads from it what to do, so a permission for one thing cannot be used for
//! another. Nothing outside this crate can construct one, and none can be copied.

use portreeve_protocol::facts::SignIn;
use portreeve_protocol::grant::{ContentLimit, RecordingMode};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::recording::Retention;
use portreeve_protocol::time::Ttl;

use crate::act::{HumanAct, HumanRequest, SessionAct, StartRequest, UseRequest};
use crate::explain::DecisionRecord;
use crate::facts::{Human, Session};
use crate::obligation::Obligations;

/// A session may begin, exactly as it was asked for.
#[derive(Debug)]
#[must_use]
pub struct StartPermit {
    pub(crate) request: StartRequest,
    pub(crate) obligations: Obligations,
    pub(crate) record: DecisionRecord,
}

impl StartPermit {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.request.session
    }

    /// Whose it is.
    #[must_use]
    pub fn pair(&self) -> Pair {
        self.request.session.pair()
    }

    /// How the human signed in.
    #[must_use]
    pub fn sign_in(&self) -> &SignIn {
        &self.request.circumstances.sign_in
    }

    /// How long it may last: what was asked for, or less where a policy says so.
    #[must_use]
    pub fn ttl(&self) -> Ttl {
        self.obligations
            .max_ttl
            .map_or(self.request.ttl, |most| most.min(self.request.ttl))
    }

    /// How strictly the recording binds.
    #[must_use]
    pub fn recording(&self) -> RecordingMode {
        self.obligations
            .recording
            .unwrap_or(RecordingMode::Standard)
    }

    /// How long its recording is kept, if a policy says so.
    #[must_use]
    pub fn retention(&self) -> Option<Retention> {
        self.obligations.retention
    }

    /// How much of each file's content is recorded, if a policy limits it.
    #[must_use]
    pub fn recording_content(&self) -> Option<ContentLimit> {
        self.obligations.recording_content
    }

    /// Everything that the decision was made from.
    #[must_use]
    pub fn record(&self) -> &DecisionRecord {
        &self.record
    }
}

/// A session may begin once every approval is there.
#[derive(Debug)]
#[must_use]
pub struct PendingStart {
    pub(crate) permit: StartPermit,
    pub(crate) missing: Vec<String>,
}

/// Why an approval does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApproval {
    /// It permits something else, or is about another session.
    #[error("the permission is not an approval of this session")]
    OtherAct,
    /// Nobody approves what they asked for.
    #[error("nobody approves a session of their own")]
    OwnSession,
    /// The approver belongs to none of the groups that must approve.
    #[error("the approver is in none of the groups that must approve")]
    NotAsked,
}

impl PendingStart {
    /// The session that waits.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.permit.session()
    }

    /// The groups of which a member must still approve.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Everything that the decision was made from.
    #[must_use]
    pub fn record(&self) -> &DecisionRecord {
        self.permit.record()
    }

    /// Takes one approval into account.
    ///
    /// # Errors
    ///
    /// When it does not count; the session then waits on, in the second part of the error.
    pub fn approved(
        mut self,
        approval: &HumanPermit,
    ) -> Result<Approved, Box<(NotAnApproval, Self)>> {
        let HumanAct::Approve { session } = approval.act() else {
            return Err(Box::new((NotAnApproval::OtherAct, self)));
        };
        if session.id != self.session().id {
            return Err(Box::new((NotAnApproval::OtherAct, self)));
        }
        let approver = approval.human();
        if approver.identity.id() == self.session().human.identity.id() {
            return Err(Box::new((NotAnApproval::OwnSession, self)));
        }
        let before = self.missing.len();
        self.missing
            .retain(|group| !approver.groups.contains(group));
        match self.missing.len() {
            still if still == before => Err(Box::new((NotAnApproval::NotAsked, self))),
            0 => Ok(Approved::Start(self.permit)),
            _ => Ok(Approved::StillPending(self)),
        }
    }
}

/// What an approval leads to.
#[derive(Debug)]
#[must_use]
pub enum Approved {
    /// Nothing is missing any more.
    Start(StartPermit),
    /// Another group must approve.
    StillPending(PendingStart),
}

/// One thing inside a session may be done.
#[derive(Debug)]
#[must_use]
pub struct SessionPermit {
    pub(crate) request: UseRequest,
    pub(crate) obligations: Obligations,
    pub(crate) record: DecisionRecord,
}

impl SessionPermit {
    /// The session in which it may be done.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.request.session
    }

    /// What may be done.
    #[must_use]
    pub fn act(&self) -> &SessionAct {
        &self.request.act
    }

    /// How strictly it must be recorded, if a policy says so.
    #[must_use]
    pub fn recording(&self) -> Option<RecordingMode> {
        self.obligations.recording
    }

    /// How much of each file's content is recorded, if a policy limits it.
    #[must_use]
    pub fn recording_content(&self) -> Option<ContentLimit> {
        self.obligations.recording_content
    }

    /// Everything that the decision was made from.
    #[must_use]
    pub fn record(&self) -> &DecisionRecord {
        &self.record
    }
}

/// A person may do one thing.
#[derive(Debug)]
#[must_use]
pub struct HumanPermit {
    pub(crate) request: HumanRequest,
    pub(crate) record: DecisionRecord,
}

impl HumanPermit {
    /// Who may do it.
    #[must_use]
    pub fn human(&self) -> &Human {
        &self.request.human
    }

    /// What may be done, and to what.
    #[must_use]
    pub fn act(&self) -> &HumanAct {
        &self.request.act
    }

    /// Everything that the decision was made from.
    #[must_use]
    pub fn record(&self) -> &DecisionRecord {
        &self.record
    }
}
