//! `portreeve-host plan` says what the daemon then does, and does nothing.

use std::io::Write;
use std::process::{Command, Stdio};

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::control::FromBastion;
use portreeve_sudo_policy::STARTER_BUNDLE;
use serde_json::Value;

use crate::ca::{Ca, Pass};
use crate::host::{Host, PROGRAM, assert_as_before, sh, snapshot};
use crate::{open, sandbox};

/// `portreeve-host plan` with the order on its standard input: exit status and output.
fn plan(pass: &Pass, arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(PROGRAM)
        .arg("plan")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let message = FromBastion::Order {
        order: pass.signed.clone(),
        bundle: pass.bundle.clone(),
    };
    let mut input = child.stdin.take().unwrap();
    // Without an order nobody reads this.
    let _ = input.write_all(&serde_json::to_vec(&message).unwrap());
    drop(input);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

fn state() -> String {
    sh("cd /var/lib/portreeve && find . -type f | sort | xargs sha256sum")
}

#[test]
fn what_would_be_done_is_shown_and_then_done() {
    let name = "preview::what_would_be_done_is_shown_and_then_done";
    sandbox::run(name, || {
        let ca = Ca::new();
        let pass = ca.pass(STARTER_BUNDLE, 300);
        assert_eq!(plan(&pass, &["-"]).0, Some(3), "not enrolled");
        let mut host = Host::start(&ca);
        let (before, unused) = (snapshot(), state());

        host.kill_daemon();
        let (exit, shown) = plan(&pass, &["-", "--json"]);
        assert_eq!(exit, Some(0), "{shown}");
        let shown: Value = serde_json::from_str(&shown).unwrap();
        sh("echo 'name = \"x\"' >/root/other.toml");
        let (exit, text) = plan(&pass, &["-", "--bundle", "/root/other.toml"]);
        assert_eq!(exit, Some(1));
        assert!(text.contains("the order names another"), "{text}");
        std::fs::write("/root/bundle.toml", STARTER_BUNDLE).unwrap();
        let (exit, text) = plan(&pass, &["--bundle", "/root/bundle.toml"]);
        assert_eq!(exit, Some(0), "{text}");
        assert!(text.contains("the session is made up"), "{text}");
        assert_as_before(&before);
        assert_eq!(state(), unused, "looking takes no UID");

        host.restart_daemon();
        let (mut control, attestation) = open(&pass, &host);
        let made = attestation.verify(&host.identity).unwrap().into_inner();
        assert_eq!(shown["account"], made.account.as_str());
        assert_eq!(shown["uid"], made.uid);
        let what: Vec<_> = shown["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["what"].as_str().unwrap().to_owned())
            .collect();
        assert!(what[0].starts_with(&made.cgroup), "{what:?}");
        assert_eq!(what[3], made.home);
        assert!(
            what[4].ends_with(&made.rules_digest.to_string()),
            "{what:?}"
        );

        let (exit, text) = plan(&pass, &["-"]);
        assert_eq!(exit, Some(1), "obeyed already");
        assert!(text.contains("no  unseen"), "{text}");
        assert!(text.contains("no  free"), "{text}");
        control.end(EndCause::Asked);
        assert_as_before(&before);
    });
}
