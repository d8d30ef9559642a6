use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use super::*;
use crate::accept::tests::mint::Mint;
use crate::request::Forwarding;
use bytes::Bytes;
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::Watcher;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// The answer that the starter policy, or another, gives the example session.
pub(crate) fn answer(policy: &str, program: Wanted) -> Verdict {
    // Reading a policy takes far longer than asking it, and some tests ask a thousand times.
    static READ: LazyLock<Mutex<HashMap<String, Arc<Policies>>>> = LazyLock::new(Mutex::default);
    static FACTS: LazyLock<Facts> =
        LazyLock::new(|| Facts::of(&Mint::new(NOW).grant(), "192.0.2.7".parse().unwrap()));
    let policies = Arc::clone(
        READ.lock()
            .unwrap()
            .entry(policy.to_owned())
            .or_insert_with(|| Arc::new(Policies::parse("test.cedar", policy).unwrap())),
    );
    let mut count = 0;
    let new_id = || {
        count += 1;
        DecisionId::new(NOW, [count; 10])
    };
    let asked = Asked {
        program,
        pty: false,
    };
    decide(&policies, &FACTS, &asked, NOW, new_id)
}

const NO_WRITING: &str = r#"
@id("reads") permit (principal, action in [Portreeve::Action::"sftpRead", Portreeve::Action::"exec"], resource);
"#;
const NO_FILES: &str = r#"
@id("runs") permit (principal, action == Portreeve::Action::"exec", resource);
"#;
const NO_READING: &str = r#"
@id("writes") permit (principal, action == Portreeve::Action::"sftpWrite", resource);
"#;
const FORWARDS: &str = r#"
@id("forwards") permit (principal, action == Portreeve::Action::"forward", resource);
"#;

#[test]
fn what_policy_permits_and_the_bastion_offers_is_permitted() {
    let id = Bytes::from_static(b"id");
    let cases = [
        (Wanted::Shell, Program::Shell, 1),
        (Wanted::Exec(id.clone()), Program::Exec(id), 1),
        (Wanted::Sftp, Program::Sftp, 2),
    ];
    for (wanted, program, decisions) in cases {
        let verdict = answer(STARTER_POLICY, wanted);
        assert_eq!(verdict.notes.len(), decisions);
        assert!(verdict.notes.iter().all(|note| note.permitted));
        match verdict.outcome {
            Outcome::Permitted(permit) => assert_eq!(*permit.program(), program),
            Outcome::Refused(refused) => panic!("{refused}"),
        }
    }
}

#[test]
fn file_transfer_may_do_what_policy_permits_of_reading_and_writing() {
    for (policy, read, write) in [
        (STARTER_POLICY, true, true),
        (NO_WRITING, true, false),
        (NO_READING, false, true),
    ] {
        let verdict = answer(policy, Wanted::Sftp);
        let permitted: Vec<bool> = verdict.notes.iter().map(|note| note.permitted).collect();
        assert_eq!(permitted, [read, write]);
        match verdict.outcome {
            Outcome::Permitted(permit) => assert_eq!(permit.rights(), Rights { read, write }),
            Outcome::Refused(refused) => panic!("{refused}"),
        }
    }
}

/// What the starter policy says on a host that found this.
fn on_host(found: &HostFacts, program: Wanted) -> Outcome {
    let policies = Policies::parse("test.cedar", STARTER_POLICY).unwrap();
    let facts = Facts::of(&Mint::new(NOW).grant(), "192.0.2.7".parse().unwrap());
    let mut count = 0;
    let new_id = || {
        count += 1;
        DecisionId::new(NOW, [count; 10])
    };
    let asked = Asked {
        program,
        pty: false,
    };
    let verdict = decide(
        &policies,
        &facts.on_host(Some(found), None),
        &asked,
        NOW,
        new_id,
    );
    // The trail has what the host found in the very decision.
    for note in &verdict.notes {
        assert_eq!(note.record["asked"]["host_check"]["sudo"], "sudo 1.9.16");
    }
    verdict.outcome
}

#[test]
fn a_host_that_does_not_watch_is_refused_where_the_policy_demands_it() {
    let demanding = r#"
        @id("work") permit (principal, action, resource);
        @id("watched")
        forbid (principal, action in Portreeve::Action::"useSession", resource)
        unless { context has hostWatch && context.hostWatch.processes == "ebpf" };
    "#;
    let policies = Policies::parse("test.cedar", demanding).unwrap();
    let facts = Facts::of(&Mint::new(NOW).grant(), "192.0.2.7".parse().unwrap());
    let asked = Asked {
        program: Wanted::Shell,
        pty: true,
    };
    let id = || DecisionId::new(NOW, [1; 10]);
    let said = |watch| decide(&policies, &facts.on_host(None, watch), &asked, NOW, id);
    let blind = WatchFacts {
        processes: Watcher::ProcessConnector,
        ..WatchFacts::EVERYTHING
    };
    // An older host client says nothing of it.
    assert!(matches!(said(None).outcome, Outcome::Refused(_)));
    let refused = said(Some(blind));
    assert!(matches!(refused.outcome, Outcome::Refused(Refused::Host)));
    // The trail has why in the very decision.
    let watch = &refused.notes[0].record["asked"]["host_watch"];
    assert_eq!(watch["processes"], "process_connector");
    let seen = said(Some(WatchFacts::EVERYTHING));
    assert!(matches!(seen.outcome, Outcome::Permitted(_)));
}

#[test]
fn a_host_with_a_hole_in_its_sudo_is_refused_and_why_is_told() {
    let well = HostFacts {
        complete: true,
        sudo: "sudo 1.9.16".into(),
        local_root: vec![],
        vulnerabilities: vec!["CVE-2023-42465".into()],
        uncertain: vec![],
        findings: vec![],
        replaceable: vec![],
    };
    let holed = HostFacts {
        local_root: vec!["CVE-2025-32463".into()],
        ..well.clone()
    };
    let open = HostFacts {
        replaceable: vec!["/opt/tool".into()],
        ..well.clone()
    };
    let id = || Wanted::Exec(Bytes::from_static(b"id"));
    assert!(matches!(on_host(&well, id()), Outcome::Permitted(_)));
    for found in [&holed, &open] {
        for program in [Wanted::Shell, id(), Wanted::Sftp] {
            assert!(matches!(
                on_host(found, program),
                Outcome::Refused(Refused::Host)
            ));
        }
    }
    // What is refused everywhere is not the host's fault.
    let forward = Wanted::Forward(Forwarding::new("direct-tcpip", Some(("192.0.2.1", 80))));
    assert!(matches!(
        on_host(&holed, forward),
        Outcome::Refused(Refused::Policy)
    ));
}

#[test]
fn everything_else_is_refused() {
    let long = Bytes::from(vec![b'x'; MAX_COMMAND + 1]);
    let forward = || Wanted::Forward(Forwarding::new("direct-tcpip", Some(("192.0.2.1", 80))));
    let cases = [
        ("", Wanted::Shell, Refused::Policy, 1),
        (
            "",
            Wanted::Exec(Bytes::from_static(b"id")),
            Refused::Policy,
            1,
        ),
        (NO_FILES, Wanted::Sftp, Refused::Policy, 2),
        (NO_WRITING, Wanted::Exec(long), Refused::TooLong, 0),
        (
            STARTER_POLICY,
            Wanted::Exec(Bytes::from_static(b"id\0; reboot")),
            Refused::ZeroByte,
            0,
        ),
        (
            STARTER_POLICY,
            Wanted::subsystem("netconf"),
            Refused::Subsystem,
            0,
        ),
        (STARTER_POLICY, forward(), Refused::Policy, 1),
        (FORWARDS, forward(), Refused::Forwarding, 1),
    ];
    for (policy, wanted, expected, decisions) in cases {
        let verdict = answer(policy, wanted.clone());
        assert_eq!(verdict.notes.len(), decisions, "{wanted:?}");
        match verdict.outcome {
            Outcome::Refused(refused) => assert_eq!(refused, expected, "{wanted:?}"),
            Outcome::Permitted(_) => panic!("{wanted:?} was permitted"),
        }
    }
}

#[test]
fn the_smallest_limit_of_content_comes_with_the_permit() {
    let limits = r#"
@id("some") @recording_content("1MiB") permit (principal, action, resource);
@id("less") @recording_content("4KiB") permit (principal, action == Portreeve::Action::"sftpWrite", resource);
"#;
    for (program, bytes) in [(Wanted::Shell, 1 << 20), (Wanted::Sftp, 4096)] {
        let Outcome::Permitted(permit) = answer(limits, program).outcome else {
            panic!("refused");
        };
        assert_eq!(permit.content_limit(), Some(ContentLimit::of_bytes(bytes)));
    }
}

#[test]
fn strictness_of_a_policy_comes_with_the_permit() {
    let strict = r#"@id("all") @recording("strict") permit (principal, action, resource);"#;
    let Outcome::Permitted(permit) = answer(strict, Wanted::Shell).outcome else {
        panic!("refused");
    };
    assert!(permit.is_strict());
}
