//! `agent …`

use portreeve_protocol::admin::{AddAgent, AgentRecord, Listing};
use portreeve_protocol::pair::Agent;

use crate::args::admin::Agents;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::keys::public_key;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::settings::Settings;

/// Does what was asked.
///
/// # Errors
/// When the CA refuses.
pub async fn run(act: Agents, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    match act {
        Agents::Add {
            name,
            key,
            owner,
            review_by,
        } => {
            let key = public_key(&key)?;
            if key.ed25519().is_none() {
                return Err(Failure::usage("an agent's key is an Ed25519 key")
                    .next("make one with `ssh-keygen -t ed25519 -N ''`"));
            }
            let request = AddAgent {
                agent: name,
                key,
                owner,
                review_by,
            };
            let record: AgentRecord = ca.post(&caller, "/v1/agents", &request).await?;
            printer.data(&record, || table(std::slice::from_ref(&record)))?;
        }
        Agents::List => {
            let listing: Listing<AgentRecord> = ca.get(&caller, "/v1/agents").await?;
            printer.data(&listing, || table(&listing.items))?;
        }
        Agents::Disable { name } => turn(&name, "disable", &ca, &caller, printer).await?,
        Agents::Enable { name } => turn(&name, "enable", &ca, &caller, printer).await?,
    }
    Ok(Exit::Done)
}

/// Disables or enables an agent.
async fn turn(
    name: &Agent,
    act: &str,
    ca: &Ca,
    caller: &Caller,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let path = format!("/v1/agents/{}/{}/{act}", name.team, name.name);
    let record: AgentRecord = ca.post_empty(caller, &path).await?;
    printer.data(&record, || table(std::slice::from_ref(&record)))?;
    Ok(())
}

fn table(agents: &[AgentRecord]) -> String {
    output::table(
        ["agent", "state", "owner", "review by", "key"],
        agents.iter().map(|agent| {
            [
                agent.agent.to_string(),
                if agent.enabled { "enabled" } else { "disabled" }.to_owned(),
                agent.owner.to_string(),
                agent.review_by.map(moment).unwrap_or_default(),
                agent.key.fingerprint().to_string(),
            ]
        }),
    )
}
