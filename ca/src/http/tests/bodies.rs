//! Bodies that are not what the route expects.

use serde_json::json;

use super::lab::{Lab, Proof};

#[tokio::test]
async fn an_error_names_the_field() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    for (field, value) in [
        ("host", json!("NOT A HOST")),
        ("ticket", json!("a b")),
        ("purpose", json!("two\nlines")),
        ("key", json!("ssh-rsa AAAA")),
        ("ttl", json!(0)),
        ("task", json!("x")),
        ("source_address", json!("here")),
    ] {
        let answer = lab.ask(&token, |body| body[field] = value.clone()).await;
        assert_eq!(answer.code(), "malformed", "{field}");
        assert!(
            answer.detail().starts_with(&format!("`{field}`: ")),
            "{}",
            answer.detail()
        );
    }
    let unknown = lab.ask(&token, |body| body["extra"] = json!(1)).await;
    assert_eq!(unknown.code(), "malformed");
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let lab = Lab::ready().await;
    let mut proof = lab.admin();
    proof.push(("content-type", "application/json".into()));
    let deep = "[".repeat(200_000);
    for body in ["", "{", "[]", "null", "{} {}", "\u{0}", deep.as_str()] {
        let answer = lab.raw("POST", "/v1/agents", &proof, body.to_owned()).await;
        assert_eq!(answer.code(), "malformed");
    }
    let untyped = lab.raw("POST", "/v1/agents", &lab.admin(), "{}").await;
    assert_eq!(untyped.code(), "malformed");
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let lab = Lab::ready().await;
    let body = json!({ "text": "x".repeat(300 * 1024) });
    let answer = lab.json("PUT", "/v1/bundles", &lab.admin(), &body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (413, "too_large")
    );
    let body = json!({ "identity": "x".repeat(300 * 1024) });
    let answer = lab.post("/v1/enrolments/hosts", &Proof::new(), &body).await;
    assert_eq!(answer.code(), "too_large");
    let body = json!({ "events": ["x".repeat(5 * 1024 * 1024)] });
    let answer = lab.post("/v1/events", &lab.bastion("b1"), &body).await;
    assert_eq!(answer.code(), "too_large");
}
