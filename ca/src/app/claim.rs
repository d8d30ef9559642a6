//! `POST /v1/sessions/{id}/claim`: a bastion takes a session, once.

use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::{ClaimRequest, Claimed};

use super::record::{Access, machine};
use super::{App, Failure, Origin, trail_room};
use crate::identity::AuthenticatedBastion;
use crate::store::{Change, CommitError, EventOutcome, Refusal, Reported, Session, StoreError};

impl App {
    /// Gives a session to the bastion that its agent connected to.
    ///
    /// # Errors
    /// When there is no such session for this bastion, it belongs to another, is over, or one of
    /// its pair lost its rights since.
    pub async fn claim(
        &self,
        bastion: &AuthenticatedBastion,
        id: SessionId,
        request: &ClaimRequest,
        origin: Origin,
    ) -> Result<Claimed, Failure> {
        let unavailable = || Failure::told(Code::SessionUnavailable);
        let Some(found) = self.store.session(id).await? else {
            self.alarm_of_forgery(bastion, id, origin).await?;
            return Err(unavailable());
        };
        if let Some(reason) = self.withdrawn(&found).await? {
            return Err(self
                .refuse_connection(&found, reason, unavailable(), origin)
                .await?);
        }
        let bundle = self
            .store
            .bundle_version(&found.summary.bundle.digest)
            .await?
            .and_then(|bundle| bundle.text)
            .ok_or_else(|| StoreError::Damaged {
                what: "bundle",
                detail: format!("there is no text for {}", found.summary.bundle.digest),
            })?;
        let trail_limit = self.settings.sessions.trail_limit;
        let claim = Change::ClaimSession {
            session: id,
            bastion: bastion.name().clone(),
            serial: request.serial,
            trail_limit,
            at: origin.at,
        };
        let claimed = access(&found).event(
            origin.at,
            AccessFact::SessionClaimed {
                bastion: bastion.name().clone(),
                agent_address: request.agent_address.to_canonical(),
            },
        );
        match self.store.commit(vec![claim], vec![claimed]).await {
            Ok(_) => Ok(Claimed {
                bundle,
                expires_at: found.summary.expires_at,
                trail_limit,
            }),
            Err(CommitError::Refused(refusal)) => {
                let reason = refusal.to_string();
                let failure = told_of(&refusal, bastion.name());
                Err(self
                    .refuse_connection(&found, reason, failure, origin)
                    .await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A bastion claims what it found in a certificate of the access CA. If we never had it signed,
    /// somebody else did.
    async fn alarm_of_forgery(
        &self,
        bastion: &AuthenticatedBastion,
        id: SessionId,
        origin: Origin,
    ) -> Result<(), Failure> {
        let detail = format!(
            "bastion `{}` was shown a certificate for session {id}, which was never granted: see who can use the access CA's key",
            bastion.name()
        );
        let alarm = machine(origin.at, MachineFact::Alarm { detail });
        self.log.append(vec![alarm]).await?;
        Ok(())
    }

    /// Why a session that was granted may not begin any more, if so.
    async fn withdrawn(&self, found: &Session) -> Result<Option<String>, StoreError> {
        let pair = &found.summary.pair;
        let id = pair.human.id();
        let (agent, human) =
            tokio::try_join!(self.store.agent(&pair.agent), self.store.human(&id))?;
        if agent.is_none_or(|agent| !agent.enabled) {
            return Ok(Some(
                "the agent was disabled after the session was granted".into(),
            ));
        }
        let deprovisioned = human.is_some_and(|human| human.deprovisioned_at.is_some());
        Ok(deprovisioned
            .then(|| "the human was deprovisioned after the session was granted".into()))
    }

    async fn refuse_connection(
        &self,
        found: &Session,
        detail: String,
        failure: Failure,
        origin: Origin,
    ) -> Result<Failure, Failure> {
        let code = failure.problem().code;
        let fact = AccessFact::ConnectionRefused { code, detail };
        // A certificate is good for more claims than one, and each is refused: there is a room for so many.
        let limit = self.trail_limit_of(found);
        let refused = Reported {
            spends: Some(trail_room::spends(found.summary.session, &fact, limit)),
            event: access(found).event(origin.at, fact),
            change: None,
            alarm: None,
        };
        let stored = self.store.report(vec![refused]).await?;
        if matches!(stored.events.first(), Some(EventOutcome::Full(_))) {
            tracing::warn!(session = %found.summary.session, "the log takes no more connections of a session that are refused");
        }
        Ok(failure)
    }
}

/// What the bastion learns; it passes the right bastion's name on to the agent.
fn told_of(refusal: &Refusal, bastion: &BastionName) -> Failure {
    match refusal {
        Refusal::Claimed(owner) if owner == bastion => Failure::advise(
            Code::SessionUnavailable,
            "the session was used before; ask for another",
        ),
        Refusal::Claimed(owner) => Failure::advise(
            Code::SessionUnavailable,
            format!("the session belongs to bastion `{owner}`; connect there"),
        ),
        Refusal::Withdrawn => Failure::advise(
            Code::SessionUnavailable,
            "the session's bundle was withdrawn after it was granted; ask for another session",
        ),
        Refusal::Exists
        | Refusal::Missing
        | Refusal::Token
        | Refusal::Over
        | Refusal::Stale
        | Refusal::Held
        | Refusal::TooOften(_)
        | Refusal::Replayed => Failure::told(Code::SessionUnavailable),
    }
}

fn access(found: &Session) -> Access<'_> {
    Access {
        pair: &found.summary.pair,
        task: Some(&found.summary.task),
        session: Some(found.summary.session),
    }
}
