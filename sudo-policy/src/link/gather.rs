//! Fetches everything that a bundle includes, each bundle once.

use std::collections::BTreeSet;

use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;

use super::{File, MAX_DEPTH, NoFile};
use crate::bundle::{Include, MAX_INGREDIENTS, Parsed, read};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Related, Report};

/// A bundle and everything that it includes.
pub(super) struct Members {
    root: Parsed,
    included: Vec<Parsed>,
}

impl Members {
    /// The bundle, and what it includes: those that others include before these.
    pub(super) fn split(&self) -> (&Parsed, &[Parsed]) {
        (&self.root, &self.included)
    }

    /// All of them, the included ones first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Parsed> {
        self.included.iter().chain([&self.root])
    }
}

/// Reads `root` and what it includes.
pub(super) fn gather(
    root: &File,
    find: &dyn Fn(&BundleName) -> Result<File, NoFile>,
) -> Result<Members, Report> {
    let root = read(&root.name, &root.bytes)?;
    let mut gathering = Gathering {
        find,
        included: Vec::new(),
        open: vec![root.bundle.name().clone()],
        refused: BTreeSet::new(),
        problems: Vec::new(),
    };
    for include in &root.includes {
        gathering.include(&root, include);
    }
    if gathering.problems.is_empty() {
        Ok(Members {
            included: gathering.included,
            root,
        })
    } else {
        let main = root.bundle.shared_source();
        Err(Report::new(main.clone(), gathering.problems))
    }
}

struct Gathering<'f> {
    find: &'f dyn Fn(&BundleName) -> Result<File, NoFile>,
    /// What was read with everything that it includes.
    included: Vec<Parsed>,
    /// The bundles whose includes are being read, each included by the one before.
    open: Vec<BundleName>,
    /// What was not taken, and needs no second report.
    refused: BTreeSet<BundleName>,
    problems: Vec<Diagnostic>,
}

impl Gathering<'_> {
    fn include(&mut self, by: &Parsed, include: &Include) {
        let name = &include.name;
        let known = self.included.iter().find(|one| one.bundle.name() == name);
        if let Some(known) = known {
            self.problems.extend(weaker(by, include, known));
            return;
        }
        if self.refused.contains(name) {
            return;
        }
        match self.fetched(include) {
            Ok(found) => {
                self.problems.extend(weaker(by, include, &found));
                self.open.push(name.clone());
                for inner in &found.includes {
                    self.include(&found, inner);
                }
                self.open.pop();
                self.included.push(found);
            }
            Err(problems) => {
                self.refused.insert(name.clone());
                let source = by.bundle.shared_source();
                let placed = problems.into_iter().map(|problem| match problem.source {
                    Some(_) => problem,
                    None => problem.of(source),
                });
                self.problems.extend(placed);
            }
        }
    }

    /// An included bundle, or why it is none; problems without a text are about the include.
    fn fetched(&self, include: &Include) -> Result<Parsed, Vec<Diagnostic>> {
        let name = &include.name;
        let refuse = |code, message: String, help: &str| {
            Err(vec![Diagnostic::error(code, include.span, message, help)])
        };
        if let Some(first) = self.open.iter().position(|open| open == name) {
            let circle = self.open.iter().skip(first).chain([name]);
            let circle: Vec<String> = circle.map(|name| format!("`{name}`")).collect();
            return refuse(
                Code::IncludeCycle,
                format!("{} is a circle", circle.join(" includes ")),
                "move what they share into a bundle of its own, which both include",
            );
        }
        if self.open.len() > MAX_DEPTH {
            return refuse(
                Code::IncludeCycle,
                format!("includes nest deeper than {MAX_DEPTH}"),
                "include the inner bundles from an outer one",
            );
        }
        if self.open.len() + self.included.len() >= MAX_INGREDIENTS {
            return refuse(
                Code::TooLarge,
                format!("more than {MAX_INGREDIENTS} bundles are joined"),
                "include fewer",
            );
        }
        let file = match (self.find)(name) {
            Ok(file) => file,
            Err(NoFile::Absent) => {
                return refuse(
                    Code::BadInclude,
                    format!("there is no bundle `{name}`"),
                    &format!("correct the name, or put the file `{name}.toml` beside this one"),
                );
            }
            Err(NoFile::Unreadable(why)) => {
                return refuse(
                    Code::BadInclude,
                    format!("the bundle `{name}` is there and cannot be read: {why}"),
                    "let its file be read, or correct the name",
                );
            }
        };
        let found = read(&file.name, &file.bytes).map_err(Report::into_diagnostics)?;
        if found.bundle.name() != name {
            let found_name = found.bundle.name();
            let mut problem = Diagnostic::error(
                Code::BadInclude,
                include.span,
                format!("the bundle that was found as `{name}` calls itself `{found_name}`"),
                "give the file and the bundle the same name",
            );
            problem.related = Some(Related {
                source: found.bundle.shared_source().clone(),
                span: found.name_span,
                note: "its name".to_owned(),
            });
            return Err(vec![problem]);
        }
        if !found.bundle.ingredients().is_empty() {
            return refuse(
                Code::BadInclude,
                format!("`{name}` was linked already"),
                "include the bundle that it was linked from",
            );
        }
        Ok(found)
    }
}

/// An include by which a read-only bundle would come to write.
fn weaker(by: &Parsed, include: &Include, found: &Parsed) -> Option<Diagnostic> {
    let weaker = by.bundle.intent() == Intent::ReadOnly && found.bundle.intent() == Intent::Write;
    weaker.then(|| {
        let problem = Diagnostic::error(
            Code::IncludedIntent,
            include.span,
            format!(
                "`{}` may write and is included by a bundle that must not",
                include.name
            ),
            "include a read-only bundle, or change this bundle's intent",
        );
        let related = Related {
            source: found.bundle.shared_source().clone(),
            span: found.intent_span,
            note: "its intent".to_owned(),
        };
        problem.of(by.bundle.shared_source()).with(related)
    })
}
