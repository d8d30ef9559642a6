//! The decisions: who may do what, now.
//!
//! Everything that is not permitted is refused, a `forbid` outweighs every `permit`, and a policy
//! that cannot be evaluated refuses, because Cedar would otherwise skip it, a `forbid` too.

use portreeve_protocol::digest::Digest;

use crate::act::{HumanRequest, StartRequest, UseRequest};
use crate::explain::{Answer, Asked, DecisionRecord, Outcome};
use crate::obligation::Obligations;
use crate::permit::{HumanPermit, PendingStart, SessionPermit, StartPermit};
use crate::publish::{Problems, read};
use crate::question::Question;
use crate::vocabulary::Vocabulary;

/// One version of the policies, checked and ready.
#[derive(Debug)]
pub struct Policies {
    pub(crate) version: Digest,
    pub(crate) text: String,
    pub(crate) set: cedar_policy::PolicySet,
    pub(crate) obligations: std::collections::BTreeMap<String, Obligations>,
    pub(crate) vocabulary: &'static Vocabulary,
}

/// An answer to somebody who asks for something.
#[derive(Debug)]
#[must_use]
pub enum Decision<P> {
    /// Yes, and this is the proof.
    Permit(P),
    /// No.
    Denial(Denial),
}

/// An answer to a pair that asks for a session.
#[derive(Debug)]
#[must_use]
pub enum StartDecision {
    /// Yes, and this is the proof.
    Permit(StartPermit),
    /// Yes, once somebody approves.
    NeedsApproval(PendingStart),
    /// No.
    Denial(Denial),
}

/// A refusal and its grounds.
#[derive(Debug)]
pub struct Denial {
    record: DecisionRecord,
}

impl Denial {
    /// Everything that the decision was made from.
    #[must_use]
    pub fn record(&self) -> &DecisionRecord {
        &self.record
    }

    /// The policies that forbade it; none when nothing permitted it.
    #[must_use]
    pub fn determining(&self) -> Vec<String> {
        self.record.determining()
    }

    /// Whether it was refused because something went wrong, which somebody should look at.
    #[must_use]
    pub fn alarm(&self) -> bool {
        self.record.alarm()
    }
}

impl Policies {
    /// Reads and checks the text of a policy file; `file_name` is only for messages.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        read(file_name, text)
    }

    /// The digest of the exact text, which names this version.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.version
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a session may begin: the human may delegate, the agent may hold, and the pair may
    /// start. Anything that one of the three lacks, the session lacks.
    pub fn start(&self, request: StartRequest) -> StartDecision {
        let record = self.record(Asked::Start(Box::new(request.clone())));
        if record.outcome == Outcome::Denied {
            return StartDecision::Denial(Denial { record });
        }
        let missing: Vec<String> = record.obligations.approval.iter().cloned().collect();
        let permit = StartPermit {
            request,
            obligations: record.obligations.clone(),
            record,
        };
        if missing.is_empty() {
            StartDecision::Permit(permit)
        } else {
            StartDecision::NeedsApproval(PendingStart { permit, missing })
        }
    }

    /// Whether a pair may do something inside its session.
    ///
    /// A policy that demands approval here refuses: nobody can be asked in the middle of a channel.
    pub fn within(&self, request: UseRequest) -> Decision<SessionPermit> {
        let record = self.record(Asked::Use(Box::new(request.clone())));
        match record.outcome {
            Outcome::Permitted => {
                let obligations = record.obligations.clone();
                Decision::Permit(SessionPermit {
                    request,
                    obligations,
                    record,
                })
            }
            Outcome::NeedsApproval | Outcome::Denied => Decision::Denial(Denial { record }),
        }
    }

    /// Whether a person may do something.
    pub fn human(&self, request: HumanRequest) -> Decision<HumanPermit> {
        let record = self.record(Asked::Human(Box::new(request.clone())));
        match record.outcome {
            Outcome::Permitted => Decision::Permit(HumanPermit { request, record }),
            Outcome::NeedsApproval | Outcome::Denied => Decision::Denial(Denial { record }),
        }
    }

    /// Decides, and writes down from what.
    pub(crate) fn record(&self, asked: Asked) -> DecisionRecord {
        let answers: Vec<Answer> = Question::of(&asked)
            .into_iter()
            .map(|question| self.ask(&question))
            .collect();
        let permitted = !answers.is_empty() && answers.iter().all(|answer| answer.permitted);
        let obligations = if permitted {
            self.demanded(&answers)
        } else {
            Obligations::default()
        };
        let outcome = match (permitted, obligations.approval.is_empty()) {
            (false, _) => Outcome::Denied,
            (true, true) => Outcome::Permitted,
            (true, false) => Outcome::NeedsApproval,
        };
        DecisionRecord {
            policy: self.version,
            asked,
            answers,
            outcome,
            obligations,
        }
    }

    /// What the determining policies demand together.
    fn demanded(&self, answers: &[Answer]) -> Obligations {
        let ids = answers.iter().flat_map(|answer| &answer.determining);
        ids.filter_map(|id| self.obligations.get(id))
            .cloned()
            .fold(Obligations::default(), Obligations::and)
    }

    /// Puts one question to the policies.
    fn ask(&self, question: &Question<'_>) -> Answer {
        let text = question.to_string();
        let (request, entities) = match self.vocabulary.express(question) {
            Ok(expressed) => expressed,
            Err(error) => {
                return Answer {
                    question: text,
                    permitted: false,
                    determining: Vec::new(),
                    errors: vec![error.to_string()],
                };
            }
        };
        let response =
            cedar_policy::Authorizer::new().is_authorized(&request, &self.set, &entities);
        let mut errors: Vec<String> = response
            .diagnostics()
            .errors()
            .map(ToString::to_string)
            .collect();
        errors.sort();
        let allowed = response.decision() == cedar_policy::Decision::Allow;
        let mut determining: Vec<String> = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect();
        determining.sort();
        if allowed && !errors.is_empty() {
            // The errors refuse, not the policies that would have permitted.
            determining.clear();
        }
        Answer {
            question: text,
            permitted: allowed && errors.is_empty(),
            determining,
            errors,
        }
    }
}
