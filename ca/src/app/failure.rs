//! Why a use case did not do what was asked, and the one mapping from there to what the caller
//! learns.

use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::recording::StoreName;

use crate::decide::NoPolicy;
use crate::sign::SignerError;
use crate::store::{CommitError, Refusal, StoreError};
use crate::trail::LogError;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A refusal that the caller is to be told as it is; its grounds are in the trail.
    #[error("{}", .0.title)]
    Told(Box<Problem>),
    /// Nothing could be decided.
    #[error(transparent)]
    Undecided(#[from] NoPolicy),
    /// The database did not answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// What was to be done could not be recorded, so it was not done.
    #[error("nothing was recorded, so nothing was done")]
    Commit(#[source] CommitError),
    /// What was to be signed was not.
    #[error("nothing was signed")]
    Signer(#[from] SignerError),
    /// The recording store did not answer.
    #[error("a recording cannot be read from its store")]
    RecordingStore(#[source] portreeve_recording_store::store::StoreError),
    /// The recording store has not all of a recording.
    #[error(
        "the store `{store}` has {has} of {bytes} bytes of the recording of {session}; is it mounted, and does nobody else delete in it?"
    )]
    RecordingShort {
        /// The store.
        store: StoreName,
        /// Of which session.
        session: SessionId,
        /// What is there.
        has: u64,
        /// What there should be.
        bytes: u64,
    },
    /// The log could not be proved.
    #[error("the audit log cannot be shown")]
    Log(#[from] LogError),
    /// Something that cannot be; the text says what.
    #[error("{0}")]
    Broken(String),
}

impl Failure {
    /// A refusal with nothing but its code.
    pub(super) fn told(code: Code) -> Self {
        Self::Told(Box::new(Problem::new(code)))
    }

    /// A refusal that says what to do about it.
    pub(super) fn advise(code: Code, detail: impl Into<String>) -> Self {
        Self::Told(Box::new(Problem::new(code).detail(detail)))
    }

    /// A refusal whose grounds are in `event`.
    pub(super) fn recorded(code: Code, event: EventId) -> Self {
        Self::Told(Box::new(Problem::new(code).event(event)))
    }

    /// What the caller learns.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Told(problem) => (**problem).clone(),
            Self::Log(LogError::TooLong) => Problem::new(Code::TooLarge),
            Self::Log(LogError::NotKept) => Problem::new(Code::Malformed),
            Self::Log(LogError::Busy) => Problem::new(Code::Busy),
            Self::Undecided(_)
            | Self::Signer(SignerError::Unreachable(_))
            | Self::Store(_)
            | Self::Log(LogError::Store(_) | LogError::Signer(_)) => {
                Problem::new(Code::Unavailable)
            }
            // Who gets so far may review the session; why it cannot be read is for who runs the CA.
            Self::RecordingStore(_) => Problem::new(Code::RecordingUnavailable)
                .detail("ask whoever runs the CA: its log has the reason, and what to do"),
            Self::RecordingShort { has, bytes, .. } => Problem::new(Code::RecordingUnavailable)
                .detail(format!(
                    "the store has {has} of {bytes} bytes; ask whoever runs the CA: its log has more"
                )),
            Self::Commit(CommitError::Refused(refusal)) => told_of(refusal),
            Self::Commit(CommitError::ClockBehind { .. } | CommitError::Store(_)) => {
                Problem::new(Code::Unavailable)
            }
            Self::Log(LogError::Broken)
            | Self::Commit(CommitError::Event(_))
            | Self::Signer(_)
            | Self::Broken(_) => Problem::new(Code::Internal),
        }
    }

    /// The failure with all its causes on one line, for the log and the trail.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// Whether somebody who runs the service should look at it.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        !matches!(self, Self::Told(_) | Self::Commit(CommitError::Refused(_)))
    }
}

/// What is told of a change that the state of a thing ruled out, unless the use case says more.
fn told_of(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Exists | Refusal::Stale | Refusal::Held => Problem::new(Code::Conflict),
        Refusal::Missing => Problem::new(Code::NotPermitted),
        Refusal::Token => Problem::new(Code::Unauthenticated)
            .detail("the one-time token is not accepted; ask an administrator for a new one"),
        Refusal::Claimed(_) | Refusal::Over | Refusal::Withdrawn => {
            Problem::new(Code::SessionUnavailable)
        }
        Refusal::TooOften(_) => Problem::new(Code::Busy).detail(refusal.to_string()),
        Refusal::Replayed => Problem::new(Code::Unauthenticated),
    }
}

/// An error with all its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}
