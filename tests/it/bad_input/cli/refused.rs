//! What the CA or the bastion refuses, and how the command ends.

use portreeve_tests::HostCommand;
use serde_json::Value;

use super::super::site::turn;
use super::super::table::{Logged, Table, refused};
use super::{agent, make_files, start};

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
