//! Doing what the state machine says.

use std::sync::Arc;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::FromBastion;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::grant::{ContentLimit, RecordingMode};
use portreeve_protocol::problem::Code;
use portreeve_recording::event::{Kind, Started};
use portreeve_recording::files::Tracker;
use portreeve_recording::head::Head;
use portreeve_recording::info::{Format, SessionInfo};
use portreeve_recording::manifest::End;
use portreeve_recording::write::{Position, WriteError};

use super::allowance::Excess;
use super::heads::Heads;
use super::notes::Notes;
use super::{Driver, Message};
use crate::ca::CaError;
use crate::channel::{Answer, Setup};
use crate::decide::{self, ChannelPermit, Verdict, least};
use crate::host::HostLink;
use crate::host::control;
use crate::live;
use crate::recover;
use crate::request::{Asked, Wanted};
use crate::session::{ChannelEnd, ChannelNumber, Effect, Input, Sealed};
use crate::spool::Ticket;
use crate::tap::Tap;

/// What the agent reads when the host does not start what was permitted.
const NOT_OPENED: &str =
    "portreeve: the host did not start it; its administrators find the reason in the bastion's log";

impl Driver {
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Claim => self.claim(),
            Effect::BeginRecording => self.begin_recording(),
            Effect::OpenControl => self.open_control(),
            Effect::SendOrder { bundle } => self.say(FromBastion::Order {
                order: self.access.grant().order.clone(),
                bundle,
            }),
            Effect::OpenSession => {
                if let Some(host) = &self.host {
                    host.log_in();
                }
            }
            Effect::Decide { channel, asked } => {
                let verdict = self.decide(&asked);
                self.inputs.push_back(Input::Decided { channel, verdict });
            }
            Effect::Open { channel, permit } => self.open(channel, permit),
            Effect::Refuse {
                channel,
                what,
                text,
            } => self.refuse(channel, what, text),
            Effect::TurnAway { connection, notice } => self.agents.turn_away(connection, notice),
            Effect::CloseAgents { notice } => {
                tracing::info!(%notice, "the session ends");
                self.agents.close_all(notice);
            }
            Effect::EndHost { cause } => self.say(FromBastion::End { cause }),
            Effect::DropHost => {
                self.control = None;
                self.host = None;
            }
            Effect::Seal { cause } => self.seal(cause),
            Effect::Emit(fact) => {
                tell(&fact);
                self.emit(*fact);
            }
            Effect::Done => live::forget(&self.world.live, self.about.session),
        }
    }

    fn claim(&self) {
        let (ca, back) = (Arc::clone(&self.world.ca), self.back.clone());
        let (session, serial, address) =
            (self.about.session, self.access.serial(), self.agent_address);
        tokio::spawn(async move {
            let input = match ca.claim(session, serial, address).await {
                Ok(claimed) => {
                    let _ = back.send(Message::Claimed(claimed)).await;
                    return;
                }
                Err(CaError::Refused(problem)) => Input::ClaimRefused {
                    code: problem.code,
                    detail: problem.detail.unwrap_or(problem.title),
                },
                Err(error @ (CaError::Unreachable(_) | CaError::Answer(_))) => {
                    Input::ClaimRefused {
                        code: Code::Unavailable,
                        detail: error.to_string(),
                    }
                }
            };
            let _ = back.send(Message::Input(input)).await;
        });
    }

    fn begin_recording(&mut self) {
        if let Err(error) = live::note(&self.world.live, &self.about) {
            // Only a crash would miss it, and then only the trail's last word.
            tracing::warn!(%error, "the session cannot be noted as live");
        }
        let grant = self.access.grant();
        let now = self.world.clock.now();
        let recorder = self.world.recorders.begin(
            self.world.recordings.clone(),
            SessionInfo {
                format: Format,
                session: grant.session,
                pair: grant.pair.clone(),
                task: grant.task.clone(),
                host: grant.host.name.clone(),
                account: grant.account.clone(),
                bundle: grant.bundle.clone(),
                bastion: self.world.reporter.name.clone(),
                started_at: now.wall,
                recording: grant.recording,
                content_limit: grant.recording_content,
                recipients: self.world.recipients.borrow().clone(),
            },
        );
        self.recorder_failed = Some(recorder.failed());
        self.recorder_full = Some(recorder.length());
        self.heads = Heads::since(now.steady);
        let activity = Arc::clone(&self.activity);
        self.notes = Some(Notes::start());
        self.tap = Some(Tap::new(recorder, self.world.clock, now.steady, activity));
    }

    /// Opens the control connection and, beside it, the transport of the first session connection.
    fn open_control(&mut self) {
        let link = Arc::new(HostLink::new(Arc::clone(&self.access)));
        self.control = Some(control::start(
            Arc::clone(&link),
            self.control_news.0.clone(),
        ));
        link.prepare();
        self.host = Some(link);
    }

    fn say(&self, message: FromBastion) {
        if let Some(control) = &self.control {
            control.say(message);
        }
    }

    fn decide(&self, asked: &Asked) -> Verdict {
        let Some(policies) = self.feed().policies() else {
            return Verdict::unavailable();
        };
        let now = self.world.clock.now().wall;
        decide::decide(&policies, &self.facts, asked, now, || {
            self.world.reporter.decision_id()
        })
    }

    /// Opens a channel on the host, once the decision is on disk.
    fn open(&mut self, channel: ChannelNumber, permit: ChannelPermit) {
        let (Some(mut waiting), Some(host), Some(tap)) =
            (self.waiting.remove(&channel), self.host.clone(), &self.tap)
        else {
            return self.ended_unopened(channel);
        };
        let tap = tap.on(channel);
        let is_strict =
            permit.is_strict() || self.access.grant().recording == RecordingMode::Strict;
        let content_limit = least(
            permit.content_limit(),
            self.access.grant().recording_content,
        );
        let files = Tracker::of(
            permit.program(),
            permit.rights(),
            content_limit.map(ContentLimit::bytes),
        );
        if files.is_some() {
            waiting.setup.without_terminal();
        }
        let (spool, ticket) = (self.world.reporter.spool.clone(), self.last_event);
        let mut ending = self.agents.ending();
        tokio::spawn(async move {
            let opened = async {
                let ticket = ticket.ok_or("no event before it")?;
                let recorded = spool
                    .durable(ticket)
                    .await
                    .map_err(|error| error.to_string())?;
                // Nothing is started in a session whose recording is not even a file.
                tap.durable(Position::BEGINNING)
                    .await
                    .map_err(|error| error.to_string())?;
                let started = started(&permit, &waiting.setup);
                let position = tap
                    .record(started)
                    .await
                    .map_err(|error| error.to_string())?;
                for left_out in &waiting.setup.left_out {
                    let refused = Kind::Refused {
                        what: left_out.what.clone(),
                        reason: left_out.reason.into(),
                    };
                    tap.record(refused)
                        .await
                        .map_err(|error| error.to_string())?;
                }
                if is_strict {
                    tap.durable(position)
                        .await
                        .map_err(|error| error.to_string())?;
                }
                let host = host.open(&permit, recorded, &waiting.setup).await;
                host.map_err(|error| error.to_string())
            };
            let opened: Result<_, String> = tokio::select! {
                biased;
                // Nothing begins on the host once the session ends.
                _ = ending.wait_for(Option::is_some) => return,
                opened = opened => opened,
            };
            let answer = match opened {
                Ok(host) => Answer::Open {
                    host,
                    tap,
                    files,
                    is_strict,
                },
                Err(detail) => {
                    tracing::warn!(
                        detail,
                        channel = channel.0,
                        "a channel does not open on the host"
                    );
                    Answer::Refused {
                        text: NOT_OPENED.into(),
                    }
                }
            };
            // An agent that left meanwhile takes no answer, and what was opened is closed again.
            let _ = waiting.answer.send(answer);
        });
    }

    fn refuse(&mut self, channel: ChannelNumber, what: String, text: String) {
        let reason = text.clone();
        self.note(channel, Kind::Refused { what, reason });
        match self.waiting.remove(&channel) {
            Some(waiting) => {
                let _ = waiting.answer.send(Answer::Refused { text });
            }
            None => self.ended_unopened(channel),
        }
    }

    /// Records something about a channel that no channel records by itself.
    pub(super) fn note(&self, channel: ChannelNumber, kind: Kind) {
        if let (Some(notes), Some(tap)) = (&self.notes, &self.tap) {
            notes.say(tap.on(channel), kind);
        }
    }

    /// A channel behind which nobody waits.
    fn ended_unopened(&mut self, channel: ChannelNumber) {
        let end = ChannelEnd::default();
        self.inputs.push_back(Input::ChannelEnded { channel, end });
    }

    /// What was asked for beside the program and is never offered is decided and recorded too.
    pub(super) fn refuse_forwardings(&mut self, setup: &Setup) {
        for forwarding in &setup.refused {
            let channel = self.agents.next_number();
            let asked = Asked {
                program: Wanted::Forward(forwarding.clone()),
                pty: false,
            };
            self.inputs
                .push_back(Input::ChannelAsked { channel, asked });
        }
    }

    fn seal(&mut self, cause: EndCause) {
        let Some(tap) = self.tap.take() else {
            self.inputs.push_back(Input::Sealed(None));
            return;
        };
        let at = self.world.clock.now().wall;
        let (notes, back) = (self.notes.take(), self.back.clone());
        let (world, session) = (Arc::clone(&self.world), self.about.session);
        tokio::spawn(async move {
            if let Some(notes) = notes {
                notes.finish().await;
            }
            let sealed = match tap.recorder().finish(End { cause, at }).await {
                Ok(finished) => Some(Sealed {
                    manifest: finished.manifest,
                    file: finished
                        .path
                        .file_name()
                        .map(|name| name.to_string_lossy().into_owned())
                        .unwrap_or_default(),
                    bytes: finished.bytes,
                }),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the recording stays cut"
                    );
                    // A thread may still wait for a disk that does not answer; the next start closes that one.
                    if !matches!(error.cause(), WriteError::Stalled) {
                        let logged = live::noted_head(&world.live, session);
                        tokio::spawn(recover::close_when_possible(world, session, logged));
                    }
                    None
                }
            };
            let _ = back.send(Message::Input(Input::Sealed(sealed))).await;
        });
    }

    /// Puts the head of the recording into the trail, and beside the session's name for a successor after a crash.
    pub(super) fn report(&mut self, head: Head) {
        self.heads.reported(head, self.world.clock.now().steady);
        self.emit(AccessFact::RecordingHead {
            segments: head.segments,
            head: head.digest,
            bytes: head.bytes,
        });
        let (live, session) = (self.world.live.clone(), self.about.session);
        // It may wait for a disk that does not answer.
        tokio::task::spawn_blocking(move || live::note_head(&live, session, head));
    }

    fn emit(&mut self, fact: AccessFact) {
        match self.world.reporter.access(&self.about, fact) {
            Ok(ticket) => {
                self.last_event = Some(ticket);
                self.charge(ticket);
            }
            Err(error) => {
                tracing::error!(%error, "an event is not kept; the session ends");
                // Whatever waits for this event waits for one that never comes.
                self.last_event = None;
                self.inputs.push_back(Input::SpoolFull);
            }
        }
    }

    /// Counts what the session put into the trail, and ends it when that was too much.
    pub(super) fn charge(&mut self, event: Ticket) {
        let now = self.world.clock.now().steady;
        let Some(excess) = self.allowance.take(event.bytes(), now) else {
            return;
        };
        tracing::warn!(?excess, "the session puts too much into the trail and ends");
        self.inputs.push_back(match excess {
            Excess::AtOnce => Input::MustEnd {
                detail: "it made more events at once than one session may".into(),
                reason: "it does more at once than the trail takes of one session; ask for another session",
            },
            Excess::InAll(limit) => Input::MustEnd {
                detail: format!("its events are more than the {limit} that one session may put into the trail"),
                reason: "it did as much as the trail takes of one session; ask for another session",
            },
        });
    }
}

/// What whoever runs this bastion should read in the log without asking for the trail.
fn tell(fact: &AccessFact) {
    if let AccessFact::HostRefused { detail } = fact {
        tracing::warn!(detail, "the host does not open");
    }
    if let AccessFact::RecordingFailed { detail } = fact {
        tracing::error!(detail, "the recording cannot be written; look at its disk");
    }
}

fn started(permit: &ChannelPermit, setup: &Setup) -> Kind {
    Kind::Started(Started {
        program: permit.program().clone(),
        environment: setup
            .environment
            .iter()
            .map(|(name, value)| (name.clone().into(), value.clone().into()))
            .collect(),
        terminal: setup.terminal.clone(),
        decision: Some(permit.decision()),
    })
}
