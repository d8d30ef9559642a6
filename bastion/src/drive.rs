//! The only loop around a session: waits for whatever happens, tells the state machine, does what it says.
//!
//! It decides nothing. What takes time runs in tasks of its own, which report back through the inbox.

mod agents;
mod allowance;
mod earlier;
mod heads;
mod hearing;
mod notes;
mod perform;
mod world;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use portreeve_protocol::problem::Code;
use portreeve_protocol::session::Claimed;
use portreeve_recording::event::Kind;
use portreeve_recording::write::{Failed, Length};
use tokio::sync::{mpsc, oneshot, watch};

use crate::accept::AccessProven;
use crate::channel::{Answer, SessionLink, Setup, queue};
use crate::decide::Facts;
use crate::feed::Feed;
use crate::host::HostLink;
use crate::host::control::{Control, ControlNews};
use crate::report::About;
use crate::request::Asked;
use crate::room::Shortage;
use crate::session::{ChannelNumber, Effect, Input, Notice, Observed, Opening, Session};
use crate::spool::{Health, Ticket};
use crate::tap::{Activity, Tap};

pub use agents::AgentConnection;
use agents::Agents;
use allowance::Allowance;
pub use earlier::EarlierReports;
use heads::Heads;
use hearing::Heard;
use notes::Notes;
pub use world::World;

/// How many messages wait for a session.
const INBOX: usize = 256;
/// The most connections of an agent to one session at a time. Each may hold some 32 MiB of what a client sends that does
/// not read, and a bastion has a bounded number of them for everybody.
const MOST_CONNECTIONS: usize = 64;

/// What tasks tell a session.
#[derive(Debug)]
pub enum Message {
    /// Something for the state machine as it is.
    Input(Input),
    /// The CA gave the session to this bastion.
    Claimed(Claimed),
    /// The agent opened a connection.
    Connected(AgentConnection),
    /// A channel asks for a program.
    Asked {
        /// Its number.
        channel: ChannelNumber,
        /// What it asks for.
        asked: Asked,
        /// How to start it.
        setup: Box<Setup>,
        /// Where the answer goes.
        answer: oneshot::Sender<Answer>,
    },
    /// Something was refused before anybody was asked.
    TurnedDown {
        /// A number for it.
        channel: ChannelNumber,
        /// What was asked for.
        what: &'static str,
        /// What the agent read.
        reason: String,
    },
    /// Something that is never offered was asked for; nobody waits for the answer.
    Forwarding {
        /// A number for it.
        channel: ChannelNumber,
        /// What was asked for.
        asked: Asked,
    },
}

/// A channel that waits for its answer.
#[derive(Debug)]
struct Waiting {
    setup: Box<Setup>,
    answer: oneshot::Sender<Answer>,
}

/// One session being driven.
struct Driver {
    world: Arc<World>,
    session: Session,
    access: Arc<AccessProven>,
    about: About,
    facts: Arc<Facts>,
    agent_address: IpAddr,
    inbox: mpsc::Receiver<Message>,
    /// For tasks that report back.
    back: mpsc::Sender<Message>,
    control_news: (mpsc::Sender<ControlNews>, mpsc::Receiver<ControlNews>),
    agents: Agents,
    waiting: HashMap<ChannelNumber, Waiting>,
    host: Option<Arc<HostLink>>,
    control: Option<Control>,
    activity: Arc<Activity>,
    tap: Option<Tap>,
    notes: Option<Notes>,
    recorder_failed: Option<Failed>,
    /// Resolves when the recording is as long as one may be.
    recorder_full: Option<Length>,
    heads: Heads,
    /// The last event; an effect towards the host waits until it is on disk.
    last_event: Option<Ticket>,
    /// How much it may still put into the trail.
    allowance: Allowance,
    /// What the host said that counts for what it says next.
    heard: Heard,
    inputs: VecDeque<Input>,
}

/// Starts a session whose access was proved, with its first connection.
pub fn start(
    world: Arc<World>,
    access: Arc<AccessProven>,
    first: AgentConnection,
    agent_address: IpAddr,
    done: impl FnOnce() + Send + 'static,
) -> SessionLink {
    let (driver, link, effects) = Driver::new(world, access, agent_address);
    let id = driver.about.session;
    let span = tracing::info_span!("session", %id);
    tokio::spawn(tracing::Instrument::instrument(
        async move {
            driver.run(effects, first).await;
            done();
        },
        span,
    ));
    link
}

impl Driver {
    /// One for a session that begins now, with the way to it and what is to be done first.
    fn new(
        world: Arc<World>,
        access: Arc<AccessProven>,
        agent_address: IpAddr,
    ) -> (Self, SessionLink, Vec<Effect>) {
        let (back, inbox) = mpsc::channel(INBOX);
        let ending = watch::Sender::new(None);
        let (presence, absence) = mpsc::channel(1);
        let link = SessionLink {
            inbox: back.clone(),
            ending: ending.subscribe(),
            numbers: Arc::new(AtomicU32::new(0)),
            queued: queue::Total::default(),
            presence: presence.downgrade(),
        };
        let grant = access.grant();
        let now = world.clock.now();
        let opening = Opening {
            connect_by: grant.connect_by,
            expires_at: grant.expires_at,
            idle: grant.idle.as_duration(),
            linger: grant.linger.as_duration(),
            stale_after: world.stale_after,
            feed_heard: world.feed.heard().unwrap_or_default(),
        };
        let (session, effects) = Session::begin(&opening, now);
        let driver = Self {
            session,
            about: About {
                pair: grant.pair.clone(),
                task: grant.task.clone(),
                session: grant.session,
            },
            facts: Arc::new(Facts::of(grant, agent_address)),
            agent_address,
            inbox,
            back,
            control_news: mpsc::channel(INBOX),
            agents: Agents::new(ending, (presence, absence), Arc::clone(&link.numbers)),
            waiting: HashMap::new(),
            host: None,
            control: None,
            activity: Arc::new(Activity::since(now.steady)),
            tap: None,
            notes: None,
            recorder_failed: None,
            recorder_full: None,
            heads: Heads::since(now.steady),
            last_event: None,
            allowance: Allowance::since(now.steady),
            heard: Heard::default(),
            inputs: VecDeque::new(),
            access,
            world,
        };
        (driver, link, effects)
    }

    async fn run(mut self, effects: Vec<Effect>, first: AgentConnection) {
        tracing::info!(pair = %self.about.pair, host = %self.access.grant().host.name, "a session begins");
        self.connected(first);
        self.perform_all(effects);
        let mut health = self.world.reporter.spool.health();
        let mut shutdown = self.world.shutdown.clone();
        let mut shortage = self.world.room.shortage();
        // Each of these is told once; afterwards it would only say the same again.
        let (mut is_health_told, mut is_shutdown_told, mut is_shortage_told) =
            (false, false, false);
        loop {
            while let Some(input) = self.inputs.pop_front() {
                self.tell(input);
            }
            if self.session.is_closed() {
                break;
            }
            let wake = self.world.clock.instant(self.session.wake_at());
            tokio::select! {
                Some(message) = self.inbox.recv() => self.hear(message),
                Some(news) = self.control_news.1.recv() => self.hear_control(news),
                () = tokio::time::sleep_until(wake) => self.inputs.push_back(Input::Tick),
                detail = failure(&mut self.recorder_failed) => {
                    self.recorder_failed = None;
                    self.inputs.push_back(Input::RecordingFailed { detail });
                }
                () = full(&mut self.recorder_full) => {
                    self.recorder_full = None;
                    self.inputs.push_back(too_long());
                }
                head = self.heads.due(self.tap.as_ref(), self.world.clock) => self.report(head),
                Ok(input) = must_end(&mut shortage), if !is_shortage_told => {
                    is_shortage_told = true;
                    self.inputs.push_back(input);
                }
                _ = health.wait_for(|health| *health != Health::Good), if !is_health_told => {
                    is_health_told = true;
                    self.inputs.push_back(Input::SpoolFull);
                }
                _ = shutdown.wait_for(|is_stopping| *is_stopping), if !is_shutdown_told => {
                    is_shutdown_told = true;
                    self.inputs.push_back(Input::Shutdown);
                }
            }
        }
        self.agents.wait_closed().await;
        tracing::info!("the session is closed");
    }

    fn tell(&mut self, input: Input) {
        let observed = Observed {
            moved: self.activity.last(),
            feed_heard: self.world.feed.heard().unwrap_or_default(),
        };
        let now = self.world.clock.now();
        let effects = self.session.handle(input, observed, now);
        self.perform_all(effects);
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Input(input) => {
                if let Input::ConnectionClosed(id) = &input {
                    self.agents.gone(*id);
                }
                self.inputs.push_back(input);
            }
            Message::Claimed(claimed) => {
                self.allowance.bound(claimed.trail_limit);
                self.inputs.push_back(Input::Claimed {
                    bundle: claimed.bundle,
                    expires_at: claimed.expires_at,
                });
            }
            Message::Connected(agent) => self.connected(agent),
            Message::Asked {
                channel,
                asked,
                setup,
                answer,
            } => {
                self.refuse_forwardings(&setup);
                self.waiting.insert(channel, Waiting { setup, answer });
                self.ask(channel, asked);
            }
            Message::TurnedDown {
                channel,
                what,
                reason,
            } => {
                let what = what.into();
                self.note(channel, Kind::Refused { what, reason });
            }
            Message::Forwarding { channel, asked } => self.ask(channel, asked),
        }
    }

    fn connected(&mut self, agent: AgentConnection) {
        let id = agent.id;
        let are_many = self.agents.count() >= MOST_CONNECTIONS;
        self.agents.add(agent);
        if are_many {
            self.agents.turn_away(id, Notice::refused(Code::Busy, None));
        } else {
            self.inputs.push_back(Input::ConnectionOpened(id));
        }
    }

    fn ask(&mut self, channel: ChannelNumber, asked: Asked) {
        let is_end = matches!(&asked.program, crate::request::Wanted::Subsystem(name) if name == crate::request::END_SUBSYSTEM);
        if is_end {
            self.inputs.push_back(Input::EndAsked);
        } else {
            self.inputs
                .push_back(Input::ChannelAsked { channel, asked });
        }
    }

    fn feed(&self) -> &Feed {
        &self.world.feed
    }
}

/// Resolves when the recording is as long as one may be.
async fn full(length: &mut Option<Length>) {
    match length {
        Some(length) => length.await,
        None => std::future::pending().await,
    }
}

fn too_long() -> Input {
    Input::MustEnd {
        detail: "its recording is as long as one may be".into(),
        reason: "its recording is as long as one may be; ask for another session",
    }
}

/// Resolves when a disk has so little room that sessions are to end.
async fn must_end(
    shortage: &mut watch::Receiver<Option<Shortage>>,
) -> Result<Input, watch::error::RecvError> {
    let ends = |shortage: &Option<Shortage>| shortage.as_ref().is_some_and(Shortage::ends_sessions);
    let shortage = shortage.wait_for(ends).await?;
    Ok(Input::MustEnd {
        detail: shortage
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        reason: "a disk of the bastion is nearly full; its operators find which in the log",
    })
}

/// Resolves when the recording fails.
async fn failure(failed: &mut Option<Failed>) -> String {
    match failed {
        Some(failed) => {
            let failed = failed.await;
            match std::error::Error::source(failed.cause()) {
                Some(source) => format!("{}: {source}", failed.cause()),
                None => failed.cause().to_string(),
            }
        }
        None => std::future::pending().await,
    }
}
