//! Events of this bastion: made with the pair by construction, and put into the spool.

use portreeve_protocol::event::{AccessFact, Body, Event, Machine, MachineFact};
use portreeve_protocol::id::{DecisionId, EventId, SessionId};
use portreeve_protocol::name::BastionName;
use portreeve_protocol::pair::Pair;
use portreeve_protocol::task::Task;

use crate::clock::Clock;
use crate::entropy;
use crate::spool::{Rank, Spool, SpoolError, Ticket};

/// Makes events and keeps them.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// Who reports.
    pub name: BastionName,
    /// When.
    pub clock: Clock,
    /// Where to.
    pub spool: Spool,
}

/// Whose session events are about.
#[derive(Debug, Clone)]
pub struct About {
    /// Both identities.
    pub pair: Pair,
    /// Why.
    pub task: Task,
    /// Which session.
    pub session: SessionId,
}

impl About {
    /// Something that is so of this session.
    #[must_use]
    pub fn body(&self, fact: AccessFact) -> Body {
        Body::Access {
            pair: self.pair.clone(),
            task: Some(self.task.clone()),
            session: Some(self.session),
            fact,
        }
    }
}

impl Reporter {
    /// Reports something of a session.
    ///
    /// # Errors
    /// When the spool does not keep it.
    pub fn access(&self, about: &About, fact: AccessFact) -> Result<Ticket, SpoolError> {
        self.report(about.body(fact))
    }

    /// Reports something of the bastion itself.
    ///
    /// # Errors
    /// When the spool does not keep it.
    pub fn machine(&self, fact: MachineFact) -> Result<Ticket, SpoolError> {
        self.report(Body::Machine { fact })
    }

    /// Reports anything that nobody says again.
    ///
    /// # Errors
    /// When the spool does not keep it.
    pub fn report(&self, body: Body) -> Result<Ticket, SpoolError> {
        self.report_as(Rank::Own, body)
    }

    /// Reports anything.
    ///
    /// # Errors
    /// When the spool does not keep it.
    pub fn report_as(&self, rank: Rank, body: Body) -> Result<Ticket, SpoolError> {
        let at = self.clock.now().wall;
        let event = Event {
            id: EventId::new(at, entropy::random()),
            at,
            source: Machine::Bastion(self.name.clone()),
            body,
        };
        self.spool.append(&event, rank)
    }

    /// A new id for a decision.
    #[must_use]
    pub fn decision_id(&self) -> DecisionId {
        DecisionId::new(self.clock.now().wall, entropy::random())
    }
}
