//! Requests of which no body is read: too large, or for no route.

use serde_json::json;

use super::super::draft::{assertion_of, fresh};
use super::super::https::Request;
use super::super::site::turn;
use super::super::table::{Logged, Table};
use super::{JSON, SESSIONS, told};

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
