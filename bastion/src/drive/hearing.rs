//! What the host says on the control connection, turned into inputs and events.

use std::sync::Arc;

use portreeve_protocol::control::{FromBastion, FromHost, HostReport};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::Kind;
use serde::Deserialize;

use super::Driver;
use crate::host::control::{Control, ControlNews};
use crate::host::{GoneProven, HostProven};
use crate::report::About;
use crate::session::Input;
use crate::spool::{Rank, SpoolError, Ticket};

/// What a host said that counts for what it says next. One that says too much, or what proves nothing, is told of once.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// A report of this session was not kept, and those after it must not come before it.
    lacks_report: bool,
    /// The same of the sessions before.
    lacks_earlier: bool,
    /// Something proved nothing, and the trail has that.
    is_doubtful: bool,
}

impl Driver {
    pub(super) fn hear_control(&mut self, news: ControlNews) {
        let input = match news {
            ControlNews::Up => Some(Input::ControlUp),
            ControlNews::Failed(detail) => Some(Input::HostFailed { detail }),
            ControlNews::Lost(detail) => {
                tracing::info!(detail, "the control connection ended");
                Some(Input::ControlLost)
            }
            ControlNews::Said(said) => self.hear_host(*said),
        };
        self.inputs.extend(input);
    }

    fn hear_host(&mut self, said: FromHost) -> Option<Input> {
        match said {
            FromHost::Hello { .. } => Some(Input::HostFailed {
                detail: "the host said hello twice".into(),
            }),
            FromHost::Ready { attestation } => {
                Some(match HostProven::check(&self.access, attestation) {
                    Ok(proven) => {
                        self.facts = Arc::new(self.facts.on_host(proven.found(), proven.watch()));
                        Input::Attested(Box::new(proven))
                    }
                    Err(error) => Input::HostFailed {
                        detail: format!("the attestation proves nothing: {error}"),
                    },
                })
            }
            FromHost::Refused { refusal, detail } => Some(Input::HostFailed {
                detail: format!(
                    "{refusal}: {}",
                    detail.chars().take(1000).collect::<String>()
                ),
            }),
            FromHost::Gone { receipt } => {
                let digest = receipt.digest();
                let proven = match GoneProven::check(&self.access, receipt) {
                    Ok(proven) => proven,
                    Err(error) => {
                        self.doubt(&format!("a receipt proves nothing: {error}"));
                        return None;
                    }
                };
                // Kept across what follows, which drops the host: the acknowledgement is the last thing said to it.
                let control = self.control.clone();
                self.tell(Input::Receipt(Box::new(proven)));
                self.acknowledge(control, digest);
                None
            }
            FromHost::Inventory { .. } => Some(Input::HostFailed {
                detail: "the host answered what nobody asked".into(),
            }),
            FromHost::Report { report } => {
                self.hear_report(report);
                None
            }
        }
    }

    /// A report of this session or, delivered late, of an earlier one. The CA puts the right pair to it.
    fn hear_report(&mut self, report: HostReport) {
        let is_beyond = self.heard.lacks_earlier && self.names_another(&report);
        if self.heard.lacks_report || is_beyond {
            // It comes again, after the one that is lacking.
            return;
        }
        let identity = &self.access.grant().host.identity;
        let judged = match report {
            HostReport::Event(event) => event.verify(identity).map(|said| {
                let digest = said.digest();
                (said.get().session, digest, AccessFact::Host { event })
            }),
            HostReport::Receipt(receipt) => receipt.verify(identity).map(|said| {
                let digest = said.digest();
                (said.get().session, digest, AccessFact::HostGone { receipt })
            }),
        };
        match judged {
            Ok((session, digest, fact)) => {
                let is_own = session == self.about.session;
                let kept = if is_own {
                    self.keep_own(fact)
                } else {
                    self.keep_earlier(session, fact)
                };
                match kept {
                    Some(()) => self.acknowledge(self.control.clone(), digest),
                    None if is_own => self.heard.lacks_report = true,
                    None => self.heard.lacks_earlier = true,
                }
            }
            Err(error) => self.doubt(&format!("a report is not acknowledged: {error}")),
        }
    }

    /// Whether a report says itself that it is of another session. Nothing was checked yet: good for leaving it at that.
    fn names_another(&self, report: &HostReport) -> bool {
        let payload = match report {
            HostReport::Event(event) => event.unverified_payload(),
            HostReport::Receipt(receipt) => receipt.unverified_payload(),
        };
        serde_json::from_str(payload)
            .is_ok_and(|OfSession { session }| session != self.about.session)
    }

    /// Keeps a report of this session, as long as the session may say something.
    fn keep_own(&mut self, fact: AccessFact) -> Option<()> {
        if self.allowance.is_used_up() {
            tracing::warn!(
                "the host has much to tell of a session that ended for it; the rest comes later"
            );
            return None;
        }
        self.note_in_recording(&fact);
        let ticket = self.keep(self.about.session, fact, Rank::Host)?;
        self.charge(ticket);
        Some(())
    }

    /// Keeps a report of another session, as long as the host may say something. It is not this session's doing.
    fn keep_earlier(&mut self, session: SessionId, fact: AccessFact) -> Option<()> {
        if self.heard.lacks_earlier {
            return None;
        }
        let host = self.access.grant().host.name.clone();
        let now = self.world.clock.now().steady;
        if let Err(too_much) = self.world.earlier.may_tell(&host, now) {
            let is_told = too_much.is_news
                && self.alarm(format!(
                    "host `{host}` reports more of earlier sessions than this bastion takes of one host at a time; it \
                     keeps the rest, which is taken as it is next connected to. Unless it had much to report and met no \
                     bastion for long, see who is root there"
                ));
            if is_told {
                self.world.earlier.alarmed(&host, now);
            }
            return None;
        }
        let ticket = self.keep(session, fact, Rank::Earlier)?;
        self.world.earlier.told(&host, ticket.bytes(), now);
        Some(())
    }

    fn keep(&mut self, session: SessionId, fact: AccessFact, rank: Rank) -> Option<Ticket> {
        let about = About {
            session,
            ..self.about.clone()
        };
        match self.world.reporter.report_as(rank, about.body(fact)) {
            Ok(ticket) => {
                self.last_event = Some(ticket);
                Some(ticket)
            }
            // Sessions have room, and nobody has to do anything.
            Err(SpoolError::Full) if rank == Rank::Earlier => {
                tracing::warn!(
                    "much waits for the CA: what the host reports of earlier sessions waits there until it is less"
                );
                None
            }
            Err(error) => {
                tracing::error!(%error, "a report of the host is not kept; it comes again");
                None
            }
        }
    }

    fn note_in_recording(&self, fact: &AccessFact) {
        if let (Some(notes), Some(tap), AccessFact::Host { event }) = (&self.notes, &self.tap, fact)
        {
            let json = event.unverified_payload().to_owned();
            notes.say(tap.clone(), Kind::HostEvent(json));
        }
    }

    /// Tells the host that it may forget a report, once it is on disk here.
    fn acknowledge(&self, control: Option<Control>, digest: Digest) {
        let (Some(ticket), Some(control)) = (self.last_event, control) else {
            return;
        };
        let spool = self.world.reporter.spool.clone();
        tokio::spawn(async move {
            if spool.durable(ticket).await.is_ok() {
                control.say(FromBastion::Acknowledge {
                    reports: vec![digest],
                });
            }
        });
    }

    /// The host brought something that proves nothing. More of it is nothing new.
    fn doubt(&mut self, what: &str) {
        if !self.heard.is_doubtful {
            let host = &self.access.grant().host.name;
            self.heard.is_doubtful = self.alarm(format!("host `{host}`: {what}"));
        }
    }

    /// Raises an alarm, and says whether it is kept.
    #[must_use]
    fn alarm(&mut self, detail: String) -> bool {
        tracing::error!(detail, "somebody should look at this");
        match self.world.reporter.machine(MachineFact::Alarm { detail }) {
            Ok(ticket) => {
                self.charge(ticket);
                true
            }
            Err(error) => {
                tracing::error!(%error, "an alarm is not kept");
                false
            }
        }
    }
}

/// The one thing in the text of a report that is of use before its signature is checked.
#[derive(Deserialize)]
struct OfSession {
    session: SessionId,
}

#[cfg(test)]
mod tests;
