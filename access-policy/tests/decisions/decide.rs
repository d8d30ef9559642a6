//! Decisions on small policies: defaults, obligations, approvals, errors, and what a permit carries.

use crate::common::{by, human, policies, session, start, within};
use portreeve_access_policy::act::{Destination, HumanAct, SessionAct};
use portreeve_access_policy::decide::{Decision, Policies, StartDecision};
use portreeve_access_policy::explain::{NotReplayable, Outcome, Replayed, replay};
use portreeve_access_policy::facts::Session;
use portreeve_access_policy::permit::{Approved, HumanPermit, NotAnApproval, PendingStart};
use portreeve_protocol::grant::RecordingMode;
use portreeve_protocol::time::Ttl;

/// The three questions permitted, with these annotations on `start`.
fn all_three(annotations: &str) -> String {
    format!(
        "@id(\"d\") permit(principal, action == Portreeve::Action::\"delegate\", resource);\n\
         @id(\"h\") permit(principal, action == Portreeve::Action::\"hold\", resource);\n\
         @id(\"s\") {annotations} permit(principal, action == Portreeve::Action::\"start\", resource);\n"
    )
}

fn allow(action: &str, condition: &str) -> Policies {
    policies(&format!(
        "@id(\"a\") permit(principal, action == Portreeve::Action::\"{action}\", resource){condition};"
    ))
}

fn outcome(policies: &Policies) -> Outcome {
    match policies.start(start()) {
        StartDecision::Permit(permit) => permit.record().outcome,
        StartDecision::NeedsApproval(pending) => pending.record().outcome,
        StartDecision::Denial(denial) => denial.record().outcome,
    }
}

#[test]
fn each_of_the_three_questions_can_refuse() {
    assert_eq!(outcome(&policies(&all_three(""))), Outcome::Permitted);
    assert_eq!(outcome(&policies("")), Outcome::Denied);
    for missing in ["delegate", "hold", "start"] {
        let without: String = all_three("")
            .lines()
            .filter(|line| !line.contains(missing))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(
            outcome(&policies(&without)),
            Outcome::Denied,
            "without {missing}"
        );
        let forbidden = format!(
            "{}@id(\"f\") forbid(principal, action == Portreeve::Action::\"{missing}\", resource);",
            all_three("")
        );
        let StartDecision::Denial(denial) = policies(&forbidden).start(start()) else {
            panic!("{missing} was forbidden")
        };
        assert_eq!(denial.determining(), ["f"]);
        assert!(!denial.alarm());
    }
}

#[test]
fn a_permit_carries_what_it_permits() {
    let StartDecision::Permit(permit) =
        policies(&all_three("@max_ttl(\"30m\") @recording(\"strict\")")).start(start())
    else {
        panic!("permitted");
    };
    assert_eq!(permit.session(), &session());
    assert_eq!(permit.pair(), session().pair());
    assert_eq!(permit.ttl(), Ttl::from_seconds(1800).unwrap());
    assert_eq!(permit.recording(), RecordingMode::Strict);
    let StartDecision::Permit(permit) = policies(&all_three("@max_ttl(\"9h\")")).start(start())
    else {
        panic!("permitted");
    };
    assert_eq!(
        permit.ttl(),
        Ttl::from_seconds(3600).unwrap(),
        "what was asked for is shorter"
    );
    assert_eq!(permit.recording(), RecordingMode::Standard);
}

#[test]
fn policies_see_every_attribute() {
    let exec = SessionAct::Exec {
        command: "sudo ss -tnp".into(),
    };
    let forward = SessionAct::Forward {
        kind: "direct-tcpip".into(),
        to: Some(Destination {
            address: "192.0.2.9".into(),
            port: 443,
        }),
    };
    let elevate = SessionAct::Elevate {
        to: session().bundle,
    };
    for (action, act, condition) in [
        ("exec", &exec, "context.command == \"sudo ss -tnp\""),
        (
            "exec",
            &exec,
            "principal.human == Portreeve::Human::\"https://idp.example.com#alice\"",
        ),
        (
            "exec",
            &exec,
            "principal.human in Portreeve::Group::\"soc\" && principal.agent in Portreeve::Team::\"soc\"",
        ),
        (
            "exec",
            &exec,
            "principal.human has email && principal.human.email == \"alice@example.com\"",
        ),
        (
            "exec",
            &exec,
            "principal.agent == Portreeve::Agent::\"soc/forensics\" && principal.agent.owner == \"bob\"",
        ),
        (
            "exec",
            &exec,
            "principal.agent.team == Portreeve::Team::\"soc\" && principal.agent.enabled",
        ),
        (
            "exec",
            &exec,
            "resource == Portreeve::Host::\"db-1.example.com\" && resource.labels.contains(\"production\")",
        ),
        (
            "exec",
            &exec,
            "context.bundle == Portreeve::Bundle::\"look\" && context.bundle.intent == \"read-only\"",
        ),
        (
            "exec",
            &exec,
            "context.ticket like \"INC-*\" && context.purpose != \"\" && context.ttl == 600",
        ),
        (
            "exec",
            &exec,
            "context.amr.contains(\"mfa\") && context.authAge == 60 && !(context has acr)",
        ),
        (
            "exec",
            &exec,
            "context.source.isInRange(ip(\"192.0.2.0/24\")) && context.hour == 12",
        ),
        (
            "forward",
            &forward,
            "context.kind == \"direct-tcpip\" && context has port && context.port == 443",
        ),
        ("elevate", &elevate, "context.to.intent == \"read-only\""),
    ] {
        let yes = allow(action, &format!(" when {{ {condition} }}")).within(within(act.clone()));
        assert!(matches!(yes, Decision::Permit(_)), "{condition}");
        let no = allow(action, &format!(" unless {{ {condition} }}")).within(within(act.clone()));
        assert!(matches!(no, Decision::Denial(_)), "unless {condition}");
    }
}

#[test]
fn a_mapped_address_is_the_address_that_policies_name() {
    let local = allow(
        "shell",
        " when { context.source.isInRange(ip(\"192.0.2.0/24\")) }",
    );
    let mut request = within(SessionAct::Shell);
    request.circumstances.source = "::ffff:192.0.2.7".parse().unwrap();
    assert!(matches!(local.within(request), Decision::Permit(_)));
}

#[test]
fn a_permission_for_one_thing_is_none_for_another() {
    let shell = allow("shell", "");
    let Decision::Permit(permit) = shell.within(within(SessionAct::Shell)) else {
        panic!("permitted")
    };
    assert_eq!(
        (permit.act(), permit.session()),
        (&SessionAct::Shell, &session())
    );
    for act in [
        SessionAct::SftpRead,
        SessionAct::SftpWrite,
        SessionAct::Exec {
            command: "sh".into(),
        },
    ] {
        assert!(matches!(shell.within(within(act)), Decision::Denial(_)));
    }
}

#[test]
fn a_policy_that_cannot_be_evaluated_refuses_and_raises_an_alarm() {
    let overflow = "context.ttl * 9223372036854775807 > 0";
    for (effect, expected) in [("permit", Outcome::Denied), ("forbid", Outcome::Denied)] {
        let text = format!(
            "{}@id(\"e\") {effect}(principal, action == Portreeve::Action::\"start\", resource) when {{ {overflow} }};",
            all_three("")
        );
        let StartDecision::Denial(denial) = policies(&text).start(start()) else {
            panic!("{effect} with an error")
        };
        assert_eq!(denial.record().outcome, expected);
        assert!(denial.alarm());
        assert_eq!(denial.determining(), Vec::<String>::new());
        assert!(
            denial
                .record()
                .answers
                .iter()
                .any(|answer| answer.errors.iter().any(|error| error.contains("`e`")))
        );
    }
}

#[test]
fn obligations_of_all_determining_policies_hold_together() {
    let text = format!(
        "{}@id(\"d2\") @max_ttl(\"10m\") permit(principal, action == Portreeve::Action::\"delegate\", resource);\n\
         @id(\"d3\") @max_ttl(\"1m\") permit(principal == Portreeve::Human::\"x\", action == Portreeve::Action::\"delegate\", resource);",
        all_three("@max_ttl(\"30m\")")
    );
    let StartDecision::Permit(permit) = policies(&text).start(start()) else {
        panic!("permitted")
    };
    assert_eq!(
        permit.ttl(),
        Ttl::from_seconds(600).unwrap(),
        "`d3` did not determine anything"
    );
    assert_eq!(permit.record().determining(), ["d", "d2", "h", "s"]);
}

/// Members of any group may approve.
fn approver(name: &str, groups: &[&str], session: Session) -> HumanPermit {
    let decision = allow("approve", "").human(by(
        human(name, groups),
        HumanAct::Approve {
            session: Box::new(session),
        },
    ));
    match decision {
        Decision::Permit(permit) => permit,
        Decision::Denial(denial) => panic!("{denial:?}"),
    }
}

fn pending(annotations: &str) -> PendingStart {
    match policies(&all_three(annotations)).start(start()) {
        StartDecision::NeedsApproval(pending) => pending,
        StartDecision::Permit(_) | StartDecision::Denial(_) => panic!("needs approval"),
    }
}

#[test]
fn an_approval_counts_only_for_this_session_by_somebody_else_of_the_group() {
    let other_session = Session {
        id: portreeve_protocol::id::SessionId::new(crate::common::NOW, [8; 10]),
        ..session()
    };
    let killer = match allow("kill", "").human(by(
        human("lena", &["leads"]),
        HumanAct::Kill {
            session: Box::new(session()),
        },
    )) {
        Decision::Permit(permit) => permit,
        Decision::Denial(denial) => panic!("{denial:?}"),
    };
    for (permit, wanted) in [
        (killer, NotAnApproval::OtherAct),
        (
            approver("lena", &["leads"], other_session),
            NotAnApproval::OtherAct,
        ),
        (
            approver("alice", &["leads"], session()),
            NotAnApproval::OwnSession,
        ),
        (
            approver("lena", &["soc"], session()),
            NotAnApproval::NotAsked,
        ),
    ] {
        let refused = pending("@approval(\"leads\")")
            .approved(&permit)
            .unwrap_err();
        assert_eq!(refused.0, wanted);
        assert_eq!(refused.1.missing(), ["leads"], "it waits on");
    }
    let approved =
        pending("@approval(\"leads\")").approved(&approver("lena", &["leads"], session()));
    assert!(matches!(approved, Ok(Approved::Start(permit)) if permit.session() == &session()));
}

#[test]
fn every_group_that_is_asked_must_approve() {
    let text = format!(
        "{}@id(\"d2\") @approval(\"owners\") permit(principal, action == Portreeve::Action::\"delegate\", resource);",
        all_three("@approval(\"leads\")")
    );
    let StartDecision::NeedsApproval(pending) = policies(&text).start(start()) else {
        panic!("needs approval")
    };
    assert_eq!(pending.missing(), ["leads", "owners"]);
    let Ok(Approved::StillPending(pending)) =
        pending.approved(&approver("lena", &["leads"], session()))
    else {
        panic!("one is missing")
    };
    assert!(matches!(
        pending.approved(&approver("olga", &["owners"], session())),
        Ok(Approved::Start(_))
    ));
}

#[test]
fn what_needs_approval_inside_a_session_is_refused() {
    let shell = policies(
        "@id(\"a\") @approval(\"leads\") permit(principal, action == Portreeve::Action::\"shell\", resource);",
    );
    assert!(matches!(
        shell.within(within(SessionAct::Shell)),
        Decision::Denial(_)
    ));
}

#[test]
fn what_is_known_of_the_asker_counts_also_for_their_own_session() {
    // The registry keeps no groups, so the session's human comes without them.
    let own = Session {
        human: human("alice", &[]),
        ..session()
    };
    let oversee = policies(
        "@id(\"a\") permit(principal in Portreeve::Group::\"soc\", action in Portreeve::Action::\"oversee\", resource is Portreeve::Session) \
         when { resource.human == principal };",
    );
    let kill = |who| {
        oversee.human(by(
            who,
            HumanAct::Kill {
                session: Box::new(own.clone()),
            },
        ))
    };
    assert!(matches!(
        kill(human("alice", &["soc"])),
        Decision::Permit(_)
    ));
    assert!(matches!(kill(human("alice", &[])), Decision::Denial(_)));
    assert!(matches!(kill(human("bob", &["soc"])), Decision::Denial(_)));
}

#[test]
fn the_same_subject_of_another_issuer_is_somebody_else() {
    let mut other = human("alice", &["soc"]);
    other.identity.issuer = "https://other.example.com".into();
    let own = policies(
        "@id(\"a\") permit(principal, action == Portreeve::Action::\"kill\", resource) when { resource.human == principal };",
    );
    let kill = own.human(by(
        other,
        HumanAct::Kill {
            session: Box::new(session()),
        },
    ));
    assert!(matches!(kill, Decision::Denial(_)));
}

#[test]
fn a_record_is_replayed_by_its_own_policy_only_and_notices_a_change() {
    let decided = policies(&all_three(""));
    let StartDecision::Permit(permit) = decided.start(start()) else {
        panic!("permitted")
    };
    let mut record = permit.record().clone();
    assert_eq!(replay(&record, &decided), Ok(Replayed::Same));
    let later = policies(&all_three("@max_ttl(\"1m\")"));
    assert_eq!(
        replay(&record, &later),
        Err(NotReplayable::OtherVersion {
            decided: decided.version(),
            given: later.version()
        })
    );
    record.outcome = Outcome::Denied;
    assert!(matches!(
        replay(&record, &decided),
        Ok(Replayed::Different(_))
    ));
}

#[test]
fn a_note_for_the_trail_holds_the_whole_record() {
    let Decision::Denial(denial) = policies("").within(within(SessionAct::Shell)) else {
        panic!("denied")
    };
    let note = denial
        .record()
        .note(portreeve_protocol::id::DecisionId::new(
            crate::common::NOW,
            [1; 10],
        ))
        .unwrap();
    assert!(!note.permitted);
    assert_eq!(
        serde_json::from_value::<portreeve_access_policy::explain::DecisionRecord>(note.record)
            .unwrap(),
        *denial.record()
    );
}
