//! Reads a policy file, and says everything that is wrong with it.
//!
//! A policy that reaches a decision has passed here: it parses, it follows the schema strictly, it
//! has an `@id` that stays the same when others are added, and its obligations are understood.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
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
        if self.text.len() > MAX_BYTES {
            self.report(
                0,
                format!("the file has {} bytes", self.text.len()),
                Some("262,144 bytes is the most"),
            );
            return None;
        }
        let vocabulary = match Vocabulary::read() {
            Ok(vocabulary) => vocabulary,
            Err(error) => {
                self.report(0, error.to_string(), None);
                return None;
            }
        };
        let parsed = match PolicySet::from_str(self.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                errors.iter().for_each(|error| self.report_engine(error));
                return None;
            }
        };
        if parsed.num_of_policies() > MAX_POLICIES {
            self.report(
                0,
                format!("the file has {} policies", parsed.num_of_policies()),
                Some("1,000 is the most"),
            );
            return None;
        }
        if parsed.num_of_templates() > 0 {
            self.report(
                0,
                "templates are not used".to_owned(),
                Some("write the principal or resource instead of a slot"),
            );
        }
        let (set, obligations) = self.named(&parsed);
        let validation =
            Validator::new(vocabulary.schema.clone()).validate(&set, ValidationMode::Strict);
        validation
            .validation_errors()
            .for_each(|error| self.report_engine(error));
        validation
            .validation_warnings()
            .for_each(|warning| self.report_engine(warning));
        Some(Policies {
            version: Digest::of(self.text.as_bytes()),
            text: self.text.to_owned(),
            set,
            obligations,
            vocabulary,
        })
    }

    /// The policies under their own ids, and what each demands.
    fn named(&mut self, parsed: &PolicySet) -> (PolicySet, BTreeMap<String, Obligations>) {
        let mut set = PolicySet::new();
        let mut obligations = BTreeMap::new();
        for policy in parsed.policies() {
            let at = self.place_of(policy);
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
                self.report(
                    at,
                    format!("two policies have the id `{id}`"),
                    Some("give each an id of its own"),
                );
            }
        }
        (set, obligations)
    }

    fn obligations(&mut self, policy: &Policy, at: usize) -> Obligations {
        let mut obligations = Obligations::default();
        for (key, value) in policy.annotations() {
            if let Err(error) = obligations.read(key, value) {
                self.report(
                    at,
                    format!(
                        "`@{}(\"{}\")` is not understood",
                        key.escape_debug(),
                        value.escape_debug()
                    ),
                    Some(&error.to_string()),
                );
            }
        }
        if policy.effect() == Effect::Forbid && !obligations.is_empty() {
            self.report(
                at,
                "a `forbid` demands nothing".to_owned(),
                Some("put the obligation on a `permit`"),
            );
        }
        obligations
    }

    /// Where a policy stands: Cedar tells the place of errors only, so its text is searched.
    fn place_of(&self, policy: &Policy) -> usize {
        policy
            .to_cedar()
            .and_then(|text| self.text.find(&text))
            .unwrap_or(0)
    }

    fn report_engine(&mut self, error: &dyn miette::Diagnostic) {
        let at = error
            .labels()
            .and_then(|mut labels| labels.next())
            .map_or(0, |label| label.offset());
        let help = error.help().map(|help| help.to_string());
        self.report(at, error.to_string(), help.as_deref());
    }

    fn report(&mut self, at: usize, message: String, help: Option<&str>) {
        let (line, column) = position(self.text, at);
        self.problems.push(Problem {
            file: self.file_name.to_owned(),
            line,
            column,
            message: message.replace(|c: char| c.is_control(), " "),
            help: help.map(|help| help.replace(|c: char| c.is_control(), " ")),
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
