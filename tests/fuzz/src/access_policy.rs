//! Policies and stored decisions: `portreeve-access-policy`.

use portreeve_access_policy::STARTER_POLICY;
use portreeve_access_policy::act::{SessionAct, UseRequest};
use portreeve_access_policy::decide::{Decision, Policies};
use portreeve_access_policy::explain::{DecisionRecord, Replayed, replay};
use portreeve_access_policy::facts::{Agent, Bundle, Circumstances, Host, Human, Session};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::{Intent, SignIn};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Timestamp;

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
        seeds: || vec![serde_json::to_vec(&a_record()).unwrap()],
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

/// A record that somebody stored and altered: making the decision again gives the same answer, or
/// says that it does not.
fn decision_record(bytes: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<DecisionRecord>(bytes) else {
        return false;
    };
    let known = a_record();
    if let Ok(Replayed::Same) = replay(&record, &policies())
        && record.asked == known.asked
    {
        assert_eq!(record, known, "another answer to the same question");
    }
    true
}

fn policies() -> Policies {
    Policies::parse("policy.cedar", STARTER_POLICY).unwrap()
}

fn a_record() -> DecisionRecord {
    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
    let session = Session {
        id: SessionId::new(NOW, [7; 10]),
        human: Human {
            identity: pair::Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse().unwrap(),
            },
            email: None,
            groups: vec!["soc".into()],
        },
        agent: Agent {
            identity: "soc/forensics".parse().unwrap(),
            owner: "carol@example.com".parse().unwrap(),
            enabled: true,
            review_by: Some(NOW),
        },
        host: Host {
            name: "prod".parse().unwrap(),
            labels: vec!["production".into()],
        },
        bundle: Bundle {
            version: BundleRef {
                name: "forensic-read-only".parse().unwrap(),
                digest: Digest::of(b"bundle"),
            },
            intent: Intent::ReadOnly,
        },
        ticket: Ticket::new("INC-4711").unwrap(),
        purpose: Purpose::new("Find the reverse shell").unwrap(),
    };
    let request = UseRequest {
        session,
        act: SessionAct::Exec {
            command: "sudo ss -tnp".into(),
        },
        remaining: 600,
        host_check: None,
        host_watch: None,
        circumstances: Circumstances {
            now: NOW,
            source: [192, 0, 2, 10].into(),
            sign_in: SignIn {
                at: NOW,
                amr: vec!["otp".into()],
                acr: None,
            },
        },
    };
    match policies().within(request) {
        Decision::Permit(permit) => permit.record().clone(),
        Decision::Denial(denial) => denial.record().clone(),
    }
}
