//! `GET /v1/sessions` and `GET /v1/sessions/{id}`.

use portreeve_access_policy::facts;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::id::SessionId;
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
                for found in self.store.sessions(&SessionFilter::default()).await? {
                    let facts = Box::new(self.facts_of(&found).await?);
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
        let summary = &found.summary;
        let (agent, host, bundle) = tokio::try_join!(
            self.store.agent(&summary.pair.agent),
            self.store.host(&summary.host),
            self.store.bundle_version(&summary.bundle.digest),
        )?;
        let damaged = |what: &str| StoreError::Damaged {
            what: "session",
            detail: format!("its {what} is not in the registry"),
        };
        let known = Known {
            agent: agent.ok_or_else(|| damaged("agent"))?,
            host: host.ok_or_else(|| damaged("host"))?.record,
            intent: self.intent_of(&bundle.ok_or_else(|| damaged("bundle"))?)?,
        };
        Ok(session(summary, known))
    }
}
