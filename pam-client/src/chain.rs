//! A session's events on this host: counted, each naming the one before, signed.

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{AccountName, HostName};
use portreeve_protocol::signed::{SignError, Signed};
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::receipt::Commands;
use crate::trust::Identity;

/// How far a session's events have come.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    host: HostName,
    session: SessionId,
    account: AccountName,
    told: Told,
}

/// What is remembered of the events so far, so that none of them is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    tally: Tally,
    ran: Commands,
}

/// What a receipt says about the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tally {
    /// How many there were.
    pub(crate) events: u64,
    /// How many of them were about sudo, allowed or refused.
    pub(crate) sudo: u64,
    /// How many of them were sudo commands that ran.
    pub(crate) sudo_allowed: u64,
    /// The digest of the last one.
    pub(crate) last: Digest,
}

impl Chain {
    /// A chain without events, which begins at `root`: the attestation's digest.
    pub(crate) fn new(
        host: HostName,
        session: SessionId,
        account: AccountName,
        root: Digest,
    ) -> Self {
        Self::after(Told::nothing(root), host, session, account)
    }

    /// A chain that goes on from events that were told.
    pub(crate) const fn after(
        told: Told,
        host: HostName,
        session: SessionId,
        account: AccountName,
    ) -> Self {
        Self {
            host,
            session,
            account,
            told,
        }
    }

    /// Signs the next event. The chain goes on from it once [`Chain::push`] was told.
    pub(crate) fn sign(
        &self,
        fact: HostFact,
        at: Timestamp,
        identity: &Identity,
    ) -> Result<Signed<HostEvent>, SignError> {
        let event = HostEvent {
            host: self.host.clone(),
            session: self.session,
            account: self.account.clone(),
            seq: self.told.tally.events,
            previous: self.told.tally.last,
            at,
            fact,
        };
        Signed::sign(&event, identity.key())
    }

    /// Goes on from an event that is durable now.
    pub(crate) fn push(&mut self, digest: Digest, fact: &HostFact) {
        self.told.push(digest, fact);
    }

    /// What a receipt would say now.
    pub(crate) const fn tally(&self) -> Tally {
        self.told.tally
    }

    /// The sudo commands that ran.
    pub(crate) const fn ran(&self) -> &Commands {
        &self.told.ran
    }
}

impl Told {
    /// No event; the first one will name `root`.
    pub(crate) fn nothing(root: Digest) -> Self {
        Self {
            tally: Tally {
                events: 0,
                sudo: 0,
                sudo_allowed: 0,
                last: root,
            },
            ran: Commands::default(),
        }
    }

    /// One event more.
    pub(crate) fn push(&mut self, digest: Digest, fact: &HostFact) {
        self.tally.events += 1;
        self.tally.last = digest;
        if let HostFact::Sudo {
            allowed,
            argv,
            run_as,
            ..
        } = fact
        {
            self.tally.sudo += 1;
            if *allowed {
                self.tally.sudo_allowed += 1;
                self.ran.add(run_as, argv);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_names_the_one_before() {
        let identity = Identity::from_seed(&[1; 32]).unwrap();
        let root = Digest::of(b"attestation");
        let session = SessionId::new(Timestamp::from_seconds(1), [0; 10]);
        let mut chain = Chain::new("prod-1".parse().unwrap(), session, session.account(), root);
        let mut previous = root;
        for seq in 0..3 {
            let fact = HostFact::Login { pid: 7 };
            let event = chain
                .sign(fact.clone(), Timestamp::from_seconds(2), &identity)
                .unwrap();
            let verified = event.verify(identity.public()).unwrap();
            assert_eq!(
                (verified.get().seq, verified.get().previous),
                (seq, previous)
            );
            previous = event.digest();
            chain.push(previous, &fact);
        }
        let tally = Tally {
            events: 3,
            sudo: 0,
            sudo_allowed: 0,
            last: previous,
        };
        assert_eq!(chain.tally(), tally);
    }
}
