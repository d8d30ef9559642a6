//! Requests that are not in the form that the API expects, or larger than it takes.

use portreeve_tests::installation::HOST;
use serde_json::{Value, json};

use super::draft::{assertion_of, fresh, key, public};
use super::https::{Answer, Request};
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

#[test]
fn an_error_in_a_list_is_placed() {
    let site = turn();
    let identity = site.bastion_key();
    let post = |body: &Value| {
        let assertion = assertion_of("bastion:bastion-1").sign(&identity);
        let request = Request::new("POST", "/v1/events").bearer(&assertion);
        site.https.send(&request.json(body))
    };
    let event = |body: Value| {
        json!({
            "id": "019a0000-0000-7000-8000-000000000001", "at": "2026-01-01T00:00:00Z",
            "source": { "bastion": "bastion-1" }, "body": body,
        })
    };
    let alarm = || event(json!({ "kind": "machine", "fact": { "fact": "alarm", "detail": "x" } }));
    let in_second = |body: Value| json!({ "events": [alarm(), event(body)] });
    let mut undated = alarm();
    undated["at"] = json!("yesterday");
    let mut without_pair =
        json!({ "kind": "access", "fact": { "fact": "host_refused", "detail": "x" } });
    let rows: Vec<(&str, Value, &str)> = vec![
        ("no list", json!({ "events": {} }), "`events`"),
        ("no events", json!({}), "missing field `events`"),
        (
            "an event that is a text",
            json!({ "events": ["x"] }),
            "`events[0]`",
        ),
        (
            "an event without body",
            json!({ "events": [{}] }),
            "`events[0]`",
        ),
        (
            "a moment that is none",
            json!({ "events": [alarm(), undated] }),
            "`events[1].at`",
        ),
        (
            "an unknown kind",
            in_second(json!({ "kind": "gossip" })),
            "`events[1].body",
        ),
        (
            "an unknown fact",
            in_second(json!({ "kind": "machine", "fact": { "fact": "gossip" } })),
            "`events[1].body",
        ),
        (
            "an access without pair",
            in_second(without_pair.take()),
            "`events[1].body",
        ),
        (
            "an unknown field of an event",
            json!({ "events": [{ "colour": "red" }] }),
            "`events[0].colour`",
        ),
    ];
    let granted = site
        .https
        .send(&site.pair(&site.delegated(), "POST", SESSIONS).json(&ask()));
    let session = granted.text("session");
    let mut table = Table::new(&site, "batches of events");
    for (name, body, says) in rows {
        let answer = post(&body);
        table.row(
            name,
            &told(&answer),
            &(400, "malformed".to_owned()),
            Logged::Nothing,
        );
        let detail = answer.text("detail");
        table.demand(
            name,
            detail.contains(says),
            format!("`{says}` is not in `{detail}`"),
        );
    }

    let many: Vec<_> = (0..501).map(|_| alarm()).collect();
    let answer = post(&json!({ "events": many }));
    table.row(
        "501 events",
        &told(&answer),
        &(413, "too_large".to_owned()),
        Logged::Nothing,
    );
    let long = event(
        json!({ "kind": "machine", "fact": { "fact": "alarm", "detail": "x".repeat(130 * 1024) } }),
    );
    let refusals = [
        ("an event of 130 KiB", long, "larger than"),
        (
            "another bastion's event",
            {
                let mut event = alarm();
                event["source"] = json!({ "bastion": "bastion-2" });
                event
            },
            "its source is not the bastion that sends it",
        ),
        (
            "the CA's event",
            {
                let mut event = alarm();
                event["source"] = json!("ca");
                event
            },
            "its source is not the bastion that sends it",
        ),
        (
            "an administrator's act",
            event(json!({
                "kind": "administration",
                "by": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" },
                "fact": { "fact": "act", "action": "managePolicy", "target": "policy", "outcome": "published",
                    "decision": { "id": "019a0000-0000-7000-8000-000000000002", "permitted": true,
                        "policy": format!("sha256:{}", "0".repeat(64)), "determining": [], "record": null } },
            })),
            "a bastion does not report this",
        ),
        (
            "of a session that is not there",
            event(json!({
                "kind": "access", "session": "019a0000-0000-7000-8000-000000000003",
                "pair": { "agent": "soc/forensics",
                    "human": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" } },
                "fact": { "fact": "session_closed", "cause": "asked", "confirmed": true },
            })),
            "it names no session that is known",
        ),
    ];
    let of_session = |fact: Value| {
        event(json!({
            "kind": "access", "session": session,
            "pair": { "agent": "soc/forensics",
                "human": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" } },
            "fact": fact,
        }))
    };
    let forged = json!({ "payload": "{}", "signature": "-----BEGIN SSH SIGNATURE-----" });
    let refusals = refusals.into_iter().chain([
        (
            "of a session that it did not claim",
            of_session(json!({ "fact": "session_closed", "cause": "asked", "confirmed": true })),
            "the session was not claimed by this bastion",
        ),
        (
            "a receipt that no host signed",
            of_session(json!({ "fact": "host_gone", "receipt": forged })),
            "the host's statement is not believed",
        ),
        (
            "an event that no host signed",
            of_session(json!({ "fact": "host", "event": forged })),
            "the host's statement is not believed",
        ),
        (
            "an attestation of a session that it did not claim",
            of_session(json!({ "fact": "host_ready", "attestation": forged })),
            "the session was not claimed by this bastion",
        ),
        (
            "a kill in somebody's name",
            of_session(json!({ "fact": "session_killed", "reason": "x" })),
            "a bastion does not report this",
        ),
    ]);
    for (name, event, why) in refusals {
        let answer = post(&json!({ "events": [event] }));
        let refused = answer.json()["refused"][0][1]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        table.row(
            name,
            &(answer.status, refused.contains(why)),
            &(200, true),
            Logged::Nothing,
        );
        table.demand(name, answer.json()["stored"] == json!(0), &answer);
    }
    table.done();
}

#[test]
fn what_is_too_large_is_not_read() {
    let site = turn();
    let token = site.delegated();
    // One byte more than is read, so that the answer does not cross what is still on its way.
    let filled = |limit: usize| {
        let around = json!({ "text": "" }).to_string().len();
        json!({ "text": "x".repeat(limit + 1 - around) }).to_string()
    };
    let (small, large) = (256 * 1024, 4 * 1024 * 1024);
    let identity = site.bastion_key();
    let assertion = assertion_of("bastion:bastion-1").sign(&identity);
    let rows: Vec<(&str, Request)> = vec![
        (
            "a session request beyond 256 KiB",
            site.pair(&token, "POST", SESSIONS)
                .body(JSON, filled(small)),
        ),
        (
            "a bundle beyond 256 KiB",
            site.lead("PUT", "/v1/bundles").body(JSON, filled(small)),
        ),
        (
            "a policy beyond 4 MiB",
            site.lead("PUT", "/v1/policy").body(JSON, filled(large)),
        ),
        (
            "an agent beyond 256 KiB",
            site.lead("POST", "/v1/agents").body(JSON, filled(small)),
        ),
        (
            "a host's enrolment beyond 256 KiB",
            Request::new("POST", "/v1/enrolments/hosts").body(JSON, filled(small)),
        ),
        (
            "events beyond 4 MiB",
            Request::new("POST", "/v1/events")
                .bearer(&assertion)
                .body(JSON, filled(large)),
        ),
    ];
    let mut table = Table::new(&site, "large bodies");
    for (name, request) in rows {
        let answer = site.https.send(&request);
        table.row(
            name,
            &told(&answer),
            &(413, "too_large".to_owned()),
            Logged::Nothing,
        );
    }

    // These end the connection before there is a request, so HTTP itself answers.
    let long = "x".repeat(300 * 1024);
    let mut many = Request::new("GET", SESSIONS);
    many.headers = (0..200).map(|_| ("x-header", fresh())).collect();
    let heads: Vec<(&str, Request)> = vec![
        (
            "a header of 300 KiB",
            Request::new("GET", SESSIONS).header("x-long", long.clone()),
        ),
        (
            "a token of 300 KiB",
            Request::new("GET", SESSIONS).bearer(&long),
        ),
        ("200 headers", many),
        (
            "a path of 300 KiB",
            Request::new("GET", &format!("/{long}")),
        ),
    ];
    for (name, request) in heads {
        let answer = site.https.send(&request);
        // 0 is a connection that was closed while the rest was on its way.
        let refused = [0, 400, 414, 431].contains(&answer.status);
        table.row(name, &refused, &true, Logged::Nothing);
        table.demand(name, answer.body.is_empty(), &answer);
    }
    table.done();
}

#[test]
fn what_is_no_route_looks_forbidden() {
    let site = turn();
    let nobody = |method, path: &str| Request::new(method, path);
    let id = "019a0000-0000-7000-8000-000000000000";
    let rows: Vec<(&str, Request)> = vec![
        ("the root", nobody("GET", "/")),
        ("another version", nobody("GET", "/v2/sessions")),
        ("a slash more", nobody("GET", "/v1/sessions/")),
        ("two slashes", nobody("GET", "//v1/sessions")),
        ("another case", nobody("GET", "/V1/sessions")),
        ("a way up", nobody("GET", "/v1/../v1/log/checkpoint")),
        (
            "an encoded way up",
            nobody("GET", "/v1/%2e%2e/v1/log/checkpoint"),
        ),
        ("a file", nobody("GET", "/v1/../../etc/passwd")),
        ("a deletion", site.lead("DELETE", "/v1/agents")),
        (
            "a look with another method",
            site.lead("POST", "/v1/policy"),
        ),
        ("events out", site.lead("GET", "/v1/events")),
        ("a change of the log", site.lead("PUT", "/v1/log/events")),
        ("a trace", nobody("TRACE", SESSIONS)),
        ("options", nobody("OPTIONS", SESSIONS)),
        ("a method of nobody's", nobody("PORTREEVE", SESSIONS)),
        (
            "a part of a session",
            nobody("GET", &format!("{SESSIONS}/{id}/grant")),
        ),
    ];
    let mut table = Table::new(&site, "routes");
    for (name, request) in rows {
        let answer = site.https.send(&request);
        table.row(
            name,
            &told(&answer),
            &(403, "not_permitted".to_owned()),
            Logged::Nothing,
        );
        let expected = r#"{"type":"urn:portreeve:problem:not_permitted","title":"not permitted, or no such thing","status":403,"code":"not_permitted"}"#;
        table.demand(name, answer.body == expected, &answer.body);
    }

    let ids: Vec<(&str, Request)> = vec![
        ("no id", site.lead("GET", &format!("{SESSIONS}/x"))),
        (
            "an id in capitals",
            site.lead("GET", &format!("{SESSIONS}/{}", id.to_uppercase())),
        ),
        (
            "an id without hyphens",
            site.lead("GET", &format!("{SESSIONS}/{}", id.replace('-', ""))),
        ),
        (
            "an id with a zero byte",
            site.lead("GET", &format!("{SESSIONS}/{id}%00")),
        ),
        (
            "an id that is no UTF-8",
            site.lead("GET", &format!("{SESSIONS}/%ff")),
        ),
        (
            "an agent that is none",
            site.lead("POST", "/v1/agents/SOC/forensics/disable"),
        ),
        (
            "a bundle that is none",
            site.lead("GET", "/v1/bundles/%2e%2e"),
        ),
        (
            "a place of the log that is none",
            site.lead("GET", "/v1/log/events?since=x"),
        ),
        (
            "a place before the log",
            site.lead("GET", "/v1/log/events?since=-1"),
        ),
        (
            "two places of the log",
            site.lead("GET", "/v1/log/events?since=1&since=2"),
        ),
    ];
    for (name, request) in ids {
        let answer = site.https.send(&request);
        table.row(
            name,
            &told(&answer),
            &(400, "malformed".to_owned()),
            Logged::Nothing,
        );
        table.demand(name, !answer.text("detail").is_empty(), &answer);
    }
    table.done();
}
