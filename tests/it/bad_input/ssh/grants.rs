//! Grants inside certificates whose signatures hold: made with the access CA's key, as its signer would not.

use std::time::Duration;

use portreeve_protocol::age;
use portreeve_protocol::certificate::EXTENSION_BUNDLE;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;
use portreeve_tests::until;
use serde_json::{Value, json};
use ssh_key::Certificate;

use super::super::draft::{key, public};
use super::super::site::{Site, turn};
use super::super::table::{Logged, Table, refused};
use super::client::{Shown, Told, attempt};
use super::forge::{Draft, Granted, SEED, private, seal};

const UNAUTHENTICATED: &str = "portreeve: unauthenticated: the caller is not authenticated";
const UNAVAILABLE: &str = "portreeve: session_unavailable: the session is not available";
const HOST_FAILED: &str = "portreeve: session ended: the host did not open; its administrators find the reason in the trail";

/// A refusal under the names of the pair, since the grant could be opened.
const fn of_pair(why: &'static str) -> Logged {
    Logged::Event("connection_refused", why)
}

fn show(site: &Site, user: &str, certificate: Certificate, seed: u8) -> Told {
    let agent = site.installation.lab().host("agent");
    attempt(
        agent,
        user,
        &Shown::Certificate(Box::new(certificate), private(seed)),
    )
}

#[test]
fn a_bad_grant_opens_nothing() {
    let site = turn();
    let granted = Granted::new(&site);
    let other = Granted::new(&site);
    let stranger = age::Identity::from_secret_bytes(&[9; 32]).recipient();
    let around = |alter: fn(&mut Value)| granted.around(&site, &granted.altered(alter));
    let flipped = |at: usize| {
        let mut sealed = granted.sealed();
        let at = sealed.len() - at;
        sealed[at] ^= 1;
        granted.around_sealed(&site, &sealed)
    };
    let cut = {
        let sealed = granted.sealed();
        granted.around_sealed(&site, &sealed[..sealed.len() - 20])
    };
    let plain = granted.grant.to_string();
    let mixed = |field: &str| {
        let from = other.grant[field].clone();
        granted.around(&site, &granted.altered(|grant| grant[field] = from))
    };
    let with_key_of_other = {
        let mut grant = granted.grant.clone();
        for field in ["session_key", "session_certificate"] {
            grant[field] = other.grant[field].clone();
        }
        granted.around(&site, &grant)
    };
    let inner_for = |principal: &str, field: &str| {
        let line = granted.grant[field].as_str().unwrap();
        let principal = principal.to_owned();
        let inner = Draft::of(&Certificate::from_openssh(line).unwrap())
            .with(|draft| draft.principals = vec![principal])
            .sign(&site.ca_key("session_ca"));
        let line = inner.to_openssh().unwrap();
        granted.around(&site, &granted.altered(|grant| grant[field] = json!(line)))
    };
    let rows: Vec<(&str, Certificate, Logged)> = vec![
        (
            "altered in its last byte",
            flipped(1),
            refused("the grant does not open"),
        ),
        (
            "altered in its middle",
            flipped(500),
            refused("the grant does not open"),
        ),
        ("cut short", cut, refused("the grant does not open")),
        (
            "empty",
            granted.around_sealed(&site, b""),
            refused("the grant does not open"),
        ),
        (
            "not sealed",
            granted.around_sealed(&site, plain.as_bytes()),
            refused("the grant does not open"),
        ),
        (
            "sealed to another bastion",
            granted.around_sealed(&site, &seal(plain.as_bytes(), &stranger)),
            refused("the grant is sealed to another bastion"),
        ),
        (
            "no JSON",
            granted.around_bytes(&site, b"grant"),
            refused("not in a form that is known here"),
        ),
        (
            "an empty text",
            granted.around_bytes(&site, b""),
            refused("not in a form that is known here"),
        ),
        (
            "1,000 brackets",
            granted.around_bytes(&site, &b"[".repeat(1000)),
            refused("not in a form that is known here"),
        ),
        (
            "with an unknown field",
            around(|grant| grant["root"] = json!(true)),
            refused("not in a form that is known here"),
        ),
        (
            "without a field",
            around(|grant| drop(grant.as_object_mut().unwrap().remove("facts"))),
            refused("not in a form that is known here"),
        ),
        (
            "with a wrong-typed field",
            around(|grant| grant["idle"] = json!([])),
            refused("not in a form that is known here"),
        ),
        (
            "with a pair of one",
            around(|grant| drop(grant["pair"].as_object_mut().unwrap().remove("human"))),
            refused("not in a form that is known here"),
        ),
        (
            "of another session",
            granted.around(&site, &other.grant),
            of_pair("the grant is of another session"),
        ),
        (
            "in a certificate that names another version of its bundle",
            granted
                .draft()
                .with(|draft| {
                    let other = "forensic-read-only@sha256:00".to_owned();
                    draft.extensions.insert(EXTENSION_BUNDLE.to_owned(), other);
                })
                .sign(&site.ca_key("access_ca")),
            of_pair("the grant is of another session"),
        ),
        (
            "with another session's order",
            mixed("order"),
            of_pair("the grant is of another session"),
        ),
        (
            "for another account",
            around(|grant| grant["account"] = json!("pr-0123456789abcdef")),
            of_pair("the grant is of another session"),
        ),
        (
            "for another host than its order",
            around(|grant| grant["host"]["name"] = json!("prod-2")),
            of_pair("the grant is of another session"),
        ),
        (
            "for another human than its order",
            around(|grant| grant["pair"]["human"]["subject"] = json!("carol")),
            of_pair("the grant is of another session"),
        ),
        (
            "with another bundle than its order",
            around(|grant| grant["bundle"]["name"] = json!("everything")),
            of_pair("the grant is of another session"),
        ),
        (
            "for another key",
            around(|grant| grant["access_key"] = json!(public(&key(9)).fingerprint().to_string())),
            of_pair("the grant is for another key"),
        ),
        (
            "with another session's certificate",
            mixed("session_certificate"),
            of_pair("a certificate inside the grant does not belong to it"),
        ),
        (
            "with another session's key",
            mixed("session_key"),
            of_pair("a certificate inside the grant does not belong to it"),
        ),
        (
            "with another session's key and certificate",
            with_key_of_other,
            of_pair("a certificate inside the grant does not belong to it"),
        ),
        (
            "with a certificate for root",
            inner_for("root@prod", "session_certificate"),
            of_pair("a certificate inside the grant does not belong to it"),
        ),
        (
            "with orders for another host",
            inner_for("portreeve@prod-2", "control_certificate"),
            of_pair("a certificate inside the grant does not belong to it"),
        ),
        (
            "with a certificate that is none",
            around(|grant| grant["session_certificate"] = json!("ssh-ed25519 AAAA")),
            of_pair("a certificate inside the grant does not belong to it"),
        ),
    ];
    let mut table = Table::patient(&site, "grants");
    let out = |words: &str| Told {
        is_in: false,
        words: words.to_owned(),
    };
    for (name, certificate, logged) in rows {
        let told = show(&site, granted.user(), certificate, SEED);
        table.row(name, &told, &out(UNAUTHENTICATED), logged);
    }
    let moved = granted
        .draft()
        .with(|draft| draft.key = public(&key(55)).data().clone())
        .sign(&site.ca_key("access_ca"));
    let told = show(&site, granted.user(), moved, 55);
    table.row(
        "moved into another certificate",
        &told,
        &out(UNAUTHENTICATED),
        of_pair("the grant is for another key"),
    );
    for (name, alter, why) in [
        (
            "over",
            (|grant| grant["expires_at"] = json!("2020-01-01T00:00:00Z")) as fn(&mut Value),
            "the session's time is over",
        ),
        (
            "for an earlier first connection",
            |grant| grant["connect_by"] = json!("2020-01-01T00:00:00Z"),
            "the first connection came too late",
        ),
    ] {
        let told = show(&site, granted.user(), around(alter), SEED);
        table.row(name, &told, &out(UNAVAILABLE), of_pair(why));
    }

    // None of this has used the session up; a session that was ended does not begin again.
    let told = show(&site, granted.user(), granted.certificate.clone(), SEED);
    table.row(
        "as the CA made it",
        &told.is_in,
        &true,
        Logged::Event("session_claimed", ""),
    );
    let path = format!("/v1/sessions/{}/kill", granted.session.session);
    let killed = site.as_lead("POST", &path, &json!({ "reason": "seen enough" }));
    table.demand("the kill", killed.status == 200, &killed);
    let over = until("the refusal", Duration::from_secs(15), || {
        let told = show(&site, granted.user(), granted.certificate.clone(), SEED);
        Ok((told == out(UNAVAILABLE)).then_some(()))
    });
    table.row(
        "of a session that was killed",
        &over.is_ok(),
        &true,
        of_pair("the session is over"),
    );
    table.done();
}

/// A grant that the bastion takes, for a session that the CA or the host does not.
#[test]
fn what_only_the_ca_or_the_host_can_see_ends_the_session() {
    let site = turn();
    let order_key = site.ca_key("order");
    let reorder = |grant: &mut Value, alter: &dyn Fn(&mut Order), key: &ssh_key::PrivateKey| {
        let signed: Signed<Order> = serde_json::from_value(grant["order"].clone()).unwrap();
        let mut order: Order = serde_json::from_str(signed.unverified_payload()).unwrap();
        alter(&mut order);
        grant["order"] = serde_json::to_value(Signed::sign(&order, key).unwrap()).unwrap();
    };
    type Alter<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let rows: Vec<(&str, Alter<'_>, &str)> = vec![
        (
            "an order by another key",
            Box::new(|grant| reorder(grant, &|_| {}, &private(9))),
            "signature",
        ),
        (
            "an order that was altered",
            Box::new(|grant| {
                let payload = grant["order"]["payload"].as_str().unwrap();
                grant["order"]["payload"] = json!(payload.replace("INC-4711", "INC-4712"));
            }),
            "signature",
        ),
        (
            "an order that was to be delivered earlier",
            Box::new(|grant| {
                reorder(
                    grant,
                    &|order| order.deliver_by = order.issued_at,
                    &order_key,
                )
            }),
            "fresh",
        ),
        (
            "an order for a day",
            Box::new(|grant| {
                reorder(
                    grant,
                    &|order| order.expires_at = order.expires_at.plus(Duration::from_secs(86_400)),
                    &order_key,
                )
            }),
            "outlive",
        ),
        (
            "another key of the host",
            Box::new(|grant| grant["host"]["host_keys"] = json!([public(&key(9))])),
            "",
        ),
        (
            "another identity of the host",
            Box::new(|grant| grant["host"]["identity"] = json!(public(&key(9)))),
            "attestation",
        ),
        (
            "another address of the host",
            Box::new(|grant| grant["host"]["address"] = json!("198.51.100.20:22")),
            "",
        ),
    ];
    let mut table = Table::patient(&site, "what others see");
    let host = site.installation.lab().host("prod");
    for (name, alter, why) in rows {
        let granted = Granted::new(&site);
        let certificate = granted.around(&site, &granted.altered(|grant| alter(grant)));
        let told = show(&site, granted.user(), certificate, SEED);
        let expected = Told {
            is_in: true,
            words: HOST_FAILED.to_owned(),
        };
        table.row(name, &told, &expected, Logged::Event("host_refused", why));
        let gone = until("the account to go", Duration::from_secs(10), || {
            Ok(host.find_user(granted.user())?.is_none().then_some(()))
        });
        table.demand(name, gone.is_ok(), "the account stays");
    }

    let (account, unknown) = Granted::new(&site).renumbered(&site);
    let told = show(&site, account.as_str(), unknown, SEED);
    let expected = Told {
        is_in: true,
        words: UNAVAILABLE.to_owned(),
    };
    let logged = Logged::Event("alarm", "which was never granted");
    table.row(
        "a session that the CA never granted",
        &told,
        &expected,
        logged,
    );
    table.done();
}
