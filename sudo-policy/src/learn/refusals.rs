//! What stays refused, whatever is learned: the command lines that sudo refused in the sessions, and
//! those that the bundles of the sessions say that they must refuse.
//!
//! The simulator decides whether a rule would allow one of them, as it decides for sudo.

use super::Known;
use crate::bundle::{Bundle, Outcome};
use crate::simulate::{CommandLine, can};
use crate::word::RunAs;

/// Command lines that no learned rule may allow.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Refusal>);

#[derive(Debug)]
struct Refusal {
    argv: Vec<String>,
    run_as: RunAs,
    /// Who refused it, behind "it would allow what".
    by: String,
}

impl Refusals {
    /// What the expectations of these bundles refuse.
    pub(super) fn expected_by(bundles: &[Bundle]) -> Self {
        let of = |bundle: &Bundle| {
            let refusing = bundle
                .expectations()
                .iter()
                .filter(|expectation| expectation.outcome() == Outcome::Refuse);
            let refusals = refusing.map(|expectation| Refusal {
                argv: expectation.argv().to_vec(),
                run_as: expectation.run_as().clone(),
                by: format!(
                    "`{}` refuses by its line {}",
                    bundle.name(),
                    bundle.line(expectation.span())
                ),
            });
            refusals.collect::<Vec<_>>()
        };
        Self(bundles.iter().flat_map(of).collect())
    }

    /// Adds the lines that were refused in the sessions when they were asked for the last time.
    pub(super) fn add_seen(&mut self, refused: &[Known<'_>]) {
        let refusals = refused.iter().flat_map(|(line, evidence)| {
            let ways = evidence.command_lines().into_iter();
            ways.map(|argv| Refusal {
                argv,
                run_as: line.run_as.clone(),
                by: "was refused in these sessions".to_owned(),
            })
        });
        self.0.extend(refusals);
    }

    /// That the rules of a bundle allow none of them, or which one they do.
    pub(super) fn kept_by(&self, bundle: &Bundle) -> Result<(), String> {
        let allowed = self.0.iter().find(|refusal| {
            let line = CommandLine {
                argv: &refusal.argv,
                run_as: &refusal.run_as,
            };
            can(bundle, &line).is_allowed()
        });
        allowed.map_or(Ok(()), |refusal| {
            Err(format!("it would allow what {}", refusal.by))
        })
    }
}
