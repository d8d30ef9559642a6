//! `POST /v1/sessions/{id}/kill`, and killing whatever an agent has.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use portreeve_protocol::event::{AccessFact, Event};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair::{Agent, Human};
use portreeve_protocol::session::{KillRequest, SessionState, SessionSummary};
use portreeve_protocol::time::Timestamp;

use super::record::Access;
use super::{App, Caller, Failure, Origin};
use crate::decide::HumanAct;
use crate::store::{Change, CommitError, Refusal, SessionFilter};

/// How many sessions of an agent are killed at a time; they share a write to the disk.
const AT_ONCE: usize = 64;

impl App {
    /// Kills a session: from this commit on no bastion may serve it, and those that do are told.
    /// A session that is over already stays as it is.
    ///
    /// # Errors
    /// When there is none, the caller may not kill it, or the store fails.
    pub async fn kill(
        &self,
        caller: &Caller,
        id: SessionId,
        request: &KillRequest,
        origin: Origin,
    ) -> Result<SessionSummary, Failure> {
        let found = self.visible(caller, id, origin).await?;
        let (by, act) = match caller {
            Caller::Pair(_) => (None, None),
            Caller::Person(person) => {
                let facts = Box::new(self.facts_of(&found).await?);
                let asked = HumanAct::Kill { session: facts };
                let permitted = self.permit(person, asked, id.to_string(), origin).await?;
                (Some(person.human()), Some(permitted))
            }
        };
        let kill = Kill {
            by,
            reason: request.reason.as_str(),
            at: origin.at,
        };
        let mut events = vec![kill.event(&found.summary)];
        events.extend(act.as_ref().map(|act| act.event("killed")));
        match self.store.commit(kill.changes(id), events).await {
            Ok(_) => {}
            Err(CommitError::Refused(Refusal::Over)) => {
                let over = act.as_ref().map(|act| act.event("it was over already"));
                self.log.append(over.into_iter().collect()).await?;
            }
            Err(error) => return Err(error.into()),
        }
        match self.store.session(id).await? {
            Some(session) => Ok(session.summary),
            None => Ok(found.summary),
        }
    }

    /// Kills every session that an agent has, those that a bastion has first. Sessions that are
    /// granted meanwhile are refused when a bastion claims them.
    pub(super) async fn kill_all_of(
        &self,
        agent: &Agent,
        by: &Human,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let kill = Kill {
            by: Some(by),
            reason,
            at,
        };
        for states in [
            vec![SessionState::Claimed, SessionState::Open],
            vec![SessionState::Issued],
        ] {
            let live = SessionFilter {
                agent: Some(agent.clone()),
                states,
                ..SessionFilter::default()
            };
            // A listing is bounded, and an agent may have more sessions than fit one.
            loop {
                let some = self.store.sessions(&live).await?;
                if some.is_empty() {
                    break;
                }
                let these = some.into_iter().map(|session| session.summary);
                self.kill_these(&kill, these.collect()).await?;
            }
        }
        Ok(())
    }

    /// Kills sessions, several at a time.
    pub(super) async fn kill_these(
        &self,
        kill: &Kill<'_>,
        these: Vec<SessionSummary>,
    ) -> Result<(), Failure> {
        stream::iter(these)
            .map(|session| self.kill_one(kill, session))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn kill_one(&self, kill: &Kill<'_>, live: SessionSummary) -> Result<(), Failure> {
        let (changes, events) = (kill.changes(live.session), vec![kill.event(&live)]);
        match self.store.commit(changes, events).await {
            Ok(_) | Err(CommitError::Refused(Refusal::Over)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// One killing.
pub(super) struct Kill<'a> {
    pub(super) by: Option<&'a Human>,
    pub(super) reason: &'a str,
    pub(super) at: Timestamp,
}

impl Kill<'_> {
    fn changes(&self, session: SessionId) -> Vec<Change> {
        vec![
            Change::KillSession {
                session,
                by: self.by.map(|human| human.name.clone()),
                reason: self.reason.to_owned(),
                at: self.at,
            },
            Change::Feed {
                item: FeedItem::Kill {
                    session,
                    reason: self.reason.to_owned(),
                    by_pair: self.by.is_none(),
                },
                at: self.at,
            },
        ]
    }

    fn event(&self, killed: &SessionSummary) -> Event {
        let access = Access {
            pair: &killed.pair,
            task: Some(&killed.task),
            session: Some(killed.session),
        };
        access.event(
            self.at,
            AccessFact::SessionKilled {
                by: self.by.cloned(),
                reason: self.reason.to_owned(),
            },
        )
    }
}
