//! Requests that are not in the form that the API expects, or larger than it takes.

mod lists;
mod routes;

use portreeve_tests::installation::HOST;
use serde_json::{Value, json};

use super::draft::{key, public};
use super::https::Answer;
use super::site::{Site, turn};
use super::table::{Logged, Table};

const SESSIONS: &str = "/v1/sessions";
const JSON: &str = "application/json";

/// What a session request is when nothing is wrong with it.
fn ask() -> Value {
    json!({
        "host": HOST, "ticket": "INC-4711", "purpose": "find the reverse shell",
        "bundle": "forensic-read-only", "key": public(&key(40)),
    })
}

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("code"))
}

/// Sends a body for a session and compares; `says` is to stand in the detail.
fn check(table: &mut Table<'_>, site: &Site, token: &str, name: &str, body: Vec<u8>, says: &str) {
    let request = site.pair(token, "POST", SESSIONS).body(JSON, body);
    let answer = site.https.send(&request);
    let expected = (400, "malformed".to_owned());
    table.row(name, &told(&answer), &expected, Logged::Nothing);
    let detail = answer.text("detail");
    table.demand(
        name,
        detail.contains(says),
        format!("`{says}` is not in `{detail}`"),
    );
}

#[test]
fn a_wrong_field_is_named() {
    let site = turn();
    let token = site.delegated();
    let rows: Vec<(&str, &str, Value)> = vec![
        ("a host with capitals", "host", json!("PROD")),
        ("a host with a path", "host", json!("../prod")),
        ("a host with a line end", "host", json!("prod\nroot")),
        ("a host of 300 characters", "host", json!("h".repeat(300))),
        ("no host", "host", json!("")),
        ("a number for a host", "host", json!(7)),
        ("a list for a host", "host", json!(["prod"])),
        ("null for a host", "host", json!(null)),
        ("an object for a ticket", "ticket", json!({ "id": "INC-1" })),
        ("a ticket with a blank", "ticket", json!("INC 4711")),
        (
            "a ticket of 1,000 characters",
            "ticket",
            json!("T".repeat(1000)),
        ),
        (
            "a purpose of two lines",
            "purpose",
            json!("look\nkey id forged"),
        ),
        (
            "a purpose that drives terminals",
            "purpose",
            json!("look\u{1b}[2J"),
        ),
        (
            "a purpose of 10,000 characters",
            "purpose",
            json!("p".repeat(10_000)),
        ),
        ("no purpose", "purpose", json!("")),
        ("a bundle with a slash", "bundle", json!("../../etc/passwd")),
        ("a task that is no id", "task", json!("x")),
        (
            "a task in capitals",
            "task",
            json!("019A0000-0000-7000-8000-000000000000"),
        ),
        ("no time at all", "ttl", json!(0)),
        ("a time before", "ttl", json!(-1)),
        ("a time with a fraction", "ttl", json!(1.5)),
        ("a time in words", "ttl", json!("a while")),
        ("a time beyond all numbers", "ttl", json!(u64::MAX)),
        ("an address that is none", "source_address", json!("here")),
        (
            "an address of five parts",
            "source_address",
            json!("192.0.2.1.1"),
        ),
        (
            "a key of another kind",
            "key",
            json!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="),
        ),
        (
            "a key that breaks off",
            "key",
            json!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"),
        ),
        (
            "a key of 20 KiB",
            "key",
            json!(format!("ssh-ed25519 {}", "A".repeat(20 * 1024))),
        ),
        (
            "a private key",
            "key",
            json!("-----BEGIN OPENSSH PRIVATE KEY-----"),
        ),
        (
            "a certificate for a key",
            "key",
            json!("ssh-ed25519-cert-v01@openssh.com AAAA"),
        ),
    ];
    let mut table = Table::new(&site, "fields of a request");
    for (name, field, value) in rows {
        let mut body = ask();
        body[field] = value;
        let body = body.to_string().into_bytes();
        check(
            &mut table,
            &site,
            &token,
            name,
            body,
            &format!("`{field}`: "),
        );
    }
    for field in ["host", "ticket", "purpose", "bundle", "key"] {
        let mut body = ask();
        body.as_object_mut().unwrap().remove(field);
        let name = format!("without `{field}`");
        let says = format!("missing field `{field}`");
        check(
            &mut table,
            &site,
            &token,
            &name,
            body.to_string().into_bytes(),
            &says,
        );
    }
    let mut extra = ask();
    extra["sudo"] = json!("ALL");
    check(
        &mut table,
        &site,
        &token,
        "an unknown field",
        extra.to_string().into_bytes(),
        "unknown field `sudo`",
    );
    let twice = ask().to_string().replacen('{', r#"{"host":"prod","#, 1);
    check(
        &mut table,
        &site,
        &token,
        "a field twice",
        twice.into_bytes(),
        "duplicate field `host`",
    );
    table.done();
}

#[test]
fn what_is_no_json_is_told_so() {
    let site = turn();
    let token = site.delegated();
    let good = ask().to_string();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("half an object", good.as_bytes()[..good.len() / 2].to_vec()),
        ("a list", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("a text", b"\"host\"".to_vec()),
        ("a zero byte", b"\0".to_vec()),
        (
            "bytes that are no UTF-8",
            b"{\"host\":\"\xff\xfe\"}".to_vec(),
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        ),
        ("two objects", format!("{good} {good}").into_bytes()),
        ("half a surrogate pair", br#"{"host":"\ud800"}"#.to_vec()),
        ("100,000 brackets", b"[".repeat(100_000)),
        ("40,000 objects in each other", br#"{"a":"#.repeat(40_000)),
        (
            "a number of 100,000 digits",
            format!("{{\"ttl\":{}}}", "9".repeat(100_000)).into_bytes(),
        ),
        ("a comment", b"/* */ {}".to_vec()),
        ("a form", b"host=prod&bundle=x".to_vec()),
    ];
    let mut table = Table::new(&site, "bodies of a request");
    for (name, body) in rows {
        check(&mut table, &site, &token, name, body, "");
    }
    for (name, kind) in [
        ("as plain text", "text/plain"),
        ("as a form", "application/x-www-form-urlencoded"),
    ] {
        let request = site.pair(&token, "POST", SESSIONS).body(kind, good.clone());
        let answer = site.https.send(&request);
        table.row(
            name,
            &told(&answer),
            &(400, "malformed".to_owned()),
            Logged::Nothing,
        );
    }
    table.done();
}
