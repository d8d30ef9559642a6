//! What the documentation says is shown by a test.

use std::collections::BTreeSet;
use std::fs;

use portreeve_tests::programs;

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let text = fs::read_to_string(programs::source().join("docs/threat-model.md")).unwrap();
    let named = named_tests(&text);
    assert!(named.len() >= 8, "{named:?}");
    for name in named {
        let module = programs::source().join(format!("tests/it/{name}.rs"));
        let attempt = format!("pam-client/tests/redteam/{name}.sh");
        let attempt = programs::source().join(attempt);
        let path = programs::source().join(&name);
        assert!(
            module.exists() || attempt.exists() || path.exists(),
            "docs/threat-model.md names `{name}`: no module of tests/it, attempt of the red team, or path"
        );
    }
}

/// What stands between backticks in the last column of tables whose last column is headed `shown by`.
fn named_tests(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut is_evidence = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            is_evidence = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap().trim();
        is_evidence |= last.starts_with("shown by");
        if is_evidence {
            let quoted = last.split('`').skip(1).step_by(2);
            named.extend(quoted.map(str::to_owned));
        }
    }
    named
}

#[test]
fn only_the_last_column_of_such_tables_names_tests() {
    let text = "| a | `b` |\n|---|---|\n| `c` | d |\n\n| what | shown by (`t`) |\n|---|---|\n| `x` | `y`, `z` |\n| `x` | – |\n";
    let named: Vec<String> = named_tests(text).into_iter().collect();
    assert_eq!(named, ["t", "y", "z"]);
}
