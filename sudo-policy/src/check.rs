//! The linter: what a correct bundle may still do that its author did not mean.

use crate::bundle::Bundle;
use crate::diagnostic::Report;
use crate::expect;

/// Everything that is wrong or unwise with a bundle, its failing expectations included.
#[must_use]
pub fn check(bundle: &Bundle) -> Report {
    let mut problems = Vec::new();
    problems.extend(expect::failures(bundle));
    Report::new(bundle.source().clone(), problems)
}
