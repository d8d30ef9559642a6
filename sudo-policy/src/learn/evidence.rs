//! Observations, brought into the form of rules and put together.

use std::collections::BTreeMap;

use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;

use super::{LeftOut, Observed};
use crate::bundle::arguments::MAX_ARGUMENTS;
use crate::simulate::unmerged;
use crate::word::{Argument, CommandPath, NotAWord, RunAs};

/// A command line as an exact rule would say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) path: CommandPath,
    pub(crate) run_as: RunAs,
    pub(crate) words: Vec<Argument>,
}

/// What was observed of one command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Evidence<'o> {
    seen: Vec<&'o Observed>,
}

/// What was observed of one command line in one session, in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) session: SessionId,
    pub(crate) at: Timestamp,
    pub(crate) allowed: bool,
    pub(crate) times: usize,
}

impl Line {
    pub(crate) fn is_of_same_program(&self, other: &Self) -> bool {
        self.path == other.path && self.run_as == other.run_as
    }

    /// The arguments as sudo compares them.
    pub(crate) fn joined(&self) -> String {
        crate::simulate::joined(&self.words)
    }

    fn of(observed: &Observed) -> Result<Self, String> {
        let why = |error: NotAWord| error.to_string();
        // A space in an argument is to sudo the same as the border of two.
        let words = observed.arguments.iter().flat_map(|word| word.split(' '));
        let words: Vec<Argument> = words
            .map(|word| word.parse().map_err(why))
            .collect::<Result<_, _>>()?;
        if words.len() > MAX_ARGUMENTS {
            return Err(format!("it has more than {MAX_ARGUMENTS} arguments"));
        }
        Ok(Self {
            path: canonical(&observed.program).parse().map_err(why)?,
            run_as: observed.run_as.parse().map_err(why)?,
            words,
        })
    }
}

impl<'o> Evidence<'o> {
    /// Whether it was allowed when it was asked for the last time. A rule that was taken away in
    /// between was taken away for a reason.
    pub(crate) fn is_allowed(&self) -> bool {
        let last = self.seen.iter().map(|one| (one.at, !one.allowed)).max();
        last.is_some_and(|(_, refused)| !refused)
    }

    /// The arguments as they were given.
    pub(crate) fn arguments(&self) -> &'o [String] {
        self.seen.first().map_or(&[], |one| &one.arguments)
    }

    /// The command line in each way in which it was written, program first.
    pub(crate) fn command_lines(&self) -> Vec<Vec<String>> {
        let mut lines: Vec<_> = self.seen.iter().map(|observed| observed.argv()).collect();
        lines.sort();
        lines.dedup();
        lines
    }

    /// That no rule covers it, in each way in which it was written.
    pub(crate) fn left_out(&self, why: &str) -> Vec<LeftOut> {
        let mut left_out: Vec<LeftOut> = Vec::new();
        for one in self.seen.iter().map(|observed| left_out_of(observed, why)) {
            if !left_out.contains(&one) {
                left_out.push(one);
            }
        }
        left_out
    }

    /// Where it was observed, one for each session and answer, the earliest first.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let mut sources: BTreeMap<(SessionId, bool), Source> = BTreeMap::new();
        for one in &self.seen {
            let source = sources.entry((one.session, one.allowed)).or_insert(Source {
                session: one.session,
                at: one.at,
                allowed: one.allowed,
                times: 0,
            });
            source.at = source.at.min(one.at);
            source.times += 1;
        }
        let mut sources: Vec<Source> = sources.into_values().collect();
        sources.sort_by_key(|source| (source.at, source.session, source.allowed));
        sources
    }
}

/// Puts observations of the same command line together, and says which cannot be said in a rule.
pub(crate) fn gathered(observed: &[Observed]) -> (BTreeMap<Line, Evidence<'_>>, Vec<LeftOut>) {
    let mut lines: BTreeMap<Line, Evidence<'_>> = BTreeMap::new();
    let mut left_out: Vec<LeftOut> = Vec::new();
    for one in observed {
        match Line::of(one) {
            Ok(line) => lines.entry(line).or_default().seen.push(one),
            Err(why) => left_out.push(left_out_of(one, &why)),
        }
    }
    left_out.sort_by(|one, other| (&one.argv, &one.run_as).cmp(&(&other.argv, &other.run_as)));
    left_out.dedup();
    (lines, left_out)
}

fn left_out_of(observed: &Observed, why: &str) -> LeftOut {
    LeftOut {
        argv: observed.argv(),
        run_as: observed.run_as.clone(),
        why: why.to_owned(),
    }
}

/// The path of a program as rules write it, where `/bin` and the like are links into `/usr`.
fn canonical(path: &str) -> String {
    let below = format!("/usr{path}");
    if unmerged(&below) == path {
        below
    } else {
        path.to_owned()
    }
}
