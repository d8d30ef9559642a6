//! Policies and stored decisions: `portreeve-access-policy`.

use portreeve_access_policy::STARTER_POLICY;
use portreeve_access_policy::decide::Policies;
use portreeve_access_policy::explain::DecisionRecord;

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "policy",
        feed: policy,
        seeds: policy_seeds,
    },
    Target {
        name: "decision_record",
        feed: decision_record,
        seeds: Vec::new,
    },
];

/// What is refused is refused with a place in the text and a reason.
fn policy(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match Policies::parse("policy.cedar", text) {
        Ok(policies) => {
            assert_eq!(policies.text(), text);
            true
        }
        Err(problems) => {
            assert!(!problems.as_slice().is_empty());
            let _ = problems.to_string();
            false
        }
    }
}

fn policy_seeds() -> Vec<Vec<u8>> {
    let small = r#"@id("soc-looks")
@max_ttl("30m")
permit (
    principal,
    action == Action::"start",
    resource
) when { context.bundle.intent == "read-only" };
"#;
    let mut seeds = vec![STARTER_POLICY.as_bytes().to_vec()];
    if Policies::parse("policy.cedar", small).is_ok() {
        seeds.push(small.as_bytes().to_vec());
    }
    seeds
}

/// A record that somebody stored is made again, whatever it says.
fn decision_record(bytes: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<DecisionRecord>(bytes) else {
        return false;
    };
    let policies = Policies::parse("policy.cedar", STARTER_POLICY).unwrap();
    let _ = portreeve_access_policy::explain::replay(&record, &policies);
    true
}
