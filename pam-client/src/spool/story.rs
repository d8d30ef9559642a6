//! What a journal tells, read from its records. Pure.

use std::collections::BTreeSet;

use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, Receipt, Watcher};
use portreeve_protocol::control::HostReport;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::Signed;

use crate::chain::{Chain, Told};
use crate::journal::{Record, fact_of};
use crate::plan::{Plan, Reached};
use crate::receipt::{Before, Tried};
use crate::step::Left;

/// A session as its journal tells it.
#[derive(Debug)]
pub(crate) struct Story {
    /// What was to be done.
    pub(crate) plan: Plan,
    /// How far it came.
    pub(crate) chapter: Chapter,
    /// Why it ended, if its end began.
    pub(crate) cause: Option<EndCause>,
    /// What was not in its place when its end began.
    missing: Vec<String>,
    /// What the last receipt names and no later try finds again.
    once: Vec<String>,
    attestation: Option<Signed<Attestation>>,
    /// What the events before `events` came to, where those are gone from the journal.
    settled: Option<Told>,
    events: Vec<Signed<HostEvent>>,
    receipts: Vec<Signed<Receipt>>,
    /// What was done after the last of them.
    tried: Vec<Tried>,
    acknowledged: BTreeSet<Digest>,
}

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chapter {
    /// It was being made, or lived, or was being removed.
    Interrupted,
    /// It was removed but for something that is tried again.
    Left,
    /// It was removed.
    Gone,
    /// It never became ready and was undone.
    Undone,
}

impl Story {
    /// The story of these records; none without a plan.
    pub(crate) fn of(records: Vec<Record>) -> Option<Self> {
        let mut records = records.into_iter();
        let Some(Record::Plan { plan }) = records.next() else {
            return None;
        };
        // Until its attestation is there a session was never ready, however many steps were done.
        let every_step = plan.steps.len();
        let mut story = Self {
            plan: plan.reaching(every_step),
            chapter: Chapter::Interrupted,
            cause: None,
            missing: Vec::new(),
            once: Vec::new(),
            attestation: None,
            settled: None,
            events: Vec::new(),
            receipts: Vec::new(),
            tried: Vec::new(),
            acknowledged: BTreeSet::new(),
        };
        for record in records {
            story.go_on(record);
        }
        Some(story)
    }

    fn go_on(&mut self, record: Record) {
        match record {
            // A second plan is none of ours; the first one was acted upon.
            Record::Plan { .. } => {}
            // A later one was written by a try that found what the first one had left.
            Record::Ending { cause, missing, .. } if self.cause.is_none() => {
                self.cause = Some(cause);
                self.missing = missing;
            }
            Record::Ending { .. } => {}
            Record::Failed { reached } => self.plan.reached = Reached::Steps(reached),
            Record::Ready { attestation } => {
                self.plan.reached = Reached::Ready;
                self.attestation = Some(attestation);
            }
            Record::Settled { told } => self.settled = Some(told),
            Record::Event { event } => self.events.push(event),
            Record::Acknowledged { reports } => self.acknowledged.extend(reports),
            Record::Gone {
                receipt,
                again,
                once,
            } => {
                self.once = once;
                self.chapter = if again { Chapter::Left } else { Chapter::Gone };
                self.receipts.push(receipt);
                // It tells all of them.
                self.tried.clear();
            }
            Record::Tried { tried } => self.tried.push(tried),
            Record::Undone { .. } => self.chapter = Chapter::Undone,
        }
    }

    /// Whether the session is over, so that its reports are all there.
    pub(crate) fn is_over(&self) -> bool {
        self.chapter != Chapter::Interrupted
    }

    /// Whether its attestation said that its processes are watched.
    pub(crate) fn was_watched(&self) -> bool {
        let attestation = self.attestation.as_ref();
        let said = attestation.and_then(|signed| {
            serde_json::from_str::<Attestation>(signed.unverified_payload()).ok()
        });
        said.and_then(|said| said.watch)
            .is_some_and(|watch| watch.processes != Watcher::Absent)
    }

    /// Whether nothing is left to do on the host.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.chapter, Chapter::Gone | Chapter::Undone)
    }

    /// What was not in its place when its end began; nothing where that is to be looked for now.
    pub(crate) fn missing(&self) -> Option<Vec<Left>> {
        let was_begun = self.cause.is_some() || self.plan.reached != Reached::Ready;
        was_begun.then(|| self.missing.iter().map(Left::stays).collect())
    }

    /// What the last receipt told of the session's end, and what was done since.
    pub(crate) fn told(&self) -> Before {
        let receipt = self.receipts.last();
        let said = receipt
            .and_then(|signed| serde_json::from_str::<Receipt>(signed.unverified_payload()).ok());
        let told = said.map_or_else(Before::default, |said| Before::of(said, &self.once));
        self.tried.iter().cloned().fold(told, Before::and)
    }

    /// What no bastion has acknowledged, in order.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = HostReport> {
        let events = self
            .events
            .iter()
            .cloned()
            .map(|event| (event.digest(), HostReport::Event(event)));
        let receipts = self.receipts.iter().cloned();
        let receipts = receipts.map(|receipt| (receipt.digest(), HostReport::Receipt(receipt)));
        events
            .chain(receipts)
            .filter(|(digest, _)| !self.acknowledged.contains(digest))
            .map(|(_, report)| report)
    }

    /// The chain of events as far as it came. Without an attestation it begins at the order.
    pub(crate) fn chain(&self, host: &HostName) -> Chain {
        let root = self
            .attestation
            .as_ref()
            .map_or(self.plan.order_digest, Signed::digest);
        let (session, account) = (self.plan.session, self.plan.account.name.clone());
        let settled = self.settled.clone();
        let told = settled.unwrap_or_else(|| Told::nothing(root));
        let mut chain = Chain::after(told, host.clone(), session, account);
        for event in &self.events {
            if let Some(fact) = fact_of(event) {
                chain.push(event.digest(), &fact);
            }
        }
        chain
    }
}
