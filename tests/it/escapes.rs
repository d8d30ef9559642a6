//! Known escapes from careless sudo rules: each is run against the real sudo, and works.
//!
//! The table is `sudo-policy/tests/escapes.toml`, which also says what its fields mean. That the linter
//! refuses each row's bundle is a test of `sudo-policy`, which needs no host. Where words of our
//! rules hold what the linter lets pass, the row is run with these words too, and does nothing.

use std::time::Duration;

use portreeve_tests::{Lab, Topology, packages};
use serde::Deserialize;

/// Tries one row; makes the host ready when it is given none.
const SCRIPT: &str = include_str!("escapes.sh");
const TABLE: &str = include_str!("../../sudo-policy/tests/escapes.toml");

#[derive(Deserialize)]
struct Table {
    escape: Vec<Escape>,
}

/// What running a row needs.
#[derive(Deserialize)]
struct Escape {
    program: String,
    rule: Option<String>,
    held: Option<String>,
    argv: Vec<String>,
    proves: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    prepare: String,
    #[serde(default)]
    input: String,
    #[serde(default)]
    terminal: bool,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    shown: String,
}

#[test]
fn every_known_escape_works_on_a_host_with_its_careless_rule() {
    packages::require(packages::ESCAPES).unwrap();
    let lab = Lab::with(&Topology::empty().host("prod", [])).unwrap();
    let prod = lab.host("prod");
    let script = || prod.command("bash").args(["-c", SCRIPT, "escapes.sh"]);
    script().run().unwrap().ok().unwrap();
    let tried_with = |escape: &Escape, words: &str| {
        let rule = escape.rule.as_ref().unwrap_or(&escape.program);
        script()
            .args(&escape.argv)
            .env("RULE", &format!("{words}NOPASSWD: {rule}"))
            .env("HOST", &escape.host)
            .env("PREPARE", &escape.prepare)
            .env("TERMINAL", &escape.terminal.to_string())
            .env("FILTER", &escape.filter)
            .env("SHOWN", &escape.shown)
            .env("PROVES", &escape.proves)
            .input(escape.input.as_bytes())
            .limit(Duration::from_secs(20))
            .run()
            .unwrap()
    };
    let tried = |escape: &Escape| tried_with(escape, "");

    let table: Table = toml::from_str(TABLE).unwrap();
    assert!(table.escape.len() >= 60);
    let mut failed = String::new();
    for escape in &table.escape {
        let said = tried(escape);
        if !said.success() {
            failed += &format!(
                "`{}` does not work\n{}\n{}\n",
                escape.argv.join(" "),
                said.text(),
                said.complaint()
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");

    for escape in &table.escape {
        let Some(words) = &escape.held else { continue };
        let said = tried_with(escape, &format!("{words} "));
        assert!(
            !said.success() && said.text().contains("sudo: ended with"),
            "`{}` works with the words of our rules\n{}\n{}",
            escape.argv.join(" "),
            said.text(),
            said.complaint()
        );
        assert!(!said.text().contains("not allowed"), "{}", said.text());
    }

    // With another program's rule the same command line must not count as an escape.
    let shadow = table
        .escape
        .into_iter()
        .find(|escape| escape.argv == ["cat", "/etc/shadow"]);
    let refused = Escape {
        rule: Some("/usr/bin/true".to_owned()),
        ..shadow.unwrap()
    };
    assert!(!tried(&refused).success());
}
