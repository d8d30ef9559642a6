//! What hosts found of standing access: taken in when it is theirs and new, and shown to those who
//! manage them.

use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::inventory::{HostInventory, Inventory, Severity, StandingAccess};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::signed::Signed;
use serde_json::{Value, json};

use super::lab::{Answer, Lab, Proof, bearer, host_proof, host_seed, private};
use crate::identity::testing as tokens;

const PATH: &str = "/v1/hosts/prod-1/inventory";

fn inventory(lab: &Lab, number: u64) -> Inventory {
    let finding = StandingAccess {
        code: "SA130".into(),
        severity: Severity::High,
        account: Some("alice".into()),
        what: "(ALL) NOPASSWD: ALL".into(),
        path: Some("/etc/sudoers.d/ops".into()),
        line: Some(2),
        since: None,
        last_login: None,
    };
    Inventory {
        host: "prod-1".parse().unwrap(),
        number,
        at: lab.now(),
        complete: true,
        accounts: 27,
        findings: vec![finding],
        more: 0,
        look: None,
    }
}

fn signed(inventory: &Inventory, seed: u8) -> Value {
    serde_json::to_value(Signed::sign(inventory, &private(seed)).unwrap()).unwrap()
}

async fn put(lab: &Lab, path: &str, statement: &Value) -> Answer {
    lab.json("PUT", path, &lab.admin(), statement).await
}

fn seed() -> u8 {
    host_seed("prod-1")
}

#[tokio::test]
async fn what_a_host_signed_is_kept_and_shown_with_its_proof() {
    let lab = Lab::ready().await;
    let never = lab.get(PATH, &lab.admin()).await.is(200);
    assert_eq!(never["kept"], Value::Null);
    let rows = lab.get("/v1/inventories", &lab.admin()).await.is(200);
    assert_eq!(rows["items"], json!([{ "host": "prod-1", "last": null }]));

    let said = inventory(&lab, 7);
    put(&lab, PATH, &signed(&said, seed())).await.is(200);
    let kept: HostInventory =
        serde_json::from_value(lab.get(PATH, &lab.admin()).await.is(200)).unwrap();
    let kept = kept.kept.unwrap();
    let key: PublicKey = tokens::public(&tokens::key(seed()));
    assert_eq!(kept.identity, key);
    assert_eq!(*kept.statement.verify(&key).unwrap().get(), said);

    let rows = lab.get("/v1/inventories", &lab.admin()).await.is(200);
    let last = &rows["items"][0]["last"];
    assert_eq!(last["counts"], json!({ "high": 1, "medium": 0, "low": 0 }));
    let reader = bearer(&lab.person("lena", &["soc-leads"]));
    let log = lab.get("/v1/log/events", &reader).await;
    assert!(
        log.text
            .contains("inventory 7 kept: 1 high, 0 medium, 0 low")
    );
}

#[tokio::test]
async fn an_older_inventory_does_not_take_the_place_of_a_newer_one() {
    let lab = Lab::ready().await;
    put(&lab, PATH, &signed(&inventory(&lab, 7), seed()))
        .await
        .is(200);
    let now = u64::try_from(lab.now().as_micros()).unwrap();
    for (number, expected) in [(7, 409), (6, 409), (0, 409), (now, 200)] {
        let answer = put(&lab, PATH, &signed(&inventory(&lab, number), seed())).await;
        assert_eq!(
            answer.status.as_u16(),
            expected,
            "{number}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_host_that_enrolled_with_another_identity_begins_anew() {
    let lab = Lab::ready().await;
    put(&lab, PATH, &signed(&inventory(&lab, 7), seed()))
        .await
        .is(200);
    let body = json!({ "host": "prod-1", "address": "h:22", "again": true });
    let ticket = lab.post("/v1/hosts", &lab.admin(), &body).await.is(201);
    let ticket: HostTicket = serde_json::from_value(ticket).unwrap();
    // Another name has another key.
    let proof = serde_json::to_value(host_proof(&ticket, "prod-22")).unwrap();
    assert_ne!(host_seed("prod-22"), seed());
    lab.post("/v1/enrolments/hosts", &Proof::new(), &proof)
        .await
        .is(201);
    let old = put(&lab, PATH, &signed(&inventory(&lab, 8), seed())).await;
    assert_eq!(old.code(), "invalid");
    let new = signed(&inventory(&lab, 1), host_seed("prod-22"));
    put(&lab, PATH, &new).await.is(200);
}

#[tokio::test]
async fn what_is_not_the_hosts_own_or_says_too_much_is_refused() {
    let lab = Lab::ready().await;
    let good = inventory(&lab, 1);
    let other_host = Inventory {
        host: "prod-2".parse().unwrap(),
        ..good.clone()
    };
    let future = Inventory {
        at: lab.now().plus(std::time::Duration::from_secs(400)),
        ..good.clone()
    };
    // Nothing honest would ever be newer.
    let for_ever = inventory(&lab, u64::MAX >> 11);
    let finding = &good.findings[0];
    let long = Inventory {
        findings: vec![StandingAccess {
            what: "x".repeat(300),
            ..finding.clone()
        }],
        ..good.clone()
    };
    let mut altered = signed(&good, seed());
    let text = altered["payload"].as_str().unwrap().replace("27", "26");
    altered["payload"] = json!(text);
    for (statement, why) in [
        (
            signed(&good, seed() + 1),
            "not signed by this host's identity",
        ),
        (altered, "not signed by this host's identity"),
        (signed(&other_host, seed()), "it is of the host `prod-2`"),
        (signed(&future, seed()), "from the future"),
        (signed(&for_ever, seed()), "its number is from the future"),
        (signed(&long, seed()), "more or longer findings"),
    ] {
        let answer = put(&lab, PATH, &statement).await;
        assert_eq!(answer.code(), "invalid", "{why}");
        assert!(answer.detail().contains(why), "{}", answer.detail());
    }
    let none = lab.get(PATH, &lab.admin()).await.is(200);
    assert_eq!(none["kept"], Value::Null);
}

#[tokio::test]
async fn who_does_not_manage_a_host_learns_nothing_and_neither_whether_it_is_there() {
    let lab = Lab::ready().await;
    let statement = signed(&inventory(&lab, 1), seed());
    let mallory = bearer(&lab.person("mallory", &["sales"]));
    let mut seen = Vec::new();
    for (proof, path) in [
        (&mallory, PATH),
        (&mallory, "/v1/hosts/nowhere/inventory"),
        (&lab.admin(), "/v1/hosts/nowhere/inventory"),
    ] {
        for answer in [
            lab.get(path, proof).await,
            lab.json("PUT", path, proof, &statement).await,
        ] {
            let mut problem = answer.json();
            let event = problem.as_object_mut().unwrap().remove("event");
            assert!(event.is_some(), "{path} is not recorded");
            seen.push((answer.status.as_u16(), problem));
        }
    }
    assert_eq!(seen[0].0, 403);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}
