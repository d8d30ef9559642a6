//! `GET /v1/sessions` and `GET /v1/sessions/{id}`.

use std::collections::HashMap;

use portreeve_access_policy::facts;
use portreeve_protocol::admin::{AgentRecord, HostRecord, Listing};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::HostName;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::SessionSummary;

use super::{App, Caller, Failure, Origin};
use crate::decide::{HumanAct, Known, session};
use crate::store::{Session, SessionFilter, StoreError};

impl App {
    /// The sessions that the caller may know of, the newest first.
    ///
    /// # Errors
    /// When there is no policy or the store fails.
    pub async fn sessions(
        &self,
        caller: &Caller,
        origin: Origin,
    ) -> Result<Listing<SessionSummary>, Failure> {
        let mut items = Vec::new();
        match caller {
            Caller::Pair(delegation) => {
                let filter = SessionFilter {
                    human: Some(delegation.pair().human.id()),
                    agent: Some(delegation.pair().agent.clone()),
                    ..SessionFilter::default()
                };
                let own = self.store.sessions(&filter).await?;
                items.extend(own.into_iter().map(|session| session.summary));
            }
            Caller::Person(person) => {
                let mut registry = Registry::new(self);
                for found in self.store.sessions(&SessionFilter::default()).await? {
                    let facts = Box::new(registry.facts_of(&found).await?);
                    if self.may(person, HumanAct::ListSessions { session: facts }, origin)? {
                        items.push(found.summary);
                    }
                }
            }
        }
        Ok(Listing { items })
    }

    /// One session.
    ///
    /// # Errors
    /// When there is none, the caller may not know of it, or the store fails.
    pub async fn session(
        &self,
        caller: &Caller,
        id: SessionId,
        origin: Origin,
    ) -> Result<SessionSummary, Failure> {
        let found = self.visible(caller, id, origin).await?;
        if let Caller::Person(person) = caller {
            let facts = Box::new(self.facts_of(&found).await?);
            self.permit(
                person,
                HumanAct::ListSessions { session: facts },
                id.to_string(),
                origin,
            )
            .await?;
        }
        Ok(found.summary)
    }

    /// A session that exists and, where a pair asks, is its own. What a person may do with it is
    /// still to be decided.
    pub(super) async fn visible(
        &self,
        caller: &Caller,
        id: SessionId,
        origin: Origin,
    ) -> Result<Session, Failure> {
        let found = self.store.session(id).await?;
        let claimed = match (caller, found) {
            (Caller::Person(_), Some(found)) => return Ok(found),
            (Caller::Pair(delegation), Some(found))
                if found.summary.pair.human.id() == delegation.pair().human.id()
                    && found.summary.pair.agent == delegation.pair().agent =>
            {
                return Ok(found);
            }
            (Caller::Person(person), None) => person.human().id(),
            (Caller::Pair(delegation), _) => delegation.pair().to_string(),
        };
        let detail = format!("there is no session `{id}` that is theirs to see");
        Err(self
            .refuse_claim(&claimed, detail, Code::NotPermitted, None, origin)
            .await)
    }

    /// A session as policy sees it.
    pub(super) async fn facts_of(&self, found: &Session) -> Result<facts::Session, Failure> {
        Registry::new(self).facts_of(found).await
    }
}

/// What the registry says of agents, hosts and bundles, each asked for once while a listing is made.
struct Registry<'a> {
    app: &'a App,
    agents: HashMap<Agent, AgentRecord>,
    hosts: HashMap<HostName, HostRecord>,
    intents: HashMap<Digest, Intent>,
}

impl<'a> Registry<'a> {
    fn new(app: &'a App) -> Self {
        Self {
            app,
            agents: HashMap::new(),
            hosts: HashMap::new(),
            intents: HashMap::new(),
        }
    }

    async fn facts_of(&mut self, found: &Session) -> Result<facts::Session, Failure> {
        let summary = &found.summary;
        let known = Known {
            agent: self.agent(&summary.pair.agent).await?,
            host: self.host(&summary.host).await?,
            intent: self.intent(&summary.bundle.digest).await?,
        };
        Ok(session(summary, known))
    }

    async fn agent(&mut self, name: &Agent) -> Result<AgentRecord, Failure> {
        if let Some(known) = self.agents.get(name) {
            return Ok(known.clone());
        }
        let found = self.app.store.agent(name).await?;
        let found = found.ok_or_else(|| damaged("agent"))?;
        self.agents.insert(name.clone(), found.clone());
        Ok(found)
    }

    async fn host(&mut self, name: &HostName) -> Result<HostRecord, Failure> {
        if let Some(known) = self.hosts.get(name) {
            return Ok(known.clone());
        }
        let found = self.app.store.host(name).await?;
        let found = found.ok_or_else(|| damaged("host"))?.record;
        self.hosts.insert(name.clone(), found.clone());
        Ok(found)
    }

    async fn intent(&mut self, digest: &Digest) -> Result<Intent, Failure> {
        if let Some(known) = self.intents.get(digest) {
            return Ok(*known);
        }
        let found = self.app.store.bundle_version(digest).await?;
        let intent = self
            .app
            .intent_of(&found.ok_or_else(|| damaged("bundle"))?)?;
        self.intents.insert(*digest, intent);
        Ok(intent)
    }
}

/// Nothing is ever removed from the registry, so what a session names must be there.
fn damaged(what: &str) -> StoreError {
    StoreError::Damaged {
        what: "session",
        detail: format!("its {what} is not in the registry"),
    }
}
