//! Why no token was issued, and what the client is told (RFC 6749, section 5.2; RFC 8693, section 2.2.2).

use portreeve_protocol::problem::Code;
use portreeve_protocol::token::TokenError;

use crate::app::Failure;

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFailure {
    /// A parameter is missing, repeated or of the wrong type.
    #[error("{0}")]
    Request(&'static str),
    /// The human's or the agent's token is not accepted.
    #[error("{0}")]
    Token(String),
    /// The agent did not prove to be itself.
    #[error("{0}")]
    Client(String),
    /// Another grant than a token exchange.
    #[error("the grant type is not token exchange")]
    GrantType,
    /// A token for somebody else.
    #[error("a token for another audience was asked for")]
    Target,
    /// The service cannot.
    #[error("no token could be issued")]
    Failed(#[source] Failure),
}

impl ExchangeFailure {
    /// What went wrong while the client was authenticated.
    pub(super) fn of_client(failure: Failure) -> Self {
        match told(&failure) {
            Some(detail) => Self::Client(detail),
            None => Self::Failed(failure),
        }
    }

    /// What went wrong with the subject or the actor token.
    pub(super) fn of_token(failure: Failure) -> Self {
        match told(&failure) {
            Some(detail) => Self::Token(detail),
            None => Self::Failed(failure),
        }
    }

    /// The status and the answer.
    #[must_use]
    pub fn answer(&self) -> (u16, TokenError) {
        let (status, error) = match self {
            Self::Request(_) | Self::Token(_) => (400, "invalid_request"),
            Self::Client(_) => (401, "invalid_client"),
            Self::GrantType => (400, "unsupported_grant_type"),
            Self::Target => (400, "invalid_target"),
            Self::Failed(failure) if failure.problem().code == Code::Internal => {
                (500, "server_error")
            }
            Self::Failed(_) => (503, "temporarily_unavailable"),
        };
        let error_description = if matches!(self, Self::Failed(_)) {
            "no token can be issued now; try again".to_owned()
        } else {
            self.to_string()
        };
        let error = error.to_owned();
        (
            status,
            TokenError {
                error,
                error_description,
            },
        )
    }
}

/// What a caller who is not believed is told.
fn told(failure: &Failure) -> Option<String> {
    let problem = failure.problem();
    (problem.code == Code::Unauthenticated).then(|| problem.detail.unwrap_or(problem.title))
}
