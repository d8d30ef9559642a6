//! The listener with real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::lab::{Lab, bearer};
use crate::http::connection::Patience;
use crate::http::serve::serve_with;
use crate::http::{ServeError, Transport, load_tls, router, serve};
use crate::identity::testing as tokens;

#[tokio::test]
async fn plain_http_does_not_leave_the_machine() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    let outcome = serve(listener, Transport::Plain, axum::Router::new(), stopped).await;
    assert!(matches!(outcome, Err(ServeError::PlainBeyondLoopback(_))));
}

#[tokio::test]
async fn tls_is_served_and_a_stop_ends_feeds_and_the_service() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let lab = Lab::ready().await;
    let home = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = watch::channel(false);
    let transport = Transport::Tls(load_tls(&certificate, &key).unwrap());
    let api = router(std::sync::Arc::clone(&lab.app), stopped.clone());
    let service = tokio::spawn(serve(listener, transport, api, stopped));

    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .build()
        .unwrap();
    let base = format!("https://localhost:{port}");
    let metadata = client
        .get(format!("{base}/.well-known/oauth-authorization-server"))
        .send()
        .await
        .unwrap();
    assert_eq!(metadata.version(), reqwest::Version::HTTP_2);
    assert!(metadata.headers().contains_key("x-request-id"));
    assert_eq!(
        metadata.json::<serde_json::Value>().await.unwrap()["issuer"],
        tokens::CA
    );

    let proof = lab.bastion("b1");
    let mut feed = client
        .get(format!("{base}/v1/feed"))
        .header(proof[0].0, &proof[0].1)
        .send()
        .await
        .unwrap();
    assert!(feed.chunk().await.unwrap().is_some());
    stop.send_replace(true);
    while let Ok(Some(_)) = feed.chunk().await {}
    let ended = tokio::time::timeout(Duration::from_secs(5), service).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused_before_anything_is_read() {
    let lab = Lab::ready().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_stop, stopped) = watch::channel(false);
    let api = router(std::sync::Arc::clone(&lab.app), stopped.clone());
    tokio::spawn(serve(listener, Transport::Plain, api, stopped));
    let huge = portreeve_protocol::secret::SecretText::new("x".repeat(200_000));
    let outcome = reqwest::Client::new()
        .get(format!("http://127.0.0.1:{port}/v1/sessions"))
        .header("authorization", &bearer(&huge)[0].1)
        .send()
        .await;
    let refused = outcome.map_or(true, |answer| answer.status() == 431);
    assert!(refused);
}

/// What a client of HTTP/1 hears that says `first` and then nothing, until it is closed.
async fn heard_after(first: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    let patience = Patience {
        head: Duration::from_millis(50),
        idle: Duration::from_millis(100),
    };
    let router = axum::Router::new().fallback(|| async { "here" });
    let service = serve_with(patience, listener, Transport::Plain, router, stopped);
    let service = tokio::spawn(service);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(first.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = client.read_to_end(&mut heard).await;
    service.abort();
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_client_that_says_nothing_is_not_waited_for() {
    for first in ["", "GET / HTTP/1.1\r\nhost: ca"] {
        assert!(!heard_after(first).await.contains("here"), "{first}");
    }
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let request = "GET / HTTP/1.1\r\nhost: ca.example.com\r\n\r\n";
    assert!(heard_after(request).await.ends_with("here"));
}
