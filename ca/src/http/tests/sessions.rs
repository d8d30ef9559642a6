//! A session from its request to its receipt.

use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::certificate::{EXTENSION_GRANT, OPTION_BASTION, OPTION_SOURCE_ADDRESS};
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::grant::{Grant, MAX_GRANT};
use portreeve_protocol::session::SessionGranted;
use serde_json::{Value, json};
use ssh_key::Certificate;

use super::lab::{AGENT_ADDRESS, BUNDLE, Lab, MAX_LIVE, unsealing_key};
use crate::identity::testing as tokens;

pub(super) fn grant_of(granted: &SessionGranted) -> Grant {
    let certificate = Certificate::from_openssh(&granted.certificate).unwrap();
    let sealed = certificate.extensions().get(EXTENSION_GRANT).unwrap();
    let sealed = Base64Unpadded::decode_vec(sealed).unwrap();
    let text = age::open(&[unsealing_key()], &sealed, MAX_GRANT).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn a_permitted_pair_gets_a_certificate_that_only_a_bastion_can_use() {
    let lab = Lab::ready().await;
    let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
    let certificate = Certificate::from_openssh(&granted.certificate).unwrap();
    assert_eq!(certificate.valid_principals(), [granted.account.as_str()]);
    let options = certificate.critical_options();
    assert_eq!(options.get(OPTION_BASTION).map(String::as_str), Some("b1"));
    let source = options.get(OPTION_SOURCE_ADDRESS).unwrap();
    assert!(
        AGENT_ADDRESS.starts_with(source.trim_end_matches("/32")),
        "{source}"
    );
    assert_eq!(granted.bastions[0].address, "203.0.113.5:2222");

    let grant = grant_of(&granted);
    assert_eq!(grant.session, granted.session);
    assert_eq!(
        grant.access_key,
        tokens::public(&tokens::key(40)).fingerprint()
    );
    assert_eq!(grant.facts.groups, ["soc"]);
    assert_eq!(grant.facts.email.as_deref(), Some("alice@example.com"));
    assert_eq!(grant.facts.labels, ["production"]);
    assert_eq!(grant.bundle.name.as_str(), BUNDLE);
    assert_eq!(grant.connect_by, lab.now().plus(Duration::from_secs(60)));
}

#[tokio::test]
async fn the_order_is_the_ca_s_and_names_what_the_session_certificate_has() {
    let lab = Lab::ready().await;
    let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
    let grant = grant_of(&granted);
    let ticket = json!({ "host": "prod-2", "address": "198.51.100.8:22" });
    let ticket = lab.post("/v1/hosts", &lab.admin(), &ticket).await.is(201);
    let order_key = ticket["order_key"].as_str().unwrap().parse().unwrap();
    let order = grant.order.verify(&order_key).unwrap().into_inner();
    let session = Certificate::from_openssh(&grant.session_certificate).unwrap();
    let control = Certificate::from_openssh(&grant.control_certificate).unwrap();
    assert_eq!(order.session_serial, session.serial());
    assert_eq!(order.account, granted.account);
    assert_eq!(
        session.valid_principals(),
        [format!("{}@prod-1", granted.account)]
    );
    assert_eq!(control.valid_principals(), ["portreeve@prod-1"]);
    assert_eq!(
        control.valid_before(),
        grant.connect_by.as_unsigned_seconds()
    );
    assert_eq!(
        session.valid_before(),
        grant.expires_at.as_unsigned_seconds()
    );
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_strictest_says() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    for (asked, granted) in [
        (None, 900),
        (Some(60), 60),
        (Some(1800), 1800),
        (Some(36_000), 1800),
    ] {
        let answer = lab
            .ask(&token, |body| body["ttl"] = json!(asked))
            .await
            .is(201);
        let granted_until = lab.now().plus(Duration::from_secs(granted));
        assert_eq!(answer["expires_at"], granted_until.to_string(), "{asked:?}");
    }
}

#[tokio::test]
async fn an_agent_has_so_many_live_sessions_and_no_more() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    for _ in 0..MAX_LIVE {
        lab.ask(&token, |_| {}).await.is(201);
    }
    let refused = lab.ask(&token, |_| {}).await.is(429);
    assert_eq!(refused["code"], "busy");
    let advice = refused["detail"].as_str().unwrap();
    assert!(advice.contains("session kill"), "{advice}");
    // What nobody claimed in time is live no more.
    lab.clock.set(lab.now().plus(Duration::from_secs(61)));
    let token = lab.delegated("alice", &["soc"]).await;
    lab.ask(&token, |_| {}).await.is(201);
}

#[tokio::test]
async fn the_certificate_is_bound_to_the_address_that_the_agent_names() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    let answer = lab
        .ask(&token, |body| {
            body["source_address"] = json!("::ffff:192.0.2.77")
        })
        .await
        .is(201);
    let certificate = Certificate::from_openssh(answer["certificate"].as_str().unwrap()).unwrap();
    let source = certificate
        .critical_options()
        .get(OPTION_SOURCE_ADDRESS)
        .unwrap();
    assert_eq!(source.trim_end_matches("/32"), "192.0.2.77");
}

#[tokio::test]
async fn a_task_goes_on_in_another_session_of_the_same_pair_only() {
    let lab = Lab::ready().await;
    let first = lab.session().await;
    let task = first["task"]["id"].clone();
    let alice = lab.delegated("alice", &["soc"]).await;
    let second = lab
        .ask(&alice, |body| body["task"] = task.clone())
        .await
        .is(201);
    assert_eq!(second["task"]["id"], task);
    let bob = lab.delegated("bob", &["soc"]).await;
    let refused = lab.ask(&bob, |body| body["task"] = task.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "not_permitted")
    );
}

#[tokio::test]
async fn a_bastion_claims_a_session_once() {
    let lab = Lab::ready().await;
    lab.add_bastion("b2").await;
    let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
    let path = format!("/v1/sessions/{}/claim", granted.session);
    let serial = Certificate::from_openssh(&granted.certificate)
        .unwrap()
        .serial();
    let claim = json!({ "serial": serial, "agent_address": "192.0.2.10" });
    let wrong = json!({ "serial": serial + 1, "agent_address": "192.0.2.10" });
    assert_eq!(
        lab.post(&path, &lab.bastion("b1"), &wrong).await.status,
        410
    );
    let claimed = lab.post(&path, &lab.bastion("b1"), &claim).await.is(200);
    assert!(claimed["bundle"].as_str().unwrap().contains(BUNDLE));
    let late = lab.post(&path, &lab.bastion("b2"), &claim).await;
    assert_eq!(late.code(), "session_unavailable");
    assert!(late.detail().contains("`b1`"), "{}", late.detail());
}

#[tokio::test]
async fn a_session_that_nobody_claimed_in_time_is_not_available() {
    let lab = Lab::ready().await;
    let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
    let serial = Certificate::from_openssh(&granted.certificate)
        .unwrap()
        .serial();
    lab.pass(61);
    let claim = json!({ "serial": serial, "agent_address": "192.0.2.10" });
    let path = format!("/v1/sessions/{}/claim", granted.session);
    assert_eq!(
        lab.post(&path, &lab.bastion("b1"), &claim).await.status,
        410
    );
    let unknown = "/v1/sessions/019a0000-0000-7000-8000-000000000000/claim";
    assert_eq!(
        lab.post(unknown, &lab.bastion("b1"), &claim).await.status,
        410
    );
}

#[tokio::test]
async fn a_session_is_seen_and_killed_by_whom_policy_lets_and_by_its_own_pair() {
    let lab = Lab::ready().await;
    let id = lab.session().await["session"].as_str().unwrap().to_owned();
    let show = format!("/v1/sessions/{id}");
    let kill = format!("/v1/sessions/{id}/kill");
    let reason = json!({ "reason": "enough" });
    let other = super::lab::bearer(&lab.person("mallory", &["soc"]));
    assert_eq!(lab.get(&show, &other).await.status, 403);
    assert_eq!(lab.post(&kill, &other, &reason).await.status, 403);
    let list = lab.get("/v1/sessions", &other).await.is(200);
    assert_eq!(list["items"], json!([]));

    let token = lab.delegated("bob", &["soc"]).await;
    let bob = lab.pair(&token, "POST", &kill);
    assert_eq!(lab.post(&kill, &bob, &reason).await.status, 403);

    assert_eq!(
        lab.get(&show, &lab.analyst()).await.is(200)["state"],
        "issued"
    );
    let token = lab.delegated("alice", &["soc"]).await;
    let own = lab
        .get("/v1/sessions", &lab.pair(&token, "GET", "/v1/sessions"))
        .await
        .is(200);
    assert_eq!(own["items"][0]["session"], id);

    let killed = lab.post(&kill, &lab.analyst(), &reason).await.is(200);
    assert_eq!(killed["killed_by"], "alice@example.com");
    assert_eq!(killed["kill_reason"], reason["reason"]);
    assert_eq!(killed["cause"], "killed");
    // Once more is no error: it is over already.
    let pair = lab.pair(&token, "POST", &kill);
    lab.post(&kill, &pair, &reason).await.is(200);
}

#[tokio::test]
async fn the_trail_has_both_identities_in_every_event() {
    let lab = Lab::ready().await;
    let id = lab.session().await["session"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{id}/trail");
    let trail = lab.get(&path, &lab.analyst()).await.is(200);
    let trail: Trail = serde_json::from_value(trail).unwrap();
    let facts: Vec<String> = trail
        .events
        .iter()
        .map(|event| {
            let event: Value = serde_json::from_str(&event.event).unwrap();
            assert_eq!(event["body"]["pair"]["human"]["name"], "alice@example.com");
            assert_eq!(event["body"]["pair"]["agent"], "soc/forensics");
            event["body"]["fact"]["fact"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        facts,
        ["session_decided", "session_intended", "session_issued"]
    );
    assert!(trail.checkpoint.starts_with("ca.example.com/log\n"));
    let other = super::lab::bearer(&lab.person("mallory", &["soc"]));
    assert_eq!(lab.get(&path, &other).await.status, 403);
}
