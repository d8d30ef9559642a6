//! `exec` from the command line to a command's exit code and back.

use serde_json::json;

use crate::ca::{Behaviour, Ca};
use crate::program::User;
use crate::{bastion, keys};

#[test]
fn a_command_has_its_arguments_streams_and_exit_code() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let said = user.run_with_input(
        &[
            "exec",
            "--host",
            "prod-1",
            "--",
            "sh",
            "-c",
            "printf '%s|' \"$@\"; cat; echo oops >&2; exit 42",
            "sh",
            "a b",
            "",
            "it's",
            "$HOME",
            "*",
        ],
        b"input\n",
    );
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (42, "a b||it's|$HOME|*|input\n", "oops\n")
    );
    assert_eq!(
        ca.seen(),
        [
            "POST /oauth2/token",
            "POST /v1/sessions",
            "POST /v1/sessions/01890a5d-ac96-774b-8123-000000000001/kill"
        ],
        "the session is ended at once"
    );
}

#[test]
fn one_exchange_serves_many_commands() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    for _ in 0..2 {
        assert_eq!(
            user.run(&["exec", "--host", "prod-1", "--", "true"]).code,
            0
        );
    }
    let exchanges = ca
        .seen()
        .iter()
        .filter(|seen| seen.contains("token"))
        .count();
    assert_eq!((exchanges, ca.sessions()), (1, 2));
}

#[test]
fn a_kept_session_is_used_again_and_not_ended() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let started = user
        .run(&["--json", "session", "start", "--host", "prod-1"])
        .ok()
        .json();
    let session = started["session"].as_str().unwrap();
    for _ in 0..2 {
        let said = user
            .run(&["exec", "--session", session, "--", "echo", "hello"])
            .ok();
        assert_eq!(said.out, "hello\n");
    }
    assert_eq!(ca.sessions(), 1);
    assert!(!ca.seen().iter().any(|seen| seen.ends_with("/kill")));
    let folder = user.runtime().join(session);
    assert!(!folder.join("key").exists(), "no key on disk");

    user.run(&["session", "kill", session, "--reason", "enough"])
        .ok();
    let said = user.run(&["exec", "--session", session, "--", "true"]);
    assert_eq!(said.code, 125);
    assert!(said.err.contains("nothing is kept of it"), "{said:?}");
}

#[test]
fn a_key_on_disk_works_without_a_background_process() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let started = user
        .run(&[
            "session",
            "start",
            "--json",
            "--host",
            "prod-1",
            "--key-on-disk",
        ])
        .ok()
        .json();
    let session = started["session"].as_str().unwrap();
    assert!(user.runtime().join(session).join("key").exists());
    user.run(&["exec", "--session", session, "--", "true"]).ok();
}

#[test]
fn programs_get_everything_as_one_value() {
    let ca = Ca::granting(&bastion::trusted());
    let said = User::agent(&ca.url).run(&[
        "--json",
        "exec",
        "--host",
        "prod-1",
        "-c",
        "printf '\\377'; echo e >&2; exit 3",
    ]);
    assert_eq!(said.code, 3);
    let answer = said.json();
    assert_eq!(answer["exit_status"], 3);
    assert_eq!(answer["stdout_base64"], "/w==");
    assert_eq!(answer["stderr"], "e\n");
    assert_eq!(answer["host"], "prod-1");
}

#[test]
fn a_signal_is_told_as_a_shell_tells_it() {
    let ca = Ca::granting(&bastion::trusted());
    assert_eq!(
        User::agent(&ca.url)
            .run(&["exec", "--host", "prod-1", "--", "signal-me"])
            .code,
        137
    );
}

#[test]
fn large_streams_pass_whole_in_both_directions() {
    let ca = Ca::granting(&bastion::trusted());
    let input: Vec<u8> = (0..=255).cycle().take(12 * 1024 * 1024).collect();
    let said = User::agent(&ca.url)
        .run_with_input(&["exec", "--host", "prod-1", "--", "sha256sum"], &input);
    let digest = portreeve_protocol::digest::Digest::of(&input).hex();
    assert_eq!(said.out, format!("{digest}  -\n"), "{}", said.err);
    let said = User::agent(&ca.url).run(&[
        "exec",
        "--host",
        "prod-1",
        "--",
        "head",
        "-c",
        "12582912",
        "/dev/zero",
    ]);
    assert_eq!((said.code, said.out.len()), (0, 12_582_912));
}

#[test]
fn input_that_nobody_reads_does_not_keep_a_command_from_ending() {
    let ca = Ca::granting(&bastion::trusted());
    let input = vec![0; 16 * 1024 * 1024];
    let said = User::agent(&ca.url)
        .run_with_input(&["exec", "--host", "prod-1", "--", "sleep", "0.2"], &input);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_denial_is_told_and_is_not_the_commands_exit_code() {
    let problem = json!({
        "type": "urn:portreeve:problem:not_permitted", "title": "not permitted, or no such thing", "status": 403,
        "code": "not_permitted", "detail": "ask soc-leads for the bundle\u{9b}2J",
        "event": "01890a5d-ac96-774b-bcce-b302099a8057",
    });
    let ca = Ca::start(Behaviour {
        bastion: "192.0.2.1:22".into(),
        refusal: Some(problem),
        state: "open",
    });
    let user = User::agent(&ca.url);
    let said = user.run(&["exec", "--host", "prod-1", "--", "true"]);
    assert_eq!(said.code, 125);
    assert_eq!(
        said.err,
        "portreeve: no session on `prod-1`\n  \
         because: the CA answered: not permitted, or no such thing\n  code: not_permitted\n  \
         event: 01890a5d-ac96-774b-bcce-b302099a8057 (`portreeve log --event` has the reason)\n  \
         next: ask soc-leads for the bundle\\x9b2J\n"
    );
    let said = user.run(&["--json", "exec", "--host", "prod-1", "--", "true"]);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["exit"], 125);
    assert_eq!(error["error"]["kind"], "not_permitted");
    assert_eq!(user.run(&["session", "start", "--host", "prod-1"]).code, 3);
}

#[test]
fn a_pending_approval_is_not_a_hang() {
    let problem = json!({
        "type": "urn:portreeve:problem:pending_approval", "title": "a human must approve first", "status": 202,
        "code": "pending_approval",
    });
    let ca = Ca::start(Behaviour {
        bastion: "192.0.2.1:22".into(),
        refusal: Some(problem),
        state: "open",
    });
    assert_eq!(
        User::agent(&ca.url)
            .run(&["session", "start", "--host", "prod-1"])
            .code,
        5
    );
}

#[test]
fn whoever_is_not_the_bastion_gets_nothing() {
    for (certificate, why) in [
        (None, "no host certificate"),
        (
            Some(keys::host_certificate(
                "b2.bastion.portreeve",
                keys::HOST_CA,
            )),
            "for another name",
        ),
        (
            Some(keys::host_certificate("b1.bastion.portreeve", 13)),
            "not of the CA that was named",
        ),
    ] {
        let ca = Ca::granting(&bastion::start(certificate));
        let said = User::agent(&ca.url).run(&["exec", "--host", "prod-1", "--", "true"]);
        assert_eq!(said.code, 125);
        assert!(said.err.contains(why), "{why}: {said:?}");
    }
}

#[test]
fn what_the_bastion_says_at_the_end_is_told_safely() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let said = user.run(&["exec", "--host", "prod-1", "--", "kill-me"]);
    assert_eq!(said.code, 125);
    assert!(
        said.err.contains("the bastion said: killed by \\x1b[2Jbob"),
        "{said:?}"
    );
    let said = user.run(&["exec", "--host", "prod-1", "--", "refuse-me"]);
    assert_eq!(said.code, 125);
    assert!(said.err.contains("the command was refused"), "{said:?}");
}

#[test]
fn a_bastion_that_is_not_there_is_unavailable() {
    let ca = Ca::granting("127.0.0.1:1");
    let said = User::agent(&ca.url).run(&["--json", "exec", "--host", "prod-1", "--", "true"]);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"]["kind"], "unavailable");
}

#[test]
fn a_session_ends_when_its_command_is_interrupted() {
    let ca = Ca::granting(&bastion::trusted());
    let user = User::agent(&ca.url);
    let mut child = user
        .command(&crate::program::path())
        .args([
            "exec",
            "--host",
            "prod-1",
            "--",
            "sh",
            "-c",
            "echo up; sleep 60",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        ca.seen().last().unwrap().ends_with("/kill"),
        "{:?}",
        ca.seen()
    );
}
