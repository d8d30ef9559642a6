//! The record of a decision, and making the decision again from it.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::DecisionNote;
use portreeve_protocol::id::DecisionId;
use serde::{Deserialize, Serialize};

use crate::act::{HumanRequest, StartRequest, UseRequest};
use crate::decide::Policies;
use crate::obligation::Obligations;

/// Everything that a decision was made from, and what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// The policy version that decided.
    pub policy: Digest,
    /// What was asked, with every attribute.
    pub asked: Asked,
    /// The questions that were put to the policies, and the answers.
    pub answers: Vec<Answer>,
    /// What came out of them.
    pub outcome: Outcome,
    /// What the permission demands.
    #[serde(default, skip_serializing_if = "Obligations::is_empty")]
    pub obligations: Obligations,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    /// A pair asked for a session.
    Start(Box<StartRequest>),
    /// A pair asked for something inside its session.
    Use(Box<UseRequest>),
    /// A person asked for something.
    Human(Box<HumanRequest>),
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The principal, the action and the resource as policies write them.
    pub question: String,
    /// Whether the policies permit it.
    pub permitted: bool,
    /// The policies that determined the answer, by `@id`, in order. None: nothing permitted it.
    pub determining: Vec<String>,
    /// What went wrong. Anything here means no, and that somebody should look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// What came out of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Permitted.
    Permitted,
    /// Permitted once somebody approves.
    NeedsApproval,
    /// Refused.
    Denied,
}

impl DecisionRecord {
    /// The policies that determined the outcome, each once.
    #[must_use]
    pub fn determining(&self) -> Vec<String> {
        // A refusal is determined by the questions that were refused, not by those that were not.
        let refused = self.outcome == Outcome::Denied;
        let mut ids: Vec<String> = self
            .answers
            .iter()
            .filter(|answer| answer.permitted != refused)
            .flat_map(|answer| answer.determining.iter().cloned())
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Whether a policy could not be evaluated, which somebody should look at.
    #[must_use]
    pub fn alarm(&self) -> bool {
        self.answers.iter().any(|answer| !answer.errors.is_empty())
    }

    /// The decision as it stands in the trail.
    ///
    /// # Errors
    ///
    /// Never for a record that this crate made; the signature is that of the serialiser.
    pub fn note(&self, id: DecisionId) -> Result<DecisionNote, serde_json::Error> {
        Ok(DecisionNote {
            id,
            permitted: self.outcome == Outcome::Permitted,
            policy: self.policy,
            determining: self.determining(),
            record: serde_json::to_value(self)?,
        })
    }
}

/// What came of making a decision again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The same.
    Same,
    /// Something else: the record was altered, or the engine changed its mind.
    Different(Box<DecisionRecord>),
}

/// Why a decision cannot be made again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayable {
    /// The policies at hand are of another version.
    #[error("the decision was made by policy {decided} and not by {given}; fetch that version")]
    OtherVersion {
        /// The version that decided.
        decided: Digest,
        /// The version at hand.
        given: Digest,
    },
}

/// Makes a decision again from its record.
///
/// # Errors
///
/// When `policies` is not the version that decided.
pub fn replay(record: &DecisionRecord, policies: &Policies) -> Result<Replayed, NotReplayable> {
    if record.policy != policies.version() {
        return Err(NotReplayable::OtherVersion {
            decided: record.policy,
            given: policies.version(),
        });
    }
    let again = policies.record(record.asked.clone());
    Ok(if again == *record {
        Replayed::Same
    } else {
        Replayed::Different(Box::new(again))
    })
}
