//! Whether what was made for a session is still where it was made when its end begins. Only root can
//! have moved, covered or removed it, and what is not in its place is not removed.
//!
//! Asked once, when the end of a session that was ready begins, and written into its journal: later it is not to be
//! told from what the end took away.

use crate::file;
use crate::nss;
use crate::plan::Plan;
use crate::step::{Account, Left, Step};

/// What is not where it was made.
pub(crate) fn look(plan: &Plan) -> Vec<Left> {
    plan.steps.iter().filter_map(missing).collect()
}

/// The same after a crash, of what outlives a restart of the host.
pub(crate) fn look_after_a_crash(plan: &Plan) -> Vec<Left> {
    let outlives = |step: &&Step| !matches!(step, Step::Cgroup { .. });
    let steps = plan.steps.iter().filter(outlives);
    steps.filter_map(missing).collect()
}

fn missing(step: &Step) -> Option<Left> {
    let (what, path) = match step {
        Step::Cgroup { directory, .. } => ("control group", directory),
        Step::SudoLog { file } => ("sudo's log", file),
        Step::Account { account } => return no_account(account),
        Step::Home { directory, .. } => ("home", directory),
        Step::Rules { file, .. } => ("sudo rules", file),
    };
    (!file::is_there(path)).then(|| {
        Left::stays(format!(
            "{what} `{}`: not there when the end began: moved, covered or removed by root",
            path.display()
        ))
    })
}

fn no_account(account: &Account) -> Option<Left> {
    let name = &account.name;
    (nss::account(name.as_str()) == Ok(None)).then(|| {
        Left::stays(format!(
            "account `{name}`: not there when the end began: renamed or removed by root"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;

    #[test]
    fn everything_that_is_not_in_its_place_is_named_and_not_tried_again() {
        let mut plan = example();
        let directory = tempfile::tempdir().unwrap();
        for step in &mut plan.steps {
            if let Step::Home {
                directory: home, ..
            } = step
            {
                *home = directory.path().to_owned();
            }
        }
        let named = look(&plan);
        assert_eq!(named.len(), plan.steps.len() - 1, "{named:?}");
        assert!(named.iter().all(|left| !left.again));
        assert!(!named.iter().any(|left| left.what.starts_with("home")));
        let after_a_crash = look_after_a_crash(&plan);
        assert_eq!(after_a_crash.len(), named.len() - 1, "{after_a_crash:?}");
    }
}
