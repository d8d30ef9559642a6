//! What a change of a bundle allows and forbids, in command lines and not in text.
//!
//! Two bundles are compared as what they mean to sudo: for each program, and for everybody that it
//! may run as, the command lines that one takes and the other does not, and those that both take in
//! another way. Exact arguments are compared one by one; patterns are walked side by side, so that
//! "no difference" is a proof and each difference has the shortest command lines that show it. The
//! walk is bounded; where it ends too early the answer is that there may be a difference.
//!
//! [`compare`] decides, a [`Diff`] as JSON is for programs, and [`Diff::render`] for people.

mod side;
mod walk;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::side::{Found, Side};
use crate::bundle::{Arguments, Bundle, Command};
use crate::simulate::{joined, unmerged};
use crate::word::RunAs;

/// How many command lines show one difference at most.
const MAX_SHOWN: usize = 5;

/// What a change does to the command lines that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Both bundles allow the same command lines in the same way.
    Same,
    /// More is allowed.
    Widens,
    /// Less is allowed.
    Narrows,
    /// Some is allowed that was not, and some is not that was; or it is not known.
    Both,
}

/// Two bundles, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// What it comes to.
    pub verdict: Verdict,
    /// Differences that are not about command lines.
    pub about: Vec<Difference>,
    /// Differences that are, by program.
    pub changes: Vec<Change>,
    /// The programs whose rules are too many or too intricate to be compared to the end.
    pub undecided: Vec<Undecided>,
}

/// One difference in what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub kind: Kind,
    /// The program.
    pub program: String,
    /// As whom.
    pub run_as: String,
    /// The rule that took the command lines before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<RuleAt>,
    /// The rule that takes them now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<RuleAt>,
    /// How the two rules differ, where both bundles allow the command lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Difference>,
    /// Command lines that show it, the shortest first.
    pub command_lines: Vec<String>,
    /// Whether there are others.
    pub more: bool,
}

/// What became of command lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// They are allowed now and were not.
    Allowed,
    /// They were allowed and are not any more.
    Forbidden,
    /// They are allowed still, in another way.
    Changed,
}

/// A rule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleAt {
    /// Where: file or bundle, and line.
    pub place: String,
    /// The arguments that it takes.
    pub arguments: String,
}

/// One thing that is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field.
    pub field: &'static str,
    /// What it said.
    pub before: String,
    /// What it says.
    pub after: String,
    /// What that does.
    pub effect: Verdict,
}

/// A program whose rules were not compared to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The program.
    pub program: String,
    /// As whom.
    pub run_as: String,
}

/// Compares two bundles.
#[must_use]
pub fn compare(before: &Bundle, after: &Bundle) -> Diff {
    let mut changes = Vec::new();
    let mut undecided = Vec::new();
    for (program, run_as) in asked(before, after) {
        let sides = [
            Side::of(before, &program, &run_as),
            Side::of(after, &program, &run_as),
        ];
        let [one, other] = &sides;
        if one.says_the_same_as(other) {
            continue;
        }
        let mut found = BTreeMap::new();
        one.exact_differences(other, &mut found);
        if !walk::differences(one, other, &mut found) {
            undecided.push(Undecided {
                program: program.clone(),
                run_as: run_as.to_string(),
            });
        }
        let of_program = found.into_iter().map(|(between, found)| {
            let rules = [one.rule(between.before), other.rule(between.after)];
            change(&run_as, [before, after], rules, found)
        });
        changes.extend(of_program);
    }
    let changes = with_other_users(changes);
    let about = about(before, after);
    Diff {
        verdict: verdict(&changes, !undecided.is_empty()),
        about,
        changes,
        undecided,
    }
}

/// Every program of either bundle with everybody that it can be asked to run as.
fn asked(before: &Bundle, after: &Bundle) -> BTreeSet<(String, RunAs)> {
    let mut asked = BTreeSet::new();
    for command in before.commands().iter().chain(after.commands()) {
        let program = unmerged(command.path().as_str()).to_owned();
        let run_as = command.run_as();
        asked.insert((program.clone(), run_as.clone()));
        if let RunAs::Both(user, group) = run_as {
            asked.insert((program.clone(), RunAs::User(user.clone())));
            asked.insert((program, RunAs::Group(group.clone())));
        }
    }
    asked
}

fn change(
    run_as: &RunAs,
    [before, after]: [&Bundle; 2],
    [old, new]: [Option<&Command>; 2],
    found: Found,
) -> Change {
    let at = |bundle: &Bundle, command: &Command| RuleAt {
        place: bundle.place(command),
        arguments: arguments(command),
    };
    let program = new.or(old).map_or("", |rule| rule.path().as_str());
    Change {
        kind: match (old, new) {
            (None, _) => Kind::Allowed,
            (_, None) => Kind::Forbidden,
            (Some(_), Some(_)) => Kind::Changed,
        },
        program: program.to_owned(),
        run_as: run_as.to_string(),
        before: old.map(|command| at(before, command)),
        after: new.map(|command| at(after, command)),
        differs: match (old, new) {
            (Some(old), Some(new)) => manners(old, new),
            _ => Vec::new(),
        },
        more: found.is_more_than(MAX_SHOWN),
        command_lines: found
            .shortest(MAX_SHOWN)
            .map(|arguments| command_line(program, arguments))
            .collect(),
    }
}

fn command_line(program: &str, arguments: &str) -> String {
    if arguments.is_empty() {
        program.to_owned()
    } else {
        format!("{program} {arguments}")
    }
}

fn arguments(command: &Command) -> String {
    match command.arguments() {
        Arguments::Any => "any arguments".to_owned(),
        Arguments::Pattern(pattern) => pattern.as_str().to_owned(),
        Arguments::Exactly(lists) => match lists.as_slice() {
            [list] if list.is_empty() => "no arguments".to_owned(),
            [list] => joined(list),
            lists => format!("one of {} lists of arguments", lists.len()),
        },
    }
}

/// How two rules that take the same command line differ.
fn manners(old: &Command, new: &Command) -> Vec<Difference> {
    let mut differs = Vec::new();
    if old.noexec() != new.noexec() {
        differs.push(Difference {
            field: "noexec",
            before: old.noexec().to_string(),
            after: new.noexec().to_string(),
            effect: if old.noexec() {
                Verdict::Widens
            } else {
                Verdict::Narrows
            },
        });
    }
    let (listed, lists): (BTreeSet<_>, BTreeSet<_>) = (
        old.digests().iter().map(ToString::to_string).collect(),
        new.digests().iter().map(ToString::to_string).collect(),
    );
    if listed != lists {
        differs.push(Difference {
            field: "digest",
            before: one_of(&listed),
            after: one_of(&lists),
            effect: match (listed.is_empty(), lists.is_empty()) {
                (true, _) => Verdict::Narrows,
                (_, true) => Verdict::Widens,
                _ if listed.is_subset(&lists) => Verdict::Widens,
                _ if lists.is_subset(&listed) => Verdict::Narrows,
                _ => Verdict::Both,
            },
        });
    }
    let (before, after) = (old.runs_in(), new.runs_in());
    if before != after {
        differs.push(Difference {
            field: "cwd",
            before: before.to_string(),
            after: after.to_string(),
            effect: Verdict::Both,
        });
    }
    differs
}

fn one_of(texts: &BTreeSet<String>) -> String {
    if texts.is_empty() {
        return "any".to_owned();
    }
    texts.iter().cloned().collect::<Vec<_>>().join(" or ")
}

/// A rule that serves somebody else now is one change and not two.
fn with_other_users(changes: Vec<Change>) -> Vec<Change> {
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let is_other_half = |other: &&mut Change| {
            let kinds = (other.kind, change.kind);
            let halves = matches!(
                kinds,
                (Kind::Allowed, Kind::Forbidden) | (Kind::Forbidden, Kind::Allowed)
            );
            let rule = |change: &Change| {
                let rule = change.before.as_ref().or(change.after.as_ref());
                rule.map(|rule| rule.arguments.clone())
            };
            halves
                && other.program == change.program
                && other.run_as != change.run_as
                && other.command_lines == change.command_lines
                && other.more == change.more
                && rule(other) == rule(&change)
        };
        match kept.iter_mut().find(is_other_half) {
            Some(half) => join(half, change),
            None => kept.push(change),
        }
    }
    kept
}

fn join(half: &mut Change, other: Change) {
    let (from, to) = if half.kind == Kind::Forbidden {
        (half.run_as.clone(), other.run_as)
    } else {
        (other.run_as, half.run_as.clone())
    };
    half.before = half.before.take().or(other.before);
    half.after = half.after.take().or(other.after);
    half.kind = Kind::Changed;
    half.run_as.clone_from(&to);
    half.differs = vec![Difference {
        field: "run_as",
        before: from,
        after: to,
        effect: Verdict::Both,
    }];
}

/// What the bundles say otherwise beside the commands. The intent is what policies look at.
fn about(before: &Bundle, after: &Bundle) -> Vec<Difference> {
    let mut about = Vec::new();
    if before.name() != after.name() {
        about.push(Difference {
            field: "name",
            before: before.name().to_string(),
            after: after.name().to_string(),
            effect: Verdict::Same,
        });
    }
    if before.intent() != after.intent() {
        about.push(Difference {
            field: "intent",
            before: before.intent().as_str().to_owned(),
            after: after.intent().as_str().to_owned(),
            effect: Verdict::Same,
        });
    }
    about
}

fn verdict(changes: &[Change], undecided: bool) -> Verdict {
    let effects = changes.iter().flat_map(|change| match change.kind {
        Kind::Allowed => vec![Verdict::Widens],
        Kind::Forbidden => vec![Verdict::Narrows],
        Kind::Changed => change.differs.iter().map(|one| one.effect).collect(),
    });
    // What was not compared to the end may be anything.
    let effects = effects.chain(undecided.then_some(Verdict::Both));
    effects.fold(Verdict::Same, Verdict::and)
}

impl Verdict {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same, one) | (one, Self::Same) => one,
            (Self::Widens, Self::Widens) => Self::Widens,
            (Self::Narrows, Self::Narrows) => Self::Narrows,
            _ => Self::Both,
        }
    }
}

impl Diff {
    /// Whether nothing at all differs that matters to sudo or to policy.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.verdict == Verdict::Same && self.about.is_empty()
    }
}
