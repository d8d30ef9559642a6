//! What is forbidden and what does not exist: one answer, byte for byte, apart from the ids in it.

use serde_json::{Value, json};

use super::draft::{id_token, key, public};
use super::https::{Answer, Request};
use super::site::{Site, idp_key, turn};
use super::table::{Logged, Table};

const SESSIONS: &str = "/v1/sessions";

/// A rule under which nobody reaches a host with this label.
const VAULT: &str = r#"
@id("vaults-stay-closed")
forbid (principal, action == Portreeve::Action::"delegate", resource)
when { resource.labels.contains("vault") };
"#;

/// A pair's token for this human.
fn pair_of(site: &Site, name: &str, groups: &[&str]) -> String {
    let mut form = site.exchange();
    form[3].1 = id_token(name, groups).sign(&idp_key());
    let answer = site
        .https
        .send(&Request::new("POST", "/oauth2/token").form(&form));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text("access_token")
}

fn ask(site: &Site, token: &str, host: &str, bundle: &str) -> Answer {
    let body = json!({
        "host": host, "ticket": "INC-4711", "purpose": "find the reverse shell",
        "bundle": bundle, "key": public(&key(40)),
    });
    site.https
        .send(&site.pair(token, "POST", SESSIONS).json(&body))
}

/// Everything of an answer but the ids of this one answer and its moment.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let own = ["x-request-id", "date"];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    let event = answer.text("event");
    let body = answer.body.replace(&event, "<event>");
    (answer.status, headers.cloned().collect(), body)
}

#[test]
fn unknown_and_forbidden_are_the_same_bytes() {
    let site = turn();
    let host = json!({ "host": "vault-1", "address": "198.51.100.97:22", "labels": ["vault"] });
    assert_eq!(site.as_lead("POST", "/v1/hosts", &host).status, 201);
    let write = "name = \"restart-web\"\ndescription = \"x\"\nintent = \"write\"\n\n[[command]]\npath = \"/usr/bin/systemctl\"\nargs = [\"restart\", \"web.service\"]\n\n[[expect]]\nrefuse = [\"systemctl\", \"stop\", \"web.service\"]\n";
    let published = site.as_lead("PUT", "/v1/bundles", &json!({ "text": write }));
    assert_eq!(published.status, 200, "{published:?}");
    let policy = site
        .https
        .send(&site.lead("GET", "/v1/policy"))
        .text("text");
    let put = |text: &str| {
        let answer = site.as_lead("PUT", "/v1/policy", &json!({ "text": text }));
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    put(&format!("{policy}{VAULT}"));

    let alice = pair_of(&site, "alice", &["soc"]);
    let mallory = pair_of(&site, "mallory", &["sales"]);
    let bob = pair_of(&site, "bob", &["soc"]);
    let bobs = ask(&site, &bob, "prod", "forensic-read-only").text("session");
    assert!(!bobs.is_empty());
    let looks = ["forensic-read-only", "no-such-bundle"];
    let absent = "019a0000-0000-7000-8000-000000000000".to_owned();
    let as_pair =
        |token: &str, method, path: String| site.https.send(&site.pair(token, method, &path));
    let kill = |id: &str| {
        let path = format!("{SESSIONS}/{id}/kill");
        let request = site.pair(&alice, "POST", &path);
        site.https.send(&request.json(&json!({ "reason": "x" })))
    };
    let as_alice = |request: Request| {
        let token = id_token("alice", &["soc"]).sign(&idp_key());
        site.https.send(&request.bearer(&token))
    };
    let post = |path: &str| Request::new("POST", path);
    let withdrawal = json!({ "reason": "x", "sessions": "end" });
    let rows: Vec<(&str, Answer, Answer)> = vec![
        (
            "a host",
            ask(&site, &alice, "vault-1", looks[0]),
            ask(&site, &alice, "vault-2", looks[0]),
        ),
        (
            "a host, to somebody who may nothing",
            ask(&site, &mallory, "prod", looks[0]),
            ask(&site, &mallory, "nowhere", looks[0]),
        ),
        (
            "a bundle",
            ask(&site, &alice, "prod", "restart-web"),
            ask(&site, &alice, "prod", looks[1]),
        ),
        (
            "a host and a bundle",
            ask(&site, &mallory, "prod", looks[0]),
            ask(&site, &mallory, "nowhere", looks[1]),
        ),
        (
            "a session to see",
            as_pair(&alice, "GET", format!("{SESSIONS}/{bobs}")),
            as_pair(&alice, "GET", format!("{SESSIONS}/{absent}")),
        ),
        ("a session to kill", kill(&bobs), kill(&absent)),
        (
            "a trail",
            as_pair(&alice, "GET", format!("{SESSIONS}/{bobs}/trail")),
            as_pair(&alice, "GET", format!("{SESSIONS}/{absent}/trail")),
        ),
        (
            "a session, to a person",
            as_alice(Request::new("GET", &format!("{SESSIONS}/{bobs}"))),
            as_alice(Request::new("GET", &format!("{SESSIONS}/{absent}"))),
        ),
        (
            "an agent, to a person",
            as_alice(post("/v1/agents/soc/forensics/disable")),
            as_alice(post("/v1/agents/soc/nobody/disable")),
        ),
        (
            "an agent to enable, to a person",
            as_alice(post("/v1/agents/soc/forensics/enable")),
            as_alice(post("/v1/agents/soc/nobody/enable")),
        ),
        (
            "a bundle, to a person",
            as_alice(Request::new("GET", "/v1/bundles/restart-web")),
            as_alice(Request::new("GET", "/v1/bundles/no-such-bundle")),
        ),
        (
            "a bundle's history, to a person",
            as_alice(Request::new("GET", "/v1/bundles/restart-web/history")),
            as_alice(Request::new("GET", "/v1/bundles/no-such-bundle/history")),
        ),
        (
            "a bundle to withdraw, to a person",
            as_alice(post("/v1/bundles/restart-web/withdraw").json(&withdrawal)),
            as_alice(post("/v1/bundles/no-such-bundle/withdraw").json(&withdrawal)),
        ),
    ];
    let mut table = Table::new(&site, "unknown and forbidden");
    let first = seen(&rows[0].1);
    for (name, forbidden, unknown) in rows {
        let (status, ..) = seen(&forbidden);
        table.row(name, &seen(&forbidden), &seen(&unknown), Logged::Any);
        table.demand(name, status == 403, &forbidden);
        table.demand(name, seen(&forbidden) == first, &forbidden);
        for answer in [forbidden, unknown] {
            table.demand(name, !answer.text("event").is_empty(), "no event is named");
        }
    }
    put(&policy);
    table.done();
}

#[test]
fn the_log_tells_forbidden_from_unknown() {
    let site = turn();
    let mallory = pair_of(&site, "mallory", &["sales"]);
    let alice = pair_of(&site, "alice", &["soc"]);
    let former = "name = \"looks-no-more\"\ndescription = \"x\"\nintent = \"read-only\"\n\n[[command]]\npath = \"/usr/bin/uptime\"\nargs = []\n\n[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n";
    let published = site.as_lead("PUT", "/v1/bundles", &json!({ "text": former }));
    assert_eq!(published.status, 200, "{published:?}");
    let withdrawal = json!({ "reason": "x", "sessions": "end" });
    let path = "/v1/bundles/looks-no-more/withdraw";
    let withdrawn = site.as_lead("POST", path, &withdrawal);
    assert_eq!(withdrawn.status, 200, "{withdrawn:?}");
    let told = |answer: &Answer| (answer.status, answer.text("code"));
    let expected = (403, "not_permitted".to_owned());
    let mut table = Table::new(&site, "refused sessions");
    let rows: Vec<(&str, Value, &str)> = vec![
        (
            "a human who may not",
            json!([mallory, "prod", "forensic-read-only"]),
            "no policy permits it",
        ),
        (
            "a host that is not there",
            json!([alice, "nowhere", "forensic-read-only"]),
            "there is no such host",
        ),
        (
            "a bundle that is not there",
            json!([alice, "prod", "no-such-bundle"]),
            "there is no such bundle; no policy permits it",
        ),
        (
            "a bundle that was withdrawn",
            json!([alice, "prod", "looks-no-more"]),
            "every version of the bundle was withdrawn; no policy permits it",
        ),
        (
            "neither a host nor a human who may",
            json!([mallory, "nowhere", "forensic-read-only"]),
            "there is no such host; no policy permits it",
        ),
    ];
    for (name, asked, why) in rows {
        let part = |index: usize| asked[index].as_str().unwrap();
        let answer = ask(&site, part(0), part(1), part(2));
        table.row(
            name,
            &told(&answer),
            &expected,
            Logged::Event("session_refused", why),
        );
    }
    table.done();
}
