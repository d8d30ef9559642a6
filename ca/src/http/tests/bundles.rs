//! Versions of bundles: what is in force, what was, and what becomes of sessions when one is withdrawn.

use portreeve_protocol::certificate::EXTENSION_BUNDLE;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::SessionGranted;
use portreeve_sudo_policy::STARTER_BUNDLE;
use serde_json::{Value, json};
use ssh_key::Certificate;

use super::lab::{Answer, BUNDLE, Lab, bearer};
use super::sessions::grant_of;

/// The starter bundle with one more line, which is another version of it.
fn other(line: &str) -> String {
    format!("{STARTER_BUNDLE}# {line}\n")
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

async fn publish(lab: &Lab, text: &str, message: Option<&str>) -> Answer {
    let body = json!({ "text": text, "message": message });
    lab.json("PUT", "/v1/bundles", &lab.admin(), &body).await
}

async fn withdraw(lab: &Lab, change: impl FnOnce(&mut Value)) -> Answer {
    let mut body = json!({ "reason": "it lets too much", "sessions": "end" });
    change(&mut body);
    let path = format!("/v1/bundles/{BUNDLE}/withdraw");
    lab.post(&path, &lab.admin(), &body).await
}

async fn history(lab: &Lab) -> Vec<Value> {
    let path = format!("/v1/bundles/{BUNDLE}/history");
    let listing = lab.get(&path, &lab.admin()).await.is(200);
    listing["items"].as_array().unwrap().clone()
}

async fn show(lab: &Lab, id: &str) -> Value {
    let path = format!("/v1/sessions/{id}");
    lab.get(&path, &lab.analyst()).await.is(200)
}

/// A session that was granted, and the bastion's answer when it claims it.
async fn claim(lab: &Lab, granted: &Value) -> Answer {
    let granted: SessionGranted = serde_json::from_value(granted.clone()).unwrap();
    let certificate = Certificate::from_openssh(&granted.certificate).unwrap();
    let claim = json!({ "serial": certificate.serial(), "agent_address": "192.0.2.10" });
    let path = format!("/v1/sessions/{}/claim", granted.session);
    lab.post(&path, &lab.bastion("b1"), &claim).await
}

/// The facts in the trail of a session.
async fn facts(lab: &Lab, id: &str) -> Vec<Value> {
    let path = format!("/v1/sessions/{id}/trail");
    let trail = lab.get(&path, &lab.analyst()).await.is(200);
    let events = trail["events"].as_array().unwrap().clone();
    events
        .iter()
        .map(|logged| {
            let event: Value = serde_json::from_str(logged["event"].as_str().unwrap()).unwrap();
            event["body"]["fact"].clone()
        })
        .collect()
}

fn id(granted: &Value) -> &str {
    granted["session"].as_str().unwrap()
}

#[tokio::test]
async fn a_version_has_a_history_and_is_found_by_its_digest() {
    let lab = Lab::ready().await;
    let second = other("two");
    let published = publish(&lab, &second, Some("adds nothing")).await.is(200);
    assert_eq!(published["outcome"], "published");
    assert_eq!(published["digest"], digest(&second));
    assert_eq!(published["published_by"], "ingrid@example.com");
    assert_eq!(published["in_force"], true);

    let again = publish(&lab, &second, Some("once more")).await.is(200);
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(again["message"], "adds nothing");

    let back = publish(&lab, STARTER_BUNDLE, Some("back")).await.is(200);
    assert_eq!(back["outcome"], "restored");
    let acts: Vec<_> = history(&lab)
        .await
        .iter()
        .map(|change| (change["digest"].clone(), change["message"].clone()))
        .collect();
    let first = digest(STARTER_BUNDLE);
    assert_eq!(
        acts,
        [
            (json!(first), json!("back")),
            (json!(digest(&second)), json!("adds nothing")),
            (json!(first), Value::Null),
        ]
    );

    let path = format!("/v1/bundles/{BUNDLE}");
    assert_eq!(lab.get(&path, &lab.admin()).await.is(200)["digest"], first);
    let version = format!("{path}/versions/{}", digest(&second));
    let old = lab.get(&version, &lab.admin()).await.is(200);
    assert_eq!(
        (&old["text"], &old["in_force"]),
        (&json!(second), &json!(false))
    );
    let listed = lab.get("/v1/bundles", &lab.admin()).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["digest"], first);
}

#[tokio::test]
async fn what_the_linter_would_rather_not_see_is_told_to_the_publisher() {
    let lab = Lab::start().await;
    let text = "name = \"loose\"\ndescription = \"x\"\nintent = \"write\"\n\n[[command]]\npath = \"/usr/bin/ss\"\n";
    let published = publish(&lab, text, None).await.is(200);
    let warnings = published["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning["code"] == "SP119" && warning["line"] == 5),
        "{warnings:?}"
    );
}

/// What is published is what a host is given, whole: nothing is looked up later.
#[tokio::test]
async fn a_bundle_that_includes_another_is_published_linked_or_not_at_all() {
    let lab = Lab::ready().await;
    let text = "name = \"more\"\ndescription = \"x\"\nintent = \"read-only\"\ninclude = [\"forensic-read-only\"]\n";
    let refused = publish(&lab, text, None).await;
    assert_eq!(refused.code(), "invalid");
    assert!(refused.detail().contains("SP017"), "{}", refused.detail());
    assert!(
        refused.detail().contains("bundle link"),
        "{}",
        refused.detail()
    );
}

#[tokio::test]
async fn a_session_keeps_the_version_that_it_began_with() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    publish(&lab, &other("two"), None).await.is(200);
    let claimed = claim(&lab, &granted).await.is(200);
    assert_eq!(claimed["bundle"], STARTER_BUNDLE);
    let later = lab.session().await;
    assert_eq!(later["bundle"]["digest"], digest(&other("two")));
    assert_eq!(
        show(&lab, id(&granted)).await["bundle"]["digest"],
        digest(STARTER_BUNDLE)
    );
}

#[tokio::test]
async fn the_version_stands_in_certificate_grant_and_order() {
    let lab = Lab::ready().await;
    let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
    let certificate = Certificate::from_openssh(&granted.certificate).unwrap();
    let named = certificate.extensions().get(EXTENSION_BUNDLE).unwrap();
    assert_eq!(*named, format!("{BUNDLE}@{}", digest(STARTER_BUNDLE)));
    let grant = grant_of(&granted);
    let order: Order = serde_json::from_str(grant.order.unverified_payload()).unwrap();
    for version in [&granted.bundle, &grant.bundle, &order.bundle] {
        assert_eq!(version.to_string(), *named);
    }
}

#[tokio::test]
async fn no_session_begins_with_a_withdrawn_version() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    let withdrawn = withdraw(&lab, |body| body["sessions"] = json!("spare")).await;
    let withdrawn = withdrawn.is(200);
    assert_eq!(withdrawn["in_force"], Value::Null);
    // It had not begun, so there was nothing to spare.
    assert_eq!(
        (&withdrawn["ended"], &withdrawn["spared"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(claim(&lab, &granted).await.code(), "session_unavailable");

    let token = lab.delegated("alice", &["soc"]).await;
    assert_eq!(lab.ask(&token, |_| {}).await.code(), "not_permitted");
    let path = format!("/v1/bundles/{BUNDLE}");
    assert_eq!(lab.get(&path, &lab.admin()).await.code(), "not_permitted");
    let again = publish(&lab, STARTER_BUNDLE, None).await;
    assert_eq!(again.code(), "conflict");
    assert!(again.detail().contains("withdrawn"), "{}", again.detail());

    let version = format!("{path}/versions/{}", digest(STARTER_BUNDLE));
    let old = lab.get(&version, &lab.admin()).await.is(200);
    assert_eq!(old["withdrawn"]["by"], "ingrid@example.com");
    assert_eq!(old["withdrawn"]["reason"], "it lets too much");
    let listed = lab.get("/v1/bundles", &lab.admin()).await.is(200);
    assert_eq!(listed["items"][0]["in_force"], false);
    assert_eq!(history(&lab).await[0]["act"], "withdrawn");

    publish(&lab, &other("better"), None).await.is(200);
    lab.ask(&token, |_| {}).await.is(201);
}

/// The answer to a request that saw the bundle just before it was withdrawn comes too late.
#[tokio::test]
async fn a_session_granted_while_its_bundle_was_withdrawn_is_not_claimed() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    let change = crate::store::Change::WithdrawBundle {
        name: BUNDLE.parse().unwrap(),
        digest: Digest::of(STARTER_BUNDLE.as_bytes()),
        by: "ingrid@example.com".parse().unwrap(),
        reason: "now".parse().unwrap(),
        fall_back_to: None,
        at: lab.now(),
    };
    lab.app
        .store()
        .commit(vec![change], Vec::new())
        .await
        .unwrap();
    let refused = claim(&lab, &granted).await;
    assert_eq!(refused.code(), "session_unavailable");
    assert!(refused.detail().contains("bundle"), "{}", refused.detail());
}

#[tokio::test]
async fn running_sessions_are_spared_or_ended_as_asked() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    claim(&lab, &granted).await.is(200);
    let spared = withdraw(&lab, |body| body["sessions"] = json!("spare")).await;
    assert_eq!(spared.is(200)["spared"], 1);
    let running = show(&lab, id(&granted)).await;
    assert_eq!(running["state"], "claimed");
    assert_eq!(running["bundle"]["digest"], digest(STARTER_BUNDLE));
    let told = facts(&lab, id(&granted)).await;
    let told = told
        .iter()
        .find(|fact| fact["fact"] == "bundle_withdrawn")
        .unwrap();
    assert_eq!(told["spared"], true);
    assert_eq!(told["bundle"]["digest"], digest(STARTER_BUNDLE));
    assert_eq!(told["by"]["name"], "ingrid@example.com");

    // Nothing is in force, so the version has to be named now.
    assert_eq!(withdraw(&lab, |_| {}).await.code(), "not_permitted");
    let ended = withdraw(&lab, |body| body["digest"] = json!(digest(STARTER_BUNDLE))).await;
    assert_eq!(ended.is(200)["ended"], 1);
    let over = show(&lab, id(&granted)).await;
    assert_eq!(over["state"], "not_confirmed");
    assert_eq!(over["killed_by"], "ingrid@example.com");
    let told = facts(&lab, id(&granted)).await;
    let killed = told
        .iter()
        .find(|fact| fact["fact"] == "session_killed")
        .unwrap();
    assert_eq!(
        killed["reason"],
        "the bundle was withdrawn: it lets too much"
    );
    assert_eq!(history(&lab).await.len(), 2, "once withdrawn is withdrawn");
}

#[tokio::test]
async fn another_version_takes_the_place_only_when_it_is_named_and_good() {
    let lab = Lab::ready().await;
    publish(&lab, &other("two"), None).await.is(200);
    publish(&lab, &other("three"), None).await.is(200);
    let (one, two, three) = (
        digest(STARTER_BUNDLE),
        digest(&other("two")),
        digest(&other("three")),
    );
    let session = lab.session().await;
    claim(&lab, &session).await.is(200);
    for (version, fall_back_to) in [
        (&three, &three),
        (&three, &digest("nothing")),
        // It is not in force, so its place cannot be taken.
        (&two, &one),
    ] {
        let refused = withdraw(&lab, |body| {
            body["digest"] = json!(version);
            body["fall_back_to"] = json!(fall_back_to);
        })
        .await;
        assert_eq!(refused.code(), "invalid", "{version} {fall_back_to}");
    }
    assert_eq!(show(&lab, id(&session)).await["state"], "claimed");

    let old = withdraw(&lab, |body| body["digest"] = json!(two))
        .await
        .is(200);
    assert_eq!(old["in_force"], three);
    let refused = withdraw(&lab, |body| body["fall_back_to"] = json!(two)).await;
    assert_eq!(refused.code(), "invalid");
    let fallen = withdraw(&lab, |body| body["fall_back_to"] = json!(one)).await;
    assert_eq!(fallen.is(200)["in_force"], one);
    assert_eq!(lab.session().await["bundle"]["digest"], one);
}

#[tokio::test]
async fn whoever_may_not_manage_bundles_learns_and_changes_nothing() {
    let lab = Lab::ready().await;
    let analyst = lab.analyst();
    for bundle in [BUNDLE, "unknown"] {
        let base = format!("/v1/bundles/{bundle}");
        let body = json!({ "reason": "x", "sessions": "end" });
        let answers = [
            lab.post(&format!("{base}/withdraw"), &analyst, &body).await,
            lab.get(&format!("{base}/history"), &analyst).await,
            lab.get(
                &format!("{base}/versions/{}", digest(STARTER_BUNDLE)),
                &analyst,
            )
            .await,
        ];
        for answer in answers {
            assert_eq!(answer.code(), "not_permitted");
            assert!(answer.json().get("event").is_some(), "it is recorded");
            assert_eq!(answer.detail(), "");
        }
    }
    assert_eq!(history(&lab).await.len(), 1);
}

/// Who may manage read-only bundles only does not get another one into force by a withdrawal.
#[tokio::test]
async fn falling_back_needs_the_right_to_publish_what_is_fallen_back_to() {
    let lab = Lab::ready().await;
    let writing = STARTER_BUNDLE.replace("intent = \"read-only\"", "intent = \"write\"");
    publish(&lab, &writing, None).await.is(200);
    publish(&lab, STARTER_BUNDLE, None).await.is(200);
    let policy = format!(
        "{}\n@id(\"readers\") permit (principal in Portreeve::Group::\"readers\", \
         action == Portreeve::Action::\"manageBundles\", resource is Portreeve::Bundle) \
         when {{ resource.intent == \"read-only\" }};",
        portreeve_access_policy::STARTER_POLICY
    );
    let body = json!({ "text": policy });
    lab.json("PUT", "/v1/policy", &lab.admin(), &body)
        .await
        .is(200);
    let reader = bearer(&lab.person("rita", &["readers"]));
    let path = format!("/v1/bundles/{BUNDLE}/withdraw");
    let mut body = json!({ "reason": "x", "sessions": "spare", "fall_back_to": digest(&writing) });
    let refused = lab.post(&path, &reader, &body).await;
    assert_eq!(refused.code(), "not_permitted");
    let path_of_bundle = format!("/v1/bundles/{BUNDLE}");
    let current = lab.get(&path_of_bundle, &lab.admin()).await.is(200);
    assert_eq!(current["digest"], digest(STARTER_BUNDLE));
    body["fall_back_to"] = Value::Null;
    lab.post(&path, &reader, &body).await.is(200);
}
