//! Requests about versions of bundles that cannot be done: nothing is withdrawn, and what was asked stands
//! in the log.

use portreeve_protocol::digest::Digest;
use serde_json::{Value, json};

use super::draft::id_token;
use super::https::Request;
use super::site::{Site, idp_key, turn};
use super::table::{Logged, Table};

const NAME: &str = "withdrawn-in-a-test";

fn text(comment: &str) -> String {
    format!(
        "# {comment}\nname = \"{NAME}\"\ndescription = \"x\"\nintent = \"read-only\"\n\n[[command]]\npath = \"/usr/bin/uptime\"\n\n[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n"
    )
}

fn publish(site: &Site, body: &Value) -> (u16, String) {
    let answer = site.as_lead("PUT", "/v1/bundles", body);
    (answer.status, answer.text("code"))
}

/// What is in force, and what was done.
fn standing(site: &Site) -> (String, String) {
    let of = |path: &str| site.https.send(&site.lead("GET", path)).body;
    (
        of(&format!("/v1/bundles/{NAME}")),
        of(&format!("/v1/bundles/{NAME}/history")),
    )
}

#[test]
fn what_cannot_be_withdrawn_stays_in_force() {
    let site = turn();
    let [old, void, current] = ["old", "void", "current"].map(|comment| {
        assert_eq!(publish(&site, &json!({ "text": text(comment) })).0, 200);
        Digest::of(text(comment).as_bytes()).to_string()
    });
    let good = json!({ "reason": "a test", "sessions": "spare" });
    let with = |fields: Value| {
        let mut body = good.clone();
        for (name, value) in fields.as_object().unwrap() {
            body[name.as_str()] = value.clone();
        }
        body
    };
    let path = format!("/v1/bundles/{NAME}/withdraw");
    let voided = site.as_lead("POST", &path, &with(json!({ "digest": void })));
    assert_eq!(voided.status, 200, "{voided:?}");

    let mut table = Table::new(&site, "withdrawals");
    let before = standing(&site);
    let other = Digest::of(b"x").to_string();
    let refused = |why: &'static str| Logged::Event("act", why);
    let rows: Vec<(&str, Value, u16, &str, Logged)> = vec![
        (
            "no reason",
            json!({ "sessions": "end" }),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "nothing about sessions",
            json!({ "reason": "x" }),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "a third way with sessions",
            with(json!({ "sessions": "ask" })),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "a reason of two lines",
            with(json!({ "reason": "x\ny" })),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "no digest",
            with(json!({ "digest": "sha256:00" })),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "a field too many",
            with(json!({ "force": true })),
            400,
            "malformed",
            Logged::Nothing,
        ),
        (
            "a version that is not there",
            with(json!({ "digest": other })),
            403,
            "not_permitted",
            refused("not withdrawn: there is no such version"),
        ),
        (
            "to fall back to nothing",
            with(json!({ "fall_back_to": other })),
            422,
            "invalid",
            refused("not withdrawn: the bundle has no such version"),
        ),
        (
            "to fall back to itself",
            with(json!({ "fall_back_to": current })),
            422,
            "invalid",
            refused("not withdrawn: a version cannot take its own place"),
        ),
        (
            "to fall back to what was withdrawn",
            with(json!({ "fall_back_to": void })),
            422,
            "invalid",
            refused("not withdrawn: the version to fall back to was withdrawn"),
        ),
        (
            "to fall back from what is not in force",
            with(json!({ "digest": old, "fall_back_to": current })),
            422,
            "invalid",
            refused("not withdrawn: the version is not in force"),
        ),
        (
            "to fall back from what was withdrawn",
            with(json!({ "digest": void, "fall_back_to": old })),
            422,
            "invalid",
            refused("not withdrawn: this version was withdrawn before"),
        ),
    ];
    for (name, body, status, code, logged) in rows {
        let answer = site.as_lead("POST", &path, &body);
        let told = (answer.status, answer.text("code"));
        table.row(name, &told, &(status, code.to_owned()), logged);
    }
    let again = publish(&site, &json!({ "text": text("void") }));
    table.row(
        "publishing what was withdrawn",
        &again,
        &(409, "conflict".to_owned()),
        refused("not published: this version was withdrawn"),
    );
    for (name, body) in [
        (
            "a message of two lines",
            json!({ "text": text("new"), "message": "a\nb" }),
        ),
        (
            "a message that is a list",
            json!({ "text": text("new"), "message": ["a"] }),
        ),
        ("no text", json!({ "message": "a" })),
    ] {
        let expected = (400, "malformed".to_owned());
        table.row(name, &publish(&site, &body), &expected, Logged::Nothing);
    }
    table.demand(
        "all of them",
        standing(&site) == before,
        "something was changed",
    );

    let alice = id_token("alice", &["soc"]).sign(&idp_key());
    let request = Request::new("POST", &path).bearer(&alice).json(&good);
    let answer = site.https.send(&request);
    let told = (answer.status, answer.text("code"), answer.text("detail"));
    let expected = (403, "not_permitted".to_owned(), String::new());
    let logged = refused("refused");
    table.row("by somebody who may not", &told, &expected, logged);
    for (name, path) in [
        (
            "a digest in the path that is none",
            format!("/v1/bundles/{NAME}/versions/latest"),
        ),
        (
            "a name that is none",
            "/v1/bundles/..%2fetc/history".to_owned(),
        ),
    ] {
        let answer = site.https.send(&site.lead("GET", &path));
        let told = (answer.status, answer.text("code"));
        let expected = (400, "malformed".to_owned());
        table.row(name, &told, &expected, Logged::Nothing);
    }
    table.demand(
        "all of them",
        standing(&site) == before,
        "something was changed",
    );
    table.done();
}
