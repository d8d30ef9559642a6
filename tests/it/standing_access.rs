//! What a host finds of standing access on itself, from the host over an administrator to the CA.

use portreeve_protocol::admin::Listing;
use portreeve_protocol::inventory::InventoryRow;
use portreeve_tests::installation::{HOST, Installation, Wish};
use portreeve_tests::{Host, sudo_rs};
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

    // A session is no standing access, while it is live neither.
    let before = of_accounts(&found(prod));
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
