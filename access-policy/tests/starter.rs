//! The starter policy decides what its examples say.

#![expect(
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_access_policy::STARTER_POLICY;
use portreeve_access_policy::decide::Policies;
use portreeve_access_policy::examples::run_examples;
use portreeve_access_policy::explain::{Replayed, replay};
use portreeve_access_policy::starter::STARTER_EXAMPLES;

fn starter() -> Policies {
    Policies::parse("starter.cedar", STARTER_POLICY).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_example_of_the_starter_policy_holds() {
    let tried = run_examples(&starter(), "starter.tests.toml", STARTER_EXAMPLES)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let failures: Vec<String> = tried
        .iter()
        .filter_map(|tried| Some(format!("{}: {}", tried.name, tried.failure.as_ref()?)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(tried.len() > 25);
}

#[test]
fn every_policy_of_the_starter_is_decisive_in_some_example() {
    let policies = starter();
    let tried = run_examples(&policies, "starter.tests.toml", STARTER_EXAMPLES).unwrap();
    let determining: Vec<String> = tried
        .iter()
        .flat_map(|tried| {
            tried
                .record
                .answers
                .iter()
                .flat_map(|answer| answer.determining.clone())
        })
        .collect();
    for line in STARTER_POLICY.lines() {
        let Some(id) = line
            .strip_prefix("@id(\"")
            .and_then(|rest| rest.strip_suffix("\")"))
        else {
            continue;
        };
        assert!(
            determining.iter().any(|known| known == id),
            "no example depends on `{id}`"
        );
    }
}

#[test]
fn a_decision_made_again_from_its_record_is_the_same() {
    let policies = starter();
    for tried in run_examples(&policies, "starter.tests.toml", STARTER_EXAMPLES).unwrap() {
        let stored = serde_json::to_string(&tried.record).unwrap();
        let record = serde_json::from_str(&stored).unwrap();
        assert_eq!(
            replay(&record, &policies),
            Ok(Replayed::Same),
            "{}",
            tried.name
        );
    }
}
