//! What a host finds of standing access on itself, from the host to the CA: carried by an
//! administrator, or asked for by the CA.

use portreeve_protocol::admin::Listing;
use portreeve_protocol::inventory::InventoryRow;
use portreeve_tests::installation::{HOST, Installation, Wish};
use portreeve_tests::{Host, Lab, Network, Topology, debian, programs, sudo_rs};
use serde_json::Value;

const DISCOVER: [&str; 2] = ["/usr/lib/portreeve/portreeve-host", "discover"];

fn signed(host: &Host) -> Vec<u8> {
    let output = host.run(&[DISCOVER[0], DISCOVER[1], "--signed"]).unwrap();
    output.ok().unwrap().stdout
}

fn found(host: &Host) -> Vec<Value> {
    let output = host.run(&[DISCOVER[0], DISCOVER[1], "--json"]).unwrap();
    let report: Value = serde_json::from_str(&output.text()).unwrap();
    report["findings"].as_array().unwrap().clone()
}

#[test]
fn a_bare_debian_has_no_standing_access() {
    let root = debian::ensure(&mut |_| {}).unwrap();
    let topology = Topology::empty()
        .host("bare", [Network::production().at(30)])
        .made_of("bare", &root);
    let lab = Lab::with(&topology).unwrap();
    let bare = lab.host("bare");
    let program = programs::directory().unwrap().join("portreeve-host");
    let program = program.to_str().unwrap();
    let output = bare.run(&[program, "discover"]).unwrap();
    assert_eq!(output.code(), Some(0), "{}", output.text());
    assert!(output.text().ends_with("nothing was found"), "{output:?}");

    // What everybody does first on a new server.
    let script = "echo root:not-a-real-one | chpasswd; useradd --groups sudo --create-home ada";
    bare.sh(script).unwrap().ok().unwrap();
    let output = bare.run(&[program, "discover", "--json"]).unwrap();
    assert_eq!(output.code(), Some(5));
    let report: Value = serde_json::from_str(&output.text()).unwrap();
    let found = of_accounts(report["findings"].as_array().unwrap());
    let expected = [("SA131", "ada"), ("SA110", "root"), ("SA135", "ada")];
    let expected = expected.map(|(code, account)| (code.to_owned(), account.to_owned()));
    assert_eq!(found, expected, "{report}");
    assert_eq!(report["complete"], true);
}

/// Code and account of each finding that tells of an account.
fn of_accounts(findings: &[Value]) -> Vec<(String, String)> {
    let text = |found: &Value, name: &str| found[name].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|found| (text(found, "code"), text(found, "account")))
        .filter(|(_, account)| !account.is_empty())
        .collect()
}

#[test]
fn what_a_host_finds_on_itself_reaches_the_ca_by_an_administrator() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let prod = site.lab().host(HOST);
    let carol = &site.person("carol").unwrap().account;
    let hand_in = |statement: &[u8], name: &str| {
        let command = carol.portreeve(["host", "inventory", name, "--file", "-"]);
        command.input(statement).run().unwrap()
    };
    let never: Listing<InventoryRow> = carol.ask(&["host", "inventory"]).unwrap();
    assert!(never.items.iter().all(|row| row.last.is_none()));

    // What enrolment put there is none, and a session is none, while it is live neither.
    let enrolled = found(prod);
    let before = of_accounts(&enrolled);
    for ours in ["portreeve", "session_ca"] {
        let is_told = enrolled
            .iter()
            .any(|found| found.to_string().contains(ours));
        assert!(!is_told, "{enrolled:?}");
    }
    let agent = site.agent();
    let granted = agent.start_session(&Wish::default()).unwrap();
    let worked = agent.exec(granted.session, &["sudo", "ss", "-tnp"]).run();
    assert!(worked.unwrap().success());
    assert_eq!(of_accounts(&found(prod)), before);

    prod.add_user("ada").unwrap();
    let rule = "ada ALL=(ALL) NOPASSWD: ALL\n";
    prod.write("/etc/sudoers.d/ada", rule, 0o440).unwrap();
    let first = signed(prod);
    let second = signed(prod);
    agent.end(granted.session).unwrap();
    hand_in(&second, HOST).ok().unwrap();
    let shown: Value = carol.ask(&["host", "inventory", HOST]).unwrap();
    let ada = shown["inventory"]["findings"].as_array().unwrap().iter();
    let ada: Vec<_> = ada.filter(|found| found["account"] == "ada").collect();
    assert_eq!(ada.len(), 1, "{shown}");
    assert_eq!(
        (&ada[0]["code"], &ada[0]["path"], &ada[0]["line"]),
        (&"SA130".into(), &"/etc/sudoers.d/ada".into(), &1.into())
    );
    let table = carol.portreeve(["host", "inventory", HOST]).run().unwrap();
    assert!(table.text().contains("/etc/sudoers.d/ada:1"), "{table:?}");

    // Neither an older one, nor one of another host, nor an altered one, nor by just anybody.
    let older = hand_in(&first, HOST);
    assert!(
        !older.success() && older.complaint().contains("not newer"),
        "{older:?}"
    );
    assert_eq!(hand_in(&second, "nowhere").code(), Some(3));
    let altered = String::from_utf8(signed(prod))
        .unwrap()
        .replace("NOPASSWD: ALL", "ALL");
    let altered = hand_in(altered.as_bytes(), HOST);
    assert!(
        altered.complaint().contains("not signed by this host"),
        "{altered:?}"
    );
    let alice = &site.person("alice").unwrap().account;
    let analyst = alice.portreeve(["host", "inventory", HOST]).run().unwrap();
    assert_eq!(analyst.code(), Some(3), "{analyst:?}");
    let rows: Listing<InventoryRow> = carol.ask(&["host", "inventory"]).unwrap();
    let row = rows.items.iter().find(|row| row.host.as_str() == HOST);
    assert!(row.unwrap().last.as_ref().unwrap().counts.high >= 1);

    // sudo-rs has no converter: each account is asked about.
    for version in sudo_rs::VERSIONS {
        prod.use_sudo_rs(version).unwrap();
        let now = of_accounts(&found(prod));
        let is_ada = |(code, account): &&(String, String)| code == "SA130" && account == "ada";
        assert_eq!(now.iter().filter(is_ada).count(), 1, "{version}: {now:?}");
    }
}

/// Events of looks in the log: what happened, and who asked.
fn looks(site: &Installation) -> Vec<(String, String)> {
    let carol = &site.person("carol").unwrap().account;
    let log = carol.portreeve(["--json", "log"]).run().unwrap();
    let events = log.ok().unwrap().text();
    let events = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let looks = events.filter(|event| event["body"]["fact"]["fact"] == "look");
    looks
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let step = text(&event["body"]["fact"]["step"]["step"]);
            (step, text(&event["body"]["by"]["name"]))
        })
        .collect()
}

#[test]
fn the_ca_asks_a_host_through_a_bastion_and_nobody_logs_in() {
    let site = Installation::new().unwrap();
    let prod = site.lab().host(HOST);
    let carol = &site.person("carol").unwrap().account;
    prod.add_user("ada").unwrap();
    let rule = "ada ALL=(ALL) NOPASSWD: ALL\n";
    prod.write("/etc/sudoers.d/ada", rule, 0o440).unwrap();

    let asked = carol.portreeve(["host", "discover", HOST]).run().unwrap();
    assert!(asked.success(), "{asked:?}");
    assert!(asked.text().contains("/etc/sudoers.d/ada:1"), "{asked:?}");
    // How far it is was told while it took; a quick host is done before it is seen at work.
    assert!(asked.complaint().contains("waiting for"), "{asked:?}");
    // What is shown is what is kept.
    let first: Value = carol.ask(&["host", "inventory", HOST]).unwrap();
    let asked: Value = carol.ask(&["host", "discover", HOST]).unwrap();
    let second: Value = carol.ask(&["host", "inventory", HOST]).unwrap();
    assert_eq!(asked, second);
    let number = |shown: &Value| shown["inventory"]["number"].as_u64().unwrap();
    assert!(number(&second) > number(&first));
    assert!(second["inventory"]["look"].is_string(), "{second}");
    let by_carol = |step: &str| (step.to_owned(), "carol@example.com".to_owned());
    let steps = ["claimed", "issued", "kept", "claimed", "issued", "kept"];
    assert_eq!(looks(&site), steps.map(by_carol));

    // The host keeps nothing of it but two numbers, and a session goes on beside.
    let agent = site.agent();
    site.sign_in("alice").unwrap();
    let granted = agent.start_session(&Wish::default()).unwrap();
    let again = carol.portreeve(["host", "discover", HOST]).run().unwrap();
    assert!(again.success(), "{again:?}");
    let worked = agent.exec(granted.session, &["true"]).run();
    assert!(worked.unwrap().success());
    agent.end(granted.session).unwrap();

    // Who may not manage the host learns nothing, and not that it is there.
    let alice = &site.person("alice").unwrap().account;
    for (who, name) in [(alice, HOST), (carol, "nowhere")] {
        let refused = who.portreeve(["host", "discover", name]).run().unwrap();
        assert_eq!(refused.code(), Some(3), "{refused:?}");
    }
}
