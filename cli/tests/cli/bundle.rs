//! `portreeve bundle`: what authors do offline, and what administrators ask of the CA.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use portreeve_protocol::digest::Digest;
use serde_json::{Value, json};

use crate::program::User;
use crate::web::{self, Request};

const LOOK: &str = r#"name = "look"
description = "Looks."
intent = "read-only"

[[command]]
path = "/usr/bin/ss"
args_any_of = [["-tnp"], ["-tlnp"]]

[[command]]
path = "/usr/bin/lsof"
args_pattern = "^-nP -p <pid>$"

[[expect]]
allow = ["ss", "-tnp"]

[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;

fn file(user: &User, name: &str, text: &str) -> String {
    let path: PathBuf = user.home().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

#[test]
fn a_command_line_is_allowed_or_not_by_the_exit_code() {
    let user = User::new();
    let look = file(&user, "look.toml", LOOK);
    for (args, code, says) in [
        (&["--", "ss", "-tnp"][..], 0, "look.toml:5"),
        (&["-u", "root", "--", "/usr/bin/ss", "-tlnp"], 0, "allowed"),
        (&["--", "lsof", "-nP", "-p", "12"], 0, "allowed"),
        (&["--", "lsof", "-nP", "-p", "0"], 1, "refused"),
        (&["-u", "nobody", "--", "ss", "-tnp"], 1, "nobody"),
        (&["-g", "adm", "--", "ss", "-tnp"], 1, "refused"),
        (&["--", "cat", "/etc/shadow"], 1, "no rule"),
    ] {
        let args: Vec<&str> = ["bundle", "can", &look]
            .iter()
            .chain(args)
            .copied()
            .collect();
        let said = user.run(&args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.out.contains(says), "{args:?}: {said:?}");
    }
    for wrong in [&["-u", "ALL"][..], &["-g", "#0"], &["--sudo", "doas 1"]] {
        let args: Vec<&str> = ["bundle", "can", &look]
            .iter()
            .chain(wrong)
            .chain(&["--", "ss"])
            .copied()
            .collect();
        assert_eq!(user.run(&args).code, 2, "{args:?}");
    }
}

#[test]
fn expectations_that_fail_have_a_line_each_and_a_count() {
    let user = User::new();
    let good = file(&user, "look.toml", LOOK);
    let said = user.run(&["bundle", "test", &good]).ok();
    assert_eq!(said.out, "2 expectations, 0 failed\n");
    let wrong = LOOK.replace("allow = [\"ss\", \"-tnp\"]", "allow = [\"ss\", \"-K\"]");
    let wrong = file(&user, "wrong.toml", &wrong);
    let said = user.run(&["bundle", "test", &good, &wrong]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(
        said.out.starts_with(&format!(
            "{wrong}:13: expected to allow: `ss -K` is refused"
        )),
        "{said:?}"
    );
    assert!(said.out.ends_with("4 expectations, 1 failed\n"), "{said:?}");
    let said = user.run(&["--json", "bundle", "test", &good, &wrong]);
    let rows = said.json();
    let failing: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["holds"] == false)
        .collect();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0]["line"], 13);

    let including = "name = \"team\"\ndescription = \"More.\"\nintent = \"read-only\"\ninclude = [\"look\"]\n\n\
                     [[expect]]\nallow = [\"id\"]\n";
    let including = file(&user, "team.toml", including);
    let said = user.run(&["bundle", "test", &including]);
    assert!(
        said.out
            .starts_with(&format!("{including}:6: expected to allow")),
        "{said:?}"
    );
}

#[test]
fn a_difference_is_told_in_command_lines_with_the_exit_codes_of_diff() {
    let user = User::new();
    let before = file(&user, "look.toml", LOOK);
    let same = file(&user, "same.toml", &format!("# again\n{LOOK}"));
    let wider = LOOK.replace("[\"-tlnp\"]]", "[\"-tlnp\"], [\"-s\"]]");
    let wider = file(&user, "wider.toml", &wider);
    let said = user.run(&["bundle", "diff", &before, &same]).ok();
    assert!(said.out.starts_with("same"), "{said:?}");
    let said = user.run(&["bundle", "diff", &before, &wider]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("  + /usr/bin/ss -s\n"), "{said:?}");
    assert!(said.out.ends_with("widens: more is allowed\n"), "{said:?}");
    let said = user.run(&["--json", "bundle", "diff", &wider, &before]);
    assert_eq!(said.json()["verdict"], "narrows");
    assert_eq!(
        said.json()["changes"][0]["command_lines"],
        json!(["/usr/bin/ss -s"])
    );
    for trouble in [
        &["bundle", "diff", &before, "/nonexistent.toml"][..],
        &["bundle", "diff", &before, "published"],
        &["bundle", "diff", &before],
    ] {
        let said = user.run(trouble);
        assert_eq!(said.code, 2, "{trouble:?}: {said:?}");
        assert_eq!(said.out, "");
    }
}

#[test]
fn what_a_bundle_includes_lies_beside_it() {
    let user = User::new();
    file(&user, "look.toml", LOOK);
    let more = "name = \"more\"\ndescription = \"x\"\nintent = \"read-only\"\ninclude = [\"look\"]\n\n[[command]]\npath = \"/usr/bin/uptime\"\n";
    let more = file(&user, "more.toml", more);
    let said = user.run(&["bundle", "link", &more]).ok();
    assert!(
        said.out.contains("/usr/bin/ss") && said.out.contains("/usr/bin/uptime"),
        "{said:?}"
    );
    user.run(&["bundle", "can", &more, "--", "ss", "-tnp"]).ok();
    let linked = file(&user, "linked.toml", &said.out);
    user.run(&["bundle", "diff", &more, &linked]).ok();
    let answer = user.run(&["--json", "bundle", "link", &more]).ok().json();
    assert_eq!(answer["digest"], digest(&said.out));
    let lonely = file(
        &user,
        "lonely.toml",
        "name = \"lonely\"\ndescription = \"x\"\nintent = \"write\"\ninclude = [\"absent\"]\n",
    );
    assert_eq!(user.run(&["bundle", "link", &lonely]).code, 7);
}

#[test]
fn the_schema_is_json() {
    let said = User::new().run(&["bundle", "schema"]).ok();
    assert!(said.json()["$schema"].is_string());
}

/// A CA that has two versions of a bundle, and remembers what it was asked.
struct Ca {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Ca {
    fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::<Request>::new()));
        let record = Arc::clone(&seen);
        let url = web::serve(move |request| {
            record.lock().unwrap().push(request.clone());
            let (status, body) = answer(request);
            let kind = if status == 200 {
                "application/json"
            } else {
                "application/problem+json"
            };
            (status, kind, body.to_string())
        });
        Self { url, seen }
    }

    fn person(&self) -> User {
        use std::os::unix::fs::PermissionsExt as _;
        let user = User::new();
        let token = file(&user, "id_token", &crate::ca::id_token());
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        user.set("PORTREEVE_CA", &self.url)
            .set("PORTREEVE_ID_TOKEN_FILE", &token)
    }

    fn last(&self) -> Request {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn record(text: &str) -> Value {
    json!({
        "name": "look", "digest": digest(text), "published_at": "2026-01-01T00:00:00Z",
        "published_by": "ingrid@example.com", "message": "first", "in_force": true,
        "withdrawn": null, "text": text,
    })
}

fn answer(request: &Request) -> (u16, Value) {
    let (old, new) = (digest(LOOK), digest("new"));
    let change = |act: &str, digest: &str, in_force: Option<&str>| {
        json!({
            "act": act, "digest": digest, "at": "2026-01-02T00:00:00Z", "by": "ingrid@example.com",
            "message": "because", "in_force": in_force,
        })
    };
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/v1/bundles/look/history") => (
            200,
            json!({ "items": [
                change("withdrawn", &new, None),
                change("published", &new, Some(&new)),
                change("published", &old, Some(&old)),
            ] }),
        ),
        ("GET", path) if path == format!("/v1/bundles/look/versions/{old}") => (200, record(LOOK)),
        ("GET", path) if path == format!("/v1/bundles/look/versions/{new}") => {
            let mut other = record("something else");
            other["digest"] = json!(new);
            (200, other)
        }
        ("PUT", "/v1/bundles") => {
            let mut published = record(LOOK);
            published["outcome"] = json!("unchanged");
            published["warnings"] = json!([]);
            (200, published)
        }
        ("POST", "/v1/bundles/look/withdraw") => (
            200,
            json!({ "bundle": record(LOOK), "in_force": null, "ended": 2, "spared": 0 }),
        ),
        _ => (
            403,
            json!({
                "type": "urn:portreeve:problem:not_permitted", "title": "not permitted, or no such thing",
                "status": 403, "code": "not_permitted",
            }),
        ),
    }
}

#[test]
fn a_version_is_named_by_the_beginning_of_its_digest() {
    let ca = Ca::start();
    let user = ca.person();
    let old = digest(LOOK);
    let start = old
        .trim_start_matches("sha256:")
        .get(..12)
        .unwrap()
        .to_owned();
    let said = user.run(&["bundle", "show", &format!("look@{start}")]).ok();
    assert_eq!(said.out, LOOK);
    user.run(&["bundle", "can", &format!("look@{old}"), "--", "ss", "-tnp"])
        .ok();
    assert_eq!(user.run(&["bundle", "show", "look@00000000"]).code, 3);
    assert_eq!(user.run(&["bundle", "show", "look@0000"]).code, 2);
    let none = user.run(&["bundle", "show", "look"]);
    assert_eq!(none.code, 3);
    assert!(none.err.contains("bundle history look"), "{none:?}");
    // The digest names the bytes: other bytes are no version of it.
    let other = format!("look@{}", digest("new"));
    assert_eq!(user.run(&["bundle", "can", &other, "--", "ss"]).code, 7);
}

#[test]
fn a_history_says_who_did_what_to_which_version() {
    let ca = Ca::start();
    let said = ca.person().run(&["bundle", "history", "look"]).ok();
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{said:?}");
    assert!(
        lines[1].contains("WITHDRAWN") && lines[1].contains("none"),
        "{said:?}"
    );
    assert!(
        lines[3].contains(&digest(LOOK)) && lines[3].contains("because"),
        "{said:?}"
    );
}

#[test]
fn publishing_sends_the_linked_text_with_a_message_and_says_what_changed() {
    let ca = Ca::start();
    let user = ca.person();
    let look = file(&user, "look.toml", LOOK);
    let said = user
        .run(&["bundle", "publish", &look, "--message", "no change"])
        .ok();
    assert!(said.out.starts_with("nothing changed: `look`"), "{said:?}");
    let sent: Value = serde_json::from_str(&ca.last().body).unwrap();
    assert_eq!(sent, json!({ "text": LOOK, "message": "no change" }));
    let wrong = LOOK.replace("allow = [\"ss\", \"-tnp\"]", "allow = [\"ss\", \"-K\"]");
    let wrong = file(&user, "wrong.toml", &wrong);
    let before = ca.seen.lock().unwrap().len();
    assert_eq!(user.run(&["bundle", "publish", &wrong]).code, 7);
    assert_eq!(ca.seen.lock().unwrap().len(), before, "nothing is sent");
}

#[test]
fn a_withdrawal_says_what_becomes_of_sessions() {
    let ca = Ca::start();
    let user = ca.person();
    for incomplete in [
        &["bundle", "withdraw", "look", "--reason", "x"][..],
        &["bundle", "withdraw", "look", "--end-sessions"],
        &[
            "bundle",
            "withdraw",
            "look",
            "--reason",
            "x",
            "--end-sessions",
            "--spare-sessions",
        ],
    ] {
        assert_eq!(user.run(incomplete).code, 2, "{incomplete:?}");
    }
    let old = digest(LOOK);
    let start = old.get(..20).unwrap();
    let said = user
        .run(&[
            "bundle",
            "withdraw",
            "look",
            "--reason",
            "too wide",
            "--end-sessions",
            "--fall-back-to",
            start,
        ])
        .ok();
    assert!(said.out.contains("2 sessions are being ended"), "{said:?}");
    assert!(
        said.out.contains("no version of `look` is in force"),
        "{said:?}"
    );
    let sent: Value = serde_json::from_str(&ca.last().body).unwrap();
    assert_eq!(
        sent,
        json!({ "reason": "too wide", "sessions": "end", "fall_back_to": old })
    );
}
