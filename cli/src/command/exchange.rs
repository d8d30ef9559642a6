//! `exchange`: the human's ID token and the agent's proof for a delegated token.

use portreeve_protocol::name::HumanName;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::time::Timestamp;
use serde::Serialize;

use crate::args::access::Exchange;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::agent_key::{self, AgentKey};
use crate::output::Printer;
use crate::review::words::moment;
use crate::settings::Settings;

#[derive(Serialize)]
struct Answer<'a> {
    human: &'a HumanName,
    agent: &'a Agent,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// Exchanges, and stores or prints the delegated token.
///
/// # Errors
/// When the CA refuses, or the token cannot be stored.
pub async fn run(
    args: &Exchange,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let agent = settings.agent()?;
    let key = AgentKey::read(&agent.key).map_err(|error| agent_key::unusable(&agent.key, error))?;
    let token = exchange::exchange(&ca, &agent, &key, settings.subject()).await?;
    let answer = Answer {
        human: &token.claims().name,
        agent: &token.claims().act.sub,
        expires_at: token.expires_at(),
        token: args.print.then(|| token.text().expose()),
    };
    let whose = format!(
        "{} via {} until {}",
        answer.human,
        answer.agent,
        moment(answer.expires_at)
    );
    if args.print {
        printer.say(&format!("delegated token of {whose}"));
        printer.data(&answer, || token.text().expose().to_owned())?;
    } else {
        let path = &settings.places().token;
        token.store(path)?;
        printer.say(&format!(
            "delegated token of {whose}, in {}",
            path.display()
        ));
        if printer.json() {
            printer.data(&answer, String::new)?;
        }
    }
    Ok(Exit::Done)
}
