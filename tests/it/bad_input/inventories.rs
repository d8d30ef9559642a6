//! Inventories that are not what they should be: nothing is kept, and what a host did not sign is told
//! apart from what nobody can read.

use portreeve_protocol::inventory::{Inventory, Severity, StandingAccess};
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_tests::installation::HOST;
use serde_json::{Value, json};
use ssh_key::PrivateKey;

use super::draft::key;
use super::https::Answer;
use super::site::{Site, turn};
use super::table::{Logged, Table};

const JSON: &str = "application/json";

fn path() -> String {
    format!("/v1/hosts/{HOST}/inventory")
}

/// What the host found, as it says it itself.
fn inventory() -> Inventory {
    let now = Timestamp::from_seconds(super::now());
    Inventory {
        host: HOST.parse().unwrap(),
        number: u64::try_from(now.as_micros()).unwrap(),
        at: now,
        complete: true,
        accounts: 3,
        findings: vec![],
        more: 0,
        look: None,
    }
}

fn host_identity(site: &Site) -> PrivateKey {
    let host = site.installation.lab().host(HOST);
    let text = host.read_text("/etc/portreeve/host_identity").unwrap();
    PrivateKey::from_openssh(text).unwrap()
}

fn put(site: &Site, body: impl Into<Vec<u8>>) -> Answer {
    site.https.send(&site.lead("PUT", &path()).body(JSON, body))
}

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("code"))
}

fn expected(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn an_inventory_that_is_none_is_refused_before_anybody_is_asked() {
    let site = turn();
    let mut table = Table::new(&site, "bodies of inventories");
    let good = Signed::sign(&inventory(), &host_identity(&site)).unwrap();
    let good = serde_json::to_value(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string().into_bytes()
    };
    let rows: Vec<(&str, Vec<u8>, (u16, String))> = vec![
        ("nothing", vec![], expected(400, "malformed")),
        (
            "no JSON",
            b"SA101 alice".to_vec(),
            expected(400, "malformed"),
        ),
        (
            "half of it",
            good.to_string().as_bytes()[..40].to_vec(),
            expected(400, "malformed"),
        ),
        ("a list", b"[]".to_vec(), expected(400, "malformed")),
        (
            "the inventory without its signature",
            serde_json::to_vec(&inventory()).unwrap(),
            expected(400, "malformed"),
        ),
        (
            "a number for a signature",
            with("signature", json!(7)),
            expected(400, "malformed"),
        ),
        (
            "a field that is not known",
            with("host", json!(HOST)),
            expected(400, "malformed"),
        ),
        (
            "more than is taken",
            with("payload", json!("x".repeat(5 * 1024 * 1024))),
            expected(413, "too_large"),
        ),
    ];
    for (name, body, expected) in rows {
        table.row(name, &told(&put(&site, body)), &expected, Logged::Nothing);
    }
    table.done();
}

#[test]
fn an_inventory_that_the_host_did_not_sign_as_it_stands_is_not_kept() {
    let site = turn();
    let mut table = Table::new(&site, "inventories");
    let identity = host_identity(&site);
    let other = PrivateKey::new(
        ssh_key::private::Ed25519Keypair::from_seed(&key(9).to_bytes()).into(),
        "",
    )
    .unwrap();
    let sign = |inventory: &Inventory| Signed::sign(inventory, &identity).unwrap();
    let altered = |alter: fn(&mut Inventory)| {
        let mut inventory = inventory();
        alter(&mut inventory);
        sign(&inventory)
    };
    let genuine = sign(&inventory());
    let long = |what: String| StandingAccess {
        code: "SA101".into(),
        severity: Severity::Low,
        account: None,
        what,
        path: None,
        line: None,
        since: None,
        last_login: None,
    };
    let mut too_much = inventory();
    too_much.findings = vec![long("x".into()); 501];
    let mut drives = inventory();
    drives.findings = vec![long("\u{1b}[2J".into())];
    let another_text = Signed::assemble(
        genuine
            .unverified_payload()
            .replace("\"accounts\":3", "\"accounts\":0"),
        genuine.signature().to_owned(),
    );
    let not_signed = Signed::assemble(genuine.unverified_payload().to_owned(), String::new());
    let rows: Vec<(&str, Signed<Inventory>, &str)> = vec![
        (
            "signed by another key",
            Signed::sign(&inventory(), &other).unwrap(),
            "not signed by this host's identity",
        ),
        (
            "altered after it was signed",
            another_text,
            "not signed by this host's identity",
        ),
        (
            "not signed",
            not_signed,
            "not signed by this host's identity",
        ),
        (
            "of another host",
            altered(|said| said.host = "elsewhere".parse().unwrap()),
            "it is of the host `elsewhere`",
        ),
        (
            "from tomorrow",
            altered(|said| said.at = said.at.plus(std::time::Duration::from_secs(86_400))),
            "from the future",
        ),
        (
            "with a number that keeps out all later ones",
            altered(|said| said.number = u64::MAX >> 11),
            "its number is from the future",
        ),
        (
            "with too many findings",
            sign(&too_much),
            "more or longer findings",
        ),
        (
            "that drives terminals",
            sign(&drives),
            "more or longer findings",
        ),
    ];
    for (name, statement, why) in rows {
        let answer = put(&site, serde_json::to_vec(&statement).unwrap());
        let logged = Logged::Event("act", why);
        table.row(name, &told(&answer), &expected(422, "invalid"), logged);
    }
    table.done();
}
