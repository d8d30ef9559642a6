//! Every live session, and the door to them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portreeve_protocol::event::{AccessFact, Body};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;

use crate::accept::{Acceptor, AccessProven, Refusal, Shown};
use crate::channel::SessionLink;
use crate::clock::Now;
use crate::drive::{self, AgentConnection, Message, World};
use crate::feed::Kill;
use crate::report::About;
use crate::session::{Input, Notice};
use crate::spool::Health;
use crate::status::LiveSession;

/// How many refusals of strangers go into the trail each second. The rest is only logged: nobody may fill the trail, and
/// with it the spool, without having proved anything.
const REFUSALS_PER_SECOND: u32 = 20;
/// The longest claim of a stranger that is kept.
const MAX_CLAIM: usize = 200;

/// The door, and what is behind it.
#[derive(Debug)]
pub struct Sessions {
    acceptor: Arc<Acceptor>,
    world: Arc<World>,
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    live: HashMap<SessionId, Live>,
    /// Sessions that are over and whose certificates are not: they never open again.
    over: HashMap<SessionId, Timestamp>,
    /// In which second how many strangers were refused.
    refusals: (i64, u32),
}

#[derive(Debug)]
struct Live {
    link: SessionLink,
    access: Arc<AccessProven>,
}

/// Why a session does not begin: what the agent learns, and the words for the trail.
type NotNow = (Code, Cow<'static, str>);

/// Somebody is not let in.
#[derive(Debug)]
pub struct NotEntered {
    /// What they read, and then their connection is closed. Without a text they may try another certificate.
    pub text: Option<String>,
}

impl Sessions {
    /// A door that lets in at most `most` sessions at a time.
    #[must_use]
    pub fn new(acceptor: Arc<Acceptor>, world: Arc<World>, most: usize) -> Self {
        Self {
            acceptor,
            world,
            most,
            known: Mutex::default(),
        }
    }

    /// Lets in whoever shows the certificate of a session, and begins the session if this is its first connection.
    ///
    /// # Errors
    /// When they are not let in. The trail has the reason.
    pub fn enter(
        self: &Arc<Self>,
        shown: Shown<'_>,
        agent: AgentConnection,
    ) -> Result<SessionLink, NotEntered> {
        let now = self.world.clock.now();
        let access = self
            .acceptor
            .accept(shown, now.wall)
            .map_err(|refusal| self.refused(&refusal, shown))?;
        self.admit(Arc::new(access), agent, shown, now)
    }

    /// Notes that somebody tried to log in without a certificate that could be judged: with none, with a plain key, with
    /// one that is expired, or without the key of the one they showed.
    pub fn refused_without_proof(&self, user: &str, peer: IpAddr) {
        let detail = "no certificate that is valid now was shown and proved".into();
        self.stranger(user, peer, Code::Unauthenticated, detail);
    }

    /// Ends a session that somebody killed, or that its pair has no more use for.
    pub async fn kill(&self, kill: Kill) {
        let inbox = {
            let known = self.known();
            known
                .live
                .get(&kill.session)
                .map(|live| live.link.inbox.clone())
        };
        if let Some(inbox) = inbox {
            let input = if kill.by_pair {
                Input::EndAsked
            } else {
                Input::Killed {
                    reason: kill.reason,
                }
            };
            let _ = inbox.send(Message::Input(input)).await;
        }
    }

    /// The sessions that are live, the oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<LiveSession> {
        let known = self.known();
        let grants = known.live.values().map(|live| live.access.grant());
        let live = grants.map(|grant| LiveSession {
            session: grant.session,
            pair: grant.pair.clone(),
            host: grant.host.name.clone(),
            expires_at: grant.expires_at,
        });
        let mut live: Vec<_> = live.collect();
        live.sort_by_key(|live| live.session);
        live
    }

    /// The most that may be live.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Why no session begins now, whosever it would be; nothing when they do.
    #[must_use]
    pub fn shut(&self) -> Option<String> {
        let has_room = self.count() < self.most;
        let (_, why) = self
            .takes_sessions(has_room, self.world.clock.now())
            .err()?;
        Some(why.into_owned())
    }

    /// How many sessions are live.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known().live.len()
    }

    fn admit(
        self: &Arc<Self>,
        access: Arc<AccessProven>,
        agent: AgentConnection,
        shown: Shown<'_>,
        now: Now,
    ) -> Result<SessionLink, NotEntered> {
        let session = access.grant().session;
        let refuse = |code, detail: &str| Err(self.not_admitted(&access, code, detail));
        let mut known = self.known();
        if let Some(live) = known.live.get(&session) {
            if !live.access.is_same_certificate(&access) {
                drop(known);
                return refuse(
                    Code::Unauthenticated,
                    "another certificate opened this session",
                );
            }
            let link = live.link.clone();
            drop(known);
            return match link.inbox.try_send(Message::Connected(agent)) {
                Ok(()) => Ok(link),
                Err(_) => refuse(Code::Busy, "the session takes no further connection"),
            };
        }
        known.over.retain(|_, expires_at| *expires_at > now.wall);
        let is_over = known.over.contains_key(&session);
        let has_room = known.live.len() < self.most;
        if is_over {
            drop(known);
            return refuse(Code::SessionUnavailable, "the session is over");
        }
        if let Err((code, detail)) = self.may_begin(&access, has_room, now) {
            drop(known);
            return refuse(code, &detail);
        }
        let sessions = Arc::clone(self);
        let expires_at = access.grant().expires_at;
        let done = move || {
            let mut known = sessions.known();
            known.live.remove(&session);
            known.over.insert(session, expires_at);
        };
        let world = Arc::clone(&self.world);
        let link = drive::start(world, Arc::clone(&access), agent, shown.peer, done);
        known.live.insert(
            session,
            Live {
                link: link.clone(),
                access,
            },
        );
        Ok(link)
    }

    /// Whether a new session may begin now.
    fn may_begin(&self, access: &AccessProven, has_room: bool, now: Now) -> Result<(), NotNow> {
        self.takes_sessions(has_room, now)?;
        if now.wall >= access.grant().connect_by {
            return Err((
                Code::SessionUnavailable,
                "the first connection came too late".into(),
            ));
        }
        Ok(())
    }

    /// Whether any may. Fails closed.
    fn takes_sessions(&self, has_room: bool, now: Now) -> Result<(), NotNow> {
        let is_fresh = |heard| now.steady.since(heard) < self.world.stale_after;
        if *self.world.shutdown.borrow() {
            Err((Code::Unavailable, "the bastion is being stopped".into()))
        } else if !self.world.feed.heard().is_some_and(is_fresh) {
            Err((Code::Unavailable, "the feed of the CA is stale".into()))
        } else if self.world.feed.policies().is_none() {
            Err((Code::Unavailable, "no policy is known".into()))
        } else if *self.world.reporter.spool.health().borrow() != Health::Good {
            Err((Code::Unavailable, "the event spool takes no more".into()))
        } else if let Err(why) = self.world.room.for_a_session(now.steady) {
            Err((Code::Unavailable, why.to_string().into()))
        } else if !has_room {
            Err((
                Code::Busy,
                "there are as many sessions as are allowed".into(),
            ))
        } else {
            Ok(())
        }
    }

    fn not_admitted(&self, access: &AccessProven, code: Code, detail: &str) -> NotEntered {
        let grant = access.grant();
        let about = About {
            pair: grant.pair.clone(),
            task: grant.task.clone(),
            session: grant.session,
        };
        self.report_refusal(&about, code, detail);
        NotEntered {
            text: Some(Notice::refused(code, None).to_string()),
        }
    }

    fn refused(&self, refusal: &Refusal, shown: Shown<'_>) -> NotEntered {
        let code = refusal.code();
        match (&refusal.whose, refusal.session) {
            (Some(whose), Some(session)) => {
                let (pair, task) = (**whose).clone();
                let about = About {
                    pair,
                    task,
                    session,
                };
                self.report_refusal(&about, code, &refusal.to_string());
            }
            _ => {
                let claimed = format!("{} {}", shown.user, shown.certificate.key_id());
                self.stranger(&claimed, shown.peer, code, refusal.to_string());
            }
        }
        NotEntered {
            text: (!refusal.may_try_another()).then(|| Notice::refused(code, None).to_string()),
        }
    }

    fn report_refusal(&self, about: &About, code: Code, detail: &str) {
        tracing::info!(session = %about.session, code = code.as_str(), detail, "a connection is refused");
        let fact = AccessFact::ConnectionRefused {
            code,
            detail: detail.to_owned(),
        };
        if let Err(error) = self.world.reporter.access(about, fact) {
            tracing::error!(%error, "a refusal is not kept");
        }
    }

    fn stranger(&self, claimed: &str, address: IpAddr, code: Code, detail: String) {
        tracing::info!(%address, code = code.as_str(), detail, "a stranger is refused");
        if !self.may_report_stranger() {
            return;
        }
        let claimed = claimed
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_CLAIM)
            .collect();
        let body = Body::Refused {
            claimed,
            address: Some(address),
            code,
            detail,
        };
        if let Err(error) = self.world.reporter.report(body) {
            tracing::error!(%error, "a refusal is not kept");
        }
    }

    fn may_report_stranger(&self) -> bool {
        let second = self.world.clock.now().wall.as_seconds();
        let mut known = self.known();
        if known.refusals.0 != second {
            known.refusals = (second, 0);
        }
        known.refusals.1 += 1;
        known.refusals.1 <= REFUSALS_PER_SECOND
    }

    /// A panic elsewhere leaves the maps whole: each change is a single insert or remove.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
