//! Looks that nobody asked for, at hosts that are none, by callers who may not, with answers that are none: nothing
//! is taken up, and of people who may not ask the log has who they are.

use portreeve_tests::installation::HOST;
use serde_json::{Value, json};

use super::draft::{assertion_of, id_token};
use super::https::{Answer, Request};
use super::site::{Site, idp_key, turn};
use super::table::{Logged, Table, refused};

const JSON: &str = "application/json";
/// A look that nobody asked for.
const NONE: &str = "019a0000-0000-7000-8000-000000000000";

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("code"))
}

fn discover(host: &str) -> String {
    format!("/v1/hosts/{host}/discover")
}

/// A request of the installation's bastion.
fn bastion(site: &Site, path: &str) -> Request {
    let assertion = assertion_of("bastion:bastion-1").sign(&site.bastion_key());
    Request::new("POST", path).bearer(&assertion)
}

#[test]
fn who_may_not_ask_for_a_look_learns_nothing_and_is_logged() {
    let site = turn();
    let mallory = id_token("mallory", &["sales"]).sign(&idp_key());
    let shown = |host: &str, look: &str| format!("{}/{look}", discover(host));
    let forbidden = (403, "not_permitted".to_owned());
    let unknown = (401, "unauthenticated".to_owned());
    let token = site.delegated();
    let rows: Vec<(&str, Request, &(u16, String), Logged)> = vec![
        (
            "at a host that is none",
            site.lead("POST", &discover("nowhere")),
            &forbidden,
            Logged::Event("act", "look refused: there is no such host"),
        ),
        (
            "by somebody who may not",
            Request::new("POST", &discover(HOST)).bearer(&mallory),
            &forbidden,
            Logged::Event("act", "manageHosts prod: refused"),
        ),
        (
            "one that never was, shown",
            site.lead("GET", &shown(HOST, NONE)),
            &forbidden,
            Logged::Event("act", "look not shown: there is no such look"),
        ),
        (
            "at a host that is none, shown",
            site.lead("GET", &shown("nowhere", NONE)),
            &forbidden,
            Logged::Event("act", "look not shown: there is no such host"),
        ),
        (
            "by a pair",
            site.pair(&token, "POST", &discover(HOST)),
            &unknown,
            refused("this is for people"),
        ),
        (
            "by a bastion",
            bastion(&site, &discover(HOST)),
            &unknown,
            refused("unauthenticated"),
        ),
    ];
    let mut table = Table::new(&site, "looks that are asked for");
    let mut seen = Vec::new();
    for (name, request, expected, logged) in rows {
        let answer = site.https.send(&request);
        table.row(name, &told(&answer), expected, logged);
        if *expected == forbidden {
            seen.push((answer.text("title"), answer.text("detail")));
        }
    }
    let same = seen.iter().all(|one| *one == seen[0]);
    table.demand("all that is forbidden", same, &seen);
    table.done();
}

#[test]
fn a_bastion_takes_up_and_answers_only_what_was_asked_for() {
    let site = turn();
    let claim = format!("/v1/looks/{NONE}/claim");
    let answer = format!("/v1/looks/{NONE}/answer");
    let answered = |body: Value| bastion(&site, &answer).json(&body);
    let failed = json!({ "answer": "failed", "detail": "no way" });
    // One byte more than is read, so that the answer does not cross what is still on its way.
    let around = json!({ "answer": "failed", "detail": "" })
        .to_string()
        .len();
    let long = "x".repeat(4 * 1024 * 1024 + 1 - around);
    let rows: Vec<(&str, Request, u16, &str)> = vec![
        (
            "taken up",
            bastion(&site, &claim),
            410,
            "session_unavailable",
        ),
        ("answered", answered(failed), 410, "session_unavailable"),
        (
            "taken up without an id",
            bastion(&site, "/v1/looks/x/claim"),
            400,
            "malformed",
        ),
        (
            "answered with no JSON",
            bastion(&site, &answer).body(JSON, "SA101"),
            400,
            "malformed",
        ),
        (
            "answered with a list",
            answered(json!([])),
            400,
            "malformed",
        ),
        (
            "answered with something else",
            answered(json!({ "answer": "later" })),
            400,
            "malformed",
        ),
        (
            "answered without a reason",
            answered(json!({ "answer": "failed" })),
            400,
            "malformed",
        ),
        (
            "answered without the host's statement",
            answered(json!({ "answer": "inventory" })),
            400,
            "malformed",
        ),
        (
            "answered with a statement that is none",
            answered(json!({ "answer": "inventory", "statement": "SA101 alice" })),
            400,
            "malformed",
        ),
        (
            "answered with more than is taken",
            answered(json!({ "answer": "failed", "detail": long })),
            413,
            "too_large",
        ),
    ];
    let mut table = Table::new(&site, "looks that nobody asked for");
    for (name, request, status, code) in rows {
        let answer = site.https.send(&request);
        table.row(
            name,
            &told(&answer),
            &(status, code.to_owned()),
            Logged::Nothing,
        );
    }
    for (name, request, why) in [
        (
            "taken up by a person",
            site.lead("POST", &claim),
            "unauthenticated",
        ),
        (
            "taken up by nobody",
            Request::new("POST", &claim),
            "send `Authorization",
        ),
    ] {
        let told = told(&site.https.send(&request));
        table.row(
            name,
            &told,
            &(401, "unauthenticated".to_owned()),
            refused(why),
        );
    }
    table.done();
}
