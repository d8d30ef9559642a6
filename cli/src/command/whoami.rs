//! `whoami`: who this program would act as, from what is on this machine. Nothing is verified.

use portreeve_protocol::key::Fingerprint;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::MAX_TOKEN;
use serde::Serialize;

use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::identity::agent_key::AgentKey;
use crate::identity::delegated::DelegatedToken;
use crate::identity::person::IdToken;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::settings::Settings;

#[derive(Serialize)]
struct Answer {
    person: Option<Person>,
    agent: Option<AgentAnswer>,
    delegated: Option<Delegated>,
}

#[derive(Serialize)]
struct Person {
    name: String,
    issuer: String,
    subject: String,
    signed_in_at: Option<Timestamp>,
    amr: Vec<String>,
    expires_at: Timestamp,
}

#[derive(Serialize)]
struct AgentAnswer {
    name: Agent,
    key: Option<Fingerprint>,
}

#[derive(Serialize)]
struct Delegated {
    human: String,
    agent: Agent,
    expires_at: Timestamp,
    usable: bool,
}

/// Shows the identities.
///
/// # Errors
/// When nobody is signed in and no agent is set, or the output cannot be written.
pub fn run(settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let now = clock::now();
    let person = IdToken::read(&settings.places().id_token, now);
    let key = settings
        .agent()
        .ok()
        .and_then(|agent| AgentKey::read(&agent.key).ok());
    let answer = Answer {
        person: person.as_ref().ok().map(|token| {
            let claims = token.claims();
            Person {
                name: claims.who().to_owned(),
                issuer: claims.iss.clone(),
                subject: claims.sub.clone(),
                signed_in_at: claims.auth_time.map(Timestamp::from_seconds),
                amr: claims.amr.clone(),
                expires_at: claims.expires_at(),
            }
        }),
        agent: settings.agent_if_set().map(|name| AgentAnswer {
            name: name.clone(),
            key: key.as_ref().map(|key| key.public().fingerprint()),
        }),
        delegated: delegated(settings, now),
    };
    // Whoever is nobody here learns how to become somebody.
    if answer.person.is_none() && answer.agent.is_none() {
        return Err(person
            .err()
            .unwrap_or_else(|| Failure::failed("nobody is signed in here")));
    }
    printer.data(&answer, || words(&answer))?;
    Ok(Exit::Done)
}

fn delegated(settings: &Settings, now: Timestamp) -> Option<Delegated> {
    let text = files::read_text(&settings.places().token, MAX_TOKEN).ok()?;
    let token = DelegatedToken::parse(SecretText::new(text)).ok()?;
    Some(Delegated {
        human: token.claims().name.to_string(),
        agent: token.claims().act.sub.clone(),
        expires_at: token.expires_at(),
        usable: token.expires_at() > now,
    })
}

fn words(answer: &Answer) -> String {
    let mut rows = Vec::new();
    if let Some(person) = &answer.person {
        rows.push(("person", format!("{} at {}", person.name, person.issuer)));
        if let Some(at) = person.signed_in_at {
            rows.push((
                "signed in",
                format!("{} {}", moment(at), person.amr.join(", ")),
            ));
        }
        rows.push(("until", moment(person.expires_at)));
    }
    if let Some(agent) = &answer.agent {
        rows.push(("agent", agent.name.to_string()));
        rows.push((
            "key",
            agent
                .key
                .map_or_else(|| "cannot be used".into(), |key| key.to_string()),
        ));
    }
    if let Some(delegated) = &answer.delegated {
        let until = moment(delegated.expires_at);
        let state = if delegated.usable {
            format!("until {until}")
        } else {
            format!("void since {until}")
        };
        rows.push((
            "delegated",
            format!("{} via {}, {state}", delegated.human, delegated.agent),
        ));
    }
    output::fields(rows)
}
