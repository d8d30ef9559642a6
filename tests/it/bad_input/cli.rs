//! The command line with something missing or wrong: what it says, what to do next, and the exit code of
//! `docs/spec/cli.md`. Nothing asks for anything.

use std::time::{Duration, Instant};

use portreeve_tests::HostCommand;
use portreeve_tests::installation::{Account, CA_URL};
use serde_json::Value;

use super::draft::{id_token, key};
use super::now;
use super::site::{Site, idp_key, turn};
use super::table::{Logged, Table, refused};

/// A command that waits for an answer from nobody would take longer.
const AT_ONCE: Duration = Duration::from_secs(20);

/// One command line.
struct Row<'a> {
    name: &'a str,
    command: HostCommand,
    exit: i32,
    /// What stands in the message.
    says: &'a str,
    /// What stands in the line `next:`.
    next: &'a str,
    logged: Logged,
}

fn start<'a>() -> Vec<&'a str> {
    vec![
        "session",
        "start",
        "--host",
        "prod",
        "--ticket",
        "INC-4711",
        "--purpose",
        "to look",
        "--bundle",
        "forensic-read-only",
    ]
}

/// The agent's command with some variables set to something else; an empty one counts as none.
fn agent(site: &Site, args: &[&str], variables: &[(&str, &str)]) -> HostCommand {
    let account = &site.installation.agent().account;
    with(account, args, variables)
}

fn with(account: &Account, args: &[&str], variables: &[(&str, &str)]) -> HostCommand {
    let command = account.portreeve(args.iter().copied());
    variables
        .iter()
        .fold(command, |command, (name, value)| command.env(name, value))
        .limit(AT_ONCE)
}

/// Makes the files that rows point to, on the agent's account.
fn make_files(site: &Site) {
    let account = &site.installation.agent().account;
    let script = r#"
        cd; rm -rf bad; mkdir -m 700 bad; cd bad
        ssh-keygen -q -t ed25519 -N 'a passphrase' -C '' -f locked
        ssh-keygen -q -t ecdsa -N '' -C '' -f ecdsa
        ssh-keygen -q -t ed25519 -N '' -C '' -f unregistered
        ssh-keygen -q -t ed25519 -N '' -C '' -f open; chmod 644 open
        echo 'no key' >text; chmod 600 text
        : >empty; head -c 100000 /dev/zero >long; chmod 600 empty long
    "#;
    let made = account.command("sh").args(["-euc", script]).run();
    made.unwrap().ok().unwrap();
    let files = [
        (
            "expired",
            id_token("alice", &["soc"])
                .claim("exp", now() - 3600)
                .sign(&idp_key()),
        ),
        ("forged", id_token("alice", &["soc"]).sign(&key(9))),
        (
            "strange",
            id_token("alice", &["soc"])
                .claim("iss", "https://idp.example.net")
                .sign(&idp_key()),
        ),
        ("stranger", id_token("mallory", &["sales"]).sign(&idp_key())),
        ("good", id_token("alice", &["soc"]).sign(&idp_key())),
        ("no_token", "x".to_owned()),
        ("long_token", "x".repeat(20_000)),
    ];
    for (name, text) in files {
        let path = format!("{}/bad/{name}", account.home());
        account.write(&path, text.as_bytes()).unwrap();
    }
    // The root of another CA, of which nobody here has heard.
    let bastion = site.installation.lab().host("bastion");
    let other = "rm -rf /tmp/other; portreeve-ca init --dir /tmp/other --issuer https://other.example.com --admin-group x >&2; cat /tmp/other/tls/ca-cert.pem";
    let root = bastion.sh(other).unwrap().ok().unwrap().stdout;
    let path = format!("{}/bad/another_ca.pem", account.home());
    account.write(&path, &root).unwrap();
}

#[test]
fn what_is_missing_or_wrong_is_said_with_what_to_do_next() {
    let site = turn();
    make_files(&site);
    let home = site.installation.agent().account.home().to_owned();
    let file = |name: &str| format!("{home}/bad/{name}");
    let files: std::collections::BTreeMap<_, _> = [
        "locked",
        "ecdsa",
        "unregistered",
        "open",
        "text",
        "empty",
        "long",
        "expired",
        "forged",
        "strange",
        "stranger",
        "good",
        "no_token",
        "long_token",
        "another_ca.pem",
        "absent",
    ]
    .into_iter()
    .map(|name| (name, file(name)))
    .collect();
    let at = |name: &str| files[name].as_str();
    // Without this, a token of an earlier command would answer for a missing one.
    let fresh = ("PORTREEVE_TOKEN_FILE", "/nonexistent/token");
    let exchange = |variables: &[(&str, &str)]| agent(&site, &["exchange", "--print"], variables);
    let begin = |variables: &[(&str, &str)]| agent(&site, &start(), variables);
    let key_of = |name: &str| exchange(&[("PORTREEVE_AGENT_KEY", at(name))]);
    let subject = |name: &str| exchange(&[("PORTREEVE_SUBJECT_TOKEN_FILE", at(name))]);
    let row = |name, command, exit, says, next| Row {
        name,
        command,
        exit,
        says,
        next,
        logged: Logged::Nothing,
    };
    let person = &site.installation.person("dave").unwrap().account;
    let rows = vec![
        row(
            "no CA",
            begin(&[("PORTREEVE_CA", "")]),
            2,
            "which CA to ask is not set",
            "set PORTREEVE_CA",
        ),
        row(
            "a CA without https",
            begin(&[("PORTREEVE_CA", "http://ca.example.com:8443")]),
            2,
            "is no address of a CA",
            "set PORTREEVE_CA",
        ),
        row(
            "a CA that is no URL",
            begin(&[("PORTREEVE_CA", "ca.example.com")]),
            2,
            "is no address of a CA",
            "set PORTREEVE_CA",
        ),
        row(
            "a CA that is down",
            begin(&[("PORTREEVE_CA", "https://ca.example.com:9"), fresh]),
            6,
            "cannot be reached",
            "check PORTREEVE_CA",
        ),
        row(
            "a CA that nobody knows",
            begin(&[("PORTREEVE_CA", "https://nowhere.example.com"), fresh]),
            6,
            "cannot be reached",
            "check PORTREEVE_CA",
        ),
        row(
            "a CA by another name",
            begin(&[("PORTREEVE_CA", "https://192.0.2.20:8443"), fresh]),
            6,
            "cannot be reached",
            "PORTREEVE_CA_CERT is not the root",
        ),
        row(
            "no root certificate",
            begin(&[("PORTREEVE_CA_CERT", ""), fresh]),
            6,
            "cannot be reached",
            "PORTREEVE_CA_CERT is not the root",
        ),
        row(
            "another root certificate",
            begin(&[("PORTREEVE_CA_CERT", at("another_ca.pem")), fresh]),
            6,
            "cannot be reached",
            "PORTREEVE_CA_CERT is not the root",
        ),
        row(
            "a root certificate that is none",
            begin(&[("PORTREEVE_CA_CERT", at("text")), fresh]),
            2,
            "holds no root certificate",
            "give a PEM file",
        ),
        row(
            "a root certificate that is not there",
            begin(&[("PORTREEVE_CA_CERT", at("absent")), fresh]),
            2,
            "cannot read",
            "PORTREEVE_CA_CERT",
        ),
        row(
            "no agent",
            begin(&[("PORTREEVE_AGENT", "")]),
            2,
            "needs an agent",
            "set PORTREEVE_AGENT",
        ),
        row(
            "an agent that is none",
            begin(&[("PORTREEVE_AGENT", "forensics")]),
            2,
            "an agent is written `team/name`",
            "",
        ),
        row(
            "no key",
            begin(&[("PORTREEVE_AGENT_KEY", "")]),
            2,
            "the key of the agent `soc/forensics` is not set",
            "set PORTREEVE_AGENT_KEY",
        ),
        row(
            "a key that is not there",
            key_of("absent"),
            2,
            "the agent's key cannot be used",
            "PORTREEVE_AGENT_KEY",
        ),
        row(
            "a key that is no file",
            exchange(&[("PORTREEVE_AGENT_KEY", &home)]),
            2,
            "the agent's key cannot be used",
            "PORTREEVE_AGENT_KEY",
        ),
        row(
            "a key of root's",
            exchange(&[("PORTREEVE_AGENT_KEY", "/etc/shadow")]),
            2,
            "the agent's key cannot be used",
            "",
        ),
        row(
            "a key that others can read",
            key_of("open"),
            2,
            "accessible to others",
            "chmod go=",
        ),
        row(
            "a key with a passphrase",
            key_of("locked"),
            2,
            "has a passphrase",
            "ssh-keygen -t ed25519 -N ''",
        ),
        row(
            "a key of another kind",
            key_of("ecdsa"),
            2,
            "no Ed25519 key",
            "ssh-keygen -t ed25519",
        ),
        row(
            "a key that is none",
            key_of("text"),
            2,
            "no private key in OpenSSH's format",
            "ssh-keygen -t ed25519",
        ),
        row(
            "a key of nothing",
            key_of("empty"),
            2,
            "no private key in OpenSSH's format",
            "ssh-keygen -t ed25519",
        ),
        row(
            "a key of 100 KB",
            key_of("long"),
            2,
            "more than",
            "PORTREEVE_AGENT_KEY",
        ),
        Row {
            logged: refused("its signature does not hold"),
            ..row(
                "a key that nobody registered",
                key_of("unregistered"),
                4,
                "invalid_client",
                "registered with this key",
            )
        },
        row(
            "no ID token",
            subject("absent"),
            4,
            "the human's ID token is needed",
            "PORTREEVE_SUBJECT_TOKEN_FILE",
        ),
        row(
            "an ID token that is expired",
            subject("expired"),
            4,
            "was void at",
            "sign in again",
        ),
        row(
            "an ID token that is none",
            subject("no_token"),
            4,
            "the ID token cannot be used",
            "sign in",
        ),
        row(
            "an ID token of 20 KB",
            subject("long_token"),
            4,
            "more than",
            "PORTREEVE_SUBJECT_TOKEN_FILE",
        ),
        Row {
            logged: refused("the ID token is refused: its signature does not hold"),
            ..row(
                "an ID token that somebody forged",
                subject("forged"),
                4,
                "the ID token is not accepted",
                "portreeve login",
            )
        },
        Row {
            logged: refused("the ID token is refused: its signer is not known here"),
            ..row(
                "an ID token of an issuer that nobody trusts",
                subject("strange"),
                4,
                "the ID token is not accepted",
                "identity provider that the CA trusts",
            )
        },
        row(
            "an ID token on a standard input that is empty",
            exchange(&[("PORTREEVE_SUBJECT_TOKEN_FILE", "-")]),
            4,
            "the human's ID token is needed",
            "sign in",
        ),
        row(
            "nobody signed in",
            with(person, &["agent", "list"], &[]),
            4,
            "nobody is signed in here",
            "portreeve login",
        ),
        row(
            "no ticket",
            agent(&site, &["session", "start", "--host", "prod"], &[]),
            2,
            "needs a ticket, a purpose and a bundle",
            "PORTREEVE_TICKET",
        ),
        row(
            "no host",
            agent(&site, &["session", "start"], &[]),
            2,
            "--host",
            "",
        ),
        row(
            "a host with capitals",
            agent(&site, &["exec", "--host", "PROD", "--", "true"], &[]),
            2,
            "is not a host name",
            "",
        ),
        row(
            "an unknown command",
            agent(&site, &["become-root"], &[]),
            2,
            "unrecognized subcommand",
            "",
        ),
        row("no command", agent(&site, &[], &[]), 2, "Usage", ""),
        row(
            "a session that is no id",
            agent(&site, &["session", "show", "x"], &[]),
            2,
            "UUID",
            "",
        ),
        row(
            "a recording that is not there",
            agent(&site, &["replay", "/nonexistent.tar"], &[]),
            1,
            "cannot",
            "",
        ),
        row(
            "no issuer",
            with(person, &["login"], &[]),
            2,
            "--issuer",
            "",
        ),
        row(
            "an issuer without https",
            with(
                person,
                &["login", "--issuer", "http://idp.example.com"],
                &[],
            ),
            2,
            "use https",
            "",
        ),
        row(
            "an issuer that is down",
            with(
                person,
                &["login", "--issuer", "https://ca.example.com:9"],
                &[],
            ),
            6,
            "cannot be reached",
            "",
        ),
        row(
            "an issuer that is none",
            with(
                person,
                &[
                    "login",
                    "--issuer",
                    CA_URL,
                    "--issuer-cert",
                    "/etc/portreeve/ca.pem",
                ],
                &[],
            ),
            6,
            "",
            "",
        ),
    ];
    let mut table = Table::new(&site, "the command line");
    for Row {
        name,
        command,
        exit,
        says,
        next,
        logged,
    } in rows
    {
        let began = Instant::now();
        let output = command.run();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                table.demand(name, false, format!("{error:#}"));
                continue;
            }
        };
        table.row(name, &output.code(), &Some(exit), logged);
        let said = output.complaint();
        table.demand(
            name,
            said.contains(says),
            format!("`{says}` is not in: {said}"),
        );
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with("next: "));
        let is_next = next.is_empty() || line.is_some_and(|line| line.contains(next));
        table.demand(
            name,
            is_next,
            format!("`{next}` is not what is next: {said}"),
        );
        table.demand(
            name,
            output.stdout.is_empty() || exit == 2,
            format!("on standard output: {}", output.text()),
        );
        table.demand(
            name,
            !said.contains("eyJ") && !said.contains("PRIVATE KEY"),
            "a secret in the message",
        );
        table.demand(name, began.elapsed() < AT_ONCE, "it waited");
    }
    table.done();
}

#[test]
fn a_refusal_has_its_own_exit_code_and_names_the_event() {
    let site = turn();
    make_files(&site);
    let home = site.installation.agent().account.home().to_owned();
    let subject = format!("{home}/bad/stranger");
    let fresh = [
        ("PORTREEVE_SUBJECT_TOKEN_FILE", subject.as_str()),
        ("PORTREEVE_TOKEN_FILE", "/tmp/token-of-a-stranger"),
    ];
    let nowhere = start()
        .into_iter()
        .map(|arg| if arg == "prod" { "nowhere" } else { arg });
    let nowhere: Vec<_> = nowhere.collect();
    let exec = |host: &'static str| {
        let mut args = start();
        args.drain(..2);
        args.insert(0, "exec");
        let at = args.iter().position(|arg| *arg == "prod").unwrap();
        args[at] = host;
        args.extend(["--", "true"]);
        args
    };
    let absent = "019a0000-0000-7000-8000-000000000000";
    let rows: Vec<(&str, HostCommand, i32, &str, &str)> = vec![
        (
            "a host that the pair may not",
            agent(&site, &start(), &fresh),
            3,
            "not_permitted",
            "no policy permits it",
        ),
        (
            "a host that is not there",
            agent(&site, &nowhere, &[]),
            3,
            "not_permitted",
            "there is no such host",
        ),
        (
            "a command where the pair may not",
            agent(&site, &exec("prod"), &fresh),
            125,
            "not_permitted",
            "no policy permits it",
        ),
        (
            "a command on a host that is not there",
            agent(&site, &exec("nowhere"), &[]),
            125,
            "not_permitted",
            "there is no such host",
        ),
        (
            "a session that is not there",
            agent(&site, &["session", "show", absent], &[]),
            3,
            "not_permitted",
            "there is no session",
        ),
        (
            "a trail that is not there",
            agent(&site, &["trail", absent], &[]),
            3,
            "not_permitted",
            "there is no session",
        ),
    ];
    let mut table = Table::new(&site, "refusals at the command line");
    for (name, command, exit, code, why) in rows {
        let output = command.run().unwrap();
        let logged = if why == "there is no session" {
            refused(why)
        } else {
            Logged::Event("session_refused", why)
        };
        table.row(name, &output.code(), &Some(exit), logged);
        let said = output.complaint();
        for line in ["\n  next: ", "\n  event: ", &format!("\n  code: {code}")] {
            table.demand(
                name,
                said.contains(line),
                format!("`{line}` is not in: {said}"),
            );
        }
    }
    let json = agent(&site, &["--json", "session", "show", absent], &[])
        .run()
        .unwrap();
    let said: Value = serde_json::from_slice(&json.stderr).unwrap_or(Value::Null);
    let error = &said["error"];
    table.demand(
        "the same in JSON",
        error["exit"] == 3 && error["code"] == "not_permitted",
        &said,
    );
    table.demand(
        "the same in JSON",
        error["next"].is_string() && error["event"].is_string(),
        &said,
    );
    table.demand(
        "the same in JSON",
        json.complaint().lines().count() == 1,
        &json,
    );
    table.done();
}

#[test]
fn nothing_is_asked_of_a_terminal() {
    let site = turn();
    make_files(&site);
    let home = site.installation.agent().account.home().to_owned();
    let locked = format!("{home}/bad/locked");
    let mut table = Table::new(&site, "terminals");
    // `script` gives the command a terminal and nobody at it.
    for (name, line) in [
        (
            "a passphrase",
            format!("PORTREEVE_AGENT_KEY={locked} portreeve exchange --print"),
        ),
        (
            "an ID token",
            "PORTREEVE_SUBJECT_TOKEN_FILE=- portreeve exchange --print".to_owned(),
        ),
        ("a proof", "portreeve host confirm".to_owned()),
        ("a ticket", "portreeve session start --host prod".to_owned()),
    ] {
        let account = &site.installation.agent().account;
        let command = account
            .command("timeout")
            .args(["15", "script", "-qec", &line, "/dev/null"]);
        let output = command.run().unwrap();
        let code = output.code().unwrap_or_default();
        table.row(name, &(code != 0 && code != 124), &true, Logged::Nothing);
        let said = output.text();
        table.demand(name, said.contains("next: "), &said);
    }
    table.done();
}
