//! Lists in bodies.

use serde_json::{Value, json};

use super::super::draft::assertion_of;
use super::super::https::Request;
use super::super::site::turn;
use super::super::table::{Logged, Table};
use super::{SESSIONS, ask, told};

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
