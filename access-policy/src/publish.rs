//! Reads a policy file, and says everything that is wrong with it.
//!
//! A policy that reaches a decision has passed here: it parses, it follows the schema strictly, it
//! has an `@id` that stays the same when others are added, and its obligations are understood.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode};
use portreeve_protocol::digest::Digest;
use serde::Serialize;

use crate::decide::Policies;
use crate::obligation::Obligations;
use crate::vocabulary::Vocabulary;

/// Largest policy file, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most policies in a file; a decision looks at each.
pub const MAX_POLICIES: usize = 1000;

/// One thing that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a policy file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn one(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// The problems, in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

pub(crate) fn read(file_name: &str, text: &str) -> Result<Policies, Problems> {
    let mut found = Found {
        file_name,
        text,
        problems: Vec::new(),
    };
    let read = found.policies();
    found
        .problems
        .sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    found.problems.dedup();
    match read {
        Some(policies) if found.problems.is_empty() => Ok(policies),
        _ => Err(Problems(found.problems)),
    }
}

struct Found<'t> {
    file_name: &'t str,
    text: &'t str,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn policies(&mut self) -> Option<Policies> {
        let parsed = self.parsed()?;
        let (set, obligations) = self.named(&parsed);
        let vocabulary = self.vocabulary()?;
        self.validate(vocabulary, &set);
        Some(Policies {
            version: Digest::of(self.text.as_bytes()),
            text: self.text.to_owned(),
            set,
            obligations,
            vocabulary,
        })
    }

    fn vocabulary(&mut self) -> Option<&'static Vocabulary> {
        let read = Vocabulary::of_schema();
        read.map_err(|error| self.report(0, error.to_string(), None))
            .ok()
    }

    /// The policies as Cedar reads them, within bounds.
    fn parsed(&mut self) -> Option<PolicySet> {
        if self.text.len() > MAX_BYTES {
            let message = format!("the file has {} bytes", self.text.len());
            self.report(0, message, Some("262,144 bytes is the most"));
            return None;
        }
        let parsed = match PolicySet::from_str(self.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                errors.iter().for_each(|error| self.report_engine(error));
                return None;
            }
        };
        if parsed.num_of_policies() > MAX_POLICIES {
            let message = format!("the file has {} policies", parsed.num_of_policies());
            self.report(0, message, Some("1,000 is the most"));
            return None;
        }
        if parsed.num_of_templates() > 0 {
            let help = "write the principal or resource instead of a slot";
            self.report(0, "templates are not used".to_owned(), Some(help));
        }
        Some(parsed)
    }

    /// The policies under their own ids, and what each demands.
    fn named(&mut self, parsed: &PolicySet) -> (PolicySet, BTreeMap<String, Obligations>) {
        let mut set = PolicySet::new();
        let mut obligations = BTreeMap::new();
        for (policy, at) in self.placed(parsed) {
            let Some(id) = policy
                .annotation("id")
                .filter(|id| is_id(id))
                .map(ToOwned::to_owned)
            else {
                let help = "write `@id(\"soc-may-delegate\")` above it, of a-z, 0-9 and `-`; ids stand in every decision";
                self.report(at, "a policy has no `@id`".to_owned(), Some(help));
                continue;
            };
            obligations.insert(id.clone(), self.obligations(policy, at));
            if set.add(policy.new_id(PolicyId::new(&id))).is_err() {
                let message = format!("two policies have the id `{id}`");
                self.report(at, message, Some("give each an id of its own"));
            }
        }
        (set, obligations)
    }

    /// The policies in the order of the file, each with its place.
    ///
    /// Cedar tells the places of errors only, so the text of each policy is searched behind the one
    /// before it. Cedar numbers the policies of a file in their order.
    fn placed<'p>(&self, parsed: &'p PolicySet) -> Vec<(&'p Policy, usize)> {
        let number = |policy: &&Policy| {
            let id = policy.id().to_string();
            id.trim_start_matches("policy")
                .parse()
                .unwrap_or(usize::MAX)
        };
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        policies.sort_by_key(number);
        let mut behind = 0;
        let place = |policy: &'p Policy| {
            let text = policy.to_cedar().unwrap_or_default();
            let found = self.text.get(behind..).and_then(|rest| rest.find(&text));
            let at = found.map_or(behind, |found| behind + found);
            behind = found.map_or(behind, |_| at + text.len());
            (policy, at)
        };
        policies.into_iter().map(place).collect()
    }

    fn obligations(&mut self, policy: &Policy, at: usize) -> Obligations {
        let mut obligations = Obligations::default();
        for (key, value) in policy.annotations() {
            if let Err(error) = obligations.read(key, value) {
                let (key, value) = (key.escape_debug(), value.escape_debug());
                let message = format!("`@{key}(\"{value}\")` is not understood");
                self.report(at, message, Some(&error.to_string()));
            }
        }
        if policy.effect() == Effect::Forbid && !obligations.is_empty() {
            let help = "put the obligation on a `permit`";
            self.report(at, "a `forbid` demands nothing".to_owned(), Some(help));
        }
        obligations
    }

    fn validate(&mut self, vocabulary: &Vocabulary, set: &PolicySet) {
        let validation = vocabulary.validator.validate(set, ValidationMode::Strict);
        let errors = validation.validation_errors();
        errors.for_each(|error| self.report_engine(error));
        if validation.validation_passed() {
            // A policy with errors draws warnings too, which say the same less clearly.
            let warnings = validation.validation_warnings();
            warnings.for_each(|warning| self.report_engine(warning));
        }
    }

    fn report_engine(&mut self, error: &dyn miette::Diagnostic) {
        let label = error.labels().and_then(|mut labels| labels.next());
        let at = label.map_or(0, |label| label.offset());
        let help = error.help().map(|help| help.to_string());
        self.report(at, error.to_string(), help.as_deref());
    }

    fn report(&mut self, at: usize, message: String, help: Option<&str>) {
        let (line, column) = position(self.text, at);
        let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
        self.problems.push(Problem {
            file: self.file_name.to_owned(),
            line,
            column,
            message: plain(&message),
            help: help.map(plain),
        });
    }
}

/// Line and column of a byte, both from 1.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or("");
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

fn is_id(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}
