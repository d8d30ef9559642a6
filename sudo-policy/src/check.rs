//! The linter: what a correct bundle may still do that its author did not mean.
//!
//! It knows programs and places as data, and asks of each rule what the arguments that it takes may
//! hold. What it does not know it cannot judge: in a read-only bundle it says so, elsewhere a clean
//! report means that nothing known is wrong, and review by a person stays what it is.

mod abilities;
mod arguments;
mod authority;
mod capability;
mod facts;
mod feature;
mod files;
mod habits;
mod identity;
mod links;
mod overlap;
mod paths;
mod places;
mod reach;
mod secrets;
mod values;
mod variant;

use portreeve_protocol::facts::Intent;

use self::capability::Capability;
pub use self::facts::KnownProgram;
use self::facts::{Clauses, known};
use self::reach::Reach;
use crate::bundle::{Bundle, Command, Outcome, well_formed};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::expect;

/// Everything that is wrong or unwise with a bundle, its failing expectations included.
#[must_use]
pub fn check(bundle: &Bundle) -> Report {
    let mut found = Vec::new();
    for command in bundle.commands() {
        check_one(bundle.intent(), command, &mut found);
    }
    overlap::check(bundle, &mut found);
    found.extend(proof(bundle));
    found.extend(expect::failures(bundle));
    Report::new(bundle.source().clone(), found)
}

/// A report about a file that is no bundle, with what is wrong or unwise with those of its commands
/// that are well formed.
#[must_use]
pub fn check_parts(refused: Report, file_name: &str, bytes: &[u8]) -> Report {
    let mut found = Vec::new();
    if let Some((intent, commands)) = well_formed(file_name, bytes) {
        for command in &commands {
            check_one(intent, command, &mut found);
        }
    }
    refused.and(found)
}

fn check_one(intent: Intent, command: &Command, found: &mut Vec<Diagnostic>) {
    let subject = Subject::new(intent, command);
    paths::check(command, found);
    identity::check(command, found);
    abilities::check(&subject, found);
    arguments::check(&subject, found);
    habits::check(&subject, found);
    files::check(&subject, found);
    links::check(&subject, found);
    authority::check(&subject, found);
    secrets::check(&subject, found);
}

/// Whether a command may start another program by itself, as far as is known. One that is not in
/// the table of programs may.
#[must_use]
pub fn may_start_programs(bundle: &Bundle, command: &Command) -> bool {
    let subject = Subject::new(bundle.intent(), command);
    let mut starting = subject
        .clauses
        .iter()
        .filter(|clause| clause.capability.starts_programs());
    // A pager counts whatever the arguments: what keeps it away is judged by whether `noexec` holds.
    !subject.is_known
        || starting.any(|clause| {
            clause.capability == Capability::Page || abilities::way(&subject, clause).is_some()
        })
}

/// Every program that the linter knows, with what it can do.
pub fn known_programs() -> impl Iterator<Item = KnownProgram> {
    facts::all()
}

/// A command, what its arguments may be, and what is known of its program.
struct Subject<'b> {
    intent: Intent,
    command: &'b Command,
    reach: Reach<'b>,
    is_known: bool,
    clauses: Clauses,
}

impl<'b> Subject<'b> {
    fn new(intent: Intent, command: &'b Command) -> Self {
        let clauses = known(command.path().file_name());
        Self {
            intent,
            command,
            reach: Reach::of(command.arguments()),
            is_known: clauses.is_some(),
            clauses: clauses.unwrap_or_default(),
        }
    }

    fn can(&self, capability: Capability) -> bool {
        self.clauses
            .iter()
            .any(|clause| clause.capability == capability)
    }
}

/// A bundle that allows something should also say what it must not allow.
fn proof(bundle: &Bundle) -> Option<Diagnostic> {
    let has_refusal = bundle
        .expectations()
        .iter()
        .any(|expectation| expectation.outcome() == Outcome::Refuse);
    let last = bundle.commands().last().filter(|_| !has_refusal)?;
    let help = "add `[[expect]]` with `refuse = [\"cat\", \"/etc/shadow\"]` and the like";
    Some(Diagnostic::warning(
        Code::NoExpectations,
        last.span(),
        "the bundle says nowhere what it must refuse",
        help,
    ))
}
