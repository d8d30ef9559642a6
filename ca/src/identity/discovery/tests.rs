//! The cache, and an issuer on loopback that can be made to misbehave.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::*;
use crate::identity::testing::key_set;

#[test]
fn only_https_and_loopback_are_asked() {
    for (url, acceptable) in [
        ("https://idp.example.com", true),
        ("https://idp.example.com/realms/x", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:8080/x", true),
        ("http://localhost:8080", true),
        ("http://idp.example.com", false),
        ("http://127.0.0.1.example.com", false),
        ("https://user@idp.example.com", false),
        ("ftp://idp.example.com", false),
        ("file:///etc/passwd", false),
        ("idp.example.com", false),
    ] {
        assert_eq!(is_acceptable_url(url), acceptable, "{url}");
    }
}

fn start() -> Timestamp {
    Timestamp::from_seconds(1_000_000)
}

fn later(seconds: u64) -> Timestamp {
    start().plus(Duration::from_secs(seconds))
}

#[test]
fn the_cache_asks_again_when_it_should_and_no_sooner() {
    let cache = Cache {
        keys: Some((Arc::new(KeySet::parse(&key_set()).unwrap()), start())),
        tried_at: Some(start()),
        failure: None,
    };
    assert_eq!(Cache::default().plan(false, start()), Plan::Ask);
    for (found, seconds, plan) in [
        (true, 0, Plan::Use),
        (false, 0, Plan::Use),
        (false, 29, Plan::Use),
        (false, 30, Plan::AskThenUse),
        (true, 3600, Plan::Use),
        (true, 3601, Plan::AskThenUse),
        (true, 24 * 3600, Plan::AskThenUse),
        (true, 24 * 3600 + 1, Plan::Ask),
    ] {
        assert_eq!(cache.plan(found, later(seconds)), plan, "{found} {seconds}");
    }
}

/// An issuer on loopback.
struct Idp {
    url: String,
    answers: Arc<Answers>,
}

#[derive(Default)]
struct Answers {
    document: Mutex<Value>,
    keys: Mutex<Vec<u8>>,
    asked: AtomicU32,
    broken: Mutex<Option<StatusCode>>,
}

async fn document(State(answers): State<Arc<Answers>>) -> Response {
    answers.asked.fetch_add(1, Ordering::SeqCst);
    match *answers.broken.lock().unwrap() {
        Some(status) => (status, [(header::LOCATION, "/elsewhere")]).into_response(),
        None => axum::Json(answers.document.lock().unwrap().clone()).into_response(),
    }
}

async fn keys(State(answers): State<Arc<Answers>>) -> Vec<u8> {
    answers.keys.lock().unwrap().clone()
}

impl Idp {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Answers::default());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&answers));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let idp = Self { url, answers };
        idp.says(json!({ "issuer": idp.url, "jwks_uri": format!("{}/keys", idp.url) }));
        *idp.answers.keys.lock().unwrap() = key_set();
        idp
    }

    fn says(&self, document: Value) {
        *self.answers.document.lock().unwrap() = document;
    }

    fn asked(&self) -> u32 {
        self.answers.asked.load(Ordering::SeqCst)
    }

    fn discovered(&self) -> Discovered {
        Discovered::new(self.url.clone())
    }
}

async fn known(discovered: &Discovered, kid: &str, at: Timestamp) -> bool {
    let keys = discovered
        .keys_for(Some(kid), Algorithm::EdDSA, at)
        .await
        .unwrap();
    keys.find(Some(kid), Algorithm::EdDSA).is_ok()
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_an_unknown_key_but_not_for_each() {
    let idp = Idp::start().await;
    let discovered = idp.discovered();
    assert!(known(&discovered, "idp-1", start()).await);
    assert!(known(&discovered, "idp-1", later(10)).await);
    assert_eq!(idp.asked(), 1);
    for _ in 0..10 {
        assert!(!known(&discovered, "invented", later(40)).await);
    }
    assert_eq!(idp.asked(), 2);
    let rotated = String::from_utf8(key_set())
        .unwrap()
        .replace("idp-1", "idp-2");
    *idp.answers.keys.lock().unwrap() = rotated.into_bytes();
    assert!(known(&discovered, "idp-2", later(80)).await);
    assert_eq!(idp.asked(), 3);
}

#[tokio::test]
async fn the_last_keys_stay_in_use_while_the_issuer_is_away_for_a_day() {
    let idp = Idp::start().await;
    let discovered = idp.discovered();
    assert!(known(&discovered, "idp-1", start()).await);
    *idp.answers.broken.lock().unwrap() = Some(StatusCode::BAD_GATEWAY);
    assert!(known(&discovered, "idp-1", later(4000)).await);
    assert_eq!(idp.asked(), 2);
    let too_late = discovered
        .keys_for(Some("idp-1"), Algorithm::EdDSA, later(24 * 3600 + 1))
        .await;
    assert!(matches!(too_late, Err(TokenFault::KeysUnavailable(_))));
}

#[tokio::test]
async fn an_issuer_that_misbehaves_is_not_believed() {
    let idp = Idp::start().await;
    let good = idp.answers.document.lock().unwrap().clone();
    let with = |name: &str, value: Value| {
        let mut document = good.clone();
        document[name] = value;
        document
    };
    for (document, reason) in [
        (
            with("issuer", json!("https://evil.example.com")),
            "not the discovery document",
        ),
        (
            with("issuer", json!(format!("{}/", idp.url))),
            "not the discovery document",
        ),
        (
            with("jwks_uri", json!("http://192.0.2.1/keys")),
            "neither https nor on loopback",
        ),
        (with("jwks_uri", json!(format!("{}/none", idp.url))), "404"),
        (json!([]), "not the discovery document"),
        (with("more", json!("x".repeat(MAX_KEY_SET))), "too much"),
    ] {
        idp.says(document);
        let refused = idp
            .discovered()
            .keys_for(None, Algorithm::EdDSA, start())
            .await;
        let Err(TokenFault::KeysUnavailable(text)) = refused else {
            panic!("believed: {reason}");
        };
        assert!(text.contains(reason), "{text}");
    }
    idp.says(good);
    *idp.answers.broken.lock().unwrap() = Some(StatusCode::FOUND);
    let moved = idp
        .discovered()
        .keys_for(None, Algorithm::EdDSA, start())
        .await;
    assert!(moved.is_err(), "a redirect was followed");
    *idp.answers.broken.lock().unwrap() = None;
    *idp.answers.keys.lock().unwrap() = b"{}".to_vec();
    assert!(
        idp.discovered()
            .keys_for(None, Algorithm::EdDSA, start())
            .await
            .is_err()
    );
}
