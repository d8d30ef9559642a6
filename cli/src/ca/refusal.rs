//! What a refusal means to whoever called: an exit code, the CA's words, and what to do next.

use std::error::Error as _;

use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::token::TokenError;

use crate::ca::client::CallError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::variables;

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(problem) => refused(&problem),
            CallError::TokenRefused(refusal) => token_refused(&refusal),
            CallError::Unreachable { .. } => {
                let failure = Self::new(Exit::Unavailable, error.to_string()).next(format!(
                    "check {} and the network; a TLS fault means that {} is not the root of the CA's certificate",
                    variables::CA,
                    variables::CA_CERT
                ));
                match error.source() {
                    Some(source) => failure.because(source),
                    None => failure,
                }
            }
            CallError::Body { .. } => {
                let failure = Self::new(Exit::Unavailable, error.to_string());
                match error.source() {
                    Some(source) => failure.because(source),
                    None => failure,
                }
            }
            CallError::NotUnderstood { .. } | CallError::Request(_) => {
                Self::failed(error.to_string())
            }
        }
    }
}

fn refused(problem: &Problem) -> Failure {
    let (exit, next) = advice(problem.code);
    let failure = Failure::new(exit, format!("the CA answered: {}", problem.title))
        .code(problem.code, problem.event);
    // What the CA says about this request is better advice than what we say about its kind.
    match &problem.detail {
        Some(detail) => failure.next(detail.clone()),
        None => failure.next(next),
    }
}

/// The exit code of an answer, and what to do where the CA does not say.
const fn advice(code: Code) -> (Exit, &'static str) {
    match code {
        Code::Malformed | Code::TooLarge => (
            Exit::Failed,
            "this program and the CA do not agree on the API; are both of one version?",
        ),
        Code::Unauthenticated => (
            Exit::NotAuthenticated,
            "a person signs in again with `portreeve login`; an agent runs `portreeve exchange` with a fresh ID token",
        ),
        Code::NotPermitted => (
            Exit::NotPermitted,
            "check the names; if they are right, ask an administrator: the event says which policies were asked and \
             what they were asked with",
        ),
        Code::PendingApproval => (
            Exit::Pending,
            "ask for the approval, then run the same command again",
        ),
        Code::SessionUnavailable => (
            Exit::NotPermitted,
            "the session is over or belongs to another bastion; start another one for the same task",
        ),
        Code::RecordingUnavailable => (
            Exit::Unavailable,
            "ask whoever runs the CA, whose log has the reason",
        ),
        Code::Conflict => (Exit::Failed, "choose another name, or use what exists"),
        Code::Invalid => (
            Exit::VerificationFailed,
            "correct the content and try again",
        ),
        Code::Busy | Code::Unavailable => (Exit::Unavailable, "try again in a moment"),
        Code::Internal => (
            Exit::Failed,
            "ask the CA's administrator to look at its log",
        ),
    }
}

fn token_refused(refusal: &TokenError) -> Failure {
    let (exit, next) = match refusal.error.as_str() {
        "invalid_client" => (
            Exit::NotAuthenticated,
            "check that the agent is registered with this key, is not disabled, and that the clock is right",
        ),
        "invalid_request" | "invalid_grant" => (
            Exit::NotAuthenticated,
            "get a fresh ID token with `portreeve login`, of an identity provider that the CA trusts",
        ),
        "temporarily_unavailable" => (Exit::Unavailable, "try again in a moment"),
        _ => (
            Exit::Failed,
            "ask the CA's administrator to look at its log",
        ),
    };
    Failure::new(
        exit,
        format!("no delegated token: the CA answered `{}`", refusal.error),
    )
    .reason(refusal.error_description.clone())
    .next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_an_exit_code_that_is_no_success_and_a_next_step() {
        for code in Code::ALL {
            let failure = Failure::from(CallError::Refused(Box::new(Problem::new(code))));
            assert_ne!(failure.exit(), Exit::Done);
            assert!(failure.to_string().contains("\n  next: "), "{failure}");
            assert!(
                failure
                    .to_string()
                    .contains(&format!("\n  code: {}", code.as_str()))
            );
        }
    }

    #[test]
    fn the_words_of_the_ca_come_first_and_cannot_drive_a_terminal() {
        let problem = Problem::new(Code::NotPermitted).detail("ask soc-leads\x1b[2J for `look`");
        let text = Failure::from(CallError::Refused(Box::new(problem))).to_string();
        assert_eq!(
            text,
            "portreeve: the CA answered: not permitted, or no such thing\n  code: not_permitted\n  \
             next: ask soc-leads\\x1b[2J for `look`"
        );
    }
}
