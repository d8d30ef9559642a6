//! What is told of a refusal, and that no certificate comes of it.

use serde_json::{Value, json};

use super::lab::{Answer, Lab, bearer};
use crate::identity::testing as tokens;

/// What a caller can tell one refusal from another by.
fn seen(answer: &Answer) -> (u16, Value) {
    let mut problem = answer.json();
    let event = problem.as_object_mut().unwrap().remove("event");
    assert!(event.is_some(), "no event: {}", answer.text);
    (answer.status.as_u16(), problem)
}

#[tokio::test]
async fn unknown_and_forbidden_look_the_same() {
    let lab = Lab::ready().await;
    let stranger = lab.delegated("mallory", &["sales"]).await;
    let analyst = lab.delegated("alice", &["soc"]).await;
    let forbidden = seen(&lab.ask(&stranger, |_| {}).await);
    assert_eq!(forbidden.0, 403);
    for token in [&stranger, &analyst] {
        let unknown_host = lab.ask(token, |body| body["host"] = json!("nowhere")).await;
        assert_eq!(seen(&unknown_host), forbidden);
        let unknown_bundle = lab
            .ask(token, |body| body["bundle"] = json!("nothing"))
            .await;
        assert_eq!(seen(&unknown_bundle), forbidden);
    }
    let absent = "/v1/sessions/019a0000-0000-7000-8000-000000000000";
    let unknown_session = lab.get(absent, &lab.analyst()).await;
    assert_eq!(seen(&unknown_session), forbidden);
    let id = lab.session().await["session"].as_str().unwrap().to_owned();
    let mallory = bearer(&lab.person("mallory", &["sales"]));
    let hidden = lab.get(&format!("/v1/sessions/{id}"), &mallory).await;
    assert_eq!(seen(&hidden), forbidden);
}

#[tokio::test]
async fn whoever_is_permitted_is_told_what_the_service_lacks() {
    let lab = Lab::start().await;
    lab.add_agent().await;
    lab.publish_bundle().await;
    lab.add_host("prod-1").await;
    let alice = lab.delegated("alice", &["soc"]).await;
    let stranger = lab.delegated("mallory", &["sales"]).await;
    let answer = lab.ask(&alice, |_| {}).await;
    assert_eq!(answer.code(), "unavailable");
    assert_eq!(answer.detail(), "no bastion is enrolled");
    assert_eq!(lab.ask(&stranger, |_| {}).await.code(), "not_permitted");
}

#[tokio::test]
async fn a_human_alone_is_no_pair() {
    let lab = Lab::ready().await;
    let answer = lab.post("/v1/sessions", &lab.analyst(), &json!({})).await;
    assert_eq!(answer.code(), "unauthenticated");
    assert!(answer.detail().contains("no pair"), "{}", answer.detail());
}

#[tokio::test]
async fn a_proof_is_used_once() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    let proof = lab.pair(&token, "GET", "/v1/sessions");
    lab.get("/v1/sessions", &proof).await.is(200);
    let again = lab.get("/v1/sessions", &proof).await;
    assert_eq!(again.code(), "unauthenticated");
}

#[tokio::test]
async fn an_old_sign_in_is_refused_by_policy() {
    let lab = Lab::ready().await;
    let now = lab.now().as_seconds();
    let subject = tokens::id_token()
        .claim("auth_time", now - 7200)
        .sign(&tokens::idp_key());
    let answer = lab.exchange(&lab.exchange_form(&subject)).await.is(200);
    let token = portreeve_protocol::secret::SecretText::new(
        answer["access_token"].as_str().unwrap().into(),
    );
    assert_eq!(lab.ask(&token, |_| {}).await.code(), "not_permitted");
}

#[tokio::test]
async fn approval_that_policy_asks_for_is_pending_and_no_certificate() {
    let lab = Lab::ready().await;
    let text = portreeve_access_policy::STARTER_POLICY.replace(
        "@max_ttl(\"30m\")",
        "@max_ttl(\"30m\")\n@approval(\"soc-leads\")",
    );
    lab.json("PUT", "/v1/policy", &lab.admin(), &json!({ "text": text }))
        .await
        .is(200);
    let token = lab.delegated("alice", &["soc"]).await;
    let answer = lab.ask(&token, |_| {}).await;
    assert_eq!(answer.code(), "pending_approval");
    assert!(answer.detail().contains("soc-leads"), "{}", answer.detail());
    assert!(answer.json().get("certificate").is_none());
}

#[tokio::test]
async fn each_refused_token_leaves_an_event_that_says_why() {
    let lab = Lab::ready().await;
    let at = lab.now().as_seconds();
    let good = tokens::id_token;
    let idp = tokens::idp_key();
    let token = lab.delegated("alice", &["soc"]).await;
    let delegated = |draft: tokens::Draft| {
        let token = draft.sign(&tokens::token_key());
        lab.pair(&token, "GET", "/v1/agents")
    };
    let table = [
        (
            "signer is not known",
            bearer(&good().claim("iss", "https://evil.example.com").sign(&idp)),
        ),
        (
            "another audience",
            bearer(&good().claim("aud", "x").sign(&idp)),
        ),
        ("`none` is not accepted", bearer(&good().unsigned())),
        (
            "`HS256` is not accepted",
            bearer(&good().confused(idp.verifying_key().as_bytes())),
        ),
        (
            "it is expired",
            bearer(&good().claim("exp", at - 60).sign(&idp)),
        ),
        (
            "not valid yet",
            bearer(&good().claim("nbf", at + 60).sign(&idp)),
        ),
        (
            "signature does not hold",
            bearer(&good().sign(&tokens::key(9))),
        ),
        ("signature does not hold", delegated(tokens::delegated())),
        ("made by another key", {
            let proof = tokens::proof(&token, "GET", "/v1/sessions", &tokens::key(9));
            let proof = proof.sign(&tokens::key(9)).expose().to_owned();
            vec![
                ("authorization", format!("DPoP {}", token.expose())),
                ("dpop", proof),
            ]
        }),
    ];
    let reader = bearer(&lab.person("lena", &["soc-leads"]));
    for (reason, proof) in table {
        let answer = lab.get("/v1/sessions", &proof).await;
        assert_eq!(answer.code(), "unauthenticated", "{reason}");
        let event = answer.json()["event"].as_str().unwrap().to_owned();
        assert!(
            !answer.text.contains(reason),
            "the caller learns too much: {}",
            answer.text
        );
        let log = lab.get("/v1/log/events", &reader).await.is(200);
        let logged = log["events"].as_array().unwrap().iter();
        let text = logged
            .filter_map(|entry| entry["event"].as_str())
            .find(|text| text.contains(&event));
        let logged: Value = serde_json::from_str(text.expect("no event")).unwrap();
        assert_eq!(logged["body"]["kind"], "refused");
        assert_eq!(logged["body"]["address"], "192.0.2.10");
        let detail = logged["body"]["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{reason}: {detail}");
    }
}
