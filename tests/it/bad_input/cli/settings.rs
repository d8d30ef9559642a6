//! Options, variables and files that are missing or wrong.

use std::time::Instant;

use portreeve_tests::HostCommand;
use portreeve_tests::installation::CA_URL;

use super::super::site::turn;
use super::super::table::{Logged, Table, refused};
use super::{AT_ONCE, agent, make_files, start, with};

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
