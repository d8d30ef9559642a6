//! One decision for one command, as the bastion makes it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use portreeve_access_policy::STARTER_POLICY;
use portreeve_access_policy::act::{SessionAct, UseRequest};
use portreeve_access_policy::decide::{Decision, Policies};
use portreeve_access_policy::facts::{Agent, Bundle, Circumstances, Host, Human, Session};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::{Intent, SignIn};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Timestamp;

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const POLICIES: [u32; 3] = [0, 50, 200];

pub(super) fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figure = Figure::new(
        "policy",
        "one decision for one command, its record included",
        "µs",
    );
    for count in POLICIES {
        let policies =
            Policies::parse("bench.cedar", &text(count)).map_err(|error| anyhow!("{error}"))?;
        let request = request()?;
        let mut samples = Samples::default();
        for _ in 0..scale.echoes {
            let request = request.clone();
            let begin = Instant::now();
            let decision = black_box(policies.within(request));
            samples.add(begin.elapsed().as_secs_f64() * 1e6);
            ensure!(
                matches!(decision, Decision::Permit(_)),
                "the command is refused: {decision:?}"
            );
        }
        let what = format!("starter policy and {count} more that ask for commands");
        figure.row(
            what,
            &samples,
            (count == 200).then_some(Target::AtMost(500.0)),
        );
    }
    Ok(vec![figure.judged()])
}

/// Policies that all have to be looked at for every command.
fn text(more: u32) -> String {
    let mut text = STARTER_POLICY.to_owned();
    for number in 0..more {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n@id(\"p{number}\")\nforbid (principal, action == Portreeve::Action::\"exec\", resource)\n\
             when {{ resource.labels.contains(\"site-{number}\") && context.command like \"*tool-{number}*\" }};\n"
        );
    }
    text
}

fn request() -> Result<UseRequest> {
    Ok(UseRequest {
        session: Session {
            id: SessionId::new(NOW, [7; 10]),
            human: Human {
                identity: pair::Human {
                    issuer: "https://idp.example.com".into(),
                    subject: "alice".into(),
                    name: "alice@example.com".parse()?,
                },
                email: Some("alice@example.com".into()),
                groups: vec!["soc".into()],
            },
            agent: Agent {
                identity: "soc/forensics".parse()?,
                owner: "carol@example.com".parse()?,
                enabled: true,
                review_by: None,
            },
            host: Host {
                name: "prod".parse()?,
                labels: vec!["production".into()],
            },
            bundle: Bundle {
                version: BundleRef {
                    name: "forensic-read-only".parse()?,
                    digest: Digest::of(b"bundle"),
                },
                intent: Intent::ReadOnly,
            },
            ticket: Ticket::new("INC-4711")?,
            purpose: Purpose::new("Measure a decision")?,
        },
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
    })
}
