//! Deciding what a channel may do: the policy's answer, and what this bastion offers at all.
//!
//! Pure: the policies, the session's facts and the time are arguments. A [`ChannelPermit`] can be made here only, and
//! nothing opens a channel on a host without one.

use std::net::IpAddr;

use portreeve_access_policy::act::{Destination, SessionAct, UseRequest};
use portreeve_access_policy::decide::{Decision, Policies};
use portreeve_access_policy::explain::DecisionRecord;
use portreeve_access_policy::facts::{Circumstances, HostFacts, Session, WatchFacts};
use portreeve_access_policy::permit::SessionPermit;
use portreeve_protocol::event::DecisionNote;
use portreeve_protocol::facts::SignIn;
use portreeve_protocol::grant::{ContentLimit, Grant, RecordingMode};
use portreeve_protocol::id::DecisionId;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::Program;
use portreeve_recording::files::Rights;

use crate::request::{Asked, MAX_COMMAND, Wanted, is_too_long};

/// Who asks, as policy knows them, for the length of a session.
#[derive(Debug, Clone)]
pub struct Facts {
    session: Session,
    sign_in: SignIn,
    expires_at: Timestamp,
    source: IpAddr,
    host_check: Option<HostFacts>,
    host_watch: Option<WatchFacts>,
}

impl Facts {
    /// What a grant says of its session, and where the agent connects from.
    #[must_use]
    pub fn of(grant: &Grant, source: IpAddr) -> Self {
        Self {
            session: Session::from_grant(grant),
            sign_in: grant.facts.sign_in.clone(),
            expires_at: grant.expires_at,
            source,
            host_check: None,
            host_watch: None,
        }
    }

    /// The same, once the host has said what it found, and by what it watches.
    #[must_use]
    pub fn on_host(&self, found: Option<&HostFacts>, watch: Option<WatchFacts>) -> Self {
        Self {
            host_check: found.cloned(),
            host_watch: watch,
            ..self.clone()
        }
    }
}

/// One program may be started on one channel. Only [`decide`] makes it.
#[derive(Debug)]
#[must_use]
pub struct ChannelPermit {
    program: Program,
    id: DecisionId,
    is_strict: bool,
    rights: Rights,
    content_limit: Option<ContentLimit>,
}

impl ChannelPermit {
    /// What may be started.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The decision.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.id
    }

    /// Whether nothing may reach the agent that is not yet durable.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// What may be done with files, where the program is file transfer.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        self.rights
    }

    /// How much of each file's content is recorded, where policy limits it for this channel.
    #[must_use]
    pub const fn content_limit(&self) -> Option<ContentLimit> {
        self.content_limit
    }
}

/// The answer to one request, with what the trail gets of it.
#[derive(Debug)]
#[must_use]
pub struct Verdict {
    /// The decisions that were made, in order; none when there was nothing to ask policy about.
    pub notes: Vec<DecisionNote>,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out of a decision.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// Yes, and this is the proof.
    Permitted(ChannelPermit),
    /// No, and this is what the agent reads.
    Refused(Refused),
}

/// Why a channel is refused, as far as the agent learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The policy says no.
    #[error("the policy does not permit this; the session goes on")]
    Policy,
    /// The policy says no because of what the host found when it looked at itself.
    #[error(
        "the policy does not permit this on a host like this one; its administrators find in the trail what the host found"
    )]
    Host,
    /// It would pass a host's traffic unrecorded.
    #[error(
        "forwarding is not offered: nothing passes unrecorded; run the command on the host instead"
    )]
    Forwarding,
    /// A subsystem other than sftp.
    #[error("this subsystem is not offered; sftp is")]
    Subsystem,
    /// The command does not fit the trail.
    #[error("a command has {MAX_COMMAND} bytes at most; send a longer script on standard input")]
    TooLong,
    /// The command goes on where most programs see its end, so what is decided would not be what runs.
    #[error("a command has no zero byte")]
    ZeroByte,
    /// No policy is known, or the decision could not be written down.
    #[error("no decision can be made now; try again later")]
    Unavailable,
}

/// Decides. `new_id` gives each decision its id.
pub fn decide(
    policies: &Policies,
    facts: &Facts,
    asked: &Asked,
    now: Timestamp,
    mut new_id: impl FnMut() -> DecisionId,
) -> Verdict {
    let mut verdict = Verdict {
        notes: Vec::new(),
        outcome: Outcome::Refused(Refused::Policy),
    };
    let mut permits = Vec::new();
    let mut denial = None;
    let program = offered(&asked.program);
    for act in acts(&asked.program) {
        let id = new_id();
        let act_asked = act.clone();
        let decision = policies.within(facts.request(act, now));
        let Ok(note) = record(&decision).note(id) else {
            return verdict.refused(Refused::Unavailable);
        };
        verdict.notes.push(note);
        match decision {
            Decision::Permit(permit) => permits.push((id, permit)),
            Decision::Denial(_) => {
                denial.get_or_insert_with(|| facts.why(policies, act_asked, now));
            }
        }
    }
    if let (Some(refused), true) = (denial, permits.is_empty()) {
        return verdict.refused(refused);
    }
    match program {
        Ok(program) => verdict.permitted(program, &permits),
        Err(refused) => verdict.refused(refused),
    }
}

impl Facts {
    /// Whether the host is why something is refused: whether it would be permitted on a host of
    /// which nothing is known, or that watches everything. Only told, never acted upon.
    fn why(&self, policies: &Policies, act: SessionAct, now: Timestamp) -> Refused {
        if self.host_check.is_none() && self.host_watch.is_none() {
            return Refused::Policy;
        }
        let elsewhere = [None, Some(WatchFacts::EVERYTHING)];
        let would_be = |watch| {
            let asked = self.on_host(None, watch).request(act.clone(), now);
            matches!(policies.within(asked), Decision::Permit(_))
        };
        if elsewhere.into_iter().any(would_be) {
            Refused::Host
        } else {
            Refused::Policy
        }
    }

    fn request(&self, act: SessionAct, now: Timestamp) -> UseRequest {
        UseRequest {
            session: self.session.clone(),
            act,
            remaining: u32::try_from(self.expires_at.since(now).as_secs()).unwrap_or(u32::MAX),
            host_check: self.host_check.clone(),
            host_watch: self.host_watch,
            circumstances: Circumstances {
                now,
                source: self.source,
                sign_in: self.sign_in.clone(),
            },
        }
    }
}

impl Verdict {
    /// The answer when there is no policy to ask.
    pub const fn unavailable() -> Self {
        Self {
            notes: Vec::new(),
            outcome: Outcome::Refused(Refused::Unavailable),
        }
    }

    fn refused(mut self, refused: Refused) -> Self {
        self.outcome = Outcome::Refused(refused);
        self
    }

    fn permitted(mut self, program: Program, permits: &[(DecisionId, SessionPermit)]) -> Self {
        let is_strict = |(_, permit): &(DecisionId, SessionPermit)| {
            permit.recording() == Some(RecordingMode::Strict)
        };
        let may = |act: &SessionAct| permits.iter().any(|(_, permit)| permit.act() == act);
        if let Some((id, _)) = permits.first() {
            self.outcome = Outcome::Permitted(ChannelPermit {
                program,
                id: *id,
                is_strict: permits.iter().any(is_strict),
                rights: Rights {
                    read: may(&SessionAct::SftpRead),
                    write: may(&SessionAct::SftpWrite),
                },
                content_limit: permits
                    .iter()
                    .map(|(_, permit)| permit.recording_content())
                    .fold(None, least),
            });
        }
        self
    }
}

/// The smaller of two limits.
#[must_use]
pub fn least(one: Option<ContentLimit>, another: Option<ContentLimit>) -> Option<ContentLimit> {
    one.into_iter().chain(another).min()
}

/// What policy is asked. The sftp subsystem reads and writes: either is enough to start it, and what follows its files
/// keeps to what was permitted. A forwarding is asked about although it is never offered: what somebody tried belongs to
/// the decisions of the session.
fn acts(wanted: &Wanted) -> Vec<SessionAct> {
    match wanted {
        Wanted::Shell => vec![SessionAct::Shell],
        Wanted::Exec(command) if is_too_long(command) || has_zero(command) => vec![],
        Wanted::Exec(command) => vec![SessionAct::Exec {
            command: String::from_utf8_lossy(command).into_owned(),
        }],
        Wanted::Sftp => vec![SessionAct::SftpRead, SessionAct::SftpWrite],
        Wanted::Subsystem(_) => vec![],
        Wanted::Forward(forwarding) => vec![SessionAct::Forward {
            kind: forwarding.kind.into(),
            to: forwarding
                .to
                .clone()
                .map(|(address, port)| Destination { address, port }),
        }],
    }
}

fn has_zero(command: &[u8]) -> bool {
    command.contains(&0)
}

fn offered(wanted: &Wanted) -> Result<Program, Refused> {
    match wanted {
        Wanted::Shell => Ok(Program::Shell),
        Wanted::Exec(command) if is_too_long(command) => Err(Refused::TooLong),
        Wanted::Exec(command) if has_zero(command) => Err(Refused::ZeroByte),
        Wanted::Exec(command) => Ok(Program::Exec(command.clone())),
        Wanted::Sftp => Ok(Program::Sftp),
        Wanted::Subsystem(_) => Err(Refused::Subsystem),
        Wanted::Forward(_) => Err(Refused::Forwarding),
    }
}

fn record(decision: &Decision<SessionPermit>) -> &DecisionRecord {
    match decision {
        Decision::Permit(permit) => permit.record(),
        Decision::Denial(denial) => denial.record(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
