//! From an example to what it asks.

use std::net::{IpAddr, Ipv4Addr};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::SignIn;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::{Timestamp, Ttl};

use super::file::{Example, File, Person};
use crate::act::{Destination, HumanAct, HumanRequest, SessionAct, StartRequest, UseRequest};
use crate::explain::Asked;
use crate::facts::{Agent, Bundle, Circumstances, Host, HostFacts, Human, Session, WatchFacts};

/// When examples happen that do not say when: 2026-01-05, a Monday, at noon.
const NOON: Timestamp = Timestamp::from_seconds(1_767_614_400);

/// Why an example cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Incomplete {
    #[error("`ask` names no action; write `start` or an action of the schema")]
    Action,
    #[error("this example needs `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is described nowhere in this file")]
    Unknown(String),
    #[error("`{field}` is not right: {why}")]
    Wrong { field: &'static str, why: String },
}

/// What the example asks.
pub(super) fn asked(file: &File, example: &Example) -> Result<Asked, Incomplete> {
    let session = || session(file, example);
    let around = |act: fn(Box<Session>) -> HumanAct| -> Result<Asked, Incomplete> {
        let by = example.by.as_ref().ok_or(Incomplete::Missing("by"))?;
        by_person(file, example, by, act(Box::new(session()?)))
    };
    let administer = |act: HumanAct| by_person(file, example, &example.human, act);
    match example.ask.as_str() {
        "start" => Ok(Asked::Start(Box::new(StartRequest {
            session: session()?,
            ttl: ttl(example)?,
            host_watch: host_watch(file, example),
            circumstances: circumstances(example, person(file, &example.human)?)?,
        }))),
        "approve" => around(|session| HumanAct::Approve { session }),
        "observe" => around(|session| HumanAct::Observe { session }),
        "kill" => around(|session| HumanAct::Kill { session }),
        "review" => around(|session| HumanAct::Review { session }),
        "holdRecordings" => around(|session| HumanAct::HoldRecordings { session }),
        "listSessions" => around(|session| HumanAct::ListSessions { session }),
        "readTrail" if example.by.is_none() => administer(HumanAct::ReadTrail { session: None }),
        "readTrail" => around(|session| HumanAct::ReadTrail {
            session: Some(session),
        }),
        "breakGlass" => administer(HumanAct::BreakGlass {
            host: host(file, example)?,
        }),
        "manageAgents" => administer(HumanAct::ManageAgents {
            agent: example
                .agent
                .as_ref()
                .map(|_| agent(file, example))
                .transpose()?
                .map(Box::new),
        }),
        "manageHosts" => administer(HumanAct::ManageHosts {
            host: example
                .host
                .as_ref()
                .map(|_| host(file, example))
                .transpose()?,
        }),
        "manageBundles" => administer(HumanAct::ManageBundles {
            bundle: example
                .bundle
                .as_ref()
                .map(|name| bundle(file, name))
                .transpose()?,
        }),
        "managePolicy" => administer(HumanAct::ManagePolicy),
        "manageBastions" => administer(HumanAct::ManageBastions),
        _ => Ok(Asked::Use(Box::new(UseRequest {
            session: session()?,
            act: session_act(file, example)?,
            remaining: ttl(example)?.as_seconds(),
            host_check: host_check(file, example),
            host_watch: host_watch(file, example),
            circumstances: circumstances(example, person(file, &example.human)?)?,
        }))),
    }
}

fn session_act(file: &File, example: &Example) -> Result<SessionAct, Incomplete> {
    match example.ask.as_str() {
        "shell" => Ok(SessionAct::Shell),
        "exec" => Ok(SessionAct::Exec {
            command: example
                .command
                .clone()
                .ok_or(Incomplete::Missing("command"))?,
        }),
        "sftpRead" => Ok(SessionAct::SftpRead),
        "sftpWrite" => Ok(SessionAct::SftpWrite),
        "forward" => {
            let destination = example.address.clone().zip(example.port);
            Ok(SessionAct::Forward {
                kind: example.kind.clone().ok_or(Incomplete::Missing("kind"))?,
                to: destination.map(|(address, port)| Destination { address, port }),
            })
        }
        "elevate" => {
            let to = example.to.as_ref().ok_or(Incomplete::Missing("to"))?;
            Ok(SessionAct::Elevate {
                to: bundle(file, to)?,
            })
        }
        _ => Err(Incomplete::Action),
    }
}

fn by_person(
    file: &File,
    example: &Example,
    name: &str,
    act: HumanAct,
) -> Result<Asked, Incomplete> {
    let described = person(file, name)?;
    Ok(Asked::Human(Box::new(HumanRequest {
        human: human(name, described)?,
        act,
        circumstances: circumstances(example, described)?,
    })))
}

fn session(file: &File, example: &Example) -> Result<Session, Incomplete> {
    let wrong = |field, why: &dyn std::fmt::Display| Incomplete::Wrong {
        field,
        why: why.to_string(),
    };
    Ok(Session {
        id: SessionId::new(NOON, [0; 10]),
        human: human(&example.human, person(file, &example.human)?)?,
        agent: agent(file, example)?,
        host: host(file, example)?,
        bundle: bundle(
            file,
            example
                .bundle
                .as_ref()
                .ok_or(Incomplete::Missing("bundle"))?,
        )?,
        ticket: match &example.ticket {
            Some(ticket) => ticket.clone(),
            None => Ticket::new("EXAMPLE-1").map_err(|error| wrong("ticket", &error))?,
        },
        purpose: match &example.purpose {
            Some(purpose) => purpose.clone(),
            None => Purpose::new("an example").map_err(|error| wrong("purpose", &error))?,
        },
    })
}

fn person<'f>(file: &'f File, name: &str) -> Result<&'f Person, Incomplete> {
    file.people
        .get(name)
        .ok_or_else(|| Incomplete::Unknown(name.to_owned()))
}

fn human(name: &str, person: &Person) -> Result<Human, Incomplete> {
    let readable =
        name.parse().map_err(
            |error: portreeve_protocol::name::NotAName| Incomplete::Wrong {
                field: "people",
                why: error.to_string(),
            },
        )?;
    let issuer = person
        .issuer
        .clone()
        .unwrap_or_else(|| "https://idp.example.com".to_owned());
    Ok(Human {
        identity: pair::Human {
            issuer,
            subject: name.to_owned(),
            name: readable,
        },
        email: person.email.clone(),
        groups: person.groups.clone(),
    })
}

fn agent(file: &File, example: &Example) -> Result<Agent, Incomplete> {
    let identity = example.agent.clone().ok_or(Incomplete::Missing("agent"))?;
    let name = identity.to_string();
    let entry = file.agents.get(&name).ok_or(Incomplete::Unknown(name))?;
    Ok(Agent {
        identity,
        owner: entry.owner.clone(),
        enabled: entry.enabled,
        review_by: entry.review_by,
    })
}

fn host(file: &File, example: &Example) -> Result<Host, Incomplete> {
    let name = example.host.clone().ok_or(Incomplete::Missing("host"))?;
    let entry = file
        .hosts
        .get(name.as_str())
        .ok_or_else(|| Incomplete::Unknown(name.to_string()))?;
    Ok(Host {
        labels: entry.labels.clone(),
        name,
    })
}

fn host_check(file: &File, example: &Example) -> Option<HostFacts> {
    let name = example.host.as_ref()?;
    file.hosts.get(name.as_str())?.check.clone()
}

fn host_watch(file: &File, example: &Example) -> Option<WatchFacts> {
    let name = example.host.as_ref()?;
    file.hosts.get(name.as_str())?.watch
}

fn bundle(file: &File, name: &BundleName) -> Result<Bundle, Incomplete> {
    let entry = file
        .bundles
        .get(name.as_str())
        .ok_or_else(|| Incomplete::Unknown(name.to_string()))?;
    // No example depends on a digest; any will do.
    let version = BundleRef {
        name: name.clone(),
        digest: Digest::of(name.as_str().as_bytes()),
    };
    Ok(Bundle {
        version,
        intent: entry.intent,
    })
}

fn circumstances(example: &Example, person: &Person) -> Result<Circumstances, Incomplete> {
    let now = example.at.unwrap_or(NOON);
    let ago = lifetime("signed_in", person.signed_in.as_deref().unwrap_or("1m"))?;
    Ok(Circumstances {
        now,
        source: example.source.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        sign_in: SignIn {
            at: now.minus(ago.as_duration()),
            amr: person.amr.clone(),
            acr: person.acr.clone(),
        },
    })
}

fn ttl(example: &Example) -> Result<Ttl, Incomplete> {
    lifetime("ttl", example.ttl.as_deref().unwrap_or("15m"))
}

fn lifetime(field: &'static str, text: &str) -> Result<Ttl, Incomplete> {
    text.parse().map_err(
        |error: portreeve_protocol::time::NotATtl| Incomplete::Wrong {
            field,
            why: error.to_string(),
        },
    )
}
