//! Why a certificate is refused, for the trail, and the little of it that the caller learns.

use portreeve_protocol::age::OpenError;
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair::Pair;
use portreeve_protocol::problem::Code;
use portreeve_protocol::task::Task;

/// A refused certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The rule that it breaks.
    pub reason: Reason,
    /// The session that it names, once the access CA's signature was checked.
    pub session: Option<SessionId>,
    /// Whose it is, once its grant was opened.
    pub whose: Option<Box<(Pair, Task)>>,
}

/// The rules of `docs/spec/grant.md`, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is longer than any certificate of ours.
    #[error("the certificate is larger than 16 KiB")]
    TooLarge,
    /// It certifies a host.
    #[error("not a user certificate")]
    NotAUserCertificate,
    /// It is not signed by the access CA.
    #[error("not signed by the access CA")]
    OtherCa,
    /// Its time has not come.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// Its time is over.
    #[error("the certificate is expired")]
    Expired,
    /// Its only principal is not the user name.
    #[error("the user name is not the certificate's only principal")]
    WrongPrincipal,
    /// A critical option that this bastion does not know.
    #[error("the certificate has a critical option that is not known here")]
    UnknownOption,
    /// It is for other bastions.
    #[error("the certificate is for another bastion")]
    OtherBastion,
    /// The peer's address is not one of those it is for.
    #[error("the certificate is not for this source address")]
    WrongAddress,
    /// An extension is missing or not in its form.
    #[error("the certificate's session, bundle or grant extension is missing or malformed")]
    MalformedExtension,
    /// The grant is sealed to other keys.
    #[error("the grant is sealed to another bastion")]
    SealedToAnother,
    /// The grant does not open.
    #[error("the grant does not open: {0}")]
    GrantDamaged(OpenError),
    /// What was sealed is not a grant.
    #[error("the grant is not in a form that is known here")]
    MalformedGrant,
    /// Grant, order and certificate do not name the same session, account and host.
    #[error("the grant is of another session")]
    OtherSession,
    /// The grant is for another key than the certified one.
    #[error("the grant is for another key")]
    OtherKey,
    /// The certificates inside the grant do not belong to it.
    #[error("a certificate inside the grant does not belong to it")]
    InnerCertificate,
    /// The grant's time is over.
    #[error("the session's time is over")]
    SessionOver,
}

impl Refusal {
    pub(super) const fn unproved(reason: Reason) -> Self {
        Self {
            reason,
            session: None,
            whose: None,
        }
    }

    pub(super) fn about(self, session: SessionId) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }

    pub(super) fn of(grant: &Grant, reason: Reason) -> Self {
        Self {
            reason,
            session: Some(grant.session),
            whose: Some(Box::new((grant.pair.clone(), grant.task.clone()))),
        }
    }

    /// What the caller is told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.reason {
            Reason::OtherBastion | Reason::SessionOver => Code::SessionUnavailable,
            Reason::TooLarge
            | Reason::NotAUserCertificate
            | Reason::OtherCa
            | Reason::NotYetValid
            | Reason::Expired
            | Reason::WrongPrincipal
            | Reason::UnknownOption
            | Reason::WrongAddress
            | Reason::MalformedExtension
            | Reason::SealedToAnother
            | Reason::GrantDamaged(_)
            | Reason::MalformedGrant
            | Reason::OtherSession
            | Reason::OtherKey
            | Reason::InnerCertificate => Code::Unauthenticated,
        }
    }

    /// Whether the client may go on and show another certificate: it may hold several, and finds the right one by the
    /// user name.
    #[must_use]
    pub const fn may_try_another(&self) -> bool {
        matches!(self.reason, Reason::WrongPrincipal)
    }
}
