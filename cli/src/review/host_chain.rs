//! What a host said about a session: attestation, events, receipt, each signed and each naming the
//! one before. Pure: whether they hang together, and what that proves.

use std::collections::BTreeMap;

use portreeve_protocol::attest::{Attestation, HostEvent, Receipt};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::signed::{Signed, Statement, Verified, VerifyError};
use serde::Deserialize;

use super::findings::Findings;
use super::known::Known;

/// What links a host's event to the one before it, in every version.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Link {
    session: SessionId,
    /// Counts the session's events from 0.
    pub(super) seq: u64,
    previous: Digest,
}

impl Link {
    /// The link of an event, which is not verified here.
    pub(super) fn of(signed: &Signed<HostEvent>) -> Option<Self> {
        serde_json::from_str(signed.unverified_payload()).ok()
    }
}

/// What every statement of a host has, in every version.
#[derive(Deserialize)]
struct Addressed {
    session: SessionId,
}

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
        let Some(mut events) = self.links(session, key, findings) else {
            return;
        };
        // Some are delivered late, so the order in the log is not the order on the host.
        events.sort_by_key(|(link, _)| link.seq);
        events.dedup_by_key(|(link, _)| link.seq);
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

    /// The links of the host's events. One of a newer version is a link of the chain like the others.
    fn links(
        &self,
        session: SessionId,
        key: Option<&Known<PublicKey>>,
        findings: &mut Findings,
    ) -> Option<Vec<(Link, Digest)>> {
        let mut links = Vec::new();
        let mut unknown = 0_u64;
        for signed in &self.events {
            match hear(signed, key, session) {
                Ok(_) => {}
                Err(NotHeard::Unknown) => unknown += 1,
                Err(NotHeard::Fault(error)) => {
                    findings.fault(format!("{session}: a host event: {error}"));
                    return None;
                }
            }
            links.push(Link::of(signed).map(|link| (link, signed.digest())));
        }
        if unknown > 0 {
            findings.unread.push(format!(
                "{session}: {unknown} of the host's events: this version does not know what they say"
            ));
        }
        links.into_iter().collect()
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
    events: &[(Link, Digest)],
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
    match hear(signed, key, session) {
        Ok(statement) => return Some(statement),
        Err(NotHeard::Unknown) => findings.unread.push(format!(
            "{session}: the host's {what}: this version does not know what it says"
        )),
        Err(NotHeard::Fault(error)) => {
            findings.fault(format!("{session}: a {what}: {error}"));
        }
    }
    None
}

/// Why a statement is not heard.
enum NotHeard {
    /// It is of a newer version, and genuine where the host's key is given.
    Unknown,
    /// It is not what it must be.
    Fault(VerifyError),
}

/// What a host said, if its signature holds and this version knows it.
fn hear<T: Statement>(
    signed: &Signed<T>,
    key: Option<&Known<PublicKey>>,
    session: SessionId,
) -> Result<T, NotHeard> {
    let statement = match key {
        Some(known) => signed.verify(&known.key).map(Verified::into_inner),
        None => serde_json::from_str(signed.unverified_payload()).map_err(|_| VerifyError::Content),
    };
    let is_addressed = || {
        serde_json::from_str(signed.unverified_payload())
            .is_ok_and(|addressed: Addressed| addressed.session == session)
    };
    statement.map_err(|error| {
        if error == VerifyError::Content && is_addressed() {
            NotHeard::Unknown
        } else {
            NotHeard::Fault(error)
        }
    })
}

#[cfg(test)]
mod tests;
