//! What the CA tells its bastions: the policy in force, kills, looks, and that it is alive.
//!
//! [`follow`] keeps the stream open for the life of the program and comes back where it was. The rest of the program asks
//! [`Feed`] which policy decides and when the CA was last heard; it is the session's deadlines that make silence an end.

mod sse;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portreeve_access_policy::decide::Policies;
use portreeve_protocol::backoff::Backoff;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::recording::StoreName;
use tokio::sync::{mpsc, watch};

use crate::ca::{Ca, CaError};
use crate::clock::{Clock, Steady};
use crate::look::LookAsked;
use crate::trouble::Trouble;

/// The pauses before the stream is opened again.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// What the feed said last.
#[derive(Debug)]
pub struct Feed {
    heard: AtomicU64,
    policies: watch::Sender<Option<Arc<Policies>>>,
    clock: Clock,
}

/// A session that is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Which.
    pub session: SessionId,
    /// Why, for the agent to read.
    pub reason: String,
    /// Whether its own pair asked for it.
    pub by_pair: bool,
}

/// A recording whose time is over, as the CA says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Of which session.
    pub session: SessionId,
    /// The bastion that sealed it.
    pub bastion: BastionName,
    /// The store that has it.
    pub store: Option<StoreName>,
    /// How often the CA said so.
    pub attempt: u32,
}

impl Hands {
    /// Passes it on if there is room: the feed, and with it every kill, waits for no deletion, and the CA says it
    /// again.
    fn delete(&self, expired: Expired) {
        if let Err(error) = self.expired.try_send(expired) {
            tracing::warn!(%error, "more recordings expire than are deleted; this one waits until the CA says it again");
        }
    }
}

impl Feed {
    /// A feed from which nothing was heard. It is stale until something is.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            heard: AtomicU64::new(0),
            policies: watch::Sender::new(None),
            clock,
        }
    }

    /// When the CA was last heard; nothing when never.
    #[must_use]
    pub fn heard(&self) -> Option<Steady> {
        match self.heard.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(Steady::from_millis(millis)),
        }
    }

    /// The policy in force; nothing when it is not known or not understood, and then nothing is permitted.
    #[must_use]
    pub fn policies(&self) -> Option<Arc<Policies>> {
        self.policies.borrow().clone()
    }

    /// Every change of the policy in force.
    #[must_use]
    pub fn policy_changes(&self) -> watch::Receiver<Option<Arc<Policies>>> {
        self.policies.subscribe()
    }

    fn hear(&self) {
        let millis = self.clock.now().steady.as_millis().max(1);
        self.heard.store(millis, Ordering::Relaxed);
    }

    async fn adopt(&self, version: Digest, text: String) {
        if self
            .policies()
            .is_some_and(|policies| policies.version() == version)
        {
            return;
        }
        // Checking a policy takes long enough to hold up everything else on this thread.
        let parsed = tokio::task::spawn_blocking(move || {
            (Digest::of(text.as_bytes()) == version).then(|| Policies::parse("policy.cedar", &text))
        });
        let adopted = match parsed.await {
            Ok(Some(Ok(policies))) => {
                tracing::info!(%version, "another policy is in force");
                Some(Arc::new(policies))
            }
            Ok(Some(Err(problems))) => {
                tracing::error!(%version, problems = problems.as_slice().len(), "the policy is not understood; nothing is permitted");
                None
            }
            Ok(None) | Err(_) => {
                tracing::error!(%version, "the policy is not the version that the CA named; nothing is permitted");
                None
            }
        };
        self.policies.send_replace(adopted);
    }
}

/// Who is told what the CA wants done.
#[derive(Debug)]
pub struct Hands {
    /// Sessions to end.
    pub kills: mpsc::Sender<Kill>,
    /// Hosts to look at. What finds no room is left to other bastions.
    pub looks: mpsc::Sender<LookAsked>,
    /// Recordings whose time is over.
    pub expired: mpsc::Sender<Expired>,
}

/// Follows the feed for ever.
pub async fn follow(feed: Arc<Feed>, ca: Arc<Ca>, hands: Hands) {
    let mut last = None;
    let mut pauses = PAUSES;
    let mut trouble = Trouble::default();
    loop {
        let heard_before = feed.heard();
        let broken = follow_once(&feed, &ca, &hands, &mut last).await;
        if feed.heard() != heard_before {
            trouble.ends();
            pauses.reset();
        }
        if let Err(error) = broken
            && trouble.is_news(feed.clock.now().steady)
        {
            tracing::warn!(
                %error,
                "the CA's feed is away; until it is back nobody is let in, and soon sessions end"
            );
        }
        tokio::time::sleep(pauses.pause()).await;
    }
}

async fn follow_once(
    feed: &Feed,
    ca: &Ca,
    hands: &Hands,
    last: &mut Option<String>,
) -> Result<(), CaError> {
    let silence = Duration::from_secs(portreeve_protocol::feed::STALE_AFTER);
    let mut response = ca.feed(last.as_deref()).await?;
    tracing::info!("the CA's feed is open");
    let mut parser = sse::Parser::default();
    loop {
        let chunk = tokio::time::timeout(silence, response.chunk())
            .await
            .map_err(|_| CaError::Unreachable("nothing heard for too long".into()))?
            .map_err(|error| CaError::Unreachable(error.to_string()))?;
        let Some(chunk) = chunk else {
            return Err(CaError::Unreachable("the CA closed the feed".into()));
        };
        let items = parser
            .push(&chunk)
            .map_err(|error| CaError::Answer(error.to_string()))?;
        for item in items {
            let read = serde_json::from_str(&item.data)
                .map_err(|error| CaError::Answer(error.to_string()))?;
            match read {
                FeedItem::Heartbeat { at: _ } => {}
                FeedItem::Policy { version, text } => feed.adopt(version, text).await,
                FeedItem::Kill {
                    session,
                    reason,
                    by_pair,
                } => {
                    let kill = Kill {
                        session,
                        reason,
                        by_pair,
                    };
                    // The program ends when nobody takes kills any more.
                    let _ = hands.kills.send(kill).await;
                }
                FeedItem::Look {
                    look,
                    host,
                    claim_by,
                } => {
                    let asked = LookAsked {
                        look,
                        host,
                        claim_by,
                    };
                    // Nothing of a session may wait for a look.
                    let _ = hands.looks.try_send(asked);
                }
                FeedItem::DeleteRecording {
                    session,
                    bastion,
                    store,
                    attempt,
                } => hands.delete(Expired {
                    session,
                    bastion,
                    store,
                    attempt,
                }),
            }
            feed.hear();
            *last = item.id.or_else(|| last.take());
        }
    }
}
