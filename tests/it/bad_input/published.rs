//! Bundles and policies with errors: all of them at once, each with its place, and none comes into force.

use std::fmt::Write as _;

use portreeve_protocol::digest::Digest;
use portreeve_tests::installation::Account;
use serde_json::{Value, json};

use super::site::{Site, turn};
use super::table::{Logged, Table};

/// Nine errors in sixteen lines.
const BUNDLE: &str = r#"name = "Bad Name"
description = 7
intent = "destroy"
colour = "red"

[[command]]
path = "usr/bin/ss"
args = [["-t"], 5]
reason = "x"

[[command]]
path = "/usr/bin/cat"
arguments = "any"

[[expect]]
allow = "ls"
"#;

const POLICY: &str = r#"@id("first")
permit (principal, action == Portreeve::Action::"nothing", resource);

@id("second")
permit (principal, action == Portreeve::Action::"start", resource)
when { context.colour == "red" };
"#;

fn bundle(command: &str) -> String {
    format!("name = \"made-up\"\ndescription = \"x\"\nintent = \"read-only\"\n\n{command}")
}

/// The version of a bundle that is called so.
fn made_up(text: &str) -> String {
    format!("made-up@{}", Digest::of(text.as_bytes()))
}

fn commands(count: usize) -> String {
    let mut text = bundle("");
    for number in 0..count {
        // A short line each, so that it is their number which is too large and not the file.
        let _ = write!(text, "[[command]]\npath=\"/usr/bin/p{number}\"\n");
    }
    text
}

/// What the CA answers to a bundle, or to a policy: status, code.
fn publish(site: &Site, path: &str, text: &str) -> (u16, String, String) {
    let answer = site.as_lead("PUT", path, &json!({ "text": text }));
    (answer.status, answer.text("code"), answer.text("detail"))
}

#[test]
fn a_bundle_with_errors_is_not_published() {
    let site = turn();
    let rows: Vec<(&str, String, Vec<&str>)> = vec![
        (
            "many errors",
            BUNDLE.to_owned(),
            vec![
                "1:8", "2:15", "3:10", "4:1", "7:8", "8:9", "8:17", "13:1", "16:9",
            ],
        ),
        (
            "no TOML",
            "name = \"a\n[[".to_owned(),
            vec!["1:10", "2:3", "not TOML"],
        ),
        (
            "nothing",
            String::new(),
            vec!["name", "description", "intent"],
        ),
        ("JSON", "{}".to_owned(), vec!["1:1"]),
        ("a field twice", bundle("name = \"again\""), vec!["5:1"]),
        (
            "a wildcard",
            bundle("[[command]]\npath = \"/usr/bin/*\"\n"),
            vec!["6:8"],
        ),
        (
            "a relative path",
            bundle("[[command]]\npath = \"../bin/sh\"\n"),
            vec!["6:8"],
        ),
        (
            "a shell",
            bundle("[[command]]\npath = \"/bin/bash\"\nargs = \"any\"\nreason = \"x\"\n"),
            vec!["6:8"],
        ),
        (
            "a negation",
            bundle("[[command]]\npath = \"!/usr/bin/su\"\n"),
            vec!["6:8"],
        ),
        (
            "a line of sudoers in an argument",
            bundle("[[command]]\npath = \"/usr/bin/ss\"\nargs = [\"-t\\nroot ALL=(ALL) ALL\"]\n"),
            vec!["7:9"],
        ),
        (
            "an expectation that does not hold",
            bundle(
                "[[command]]\npath = \"/usr/bin/ss\"\n\n[[expect]]\nallow = [\"cat\", \"/etc/shadow\"]\n",
            ),
            vec!["8:1"],
        ),
        (
            "an open pattern",
            bundle("[[command]]\npath = \"/usr/bin/cat\"\nargs_pattern = \"/var/log/.*\"\n"),
            vec!["7:16"],
        ),
        ("1,001 commands", commands(1001), vec!["1000"]),
        (
            "65 KiB",
            bundle(&format!("# {}", "x".repeat(65 * 1024))),
            vec!["65536"],
        ),
    ];
    let mut table = Table::new(&site, "bundles");
    let before = site.https.send(&site.lead("GET", "/v1/bundles")).body;
    for (name, text, places) in rows {
        let (status, code, detail) = publish(&site, "/v1/bundles", &text);
        // What the linter alone objects to is a bundle, and has a name and a digest.
        let target = if matches!(name, "a shell" | "an expectation that does not hold") {
            made_up(&text)
        } else {
            "bundles".to_owned()
        };
        let said = format!("manageBundles {target}: not published: it has errors");
        let logged = Logged::Event("act", said.leak());
        table.row(name, &(status, code), &(422, "invalid".to_owned()), logged);
        for place in places {
            table.demand(
                name,
                detail.contains(place),
                format!("`{place}` is not in: {detail}"),
            );
        }
    }
    let alice = super::draft::id_token("alice", &["soc"]).sign(&super::site::idp_key());
    let shell = bundle("[[command]]\npath = \"/bin/bash\"\nargs = \"any\"\nreason = \"x\"\n");
    for (name, text, target) in [
        ("by somebody who may not", BUNDLE, "bundles".to_owned()),
        // Decided before the linter looks, so this one has a name too.
        ("a shell, by somebody who may not", &shell, made_up(&shell)),
    ] {
        let request = super::https::Request::new("PUT", "/v1/bundles").bearer(&alice);
        let answer = site.https.send(&request.json(&json!({ "text": text })));
        let told = (answer.status, answer.text("code"), answer.text("detail"));
        let expected = (403, "not_permitted".to_owned(), String::new());
        let said = format!("manageBundles {target}: refused");
        table.row(name, &told, &expected, Logged::Event("act", said.leak()));
    }
    let after = site.https.send(&site.lead("GET", "/v1/bundles")).body;
    table.demand("all of them", before == after, "something was published");
    table.done();
}

#[test]
fn a_policy_with_errors_does_not_come_into_force() {
    let site = turn();
    let locked_out = r#"@id("nobody") forbid (principal, action, resource);"#;
    let erring = r#"@id("a") permit (principal, action == Portreeve::Action::"start", resource) when { 1 };"#;
    let rows: Vec<(&str, String, Vec<&str>)> = vec![
        (
            "two errors",
            POLICY.to_owned(),
            vec!["2:30", "6:8", "first", "second", "colour"],
        ),
        (
            "half a policy",
            "permit (principal,".to_owned(),
            vec!["1:19"],
        ),
        ("no Cedar", "allow all;".to_owned(), vec!["1:7"]),
        (
            "a condition that is no truth",
            erring.to_owned(),
            vec!["1:"],
        ),
        (
            "the same name twice",
            format!("{locked_out}\n{locked_out}"),
            vec!["nobody"],
        ),
        (
            "a policy under which nobody comes back",
            locked_out.to_owned(),
            vec!["managePolicy"],
        ),
        ("nothing", String::new(), vec!["managePolicy"]),
        (
            "2 MiB of brackets",
            format!(
                "@id(\"a\") permit (principal, action, resource) when {{ {} }};",
                "(".repeat(2_000_000)
            ),
            vec![""],
        ),
        (
            "50,000 negations",
            format!(
                "@id(\"a\") permit (principal, action, resource) when {{ {}true }};",
                "!".repeat(50_000)
            ),
            vec![""],
        ),
    ];
    let in_force = |site: &Site| {
        site.https
            .send(&site.lead("GET", "/v1/policy"))
            .text("version")
    };
    let before = in_force(&site);
    let mut table = Table::new(&site, "policies");
    for (name, text, places) in rows {
        let (status, code, detail) = publish(&site, "/v1/policy", &text);
        let logged = Logged::Event("act", "managePolicy policy: not published: it has errors");
        table.row(name, &(status, code), &(422, "invalid".to_owned()), logged);
        for place in places {
            table.demand(
                name,
                detail.contains(place),
                format!("`{place}` is not in: {detail}"),
            );
        }
    }
    table.demand(
        "all of them",
        in_force(&site) == before,
        "another policy is in force",
    );
    table.done();
}

#[test]
fn the_command_line_finds_the_same_errors_without_the_ca() {
    let site = turn();
    let account = &site.installation.person("carol").unwrap().account;
    let mut table = Table::new(&site, "checks at the command line");
    for (file, text, kind, places) in [
        (
            "bad.toml",
            BUNDLE,
            "bundle",
            vec![
                "1:8", "2:15", "3:10", "4:1", "7:8", "8:9", "8:17", "13:1", "16:9",
            ],
        ),
        ("bad.cedar", POLICY, "policy", vec!["2:30", "6:8"]),
    ] {
        account.write(file, text.as_bytes()).unwrap();
        let (code, said) = checked(account, &[kind, "check", file]);
        table.row(file, &code, &Some(7), Logged::Nothing);
        for place in &places {
            let wanted = format!("{file}:{place}");
            table.demand(
                file,
                said.contains(&wanted),
                format!("`{wanted}` is not in: {said}"),
            );
        }
        let (code, said) = checked(account, &["--json", kind, "check", file]);
        table.row("the same in JSON", &code, &Some(7), Logged::Nothing);
        let listed: Value = serde_json::from_str(&said).unwrap_or(Value::Null);
        let listed = if kind == "policy" {
            listed[0]["problems"].clone()
        } else {
            listed
        };
        for place in places {
            let placed = |problem: &Value| format!("{}:{}", problem["line"], problem["column"]);
            let mut problems = listed.as_array().into_iter().flatten();
            let found = problems.any(|problem| placed(problem) == place);
            table.demand(
                "the same in JSON",
                found,
                format!("`{place}` is not in: {listed}"),
            );
        }
    }
    table.done();
}

/// The exit code and everything that was said; with `--json`, the JSON.
fn checked(account: &Account, args: &[&str]) -> (Option<i32>, String) {
    let output = account.portreeve(args.iter().copied()).run().unwrap();
    let mut said = output.text();
    if args[0] != "--json" {
        said.push_str(&output.complaint());
    }
    (output.code(), said)
}
