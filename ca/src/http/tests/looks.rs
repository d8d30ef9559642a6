//! Looks at hosts: asked for by those who manage them, taken up once, and answered by the host alone.

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::look::{
    ANSWER_WITHIN, CLAIM_WITHIN, DELIVER_WITHIN, LookGrant, LookStatus, MAX_GRANT,
};
use portreeve_protocol::signed::Signed;
use serde_json::{Value, json};

use super::lab::{Answer, Lab, bearer, host_seed, private, unsealing};

const PATH: &str = "/v1/hosts/prod-1/discover";

async fn ask(lab: &Lab) -> LookStatus {
    let asked = lab.json("POST", PATH, &lab.admin(), &Value::Null).await;
    serde_json::from_value(asked.is(201)).unwrap()
}

async fn state(lab: &Lab, look: OrderId) -> String {
    let path = format!("{PATH}/{look}");
    let status = lab.get(&path, &lab.admin()).await.is(200);
    status["progress"]["state"].as_str().unwrap().to_owned()
}

async fn claim(lab: &Lab, bastion: &str, look: OrderId) -> Answer {
    let path = format!("/v1/looks/{look}/claim");
    lab.json("POST", &path, &lab.bastion(bastion), &Value::Null)
        .await
}

async fn answer(lab: &Lab, bastion: &str, look: OrderId, body: &Value) -> Answer {
    let path = format!("/v1/looks/{look}/answer");
    lab.json("POST", &path, &lab.bastion(bastion), body).await
}

fn inventory(lab: &Lab, number: u64, look: Option<OrderId>) -> Inventory {
    Inventory {
        host: "prod-1".parse().unwrap(),
        number,
        at: lab.now(),
        complete: true,
        accounts: 27,
        findings: vec![],
        more: 0,
        look,
    }
}

fn brought(inventory: &Inventory, seed: u8) -> Value {
    let statement = Signed::sign(inventory, &private(seed)).unwrap();
    json!({ "answer": "inventory", "statement": statement })
}

/// The key of orders, as hosts learn it.
async fn order_key(lab: &Lab) -> PublicKey {
    let body = json!({ "host": "prod-9", "address": "h:22" });
    let ticket = lab.post("/v1/hosts", &lab.admin(), &body).await.is(201);
    serde_json::from_value(ticket["order_key"].clone()).unwrap()
}

/// What the log says of looks, in order.
async fn logged(lab: &Lab) -> Vec<String> {
    let reader = bearer(&lab.person("lena", &["soc-leads"]));
    let log = lab.get("/v1/log/events", &reader).await.is(200);
    let mut said = Vec::new();
    for entry in log["events"].as_array().unwrap() {
        let event: Value = serde_json::from_str(entry["event"].as_str().unwrap()).unwrap();
        let fact = &event["body"]["fact"];
        if fact["fact"] == "look" {
            assert_eq!(event["body"]["by"]["name"], "ingrid@example.com", "{event}");
            said.push(fact["step"]["step"].as_str().unwrap().to_owned());
        } else if fact["outcome"].as_str().unwrap_or("").starts_with("look") {
            said.push(fact["outcome"].as_str().unwrap().to_owned());
        } else if fact["fact"] == "alarm" {
            said.push("alarm".to_owned());
        }
    }
    said
}

#[tokio::test]
async fn a_look_goes_to_one_bastion_and_its_answer_is_kept() {
    let lab = Lab::ready().await;
    lab.add_bastion("b2").await;
    let asked = ask(&lab).await;
    let look = asked.look;
    assert_eq!(state(&lab, look).await, "waiting");

    let claimed = claim(&lab, "b1", look).await.is(200);
    assert_eq!(state(&lab, look).await, "looking");
    let late = claim(&lab, "b2", look).await;
    assert_eq!(late.code(), "session_unavailable");

    // It is sealed to that one bastion, for this host and a minute, and opens nothing but a control connection.
    let sealed = Base64Unpadded::decode_vec(claimed["sealed"].as_str().unwrap()).unwrap();
    assert!(age::open(&[unsealing("b2")], &sealed, MAX_GRANT).is_err());
    let plain = age::open(&[unsealing("b1")], &sealed, MAX_GRANT).unwrap();
    let grant: LookGrant = serde_json::from_slice(&plain).unwrap();
    let order = grant
        .order
        .verify(&order_key(&lab).await)
        .unwrap()
        .into_inner();
    assert_eq!((order.id, order.host.as_str()), (look, "prod-1"));
    assert_eq!(order.deliver_by, lab.now().plus(DELIVER_WITHIN));
    let certificate = ssh_key::Certificate::from_openssh(&grant.control_certificate).unwrap();
    assert_eq!(certificate.valid_principals(), ["portreeve@prod-1"]);
    assert_eq!(
        certificate.key_id(),
        format!("portreeve look order={look} human=ingrid@example.com")
    );
    assert!(certificate.extensions().is_empty());
    let until = lab.now().plus(DELIVER_WITHIN).as_unsigned_seconds();
    assert_eq!(certificate.valid_before(), until);

    let body = brought(&inventory(&lab, 7, Some(look)), host_seed("prod-1"));
    let kept = answer(&lab, "b1", look, &body).await.is(200);
    assert_eq!(kept["progress"], json!({ "state": "kept", "number": 7 }));
    let shown = lab
        .get("/v1/hosts/prod-1/inventory", &lab.admin())
        .await
        .is(200);
    assert!(shown["kept"]["statement"].is_object());
    // Said again, as after an answer that was lost, it changes nothing.
    answer(&lab, "b1", look, &body).await.is(200);
    assert_eq!(
        logged(&lab).await,
        [
            format!("look {look} intended").as_str(),
            "claimed",
            "issued",
            "kept"
        ]
    );
}

#[tokio::test]
async fn one_look_at_a_time_at_each_host() {
    let lab = Lab::ready().await;
    let first = ask(&lab).await;
    let second = lab.json("POST", PATH, &lab.admin(), &Value::Null).await;
    assert_eq!(second.code(), "conflict");
    claim(&lab, "b1", first.look).await.is(200);
    let third = lab.json("POST", PATH, &lab.admin(), &Value::Null).await;
    assert_eq!(third.code(), "conflict");
    let failed = json!({ "answer": "failed", "detail": "no\nway" });
    let told = answer(&lab, "b1", first.look, &failed).await.is(200);
    assert_eq!(
        told["progress"],
        json!({ "state": "failed", "detail": "no way" })
    );
    ask(&lab).await;
}

#[tokio::test]
async fn what_nobody_takes_up_or_answers_in_time_is_over() {
    let lab = Lab::ready().await;
    let untaken = ask(&lab).await.look;
    lab.pass(CLAIM_WITHIN.as_secs());
    assert_eq!(state(&lab, untaken).await, "not_taken");
    let late = claim(&lab, "b1", untaken).await;
    assert_eq!(late.code(), "session_unavailable");

    let unanswered = ask(&lab).await.look;
    claim(&lab, "b1", unanswered).await.is(200);
    lab.pass(ANSWER_WITHIN.as_secs() - 1);
    assert_eq!(state(&lab, unanswered).await, "looking");
    lab.pass(1);
    assert_eq!(state(&lab, unanswered).await, "not_answered");
    let body = brought(&inventory(&lab, 7, Some(unanswered)), host_seed("prod-1"));
    let late = answer(&lab, "b1", unanswered, &body).await;
    assert_eq!(late.code(), "session_unavailable");
    // Both are closed in the log, once; what is still open is not.
    let open = ask(&lab).await.look;
    for expected in [2, 0] {
        assert_eq!(lab.app.lapse_looks(lab.now()).await.unwrap(), expected);
    }
    assert_eq!(state(&lab, untaken).await, "not_taken");
    assert_eq!(state(&lab, unanswered).await, "not_answered");
    assert_eq!(state(&lab, open).await, "waiting");
    claim(&lab, "b1", open).await.is(200);
    let steps = logged(&lab).await;
    let steps: Vec<_> = steps
        .iter()
        .filter(|said| !said.starts_with("look"))
        .collect();
    let expected = [
        "claimed",
        "issued",
        "not_taken",
        "not_answered",
        "claimed",
        "issued",
    ];
    assert_eq!(steps, expected);
    let none = lab
        .get("/v1/hosts/prod-1/inventory", &lab.admin())
        .await
        .is(200);
    assert_eq!(none["kept"], Value::Null);
}

#[tokio::test]
async fn only_the_bastion_that_has_it_answers() {
    let lab = Lab::ready().await;
    lab.add_bastion("b2").await;
    let look = ask(&lab).await.look;
    let body = brought(&inventory(&lab, 7, Some(look)), host_seed("prod-1"));
    let unclaimed = answer(&lab, "b1", look, &body).await;
    claim(&lab, "b1", look).await.is(200);
    let another = answer(&lab, "b2", look, &body).await;
    let nowhere = answer(&lab, "b1", OrderId::new(lab.now(), [9; 10]), &body).await;
    let unknown = claim(&lab, "b1", OrderId::new(lab.now(), [9; 10])).await;
    let taken = claim(&lab, "b2", look).await;
    for refused in [&another, &nowhere, &unknown, &taken] {
        assert_eq!(refused.json(), unclaimed.json());
        assert_eq!(refused.status.as_u16(), 410);
    }
}

#[tokio::test]
async fn what_is_not_the_hosts_answer_to_this_look_is_not_kept_and_raises_an_alarm() {
    type Alter = fn(&mut Inventory);
    let rows: [(Alter, u8, &str); 4] = [
        (|_| {}, 1, "not signed by this host's identity"),
        (
            |said| said.host = "prod-2".parse().unwrap(),
            0,
            "it is of the host `prod-2`",
        ),
        (|said| said.look = None, 0, "not the answer to this look"),
        (
            |said| said.look = Some(OrderId::new(said.at, [9; 10])),
            0,
            "not the answer to this look",
        ),
    ];
    for (alter, other, why) in rows {
        let lab = Lab::ready().await;
        let look = ask(&lab).await.look;
        claim(&lab, "b1", look).await.is(200);
        let mut said = inventory(&lab, 7, Some(look));
        alter(&mut said);
        let body = brought(&said, host_seed("prod-1") + other);
        let refused = answer(&lab, "b1", look, &body).await;
        assert_eq!(refused.code(), "invalid");
        assert!(refused.detail().contains(why), "{}", refused.detail());
        assert_eq!(state(&lab, look).await, "failed");
        let said = logged(&lab).await;
        assert_eq!(said[3..], ["alarm", "failed"], "{said:?}");
    }
}

#[tokio::test]
async fn an_inventory_that_was_handed_in_meanwhile_is_newer() {
    let lab = Lab::ready().await;
    let look = ask(&lab).await.look;
    claim(&lab, "b1", look).await.is(200);
    let by_hand = Signed::sign(&inventory(&lab, 8, None), &private(host_seed("prod-1"))).unwrap();
    let by_hand = serde_json::to_value(by_hand).unwrap();
    lab.json("PUT", "/v1/hosts/prod-1/inventory", &lab.admin(), &by_hand)
        .await
        .is(200);
    let body = brought(&inventory(&lab, 7, Some(look)), host_seed("prod-1"));
    let told = answer(&lab, "b1", look, &body).await.is(200);
    assert_eq!(told["progress"]["state"], "failed");
}

#[tokio::test]
async fn who_does_not_manage_a_host_learns_nothing_of_it_nor_of_looks_at_it() {
    let lab = Lab::ready().await;
    let look = ask(&lab).await.look;
    let mallory = bearer(&lab.person("mallory", &["sales"]));
    let other = OrderId::new(lab.now(), [9; 10]);
    let mut seen = Vec::new();
    for (proof, method, path) in [
        (&mallory, "POST", PATH.to_owned()),
        (&mallory, "POST", "/v1/hosts/nowhere/discover".to_owned()),
        (
            &lab.admin(),
            "POST",
            "/v1/hosts/nowhere/discover".to_owned(),
        ),
        (&mallory, "GET", format!("{PATH}/{look}")),
        (&mallory, "GET", format!("{PATH}/{other}")),
        (&lab.admin(), "GET", format!("{PATH}/{other}")),
        (
            &lab.admin(),
            "GET",
            format!("/v1/hosts/nowhere/discover/{look}"),
        ),
    ] {
        let answer = lab.json(method, &path, proof, &Value::Null).await;
        let mut problem = answer.json();
        let event = problem.as_object_mut().unwrap().remove("event");
        assert!(event.is_some(), "{method} {path} is not recorded");
        seen.push((answer.status.as_u16(), problem));
    }
    assert_eq!(seen[0].0, 403);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn without_a_bastion_or_an_enrolled_host_nothing_is_asked_for() {
    let lab = Lab::start().await;
    lab.add_host("prod-1").await;
    let no_bastion = lab.json("POST", PATH, &lab.admin(), &Value::Null).await;
    assert_eq!(no_bastion.code(), "unavailable");
    assert!(no_bastion.detail().contains("no bastion"));
    let body = json!({ "host": "prod-2", "address": "h:22" });
    lab.post("/v1/hosts", &lab.admin(), &body).await.is(201);
    let path = "/v1/hosts/prod-2/discover";
    let waiting = lab.json("POST", path, &lab.admin(), &Value::Null).await;
    assert_eq!(waiting.code(), "unavailable");
    assert!(waiting.detail().contains("not enrolled"));
}
