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
use crate::identity::Person;
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
                let all = SessionFilter::default();
                let listable = self.listable(person, &all, origin).await?;
                items.extend(listable.into_iter().map(|session| session.summary));
            }
        }
        Ok(Listing { items })
    }

    /// Those of the sessions that a person may know of.
    pub(super) async fn listable(
        &self,
        person: &Person,
        filter: &SessionFilter,
        origin: Origin,
    ) -> Result<Vec<Session>, Failure> {
        let mut registry = Registry::new(self);
        let mut listable = Vec::new();
        for found in self.store.sessions(filter).await? {
            let facts = Box::new(registry.facts_of(&found).await?);
            if self.may(person, HumanAct::ListSessions { session: facts }, origin)? {
                listable.push(found);
            }
        }
        Ok(listable)
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
        let delegation = match caller {
            Caller::Person(person) => return self.found_for(person, id, origin).await,
            Caller::Pair(delegation) => delegation,
        };
        match self.store.session(id).await? {
            Some(found)
                if found.summary.pair.human.id() == delegation.pair().human.id()
                    && found.summary.pair.agent == delegation.pair().agent =>
            {
                Ok(found)
            }
            _ => Err(self
                .not_theirs(&delegation.pair().to_string(), id, origin)
                .await),
        }
    }

    /// A session that exists. What the person may do with it is still to be decided.
    pub(super) async fn found_for(
        &self,
        person: &Person,
        id: SessionId,
        origin: Origin,
    ) -> Result<Session, Failure> {
        match self.store.session(id).await? {
            Some(found) => Ok(found),
            None => Err(self.not_theirs(&person.human().id(), id, origin).await),
        }
    }

    async fn not_theirs(&self, claimed: &str, id: SessionId, origin: Origin) -> Failure {
        let detail = format!("there is no session `{id}` that is theirs to see");
        self.refuse_claim(claimed, detail, Code::NotPermitted, None, origin)
            .await
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
