//! `GET /v1/sessions/{id}/trail`, `GET /v1/log/events` and `GET /v1/log/checkpoint`.

use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::id::SessionId;

use super::{App, Caller, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;

/// Which part of a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailPage {
    /// From which place of the log on.
    pub since: u64,
    /// In the log as it was with so many events.
    pub size: Option<u64>,
}

impl App {
    /// All events of a session with the proofs that they are in the log. That a person read it is
    /// itself recorded.
    ///
    /// # Errors
    /// When there is no such session, the caller may not read it, or store or signer fail.
    pub async fn trail(
        &self,
        caller: &Caller,
        id: SessionId,
        page: Option<TrailPage>,
        origin: Origin,
    ) -> Result<Trail, Failure> {
        let found = self.visible(caller, id, origin).await?;
        if let Caller::Person(person) = caller {
            let session = Some(Box::new(self.facts_of(&found).await?));
            let asked = HumanAct::ReadTrail { session };
            let permitted = self.permit(person, asked, id.to_string(), origin).await?;
            self.log.append(vec![permitted.event("read")]).await?;
        }
        Ok(match page {
            None => self.log.trail_of(id).await?,
            Some(page) => self.log.trail_from(id, page.since, page.size).await?,
        })
    }

    /// The log itself from the place `since` on: what happened outside of sessions too, such as
    /// refusals of callers who proved nothing. That a person read it is itself recorded, after what
    /// they get.
    ///
    /// # Errors
    /// When the person may not read it, or store or signer fail.
    pub async fn log_from(
        &self,
        person: &Person,
        since: u64,
        origin: Origin,
    ) -> Result<Trail, Failure> {
        let asked = HumanAct::ReadTrail { session: None };
        let target = format!("the log from {since}");
        let permitted = self.permit(person, asked, target, origin).await?;
        let page = self.log.page_from(since).await?;
        self.log.append(vec![permitted.event("read")]).await?;
        Ok(page)
    }

    /// A signed checkpoint that covers everything recorded until now.
    ///
    /// # Errors
    /// When store or signer fail.
    pub async fn checkpoint(&self) -> Result<String, Failure> {
        Ok(self.log.checkpoint().await?)
    }
}
