//! A CA that gives whoever asks, and remembers what it was told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event as Sse, Sse as SseAnswer};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::{BastionEnrolled, BastionEnrolment};
use portreeve_protocol::event::{AccessFact, Body, Event, EventBatch, EventsStored};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::problem::{Code, Problem};
use portreeve_protocol::recording::{Deletion, RetentionRule};
use portreeve_protocol::session::{ClaimRequest, Claimed, TrailLimit};
use portreeve_protocol::time::Timestamp;
use ssh_key::certificate::{Builder, CertType};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use crate::client::PATIENCE;
use crate::mint::{Mint, key, public};

/// The seed of the key that certifies bastions.
pub(crate) const HOST_CA: u8 = 21;

#[derive(Clone)]
pub(crate) struct Ca(Arc<Inner>);

struct Inner {
    url: String,
    review: String,
    bundle: String,
    events: Mutex<Vec<Event>>,
    claims: Mutex<HashMap<SessionId, ClaimRequest>>,
    /// For how many seconds deletions are permitted, if they are, and how often one was asked for.
    deletions: Mutex<(Option<u32>, u32)>,
    deletion: Deletion,
    /// How much a session may put into the trail.
    trail_limit: Mutex<TrailLimit>,
    items: broadcast::Sender<FeedItem>,
    policy: watch::Sender<String>,
    /// Whether the feed says anything, and whether events are taken.
    is_alive: watch::Sender<bool>,
}

impl Ca {
    pub(crate) async fn start(mint: &Mint, review: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ca = Self(Arc::new(Inner {
            url: format!("http://{}", listener.local_addr().unwrap()),
            review,
            bundle: mint.bundle.clone(),
            events: Mutex::default(),
            claims: Mutex::default(),
            deletions: Mutex::default(),
            deletion: Deletion {
                seconds: 60,
                manifest: Digest::of(b"manifest"),
                rule: RetentionRule::Configuration,
                pair: mint.pair(),
                task: mint.task(),
            },
            trail_limit: Mutex::new(TrailLimit::DEFAULT),
            items: broadcast::Sender::new(64),
            policy: watch::Sender::new(STARTER_POLICY.to_owned()),
            is_alive: watch::Sender::new(true),
        }));
        let routes = Router::new()
            .route("/v1/enrolments/bastions", post(enrol))
            .route("/v1/sessions/{id}/claim", post(claim))
            .route("/v1/sessions/{id}/recording/deletion", post(deletion))
            .route("/v1/events", post(events))
            .route("/v1/feed", get(feed))
            .with_state(ca.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        ca
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn kill(&self, session: SessionId, reason: &str) {
        let _ = self.0.items.send(FeedItem::Kill {
            session,
            reason: reason.into(),
            by_pair: false,
        });
    }

    pub(crate) fn send(&self, item: FeedItem) {
        let _ = self.0.items.send(item);
    }

    pub(crate) fn permit_deletions(&self, seconds: Option<u32>) {
        self.0.deletions.lock().unwrap().0 = seconds;
    }

    /// Sessions that are claimed from now on may put so much into the trail.
    pub(crate) fn limit_trails(&self, limit: &str) {
        *self.0.trail_limit.lock().unwrap() = limit.parse().unwrap();
    }

    pub(crate) fn asked_to_delete(&self) -> u32 {
        self.0.deletions.lock().unwrap().1
    }

    pub(crate) fn publish(&self, policy: &str) {
        self.0.policy.send_replace(policy.into());
        let _ = self.0.items.send(policy_item(policy));
    }

    pub(crate) fn fall_silent(&self, is_silent: bool) {
        self.0.is_alive.send_replace(!is_silent);
    }

    pub(crate) fn claims(&self) -> usize {
        self.0.claims.lock().unwrap().len()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.events.lock().unwrap().clone()
    }

    /// The facts of one session, in the order in which they came.
    pub(crate) fn facts(&self, session: SessionId) -> Vec<AccessFact> {
        let events = self.0.events.lock().unwrap();
        let of_session = |event: &Event| match &event.body {
            Body::Access {
                session: Some(id),
                fact,
                ..
            } if *id == session => Some(fact.clone()),
            _ => None,
        };
        events.iter().filter_map(of_session).collect()
    }

    /// Waits for a fact of a session.
    pub(crate) async fn wait_for(
        &self,
        session: SessionId,
        what: &str,
        is_it: impl Fn(&AccessFact) -> bool,
    ) -> AccessFact {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(fact) = self.facts(session).into_iter().find(|fact| is_it(fact)) {
                return fact;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no {what} in {:#?}", self.facts(session));
    }
}

async fn enrol(State(ca): State<Ca>, Json(asked): Json<BastionEnrolment>) -> Json<BastionEnrolled> {
    let subject = ssh_key::PublicKey::from(&asked.host_key);
    let mut builder = Builder::new(vec![1; 16], &subject, 0, u64::MAX / 2).unwrap();
    builder.cert_type(CertType::Host).unwrap();
    builder.key_id("bastion").unwrap();
    builder.valid_principal("127.0.0.1").unwrap();
    Json(BastionEnrolled {
        host_certificate: builder.sign(&key(HOST_CA)).unwrap().to_openssh().unwrap(),
        access_ca: public(&key(1)),
        issuer: ca.0.url.clone(),
        review_recipients: vec![ca.0.review.clone()],
    })
}

async fn claim(
    State(ca): State<Ca>,
    Path(session): Path<SessionId>,
    Json(asked): Json<ClaimRequest>,
) -> Result<Json<Claimed>, (StatusCode, Json<Problem>)> {
    let mut claims = ca.0.claims.lock().unwrap();
    if claims.insert(session, asked).is_some() {
        let problem = Problem::new(Code::SessionUnavailable)
            .detail("the session belongs to bastion `bastion-2`");
        return Err((StatusCode::GONE, Json(problem)));
    }
    Ok(Json(Claimed {
        bundle: ca.0.bundle.clone(),
        expires_at: Timestamp::from_seconds(4_000_000_000),
        trail_limit: *ca.0.trail_limit.lock().unwrap(),
    }))
}

async fn deletion(
    State(ca): State<Ca>,
    Path(_): Path<SessionId>,
) -> Result<Json<Deletion>, (StatusCode, Json<Problem>)> {
    let mut deletions = ca.0.deletions.lock().unwrap();
    deletions.1 += 1;
    if let Some(seconds) = deletions.0 {
        Ok(Json(Deletion {
            seconds,
            ..ca.0.deletion.clone()
        }))
    } else {
        let problem = Problem::new(Code::NotPermitted).detail("the recording is held");
        Err((StatusCode::FORBIDDEN, Json(problem)))
    }
}

async fn events(
    State(ca): State<Ca>,
    Json(batch): Json<EventBatch>,
) -> Result<Json<EventsStored>, StatusCode> {
    if !*ca.0.is_alive.borrow() {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let stored = u32::try_from(batch.events.len()).unwrap();
    let mut all = ca.0.events.lock().unwrap();
    for event in batch.events {
        if all.iter().all(|known| known.id != event.id) {
            all.push(event);
        }
    }
    Ok(Json(EventsStored {
        stored,
        refused: vec![],
    }))
}

fn policy_item(text: &str) -> FeedItem {
    FeedItem::Policy {
        version: Digest::of(text.as_bytes()),
        text: text.into(),
    }
}

async fn feed(State(ca): State<Ca>) -> SseAnswer<impl Stream<Item = Result<Sse, Infallible>>> {
    let items = ca.0.items.subscribe();
    let first = policy_item(&ca.0.policy.borrow());
    let mut is_alive = ca.0.is_alive.subscribe();
    is_alive.wait_for(|is_alive| *is_alive).await.unwrap();
    SseAnswer::new(stream::unfold(
        (Some(first), items, is_alive),
        |(first, mut items, mut is_alive)| async move {
            is_alive.wait_for(|is_alive| *is_alive).await.ok()?;
            let item = match first {
                Some(first) => first,
                None => {
                    match tokio::time::timeout(Duration::from_millis(500), items.recv()).await {
                        Ok(item) => item.ok()?,
                        Err(_) => FeedItem::Heartbeat {
                            at: Timestamp::from_seconds(0),
                        },
                    }
                }
            };
            let data = serde_json::to_string(&item).unwrap();
            Some((Ok(Sse::default().data(data)), (None, items, is_alive)))
        },
    ))
}
