//! One-time tokens of enrolments, and what comes with them.

use portreeve_protocol::age;
use portreeve_protocol::enrol::{HostEnrolment, HostTicket};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::signed::Signed;
use serde_json::{Value, json};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::super::draft::{key, public};
use super::super::https::Request;
use super::super::site::{Site, turn};
use super::super::table::{Logged, Table, refused};

const HOSTS: &str = "/v1/enrolments/hosts";
const BASTIONS: &str = "/v1/enrolments/bastions";

fn private(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
}

/// A host's enrolment by the key of seed 20, with something altered before it is signed.
fn host(ticket: &HostTicket, alter: impl FnOnce(&mut HostEnrolment)) -> Value {
    let mut enrolment = HostEnrolment {
        host: ticket.host.clone(),
        token: ticket.token.clone(),
        identity: public(&key(20)),
        host_keys: vec![public(&key(21))],
        sudo: "sudo 1.9.13".to_owned(),
    };
    alter(&mut enrolment);
    let signed = Signed::sign(&enrolment, &private(20)).unwrap();
    json!({ "identity": public(&key(20)), "enrolment": signed })
}

fn bastion(name: &str, token: &str) -> Value {
    let recipient = age::Identity::from_secret_bytes(&[22; 32]).recipient();
    json!({
        "bastion": name, "token": token, "recipient": recipient.to_string(),
        "host_key": public(&key(23)), "identity": public(&key(24)),
    })
}

fn ticket_for(site: &Site, name: &str) -> HostTicket {
    let body = json!({ "host": name, "address": "198.51.100.99:22" });
    let answer = site.as_lead("POST", "/v1/hosts", &body);
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

#[test]
fn a_ticket_enrols_what_it_is_for_and_once() {
    let site = turn();
    let ticket = ticket_for(&site, "ticketed");
    let other = ticket_for(&site, "ticketed-too");
    let added =
        json!({ "bastion": "ticketed", "address": "192.0.2.99:2222", "egress": ["198.51.100.98"] });
    let bastion_token = site.as_lead("POST", "/v1/bastions", &added).text("token");
    let told = |code: &str| match code {
        "unauthenticated" => (401, code.to_owned()),
        _ => (422, code.to_owned()),
    };
    let strange = SecretText::new("x".repeat(40));
    let altered = {
        let mut body = host(&ticket, |_| {});
        let payload = body["enrolment"]["payload"].as_str().unwrap();
        body["enrolment"]["payload"] = payload.replace("1.9.13", "1.9.14").into();
        body
    };
    let of_another_key = {
        let mut body = host(&ticket, |_| {});
        body["identity"] = json!(public(&key(25)));
        body
    };
    let rows: Vec<(&str, &str, Value, &str, Logged)> = vec![
        (
            "a token of nobody",
            HOSTS,
            host(&ticket, |e| e.token = strange.clone()),
            "unauthenticated",
            refused("token"),
        ),
        (
            "another host's token",
            HOSTS,
            host(&ticket, |e| e.token = other.token.clone()),
            "unauthenticated",
            refused("token"),
        ),
        (
            "a bastion's token for a host",
            HOSTS,
            host(&ticket, |e| {
                e.token = SecretText::new(bastion_token.clone())
            }),
            "unauthenticated",
            refused("token"),
        ),
        (
            "a host that nobody registered",
            HOSTS,
            host(&ticket, |e| e.host = "nowhere".parse().unwrap()),
            "unauthenticated",
            refused(""),
        ),
        (
            "an enrolment that was altered",
            HOSTS,
            altered,
            "invalid",
            refused("the signature does not hold"),
        ),
        (
            "an enrolment by another key",
            HOSTS,
            of_another_key,
            "invalid",
            refused("the signature does not hold"),
        ),
        (
            "an enrolment of another key",
            HOSTS,
            host(&ticket, |e| e.identity = public(&key(25))),
            "invalid",
            refused("the enrolment names another identity key"),
        ),
        (
            "an enrolment without host keys",
            HOSTS,
            host(&ticket, |e| e.host_keys.clear()),
            "invalid",
            refused("an enrolment has 1 to 8 host keys"),
        ),
        (
            "a host's token for a bastion",
            BASTIONS,
            bastion("ticketed", ticket.token.expose()),
            "unauthenticated",
            refused("token"),
        ),
        (
            "a bastion that nobody registered",
            BASTIONS,
            bastion("nowhere", &bastion_token),
            "unauthenticated",
            refused(""),
        ),
    ];
    let mut table = Table::new(&site, "one-time tokens");
    for (name, path, body, code, logged) in rows {
        let answer = site.beside.send(&Request::new("POST", path).json(&body));
        table.row(
            name,
            &(answer.status, answer.text("code")),
            &told(code),
            logged,
        );
        table.demand(name, !answer.text("event").is_empty(), "no event is named");
    }

    let good = site
        .beside
        .send(&Request::new("POST", HOSTS).json(&host(&ticket, |_| {})));
    table.demand("a ticket's own host", good.status == 201, &good);
    let again = site
        .beside
        .send(&Request::new("POST", HOSTS).json(&host(&ticket, |_| {})));
    table.row(
        "a second time",
        &(again.status, again.text("code")),
        &told("unauthenticated"),
        refused("token"),
    );
    table.done();
}
