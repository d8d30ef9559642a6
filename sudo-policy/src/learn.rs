//! Proposes a bundle from what sessions did: the smallest one that covers what they ran with sudo.
//!
//! What was asked is kept as exact arguments. Only where three or more command lines differ in one
//! argument that is plainly a process id, a number, a unit, a path below one directory or an
//! address, that argument becomes a placeholder; nothing becomes `any`. That is for programs that
//! look: of what changes something, or is not known to the linter, exactly the command lines that
//! were seen are proposed. What was refused is not allowed unless that is asked for, what the
//! sessions' own bundles refuse is not allowed at all, and what the linter refuses is left out and
//! said so. The result is a text for a person to review: it says where each rule comes from, proves
//! itself by its expectations, and passes the linter.
//!
//! [`learn`] decides and writes; whoever calls it brings the observations along.

mod evidence;
mod generalise;
mod lint;
mod placeholder;
mod refusals;
mod write;

use portreeve_protocol::facts::Intent;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::time::Timestamp;
use serde::Serialize;

use self::evidence::{Evidence, Line, gathered};
use self::generalise::{Shape, generalised};
use self::refusals::Refusals;
use self::write::{Rule, written};
use crate::bundle::Bundle;
use crate::check::check;

/// The most different command lines that a bundle is learned from.
pub const MAX_LINES: usize = 2000;

/// One time that sudo was asked for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// In which session.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// Whether sudo ran it.
    pub allowed: bool,
    /// The program's path as sudo resolved it, or as it was asked for.
    pub program: String,
    /// The arguments, without the program.
    pub arguments: Vec<String>,
    /// As which user, or `user:group`.
    pub run_as: String,
}

impl Observed {
    fn argv(&self) -> Vec<String> {
        let program = [&self.program].into_iter();
        program.chain(&self.arguments).cloned().collect()
    }
}

/// What the bundle is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: BundleName,
    /// Whether it is to allow also what was refused.
    pub include_refused: bool,
    /// The bundles that the sessions had. What their expectations refuse stays refused.
    pub refused_by: Vec<Bundle>,
}

/// A proposed bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The file.
    pub text: String,
    /// The same, read. It has no errors.
    pub bundle: Bundle,
    /// What it does not cover.
    pub left_out: Vec<LeftOut>,
}

/// A command line that the bundle does not cover although it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The program and its arguments as they were observed.
    pub argv: Vec<String>,
    /// As which user, or `user:group`.
    pub run_as: String,
    /// Why.
    pub why: String,
}

/// Why no bundle is proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotLearned {
    /// Nobody asked sudo for anything.
    #[error("nobody asked sudo for anything in these sessions")]
    Nothing,
    /// There is more than a person would review.
    #[error("there are {0} different command lines; learn from fewer sessions")]
    TooMuch(usize),
    /// The proposal is no good bundle.
    #[error("what was learned does not make a bundle: {0}")]
    NoBundle(String),
}

/// Proposes a bundle.
///
/// # Errors
/// When there is nothing, or too much, to learn from.
pub fn learn(observed: &[Observed], wanted: &Wanted) -> Result<Learned, NotLearned> {
    if observed.is_empty() {
        return Err(NotLearned::Nothing);
    }
    let (lines, mut left_out) = gathered(observed);
    if lines.len() > MAX_LINES {
        return Err(NotLearned::TooMuch(lines.len()));
    }
    let (covered, refused): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|(_, evidence)| evidence.is_allowed() || wanted.include_refused);
    let mut refusals = Refusals::expected_by(&wanted.refused_by);
    if !wanted.include_refused {
        refusals.add_seen(&refused);
    }
    let mut rules = Vec::new();
    for group in by_program(&covered) {
        rules.extend(generalised(&group).into_iter().flat_map(|shape| {
            let (kept, out) = proposed(shape, &refusals);
            left_out.extend(out);
            kept
        }));
    }
    let draft = write::Draft {
        wanted,
        rules: &rules,
        refused: &refused,
        left_out: &left_out,
    };
    let text = written(&draft, Intent::ReadOnly);
    let (text, bundle) = match clean(&text) {
        Ok(bundle) => (text, bundle),
        Err(_) => {
            let text = written(&draft, Intent::Write);
            let bundle = clean(&text).map_err(NotLearned::NoBundle)?;
            (text, bundle)
        }
    };
    refusals.kept_by(&bundle).map_err(NotLearned::NoBundle)?;
    Ok(Learned {
        text,
        bundle,
        left_out,
    })
}

/// A line with what is known of it.
pub(crate) type Known<'o> = (&'o Line, &'o Evidence<'o>);

/// The lines of each program and user together.
fn by_program<'o>(lines: &[Known<'o>]) -> Vec<Vec<Known<'o>>> {
    lines
        .chunk_by(|(one, _), (other, _)| one.is_of_same_program(other))
        .map(<[_]>::to_vec)
        .collect()
}

/// The rules of a shape that may be proposed, and what of it may not.
///
/// What is wrong with a generalised rule may be right with the command lines that it came from.
fn proposed<'o>(shape: Shape<'o>, refusals: &Refusals) -> (Vec<Rule<'o>>, Vec<LeftOut>) {
    match shape {
        Shape::Pattern { text, lines } if lint::of_pattern(&lines, &text, refusals).is_ok() => {
            (vec![Rule::Pattern { text, lines }], Vec::new())
        }
        Shape::Pattern { lines, .. } | Shape::Exact(lines) => {
            let mut kept = Vec::new();
            let mut left_out = Vec::new();
            for known in lines {
                match lint::of_line(known.0, refusals) {
                    Ok(()) => kept.push(known),
                    Err(why) => left_out.extend(known.1.left_out(&why)),
                }
            }
            (write::exact_rules(kept), left_out)
        }
    }
}

/// The bundle of a text without errors.
fn clean(text: &str) -> Result<Bundle, String> {
    let bundle =
        Bundle::parse("learned.toml", text.as_bytes()).map_err(|report| report.render())?;
    let report = check(&bundle);
    if report.has_errors() {
        return Err(report.render());
    }
    Ok(bundle)
}
