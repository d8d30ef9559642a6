//! The command line with something missing or wrong: what it says, what to do next, and the exit code of
//! `docs/spec/cli.md`. Nothing asks for anything.

mod refused;
mod settings;

use std::time::Duration;

use portreeve_tests::HostCommand;
use portreeve_tests::installation::Account;

use super::draft::{id_token, key};
use super::now;
use super::site::{Site, idp_key, turn};
use super::table::{Logged, Table};

/// A command that waits for an answer from nobody would take longer.
const AT_ONCE: Duration = Duration::from_secs(20);

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
