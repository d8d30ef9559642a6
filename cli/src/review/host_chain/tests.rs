use super::*;
use crate::agent::answer::tests::private;
use crate::session::request::tests::public;
use serde_json::{Value, json};

const SESSION: &str = "01890a5d-ac96-774b-8123-456789abcdef";

fn attestation() -> Signed<Attestation> {
    let digest = Digest::of(b"");
    let statement: Attestation = serde_json::from_value(json!({
        "host": "prod-1", "order": "01890a5d-ac96-774b-bcce-b302099a8057", "order_digest": digest,
        "session": SESSION, "account": "pr-8123456789abcdef", "uid": 70001, "gid": 70001, "home": "/home/x",
        "bundle": {"name": "look", "digest": digest}, "rules_digest": digest, "sudo": "sudo 1.9.13",
        "cgroup": "/x", "ready_at": "2026-01-01T00:00:01Z", "expires_at": "2026-01-01T00:15:00Z",
    }))
    .unwrap();
    Signed::sign(&statement, &private(3)).unwrap()
}

fn host_event(seq: u64, previous: Digest) -> Signed<HostEvent> {
    let statement: HostEvent = serde_json::from_value(json!({
        "host": "prod-1", "session": SESSION, "account": "pr-8123456789abcdef", "seq": seq,
        "previous": previous, "at": "2026-01-01T00:00:02Z", "fact": {"fact": "login", "pid": 1},
    }))
    .unwrap();
    Signed::sign(&statement, &private(3)).unwrap()
}

fn receipt(events: u64, last: Digest, uid: u32, left: &[&str]) -> Signed<Receipt> {
    let statement: Receipt = serde_json::from_value(json!({
        "host": "prod-1", "order": "01890a5d-ac96-774b-bcce-b302099a8057", "session": SESSION,
        "account": "pr-8123456789abcdef", "uid": uid, "cause": "asked",
        "ending_at": "2026-01-01T00:00:03Z", "gone_at": "2026-01-01T00:00:04Z", "killed": [],
        "killed_more": 0, "steps": [], "left": left, "sudo_commands": 0, "events": events, "last_event": last,
    }))
    .unwrap();
    Signed::sign(&statement, &private(3)).unwrap()
}

fn event(fact: Value) -> Event {
    serde_json::from_value(json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057", "at": "2026-01-01T00:00:01Z", "source": {"host": "prod-1"},
        "body": {
            "kind": "access",
            "pair": {
                "human": {"issuer": "https://idp.example.com", "subject": "a", "name": "alice"},
                "agent": "soc/forensics",
            },
            "session": SESSION, "fact": fact,
        },
    }))
    .unwrap()
}

fn ready(attestation: &Signed<Attestation>) -> Event {
    event(json!({"fact": "host_ready", "attestation": attestation}))
}

fn happened(signed: &Signed<HostEvent>) -> Event {
    event(json!({"fact": "host", "event": signed}))
}

fn gone(receipt: &Signed<Receipt>) -> Event {
    event(json!({"fact": "host_gone", "receipt": receipt}))
}

#[test]
fn a_whole_chain_proves_everything_the_host_said_in_whatever_order_it_came() {
    let begin = attestation();
    let one = host_event(0, begin.digest());
    let two = host_event(1, one.digest());
    let end = receipt(2, two.digest(), 70001, &[]);
    let trail = [ready(&begin), happened(&two), happened(&one), gone(&end)];
    let findings = check(&trail, Some(&Known::brought(public(3))));
    assert!(
        findings.holds() && findings.unproved.is_empty(),
        "{findings:?}"
    );
    assert_eq!(findings.proved.len(), 3);
    let without_key = check(&trail, None);
    assert!(without_key.holds());
    assert!(
        without_key
            .unproved
            .iter()
            .any(|text| text.contains("--host-key"))
    );
}

#[test]
fn what_is_missing_is_named_and_what_is_altered_is_a_fault() {
    let begin = attestation();
    let one = host_event(0, begin.digest());
    let two = host_event(1, one.digest());
    let end = receipt(2, two.digest(), 70001, &[]);
    let key = Known::brought(public(3));
    let found = |trail: &[Event]| check(trail, Some(&key));

    let cut = found(&[ready(&begin), happened(&one), gone(&end)]);
    assert!(cut.holds());
    assert!(
        cut.unproved
            .iter()
            .any(|text| text.contains("counts 2 events and 1 are here")),
        "{cut:?}"
    );
    let gap = found(&[ready(&begin), happened(&two), gone(&end)]);
    assert!(
        gap.unproved
            .iter()
            .any(|text| text.contains("event 0 is not here")),
        "{gap:?}"
    );
    assert!(
        found(&[ready(&begin)])
            .unproved
            .iter()
            .any(|text| text.contains("receipt is not here"))
    );

    let other = host_event(1, begin.digest());
    assert!(!found(&[ready(&begin), happened(&one), happened(&other), gone(&end)]).holds());
    let uid = receipt(2, two.digest(), 70002, &[]);
    assert!(!found(&[ready(&begin), happened(&one), happened(&two), gone(&uid)]).holds());
    let fewer = receipt(1, one.digest(), 70001, &[]);
    assert!(!found(&[ready(&begin), happened(&one), happened(&two), gone(&fewer)]).holds());
    assert!(!check(&[ready(&begin)], Some(&Known::brought(public(4)))).holds());
    let left = receipt(0, begin.digest(), 70001, &["/home/x"]);
    let left = found(&[ready(&begin), gone(&left)]);
    assert!(
        left.unproved
            .iter()
            .any(|text| text.contains("could not remove /home/x")),
        "{left:?}"
    );
}

/// The text of a statement with something that no version of today says.
fn newer<T: Statement>(statement: &Signed<T>, by: u8) -> Signed<T> {
    let mut said: Value = serde_json::from_str(statement.unverified_payload()).unwrap();
    said["weight"] = json!(7);
    if said["fact"].is_object() {
        said["fact"] = json!({"fact": "weighed", "grams": 7});
    }
    let text = portreeve_protocol::canonical::to_string(&said).unwrap();
    let signature = private(by)
        .sign(T::NAMESPACE, ssh_key::HashAlg::Sha512, text.as_bytes())
        .unwrap();
    let armoured = signature.to_pem(ssh_key::LineEnding::LF).unwrap();
    Signed::assemble(text, armoured)
}

#[test]
fn an_event_of_a_newer_host_is_a_link_of_the_chain_and_no_fault() {
    let begin = attestation();
    let one = newer(&host_event(0, begin.digest()), 3);
    let two = host_event(1, one.digest());
    let end = receipt(2, two.digest(), 70001, &[]);
    let trail = [ready(&begin), happened(&one), happened(&two), gone(&end)];
    let key = Known::brought(public(3));
    for key in [Some(&key), None] {
        let findings = check(&trail, key);
        assert!(findings.holds(), "{findings:?}");
        assert!(
            findings
                .proved
                .iter()
                .any(|text| text.contains("all 2 events")),
            "{findings:?}"
        );
        assert_eq!(findings.unread.len(), 1, "{findings:?}");
        assert!(findings.unread[0].contains("1 of the host's events"));
    }
    for trail in [
        vec![ready(&newer(&begin, 3))],
        vec![
            ready(&begin),
            gone(&newer(&receipt(0, begin.digest(), 70001, &[]), 3)),
        ],
    ] {
        let findings = check(&trail, Some(&key));
        assert!(
            findings.holds() && findings.unread.len() == 1,
            "{findings:?}"
        );
    }
}

#[test]
fn what_only_looks_newer_is_a_fault() {
    let begin = attestation();
    let key = Known::brought(public(3));
    let faults = |event: &Signed<HostEvent>| {
        let findings = check(&[ready(&begin), happened(event)], Some(&key));
        assert!(findings.unread.is_empty(), "{findings:?}");
        findings.faults
    };
    // Not signed by the host.
    let strange = newer(&host_event(0, begin.digest()), 4);
    assert!(faults(&strange)[0].contains("signature does not hold"));
    // Signed, and of no session, as no statement of any version is.
    let other = host_event(0, begin.digest());
    let text = other
        .unverified_payload()
        .replace("\"session\"", "\"meeting\"");
    let signature = private(3)
        .sign(
            HostEvent::NAMESPACE,
            ssh_key::HashAlg::Sha512,
            text.as_bytes(),
        )
        .unwrap();
    let armoured = signature.to_pem(ssh_key::LineEnding::LF).unwrap();
    let other = Signed::assemble(text, armoured);
    assert!(faults(&other)[0].contains("not a statement of this kind"));
    // A break in the chain is one, whatever the event says.
    let broken = newer(&host_event(0, Digest::of(b"another")), 3);
    let findings = check(&[ready(&begin), happened(&broken)], Some(&key));
    assert!(!findings.holds(), "{findings:?}");
}
