//! What the host says on the control connection, turned into inputs and events.

use std::sync::Arc;

use portreeve_protocol::control::{FromBastion, FromHost, HostReport};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::Kind;

use super::Driver;
use crate::host::control::{Control, ControlNews};
use crate::host::{GoneProven, HostProven};
use crate::report::About;
use crate::session::Input;

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
                        self.alarm(format!("a receipt proves nothing: {error}"));
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
        if self.lacks_report {
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
                self.note_in_recording(session, &fact);
                if self.report_about(session, fact) {
                    self.acknowledge(self.control.clone(), digest);
                } else {
                    self.lacks_report = true;
                }
            }
            Err(error) => self.alarm(format!(
                "a report of host `{}` is not acknowledged: {error}",
                self.access.grant().host.name
            )),
        }
    }

    fn report_about(&mut self, session: SessionId, fact: AccessFact) -> bool {
        let about = About {
            session,
            ..self.about.clone()
        };
        match self.world.reporter.access(&about, fact) {
            Ok(ticket) => {
                self.last_event = Some(ticket);
                // What earlier sessions left to say is not this one's doing.
                if session == self.about.session {
                    self.charge(ticket);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "a report of the host is not kept; it comes again");
                false
            }
        }
    }

    fn note_in_recording(&self, session: SessionId, fact: &AccessFact) {
        if let (Some(notes), Some(tap), AccessFact::Host { event }) = (&self.notes, &self.tap, fact)
            && session == self.about.session
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

    pub(super) fn alarm(&mut self, detail: String) {
        tracing::error!(detail, "somebody should look at this");
        match self.world.reporter.machine(MachineFact::Alarm { detail }) {
            Ok(ticket) => self.charge(ticket),
            Err(error) => tracing::error!(%error, "an alarm is not kept"),
        }
    }
}
