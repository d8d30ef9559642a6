//! The feed as a bastion reads it.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::feed::FeedItem;
use serde_json::json;

use super::lab::Lab;

/// A feed that was opened.
struct Feed {
    body: BodyDataStream,
    text: String,
}

impl Feed {
    async fn open(lab: &Lab, last_seen: Option<&str>) -> Self {
        let mut proof = lab.bastion("b1");
        proof.extend(last_seen.map(|id| ("last-event-id", id.to_owned())));
        let response = lab.send("GET", "/v1/feed", &proof, Body::empty()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next message with its id, or nothing at the end.
    async fn next(&mut self) -> Option<(Option<String>, FeedItem)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    message
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                };
                let id = field("id:").map(str::to_owned);
                let item = serde_json::from_str(field("data:").unwrap()).unwrap();
                self.text = rest.to_owned();
                return Some((id, item));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.body.next())
                .await
                .unwrap()?;
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

async fn kill(lab: &Lab) -> String {
    let id = lab.session().await["session"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{id}/kill");
    lab.post(&path, &lab.analyst(), &json!({ "reason": "enough" }))
        .await
        .is(200);
    id
}

fn killed(item: &FeedItem) -> String {
    match item {
        FeedItem::Kill { session, .. } => session.to_string(),
        FeedItem::Policy { .. }
        | FeedItem::Look { .. }
        | FeedItem::DeleteRecording { .. }
        | FeedItem::Heartbeat { .. } => {
            panic!("not a kill: {item:?}")
        }
    }
}

#[tokio::test]
async fn the_policy_comes_first_and_kills_follow_at_once() {
    let lab = Lab::ready().await;
    let mut feed = Feed::open(&lab, None).await;
    let (id, first) = feed.next().await.unwrap();
    assert_eq!(id, None);
    assert!(matches!(first, FeedItem::Policy { text, .. } if text == STARTER_POLICY));
    let session = kill(&lab).await;
    let (id, item) = feed.next().await.unwrap();
    assert!(id.is_some());
    assert_eq!(killed(&item), session);
}

#[tokio::test]
async fn a_bastion_that_comes_back_gets_what_it_missed() {
    let lab = Lab::ready().await;
    let mut feed = Feed::open(&lab, None).await;
    feed.next().await.unwrap();
    kill(&lab).await;
    let (seen, _) = feed.next().await.unwrap();
    drop(feed);
    let missed = kill(&lab).await;
    let mut feed = Feed::open(&lab, seen.as_deref()).await;
    assert!(matches!(
        feed.next().await.unwrap().1,
        FeedItem::Policy { .. }
    ));
    assert_eq!(killed(&feed.next().await.unwrap().1), missed);
}

#[tokio::test]
async fn an_older_policy_never_comes_after_the_one_in_force() {
    let lab = Lab::ready().await;
    for number in 0..3 {
        let text = format!("{STARTER_POLICY}\n// {number}\n");
        lab.json("PUT", "/v1/policy", &lab.admin(), &json!({ "text": text }))
            .await
            .is(200);
    }
    let mut feed = Feed::open(&lab, Some("999999")).await;
    let (_, first) = feed.next().await.unwrap();
    assert!(matches!(first, FeedItem::Policy { text, .. } if text.ends_with("// 2\n")));
    let text = format!("{STARTER_POLICY}\n// 3\n");
    lab.json("PUT", "/v1/policy", &lab.admin(), &json!({ "text": text }))
        .await
        .is(200);
    let (_, next) = feed.next().await.unwrap();
    assert!(matches!(next, FeedItem::Policy { text, .. } if text.ends_with("// 3\n")));
}

#[tokio::test]
async fn silence_is_filled_with_heartbeats() {
    let lab = Lab::ready().await;
    let mut feed = Feed::open(&lab, None).await;
    feed.next().await.unwrap();
    assert!(matches!(
        feed.next().await.unwrap(),
        (None, FeedItem::Heartbeat { .. })
    ));
}

#[tokio::test]
async fn a_bastion_that_reads_the_feed_is_noted_as_heard() {
    let lab = Lab::ready().await;
    let name = "b1".parse().unwrap();
    let seen_at = async || {
        let bastion = lab.app.store().bastion(&name).await.unwrap();
        bastion.unwrap().seen_at
    };
    assert_eq!(seen_at().await, None);
    let mut feed = Feed::open(&lab, None).await;
    feed.next().await.unwrap();
    while seen_at().await != Some(lab.now()) {
        feed.next().await.unwrap();
    }
    lab.pass(60);
    while seen_at().await != Some(lab.now()) {
        feed.next().await.unwrap();
    }
}

#[tokio::test]
async fn the_feed_ends_when_the_service_stops() {
    let lab = Lab::ready().await;
    let mut feed = Feed::open(&lab, None).await;
    feed.next().await.unwrap();
    lab.stop.send_replace(true);
    assert!(feed.next().await.is_none());
}

#[tokio::test]
async fn a_number_that_is_none_is_malformed() {
    let lab = Lab::ready().await;
    let mut proof = lab.bastion("b1");
    proof.push(("last-event-id", "x".into()));
    assert_eq!(lab.get("/v1/feed", &proof).await.code(), "malformed");
}
