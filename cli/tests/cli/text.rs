//! What the program says when it is asked for help or asked wrongly.

use crate::program::User;

#[test]
fn help_is_data_and_names_every_command() {
    let said = User::new().run(&["--help"]).ok();
    assert_eq!(said.err, "");
    for command in [
        "login",
        "whoami",
        "logout",
        "exchange",
        "session",
        "exec",
        "ssh",
        "ssh-config",
        "replay",
        "export",
        "trail",
        "verify",
        "evidence",
        "canary",
        "log",
        "bundle",
        "policy",
        "agent",
        "host",
        "bastion",
        "completions",
        "man",
    ] {
        assert!(said.out.contains(&format!("\n  {command} ")), "{command}");
    }
    for hidden in ["hold", "ssh-prepare"] {
        assert!(!said.out.contains(&format!("\n  {hidden} ")), "{hidden}");
    }
    assert!(
        said.out
            .contains("125  `exec`, `ssh`: the command did not run")
    );
    assert!(!said.out.contains('\u{1b}'), "no colour");
}

#[test]
fn a_variable_that_is_empty_counts_as_none() {
    let user = User::new()
        .set("PORTREEVE_CA", "")
        .set("PORTREEVE_CA_CERT", "")
        .set("PORTREEVE_AGENT", "");
    let said = user.run(&["session", "list"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("set PORTREEVE_CA or give --ca"),
        "{said:?}"
    );
}

#[test]
fn every_failure_has_its_exit_code_and_a_next_step() {
    let user = User::new();
    let agent = User::new()
        .set("PORTREEVE_CA", "http://127.0.0.1:1")
        .set("PORTREEVE_AGENT", "soc/a");
    for (user, args, code, text) in [
        (
            &user,
            &["session", "list"][..],
            2,
            "set PORTREEVE_CA or give --ca",
        ),
        (
            &user,
            &["--ca", "http://ca.example.com", "whoami"],
            2,
            "use https",
        ),
        (&user, &["whoami"], 4, "portreeve login"),
        (
            &user,
            &["--ca", "http://127.0.0.1:1", "bundle", "list"],
            4,
            "portreeve login",
        ),
        (&agent, &["session", "list"], 2, "PORTREEVE_AGENT_KEY"),
        (&user, &["replay", "nothing.tar"], 1, "PORTREEVE_RECORDINGS"),
        (
            &user,
            &[
                "--ca",
                "http://127.0.0.1:1",
                "session",
                "start",
                "--host",
                "a",
            ],
            2,
            "PORTREEVE_TICKET",
        ),
        (
            &user,
            &["exec", "--host", "a", "--", "true"],
            125,
            "PORTREEVE_TICKET",
        ),
        (
            &user,
            &["bundle", "render", "none.toml", "--sudo", "doas 1"],
            2,
            "sudo:1.9.13",
        ),
        (
            &user,
            &["bundle", "render", "none.toml", "--sudo", "sudo 1.9.13"],
            1,
            "none.toml",
        ),
        (&user, &["host"], 2, "Usage"),
    ] {
        let said = user.run(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.contains(text), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
    }
}

#[test]
fn a_ca_that_is_not_there_is_unavailable() {
    let user = User::agent("http://127.0.0.1:1");
    let said = user.run(&["session", "list"]);
    assert_eq!(said.code, 6, "{said:?}");
    assert!(
        said.err
            .contains("`http://127.0.0.1:1/oauth2/token` cannot be reached"),
        "{said:?}"
    );
}

#[test]
fn nothing_is_said_when_nobody_reads() {
    let user = User::new();
    let mut child = user
        .command(&crate::program::path())
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn bundles_and_policies_are_checked_without_a_ca() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let user = User::new();
    let bundle = format!("{root}/sudo-policy/bundles/forensic-read-only.toml");
    user.run(&["bundle", "check", &bundle]).ok();
    user.run(&["bundle", "test", &bundle]).ok();
    let rules = user.run(&["bundle", "render", &bundle]).ok().out;
    assert!(rules.contains("NOPASSWD: NOEXEC:"), "{rules}");
    let can = user
        .run(&["--json", "bundle", "can", &bundle, "--", "ss", "-tnp"])
        .ok()
        .json();
    assert_eq!(can["allowed"], true);
    assert_eq!(
        user.run(&["bundle", "can", &bundle, "--", "cat", "/etc/shadow"])
            .code,
        1
    );

    let policy = user.home().join("bad.cedar");
    std::fs::write(&policy, "permit(principal, action, resource);\n").unwrap();
    let said = user.run(&["--json", "policy", "check", policy.to_str().unwrap()]);
    assert_eq!(said.code, 7);
    assert!(said.json()[0]["problems"][0]["line"].as_u64().unwrap() >= 1);
}

#[test]
fn manual_pages_are_made_for_every_command() {
    let user = User::new();
    let folder = user.home().join("man");
    user.run(&["man", "--dir", folder.to_str().unwrap()]).ok();
    for page in [
        "portreeve.1",
        "portreeve-exec.1",
        "portreeve-session-start.1",
    ] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(!folder.join("portreeve-hold.1").exists());
}

#[test]
fn a_wrong_command_line_is_json_where_json_is_asked_for() {
    for args in [
        &["--json", "session", "kill"][..],
        &["agent", "lst", "--json"],
    ] {
        let said = User::new().run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
        let value: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(value["error"]["kind"], "usage");
    }
    let said = User::new().run(&["exec", "--", "jq", "--json"]);
    assert!(said.err.starts_with("error: "), "{said:?}");
}
