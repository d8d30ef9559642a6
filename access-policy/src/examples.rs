//! Examples beside a policy: who asks for what, and what should come of it.
//!
//! The format is described in `docs/spec/policy.md`. `portreeve policy check` runs the examples,
//! and a policy whose examples do not hold is not ready.

mod ask;
mod file;

use crate::decide::Policies;
use crate::explain::{DecisionRecord, Outcome};
use crate::publish::{Problem, Problems, position};
use file::{Example, File};

/// Largest file of examples, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// One example and what came of it.
#[derive(Debug, Clone)]
pub struct Tried {
    /// What the example is called, or what it asks.
    pub name: String,
    /// The line on which it begins.
    pub line: usize,
    /// What did not come out as expected; nothing when the example holds.
    pub failure: Option<String>,
    /// The decision.
    pub record: DecisionRecord,
}

impl Tried {
    /// Whether it came out as expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failure.is_none()
    }
}

/// Tries every example of a file, in order; `file_name` is only for messages.
///
/// # Errors
///
/// When the file is not one of examples.
pub fn run_examples(
    policies: &Policies,
    file_name: &str,
    text: &str,
) -> Result<Vec<Tried>, Problems> {
    let problem = |at: usize, message: String| {
        let (line, column) = position(text, at);
        Problem {
            file: file_name.to_owned(),
            line,
            column,
            message,
            help: None,
        }
    };
    if text.len() > MAX_BYTES {
        return Err(Problems::one(problem(
            0,
            format!("the file has {} bytes; 1 MiB is the most", text.len()),
        )));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problems::one(problem(
            at,
            error.message().replace(|c: char| c.is_control(), " "),
        ))
    })?;
    let mut tried = Vec::new();
    for placed in &file.examples {
        let at = placed.span().start;
        let example = placed.get_ref();
        let asked = ask::asked(&file, example)
            .map_err(|error| Problems::one(problem(at, error.to_string())))?;
        let record = policies.record(asked);
        tried.push(Tried {
            name: name(example),
            line: position(text, at).0,
            failure: failure(example, &record),
            record,
        });
    }
    Ok(tried)
}

fn name(example: &Example) -> String {
    example.name.clone().unwrap_or_else(|| {
        format!(
            "{} asks for {}",
            example.by.as_ref().unwrap_or(&example.human),
            example.ask
        )
    })
}

/// What differs from what was expected, in words.
fn failure(example: &Example, record: &DecisionRecord) -> Option<String> {
    let wanted = Outcome::from(example.expect);
    if record.outcome != wanted {
        return Some(format!(
            "expected {}, got {}: {}",
            words(wanted),
            words(record.outcome),
            grounds(record)
        ));
    }
    if let Some(wanted) = &example.lasts
        && record
            .obligations
            .max_ttl
            .map(|ttl| ttl.to_string())
            .as_ref()
            != Some(wanted)
    {
        let most = record
            .obligations
            .max_ttl
            .map_or("no limit".to_owned(), |ttl| ttl.to_string());
        return Some(format!("expected `for = \"{wanted}\"`, got {most}"));
    }
    let determining = record.determining();
    if let Some(wanted) = &example.determining
        && *wanted != determining
    {
        return Some(format!(
            "expected the policies {}, got {}",
            wanted.join(", "),
            determining.join(", ")
        ));
    }
    None
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Permitted => "permit",
        Outcome::NeedsApproval => "needs-approval",
        Outcome::Denied => "deny",
    }
}

/// Which question came out how, and by which policies.
fn grounds(record: &DecisionRecord) -> String {
    let answers = record.answers.iter().map(|answer| {
        let verdict = if answer.permitted {
            "permitted by"
        } else {
            "refused by"
        };
        let by = if answer.determining.is_empty() {
            "nothing".to_owned()
        } else {
            answer.determining.join(", ")
        };
        let errors: String = answer
            .errors
            .iter()
            .map(|error| format!(" ({error})"))
            .collect();
        format!("{} {verdict} {by}{errors}", answer.question)
    });
    answers.collect::<Vec<_>>().join("; ")
}
