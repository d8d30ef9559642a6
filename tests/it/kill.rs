//! Killing a session ends everything that it started on the host, whatever that became.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_tests::installation::{HOST, Installation, Story, Wish, traces};
use portreeve_tests::until;

const PATIENCE: Duration = Duration::from_secs(10);

/// Becomes root through sudo, forks twice, leaves its terminal, its parent and its name behind, and shrugs at signals.
const ESCAPE: &str = r#"#!/bin/bash
setsid bash -c '
    trap "" TERM HUP INT QUIT
    ( exec -a escaped-root bash -c "trap \"\" TERM HUP INT QUIT; while :; do sleep 3600; done" ) </dev/null >/dev/null 2>&1 &
' </dev/null >/dev/null 2>&1
"#;

const BUNDLE: &str = r#"
name = "escape"
description = "Lets a test leave a process of root behind."
intent = "write"

[[command]]
path = "/usr/local/bin/escape"
noexec = false
reason = "the test wants to see that a process of root does not outlive its session"
"#;

/// Like the starter policy where it matters here, and without its care for intents.
const POLICY: &str = r#"
@id("anybody")
permit (principal, action, resource);
"#;

#[test]
fn a_killed_session_leaves_no_process_not_even_a_detached_one_of_root() {
    let site = Installation::new().unwrap();
    let (prod, agent) = (site.lab().host(HOST), site.agent());
    prod.write("/usr/local/bin/escape", ESCAPE, 0o755).unwrap();
    publish(&site);
    site.sign_in("alice").unwrap();

    let wish = Wish {
        bundle: "escape",
        ..Wish::default()
    };
    let session = agent.start_session(&wish).unwrap();
    let run = |argv: &[&str]| {
        agent
            .exec(session.session, argv)
            .run()
            .unwrap()
            .ok()
            .unwrap()
    };
    run(&["sudo", "/usr/local/bin/escape"]);
    // A process of the account's own that left its login behind.
    run(&[
        "sh",
        "-c",
        "setsid sh -c 'trap \"\" TERM HUP; sleep 3601' </dev/null >/dev/null 2>&1 & exit",
    ]);
    let account = prod.user(session.account.as_str()).unwrap();
    let escaped = || {
        let all = prod.processes().unwrap();
        let ours = all.into_iter().filter(|process| {
            process.uid == account.uid
                || process
                    .argv
                    .iter()
                    .any(|arg| arg.contains("escaped-root") || arg == "3600" || arg == "3601")
        });
        ours.collect::<Vec<_>>()
    };
    until("both processes to run", PATIENCE, || {
        let running = escaped();
        let of_root = running.iter().any(|process| process.uid == 0);
        let own = running
            .iter()
            .any(|process| process.argv == ["sleep", "3601"]);
        Ok((of_root && own).then_some(()))
    })
    .unwrap();

    let mut waiting = agent
        .exec(session.session, &["sleep", "3602"])
        .spawn("waiting")
        .unwrap();
    until("the command to run", PATIENCE, || {
        Ok(prod
            .processes_of(account.uid)?
            .iter()
            .any(|process| process.argv == ["sleep", "3602"])
            .then_some(()))
    })
    .unwrap();
    let alice = &site.person("alice").unwrap().account;
    let id = session.session.to_string();
    alice
        .portreeve(["session", "kill", &id, "--reason", "seen enough"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    until("the last process to die", PATIENCE, || {
        Ok(escaped().is_empty().then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {:#?}", escaped()));
    until("the account to go", PATIENCE, || {
        Ok(traces(prod, session.account.as_str(), account.uid)?
            .is_empty()
            .then_some(()))
    })
    .unwrap();

    let status = waiting.wait(PATIENCE).unwrap();
    assert_eq!(status.code(), Some(125), "{}", waiting.log().unwrap());
    assert!(
        waiting.log().unwrap().contains("seen enough"),
        "{}",
        waiting.log().unwrap()
    );
    let story = until("the end of the trail", PATIENCE, || {
        let story = Story::of(&agent.trail(session.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap();
    assert_eq!(story.closed(), Some((EndCause::Killed, true)));
    let receipt = story.receipt().unwrap();
    assert!(
        receipt.killed.iter().any(|killed| killed.uid == 0),
        "{:?}",
        receipt.killed
    );
    assert_eq!(receipt.left, Vec::<String>::new());
}

fn publish(site: &Installation) {
    let administrator = &site.person("carol").unwrap().account;
    let files = [
        ("policy", "policy.cedar", POLICY),
        ("bundle", "escape.toml", BUNDLE),
    ];
    for (kind, file, text) in files {
        let path = format!("{}/{file}", administrator.home());
        administrator.write(&path, text.as_bytes()).unwrap();
        administrator
            .portreeve([kind, "publish", &path])
            .run()
            .unwrap()
            .ok()
            .unwrap();
    }
}
