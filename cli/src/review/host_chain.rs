//! What a host said about a session: attestation, events, receipt, each signed and each naming the
//! one before. Pure: whether they hang together, and what that proves.

use std::collections::BTreeMap;

use portreeve_protocol::attest::{Attestation, HostEvent, Receipt};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::signed::{Signed, Statement};

use super::findings::Findings;
use super::known::Known;

/// The host's statements about one session.
#[derive(Default)]
struct Said<'a> {
    attestation: Option<&'a Signed<Attestation>>,
    events: Vec<&'a Signed<HostEvent>>,
    receipt: Option<&'a Signed<Receipt>>,
}

/// Checks the host's statements in a trail. With `key` their signatures are checked as well.
#[must_use]
pub fn check<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    key: Option<&Known<PublicKey>>,
) -> Findings {
    let mut sessions: BTreeMap<SessionId, Said<'a>> = BTreeMap::new();
    for event in events {
        let Body::Access {
            session: Some(session),
            fact,
            ..
        } = &event.body
        else {
            continue;
        };
        let said = sessions.entry(*session).or_default();
        if let AccessFact::HostReady { attestation } = fact {
            said.attestation = Some(attestation);
        } else if let AccessFact::Host { event } = fact {
            said.events.push(event);
        } else if let AccessFact::HostGone { receipt } = fact {
            // The last one counts: a host that restarts while it ends a session says it again.
            said.receipt = Some(receipt);
        }
    }
    let mut findings = Findings::default();
    for (session, said) in sessions {
        said.check(session, key, &mut findings);
    }
    findings
}

impl Said<'_> {
    fn check(&self, session: SessionId, key: Option<&Known<PublicKey>>, findings: &mut Findings) {
        let Some(signed) = self.attestation else {
            if !self.events.is_empty() || self.receipt.is_some() {
                findings.unproved.push(format!(
                    "{session}: the host's chain has no beginning: no attestation is here"
                ));
            }
            return;
        };
        let Some(attestation) = read(signed, key, "attestation", session, findings) else {
            return;
        };
        if attestation.session != session {
            findings.faults.push(format!(
                "{session}: the attestation is about another session"
            ));
            return;
        }
        let mut events = Vec::new();
        for signed in &self.events {
            match read(signed, key, "host event", session, findings) {
                Some(event) => events.push((event, signed.digest())),
                None => return,
            }
        }
        // Some are delivered late, so the order in the log is not the order on the host.
        events.sort_by_key(|(event, _)| event.seq);
        events.dedup_by_key(|(event, _)| event.seq);
        let last = chained(session, signed.digest(), &events, findings);
        if let Some(known) = key {
            findings.proved.push(format!(
                "{session}: {} signed that {} was ready with uid {}{}",
                attestation.host,
                attestation.account,
                attestation.uid,
                known.caveat()
            ));
        } else {
            findings.unproved.push(format!(
                "{session}: that the host said so: give its identity key with --host-key"
            ));
        }
        self.receipt(session, key, &attestation, events.len(), last, findings);
    }

    fn receipt(
        &self,
        session: SessionId,
        key: Option<&Known<PublicKey>>,
        attestation: &Attestation,
        events: usize,
        last: Option<Digest>,
        findings: &mut Findings,
    ) {
        let Some(signed) = self.receipt else {
            findings.unproved.push(format!(
                "{session}: that the account is gone: the host's receipt is not here"
            ));
            return;
        };
        let Some(receipt) = read(signed, key, "receipt", session, findings) else {
            return;
        };
        let same = receipt.session == session
            && receipt.host == attestation.host
            && receipt.order == attestation.order
            && receipt.account == attestation.account
            && receipt.uid == attestation.uid;
        if !same {
            findings.faults.push(format!(
                "{session}: the receipt is about another account than the attestation"
            ));
            return;
        }
        match usize::try_from(receipt.events) {
            Ok(counted) if counted == events && last == Some(receipt.last_event) => {
                findings
                    .proved
                    .push(format!("{session}: all {events} events of the host are here, in order and unaltered"));
            }
            Ok(counted) if counted > events => findings.unproved.push(format!(
                "{session}: what the host reported: its receipt counts {counted} events and {events} are here"
            )),
            _ => findings
                .faults
                .push(format!("{session}: the host's receipt counts other events than are here")),
        }
        if !receipt.left.is_empty() {
            findings.unproved.push(format!(
                "{session}: that nothing is left: the host could not remove {}",
                receipt.left.join(", ")
            ));
        } else if let Some(known) = key {
            findings.proved.push(format!(
                "{session}: {} signed that {} and everything of it was gone at {}{}",
                receipt.host,
                receipt.account,
                receipt.gone_at,
                known.caveat()
            ));
        }
    }
}

/// Follows the chain from the attestation on; the digest of its last link if it is unbroken.
fn chained(
    session: SessionId,
    first: Digest,
    events: &[(HostEvent, Digest)],
    findings: &mut Findings,
) -> Option<Digest> {
    let mut previous = first;
    for ((event, digest), place) in events.iter().zip(0_u64..) {
        if event.seq != place {
            findings.unproved.push(format!(
                "{session}: what the host reported: its event {place} is not here"
            ));
            return None;
        }
        if event.session != session || event.previous != previous {
            findings.faults.push(format!(
                "{session}: the host's event {place} does not follow the one before it"
            ));
            return None;
        }
        previous = *digest;
    }
    Some(previous)
}

fn read<T: Statement>(
    signed: &Signed<T>,
    key: Option<&Known<PublicKey>>,
    what: &str,
    session: SessionId,
    findings: &mut Findings,
) -> Option<T> {
    let statement = match key {
        Some(known) => signed
            .verify(&known.key)
            .map(portreeve_protocol::signed::Verified::into_inner)
            .map_err(|error| error.to_string()),
        None => {
            serde_json::from_str(signed.unverified_payload()).map_err(|error| error.to_string())
        }
    };
    statement
        .map_err(|error| {
            findings
                .faults
                .push(format!("{session}: a {what}: {error}"))
        })
        .ok()
}

#[cfg(test)]
mod tests {
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
}
