//! A live session's book: its journal, its chain of events, and what its bastion has not been told.
//!
//! Nothing is told that is not in the journal. The thread of the control connection sends what
//! [`Book::unsent`] gives; other threads only append.

use std::collections::BTreeMap;

use portreeve_protocol::attest::{Attestation, EndCause, HostFact, Receipt};
use portreeve_protocol::control::HostReport;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::{SignError, Signed};
use portreeve_protocol::time::Timestamp;

use crate::chain::{Chain, Tally};
use crate::journal::{Journal, JournalError, Record, WORTH_IT};
use crate::plan::Plan;
use crate::receipt::{self, Commands, Tried};
use crate::step::Left;
use crate::trust::Identity;

/// A session's book.
#[derive(Debug)]
pub(crate) struct Book {
    journal: Journal,
    chain: Chain,
    unsent: Vec<HostReport>,
    /// What the bastion has not acknowledged, and how much of the journal each is.
    unacknowledged: BTreeMap<Digest, u64>,
    /// How much of the journal all of them are.
    waiting: u64,
    /// How much of the journal is needed whatever was acknowledged.
    needed: u64,
    /// How much was of no use when it could not be made shorter.
    tried: u64,
}

/// Why something is not in the book.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookError {
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Book {
    /// The book of a session whose attestation is about to be given.
    pub(crate) fn open(
        mut journal: Journal,
        host: &HostName,
        plan: &Plan,
        attestation: &Signed<Attestation>,
    ) -> Result<Self, BookError> {
        journal.append(&Record::Ready {
            attestation: attestation.clone(),
        })?;
        let root = attestation.digest();
        Ok(Self::over(
            journal,
            Chain::new(host.clone(), plan.session, plan.account.name.clone(), root),
        ))
    }

    /// The book of a session that a crash ended.
    pub(crate) fn reopen(journal: Journal, chain: Chain) -> Self {
        Self::over(journal, chain)
    }

    fn over(journal: Journal, chain: Chain) -> Self {
        Self {
            needed: journal.length(),
            journal,
            chain,
            unsent: Vec::new(),
            unacknowledged: BTreeMap::new(),
            waiting: 0,
            tried: 0,
        }
    }

    /// Something happened.
    pub(crate) fn enter(
        &mut self,
        fact: HostFact,
        at: Timestamp,
        identity: &Identity,
    ) -> Result<(), BookError> {
        let event = self.chain.sign(fact.clone(), at, identity)?;
        let before = self.journal.length();
        self.journal.append(&Record::Event {
            event: event.clone(),
        })?;
        let digest = event.digest();
        self.chain.push(digest, &fact);
        let size = self.journal.length().saturating_sub(before);
        self.waiting = self.waiting.saturating_add(size);
        self.unacknowledged.insert(digest, size);
        self.unsent.push(HostReport::Event(event));
        Ok(())
    }

    /// The end begins.
    pub(crate) fn ending(
        &mut self,
        cause: EndCause,
        at: Timestamp,
        missing: &[Left],
    ) -> Result<(), BookError> {
        Ok(self.journal.append(&Record::Ending {
            cause,
            at,
            missing: receipt::lines(missing),
        })?)
    }

    /// The end was done; something may be left that is tried `again`, and what `once` was told is found no more.
    pub(crate) fn gone(
        &mut self,
        receipt: &Signed<Receipt>,
        again: bool,
        once: Vec<String>,
    ) -> Result<(), BookError> {
        self.unacknowledged.insert(receipt.digest(), 0);
        Ok(self.journal.append(&Record::Gone {
            receipt: receipt.clone(),
            again,
            once,
        })?)
    }

    /// The end was tried again and is not done; this came of it.
    pub(crate) fn tried(&mut self, tried: Tried) -> Result<(), BookError> {
        Ok(self.journal.append(&Record::Tried { tried })?)
    }

    /// What the bastion has not been told, in order; it is told now.
    pub(crate) fn unsent(&mut self) -> Vec<HostReport> {
        std::mem::take(&mut self.unsent)
    }

    /// The bastion has these reports. Those of other sessions are left in the list.
    pub(crate) fn acknowledged(&mut self, reports: &mut Vec<Digest>) -> Result<(), BookError> {
        let ours: Vec<_> = reports
            .extract_if(.., |report| match self.unacknowledged.remove(report) {
                Some(size) => {
                    self.waiting = self.waiting.saturating_sub(size);
                    true
                }
                None => false,
            })
            .collect();
        if ours.is_empty() {
            return Ok(());
        }
        self.journal.note(&Record::Acknowledged { reports: ours })?;
        Ok(self.shorten()?)
    }

    /// Gives back the room of what was acknowledged, once that is worth it. It is not while the
    /// first event of many is not acknowledged, so that is tried again when there is more.
    fn shorten(&mut self) -> Result<(), JournalError> {
        let useless = self.useless();
        let is_worth_it = useless >= self.waiting.max(WORTH_IT);
        let is_new = self.waiting == 0 || useless >= self.tried.saturating_add(WORTH_IT);
        if is_worth_it && is_new {
            self.journal.shorten()?;
            self.tried = self.useless();
        }
        Ok(())
    }

    /// How much of the journal nobody needs any more.
    const fn useless(&self) -> u64 {
        let needed = self.needed.saturating_add(self.waiting);
        self.journal.length().saturating_sub(needed)
    }

    /// How long the journal is.
    pub(crate) const fn length(&self) -> u64 {
        self.journal.length()
    }

    /// Whether the bastion has everything.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// How many reports the bastion has not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    /// The sudo commands that ran, as a receipt lists them.
    pub(crate) fn ran(&self) -> &Commands {
        self.chain.ran()
    }

    /// What a receipt says of the events.
    pub(crate) fn tally(&self) -> Tally {
        self.chain.tally()
    }
}
