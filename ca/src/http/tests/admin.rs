//! Administration: decided, recorded, and within its rules.

use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::id::SessionId;
use serde_json::json;

use super::lab::{Lab, Proof, bastion_enrolment, bearer, host_proof};
use crate::store::{Change, NewSession};

#[tokio::test]
async fn whoever_does_not_administer_changes_nothing() {
    let lab = Lab::ready().await;
    let key = crate::identity::testing::public(&crate::identity::testing::key(41));
    for (method, path, body) in [
        (
            "POST",
            "/v1/agents",
            json!({ "agent": "soc/x", "key": key, "owner": "o" }),
        ),
        ("POST", "/v1/agents/soc/forensics/disable", json!({})),
        ("POST", "/v1/agents/soc/unknown/disable", json!({})),
        ("POST", "/v1/agents/soc/forensics/enable", json!({})),
        ("POST", "/v1/agents/soc/unknown/enable", json!({})),
        (
            "POST",
            "/v1/hosts",
            json!({ "host": "h", "address": "h:22" }),
        ),
        (
            "POST",
            "/v1/bastions",
            json!({ "bastion": "b", "address": "b:22", "egress": ["192.0.2.1"] }),
        ),
        ("PUT", "/v1/policy", json!({ "text": "" })),
        (
            "PUT",
            "/v1/bundles",
            json!({ "text": portreeve_sudo_policy::STARTER_BUNDLE }),
        ),
    ] {
        let answer = lab.json(method, path, &lab.analyst(), &body).await;
        assert_eq!(answer.code(), "not_permitted", "{method} {path}");
        assert!(
            answer.json().get("event").is_some(),
            "{method} {path} is not recorded"
        );
    }
    for path in [
        "/v1/agents",
        "/v1/hosts",
        "/v1/hosts/prod-1/inventory",
        "/v1/inventories",
        "/v1/bastions",
        "/v1/policy",
        "/v1/bundles",
        "/v1/bundles/forensic-read-only",
    ] {
        assert_eq!(
            lab.get(path, &lab.analyst()).await.code(),
            "not_permitted",
            "{path}"
        );
        lab.get(path, &lab.admin()).await.is(200);
    }
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let lab = Lab::ready().await;
    let agent = json!({
        "agent": "soc/other", "owner": "o",
        "key": crate::identity::testing::public(&crate::identity::testing::agent_key()),
    });
    let same_key = lab.post("/v1/agents", &lab.admin(), &agent).await;
    assert_eq!(same_key.code(), "conflict");
    let host = json!({ "host": "prod-1", "address": "h:22" });
    assert_eq!(
        lab.post("/v1/hosts", &lab.admin(), &host).await.code(),
        "conflict"
    );
    let again = json!({ "host": "prod-1", "address": "h:22", "again": true });
    lab.post("/v1/hosts", &lab.admin(), &again).await.is(201);
}

/// Who may manage some hosts does not get at others by calling them so.
#[tokio::test]
async fn a_host_is_added_again_only_by_who_may_manage_what_it_is() {
    let lab = Lab::ready().await;
    let text = format!(
        "{}\n@id(\"test-hosts\") permit (principal in Portreeve::Group::\"testers\", \
         action == Portreeve::Action::\"manageHosts\", resource is Portreeve::Host) \
         when {{ resource.labels.contains(\"test\") }};",
        STARTER_POLICY
    );
    lab.json("PUT", "/v1/policy", &lab.admin(), &json!({ "text": text }))
        .await
        .is(200);
    let tester = bearer(&lab.person("tess", &["testers"]));
    let add = async |host: &str| {
        let body = json!({ "host": host, "address": "h:22", "labels": ["test"], "again": true });
        lab.post("/v1/hosts", &tester, &body).await
    };
    add("test-1").await.is(201);
    assert_eq!(add("prod-1").await.code(), "not_permitted");
}

#[tokio::test]
async fn a_ticket_enrols_one_host_once_and_in_time() {
    let lab = Lab::start().await;
    let add = async |name: &str| -> HostTicket {
        let body = json!({ "host": name, "address": "h:22" });
        let ticket = lab.post("/v1/hosts", &lab.admin(), &body).await.is(201);
        serde_json::from_value(ticket).unwrap()
    };
    let enrol = async |ticket: &HostTicket, name: &str| {
        let proof = serde_json::to_value(host_proof(ticket, name)).unwrap();
        lab.post("/v1/enrolments/hosts", &Proof::new(), &proof)
            .await
    };
    let ticket = add("h1").await;
    let moved = HostTicket {
        host: "h2".parse().unwrap(),
        ..ticket.clone()
    };
    assert_eq!(enrol(&moved, "h2").await.code(), "unauthenticated");
    let guessed = HostTicket {
        token: portreeve_protocol::secret::SecretText::new("guess".into()),
        ..ticket.clone()
    };
    assert_eq!(enrol(&guessed, "h1").await.code(), "unauthenticated");
    enrol(&ticket, "h1").await.is(201);
    assert_eq!(enrol(&ticket, "h1").await.code(), "unauthenticated");
    let late = add("h3").await;
    lab.pass(3601);
    assert_eq!(enrol(&late, "h3").await.code(), "unauthenticated");
}

#[tokio::test]
async fn an_enrolment_is_signed_by_the_key_that_it_names() {
    let lab = Lab::start().await;
    let body = json!({ "host": "h1", "address": "h:22" });
    let ticket = lab.post("/v1/hosts", &lab.admin(), &body).await.is(201);
    let ticket: HostTicket = serde_json::from_value(ticket).unwrap();
    let mut proof = host_proof(&ticket, "h1");
    proof.identity = crate::identity::testing::public(&crate::identity::testing::key(9));
    let proof = serde_json::to_value(proof).unwrap();
    let answer = lab
        .post("/v1/enrolments/hosts", &Proof::new(), &proof)
        .await;
    assert_eq!(answer.code(), "invalid");
}

#[tokio::test]
async fn a_bastion_enrols_with_keys_that_can_be_used() {
    let lab = Lab::start().await;
    let body = json!({ "bastion": "b1", "address": "b:22", "egress": ["192.0.2.1"] });
    let ticket = lab.post("/v1/bastions", &lab.admin(), &body).await.is(201);
    let token = ticket["token"].as_str().unwrap();
    let good = bastion_enrolment("b1", token);
    for (field, value) in [
        ("recipient", json!("age1x")),
        ("identity", good["host_key"].clone()),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = lab
            .post("/v1/enrolments/bastions", &Proof::new(), &bad)
            .await;
        assert_eq!(answer.code(), "invalid", "{field}");
    }
    let enrolled = lab
        .post("/v1/enrolments/bastions", &Proof::new(), &good)
        .await
        .is(201);
    let certificate = enrolled["host_certificate"].as_str().unwrap();
    assert!(ssh_key::Certificate::from_openssh(certificate).is_ok());
    let again = lab
        .post("/v1/enrolments/bastions", &Proof::new(), &good)
        .await;
    assert_eq!(again.code(), "unauthenticated");
}

#[tokio::test]
async fn a_policy_with_errors_is_not_published() {
    let lab = Lab::start().await;
    let publish = async |text: &str| {
        lab.json("PUT", "/v1/policy", &lab.admin(), &json!({ "text": text }))
            .await
    };
    for text in [
        "permit (",
        "permit (principal, action, resource);",
        "@id(\"a\") permit (principal, action == Action::\"x\", resource);",
    ] {
        let answer = publish(text).await;
        assert_eq!(answer.code(), "invalid", "{text}");
        assert!(
            answer.detail().contains("policy.cedar:"),
            "{}",
            answer.detail()
        );
    }
    let locked_out = STARTER_POLICY.replace("infra-admins", "nobody");
    let answer = publish(&locked_out).await;
    assert_eq!(answer.code(), "invalid");
    assert!(
        answer.detail().contains("managePolicy"),
        "{}",
        answer.detail()
    );
    let before = lab.get("/v1/policy", &lab.admin()).await.is(200);
    assert_eq!(before["text"], STARTER_POLICY);
}

#[tokio::test]
async fn a_published_policy_decides_the_next_request() {
    let lab = Lab::ready().await;
    let token = lab.delegated("alice", &["soc"]).await;
    lab.ask(&token, |_| {}).await.is(201);
    let stricter = STARTER_POLICY.replace(
        "Portreeve::Group::\"soc\",\n  action == Portreeve::Action::\"delegate\"",
        "Portreeve::Group::\"elite\",\n  action == Portreeve::Action::\"delegate\"",
    );
    assert_ne!(stricter, STARTER_POLICY);
    lab.json(
        "PUT",
        "/v1/policy",
        &lab.admin(),
        &json!({ "text": stricter }),
    )
    .await
    .is(200);
    assert_eq!(lab.ask(&token, |_| {}).await.code(), "not_permitted");
}

#[tokio::test]
async fn a_bundle_with_errors_is_not_published() {
    let lab = Lab::start().await;
    for text in ["", "name = 1", "name = \"x\"\nallow = \"ALL\""] {
        let answer = lab
            .json("PUT", "/v1/bundles", &lab.admin(), &json!({ "text": text }))
            .await;
        assert_eq!(answer.code(), "invalid", "{text}");
        assert!(!answer.detail().is_empty());
    }
}

#[tokio::test]
async fn disabling_an_agent_kills_its_sessions_and_voids_what_was_granted() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    let id = granted["session"].as_str().unwrap();
    lab.post("/v1/agents/soc/forensics/disable", &lab.admin(), &json!({}))
        .await
        .is(200);
    let shown = lab
        .get(&format!("/v1/sessions/{id}"), &lab.analyst())
        .await
        .is(200);
    assert_eq!(shown["cause"], "killed");
    let certificate =
        ssh_key::Certificate::from_openssh(granted["certificate"].as_str().unwrap()).unwrap();
    let claim = json!({ "serial": certificate.serial(), "agent_address": "192.0.2.10" });
    let claimed = lab
        .post(
            &format!("/v1/sessions/{id}/claim"),
            &lab.bastion("b1"),
            &claim,
        )
        .await;
    assert_eq!(claimed.code(), "session_unavailable");
}

#[tokio::test]
async fn no_session_of_a_disabled_agent_survives_behind_many_others() {
    let lab = Lab::ready().await;
    let granted = lab.session().await;
    let id: SessionId = granted["session"].as_str().unwrap().parse().unwrap();
    let first = lab.app.store().session(id).await.unwrap().unwrap();
    lab.pass(1);
    let decoys = (0..1001_u16).map(|number| {
        let mut random = [0; 10];
        random[..2].copy_from_slice(&number.to_be_bytes());
        let session = SessionId::new(lab.now(), random);
        Change::AddSession(Box::new(NewSession {
            session,
            account: session.account(),
            pair: first.summary.pair.clone(),
            task: first.summary.task.clone(),
            host: first.summary.host.clone(),
            bundle: first.summary.bundle.clone(),
            policy: first.policy,
            access_serial: 1,
            session_serial: 1,
            control_serial: 1,
            order: first.order,
            uid_floor: None,
            bastions: first.bastions.clone(),
            created_at: lab.now(),
            connect_by: first.connect_by,
            expires_at: first.summary.expires_at,
            retention: first.retention,
            retention_rule: first.retention_rule,
        }))
    });
    let store = lab.app.store();
    store.commit(decoys.collect(), Vec::new()).await.unwrap();
    lab.post("/v1/agents/soc/forensics/disable", &lab.admin(), &json!({}))
        .await
        .is(200);
    let left = store.session(id).await.unwrap().unwrap();
    assert_eq!(left.summary.cause, Some(EndCause::Killed));
}
