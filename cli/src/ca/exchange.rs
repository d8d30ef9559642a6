//! The token exchange (RFC 8693): the human's ID token and the agent's own proof for a delegated
//! token. Neither is enough without the other.

use portreeve_protocol::token::{
    ASSERTION_TYPE_JWT, GRANT_TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_ID_TOKEN, TYPE_JWT,
    TokenResponse,
};

use crate::ca::client::Ca;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::identity::agent_key::{self, AgentKey};
use crate::identity::caller::Caller;
use crate::identity::delegated::DelegatedToken;
use crate::identity::person::IdToken;
use crate::identity::statement;
use crate::settings::{AgentSettings, Settings, SubjectSource};
use crate::variables;

const TOKEN_ENDPOINT: &str = "/oauth2/token";

/// The caller that the settings name for what a person or a pair may do.
///
/// # Errors
/// When they are not signed in, or no delegated token can be had.
pub async fn caller(ca: &Ca, settings: &Settings) -> Result<Caller, Failure> {
    match settings.who() {
        crate::args::Who::Person => person(settings),
        crate::args::Who::Agent => pair(ca, settings).await,
    }
}

/// The person who signed in.
///
/// # Errors
/// When nobody did, or it was too long ago.
pub fn person(settings: &Settings) -> Result<Caller, Failure> {
    IdToken::read(&settings.places().id_token, clock::now())
        .map(|token| Caller::Person(Box::new(token)))
}

/// The agent together with its human: with the stored delegated token if it still serves, else
/// with a new one.
///
/// # Errors
/// When no delegated token can be had.
pub async fn pair(ca: &Ca, settings: &Settings) -> Result<Caller, Failure> {
    let agent = settings.agent()?;
    let key = AgentKey::read(&agent.key).map_err(|error| agent_key::unusable(&agent.key, error))?;
    let path = &settings.places().token;
    if let Some(token) = DelegatedToken::read(path, ca.issuer(), &agent.name, &key, clock::now()) {
        return Ok(Caller::Pair {
            token: Box::new(token),
            key: Box::new(key),
        });
    }
    let token = exchange(ca, &agent, &key, settings.subject()).await?;
    token.store(path)?;
    Ok(Caller::Pair {
        token: Box::new(token),
        key: Box::new(key),
    })
}

/// Exchanges the human's ID token for a delegated token.
///
/// # Errors
/// When there is no ID token, or the CA refuses.
pub async fn exchange(
    ca: &Ca,
    agent: &AgentSettings,
    key: &AgentKey,
    subject: &SubjectSource,
) -> Result<DelegatedToken, Failure> {
    let subject = subject_token(subject)?;
    let now = clock::now();
    let not_made = |error: serde_json::Error| {
        Failure::failed("the agent's proof cannot be made").because(&error)
    };
    let assertion =
        statement::client_assertion(&agent.name, ca.issuer(), key, now, clock::random()?)
            .map_err(not_made)?;
    let actor = statement::actor_token(&agent.name, ca.issuer(), key, now, clock::random()?)
        .map_err(not_made)?;
    let answer: TokenResponse = ca
        .form(
            TOKEN_ENDPOINT,
            &[
                ("grant_type", GRANT_TOKEN_EXCHANGE),
                ("client_assertion_type", ASSERTION_TYPE_JWT),
                ("client_assertion", assertion.expose()),
                ("subject_token_type", TYPE_ID_TOKEN),
                ("subject_token", subject.text().expose()),
                ("actor_token_type", TYPE_JWT),
                ("actor_token", actor.expose()),
                ("requested_token_type", TYPE_ACCESS_TOKEN),
            ],
        )
        .await?;
    let token = DelegatedToken::parse(answer.access_token).map_err(|error| {
        Failure::failed("the CA's delegated token is not understood").because(&error)
    })?;
    if token.serves(ca.issuer(), &agent.name, key, now) {
        Ok(token)
    } else {
        Err(useless(token.lasts(now)))
    }
}

/// Why a token that the CA has just made is of no use. It ends with the human's sign-in, so one that
/// does not last is a matter of that.
fn useless(lasts: bool) -> Failure {
    if lasts {
        Failure::failed("the CA's delegated token is for somebody else")
            .next("check that the CA's URL is its issuer URL, character by character")
    } else {
        Failure::new(
            Exit::NotAuthenticated,
            "the human's sign-in is about to end, and the delegated token with it",
        )
        .next("ask for a fresh ID token; if this one is fresh, check that the clocks agree")
    }
}

fn subject_token(source: &SubjectSource) -> Result<IdToken, Failure> {
    const MAX: usize = portreeve_protocol::token::MAX_TOKEN;
    let now = clock::now();
    match source {
        SubjectSource::Text(text) => IdToken::parse(text.expose(), now),
        SubjectSource::Stdin => {
            let bytes = files::read_stdin("the human's ID token", MAX)?;
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::new(Exit::NotAuthenticated, "standard input holds no ID token")
            })?;
            IdToken::parse(&text, now)
        }
        SubjectSource::File(path) => files::read_text(path, MAX)
            .map_err(|error| {
                Failure::from(error)
                    .of_kind(Exit::NotAuthenticated)
                    .or_next(format!(
                        "point {} to the ID token that the human handed over",
                        variables::SUBJECT_TOKEN_FILE
                    ))
            })
            .and_then(|text| IdToken::parse(&text, now)),
        SubjectSource::SignedIn(path) => IdToken::read(path, now),
    }
    .map_err(|failure| failure.within("the human's ID token is needed for a delegated token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_ends_at_once_asks_for_another_sign_in() {
        let ended = useless(false);
        assert_eq!(ended.exit(), Exit::NotAuthenticated);
        assert!(ended.to_string().contains("fresh ID token"), "{ended}");
        let foreign = useless(true);
        assert_eq!(foreign.exit(), Exit::Failed);
        assert!(foreign.to_string().contains("issuer URL"), "{foreign}");
    }
}
