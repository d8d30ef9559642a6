//! From an accepted order and an observed host to what is to be done. Pure.
//!
//! A plan holds everything that the removal needs, so that whoever finds it in a journal can
//! remove the session without the order, the bundle or the settings of the day.

use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::key::Fingerprint;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::render::Sudoers;
use serde::{Deserialize, Serialize};

use crate::accept::AcceptedOrder;
use crate::counter::SessionUid;
use crate::paths::Paths;
use crate::search::SearchRoot;
use crate::step::{Account, Removal, Step};

/// What is to be done for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The order.
    pub(crate) order: OrderId,
    /// The digest of the order's text.
    pub(crate) order_digest: Digest,
    /// By when the order must have been delivered: until then it is remembered.
    pub(crate) deliver_by: Timestamp,
    /// The session.
    pub(crate) session: SessionId,
    /// Whose it is, for people.
    pub(crate) pair: String,
    /// When it ends at the latest.
    pub(crate) expires_at: Timestamp,
    /// The key that may log in.
    pub(crate) session_key: Fingerprint,
    /// The certificate's serial number.
    pub(crate) session_serial: u64,
    /// The bundle.
    pub(crate) bundle: BundleRef,
    /// sudo's dialect and version.
    pub(crate) sudo: String,
    /// The account.
    pub(crate) account: Account,
    /// The control group.
    pub(crate) cgroup: PathBuf,
    /// sudo's log, where this host's sudo has one.
    pub(crate) sudo_log: Option<PathBuf>,
    /// The digest of the sudo rules.
    pub(crate) rules_digest: Digest,
    /// Where files of the session are looked for at its end.
    pub(crate) search: Vec<SearchRoot>,
    /// The changes, in order.
    pub(crate) steps: Vec<Step>,
    /// How far they were done, as the journal tells beside the plan.
    #[serde(skip)]
    pub(crate) reached: Reached,
}

/// How far a plan was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The session was ready, and may have done anything to what was made for it.
    #[default]
    Ready,
    /// The session was never ready, and only this many of the first steps may have been done.
    Steps(usize),
}

/// What this host offers to every session.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    /// Where our files are.
    pub(crate) paths: &'a Paths,
    /// Where homes are made.
    pub(crate) home_base: &'a Path,
    /// Where control groups are made.
    pub(crate) cgroup_root: &'a Path,
    /// How many processes a session may have.
    pub(crate) max_processes: u32,
    /// Where files of a session are looked for at its end.
    pub(crate) search: &'a [SearchRoot],
    /// sudo's dialect and version.
    pub(crate) sudo: String,
    /// Whether this host's sudo writes a log of its own.
    pub(crate) sudo_logs: bool,
}

/// What of a session's is on the host before it begins: whatever its end would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Each in a few words.
    pub(crate) occupied: Vec<String>,
}

/// Why there is no plan: something that the session's end would remove is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is {0} already, and it is not ours to touch")]
pub(crate) struct Occupied(String);

/// Plans a session.
///
/// # Errors
/// When something is in the way.
pub(crate) fn plan(
    order: &AcceptedOrder,
    uid: SessionUid,
    observed: &Observed,
    place: &Place<'_>,
) -> Result<Plan, Occupied> {
    unoccupied(observed)?;
    Ok(planned(
        order.order(),
        order.digest(),
        order.rules(),
        uid,
        place,
    ))
}

/// The plan of an order that nobody accepted, to be shown and nothing else.
pub(crate) fn preview(
    order: &Order,
    digest: Digest,
    rules: &Sudoers,
    uid: SessionUid,
    place: &Place<'_>,
) -> Preview {
    Preview(planned(order, digest, rules, uid, place))
}

/// A plan that nothing can be done with.
#[derive(Debug)]
pub(crate) struct Preview(Plan);

impl Preview {
    /// The steps, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// The removals of the end, in order.
    pub(crate) fn removals(&self) -> Vec<Removal> {
        [self.0.stop(), self.0.clear()].concat()
    }
}

fn planned(
    order: &Order,
    digest: Digest,
    rules: &Sudoers,
    uid: SessionUid,
    place: &Place<'_>,
) -> Plan {
    let account = Account {
        name: order.account.clone(),
        uid,
        full_name: full_name(order),
        home: place.home_base.join(order.account.as_str()),
    };
    let cgroup = place.cgroup_root.join(order.account.as_str());
    let sudo_log = place
        .sudo_logs
        .then(|| place.paths.sudo_log(&order.account));
    let rules_digest = Digest::of(rules.as_str().as_bytes());
    // The account is the last thing but one that appears and its rules are the last: nobody can
    // use what is not yet held together.
    let mut steps = vec![Step::Cgroup {
        directory: cgroup.clone(),
        max_processes: place.max_processes,
    }];
    steps.extend(sudo_log.clone().map(|file| Step::SudoLog { file }));
    steps.push(Step::Account {
        account: account.clone(),
    });
    steps.push(Step::Home {
        directory: account.home.clone(),
        uid,
    });
    steps.push(Step::Rules {
        file: place.paths.rules(&order.account),
        digest: rules_digest,
    });
    Plan {
        order: order.id,
        order_digest: digest,
        deliver_by: order.deliver_by,
        session: order.session,
        pair: order.pair.to_string(),
        expires_at: order.expires_at,
        session_key: order.session_key,
        session_serial: order.session_serial,
        bundle: order.bundle.clone(),
        sudo: place.sudo.clone(),
        account,
        cgroup,
        sudo_log,
        rules_digest,
        search: place.search.to_vec(),
        steps,
        reached: Reached::Ready,
    }
}

fn unoccupied(observed: &Observed) -> Result<(), Occupied> {
    match observed.occupied.first() {
        Some(what) => Err(Occupied(what.clone())),
        None => Ok(()),
    }
}

/// The full-name field. Names, tickets and ids hold neither `:` nor `,` nor anything else that a
/// line of passwd or sudoers could misread.
fn full_name(order: &Order) -> String {
    let Order {
        pair,
        task,
        session,
        ..
    } = order;
    format!(
        "{} for {} task {} session {session}",
        pair.agent, pair.human.name, task.ticket
    )
}

impl Plan {
    /// This plan, done so far and never ready.
    pub(crate) fn reaching(mut self, steps: usize) -> Self {
        self.reached = Reached::Steps(steps.min(self.steps.len()));
        self
    }

    /// Whether nothing of it was done, so that nothing that it names is ours.
    pub(crate) fn is_untouched(&self) -> bool {
        self.reached == Reached::Steps(0)
    }

    /// What must not be there when the session is gone. Of one that was never ready the removals
    /// themselves say what stayed and whose it is.
    pub(crate) fn made_paths(&self) -> Vec<&Path> {
        match self.reached {
            Reached::Ready => self.steps.iter().filter_map(Step::path).collect(),
            Reached::Steps(_) => Vec::new(),
        }
    }

    /// What ends the session's power, in order: no new privilege, no new login, no process.
    pub(crate) fn stop(&self) -> Vec<Removal> {
        if let Reached::Steps(_) = self.reached {
            // It never had any.
            return Vec::new();
        }
        let rules = self
            .steps
            .iter()
            .map(Step::inverse)
            .filter(Removal::is_of_rules);
        rules.chain([self.no_use(), self.no_processes()]).collect()
    }

    /// What takes its traces away, in order, once its power has ended.
    pub(crate) fn clear(&self) -> Vec<Removal> {
        if let Reached::Steps(reached) = self.reached {
            let made = self.steps.iter().take(reached).rev();
            return made.map(Step::unused).collect();
        }
        let (account, uid) = (&self.account, self.account.uid);
        let sweeps = [
            Removal::Named {
                account: account.clone(),
            },
            // Again: a schedule may have started something before it was removed.
            self.no_processes(),
            Removal::Ipc { uid },
            Removal::Files {
                uid,
                search: self.search.clone(),
            },
            Removal::Logins {
                account: account.clone(),
            },
        ];
        let inverses = self.steps.iter().rev().map(Step::inverse);
        sweeps
            .into_iter()
            .chain(inverses.filter(|inverse| !inverse.is_of_rules()))
            .collect()
    }

    fn no_use(&self) -> Removal {
        Removal::Use {
            account: self.account.clone(),
        }
    }

    fn no_processes(&self) -> Removal {
        Removal::Processes {
            uid: self.account.uid,
            cgroup: self.cgroup.clone(),
        }
    }
}

impl Removal {
    fn is_of_rules(&self) -> bool {
        matches!(self, Self::Rules { .. })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::accept::tests::{accepted, order};

    pub(crate) fn example() -> Plan {
        plan_for(&Observed::default()).unwrap()
    }

    /// A host like any other.
    pub(crate) fn place(paths: &Paths) -> Place<'_> {
        Place {
            paths,
            home_base: Path::new("/home"),
            cgroup_root: Path::new("/sys/fs/cgroup/portreeve"),
            max_processes: 100,
            search: &[],
            sudo: "sudo 1.9.13".into(),
            sudo_logs: true,
        }
    }

    fn plan_for(observed: &Observed) -> Result<Plan, Occupied> {
        let paths = Paths::system();
        plan(
            &accepted(&order()),
            SessionUid::for_test(2_010_000_000),
            observed,
            &place(&paths),
        )
    }

    fn position(removals: &[Removal], wanted: &Removal) -> usize {
        removals
            .iter()
            .position(|removal| removal == wanted)
            .unwrap()
    }

    #[test]
    fn every_step_is_undone_by_the_removal() {
        let plan = example();
        let removals = [plan.stop(), plan.clear()].concat();
        for step in &plan.steps {
            assert!(removals.contains(&step.inverse()), "{}", step.name());
        }
    }

    #[test]
    fn power_ends_first_and_the_account_goes_when_nothing_of_it_is_left() {
        let plan = example();
        let names: Vec<_> = plan.stop().iter().map(Removal::name).collect();
        assert_eq!(
            names,
            [
                "remove the sudo rules",
                "lock the account",
                "kill all processes"
            ]
        );
        let clear = plan.clear();
        let names: Vec<_> = clear.iter().map(Removal::name).collect();
        assert_eq!(
            names,
            [
                "remove schedules, mail and timestamps",
                "kill all processes",
                "remove IPC objects and keys",
                "remove files elsewhere",
                "remove login records",
                "remove the home",
                "remove the account",
                "remove sudo's log",
                "remove the control group",
            ]
        );
        let account = Removal::Account {
            account: plan.account.clone(),
        };
        let home = Removal::Home {
            directory: plan.account.home.clone(),
        };
        assert!(position(&clear, &home) < position(&clear, &account));
    }

    #[test]
    fn nothing_is_planned_over_what_is_there() {
        let observed = Observed {
            occupied: vec!["`/home/x`".into(), "an account `x`".into()],
        };
        let error = plan_for(&observed).unwrap_err().to_string();
        assert!(error.starts_with("there is `/home/x` already"), "{error}");
    }

    #[test]
    fn of_a_session_that_was_never_ready_each_step_that_was_begun_is_taken_back() {
        for reached in 0..=example().steps.len() {
            let plan = example().reaching(reached);
            assert_eq!(plan.stop(), []);
            let mut expected: Vec<_> = plan.steps[..reached].iter().map(Step::unused).collect();
            expected.reverse();
            assert_eq!(plan.clear(), expected);
            assert_eq!(plan.is_untouched(), reached == 0);
        }
    }

    #[test]
    fn how_far_a_plan_came_is_told_beside_it() {
        let text = serde_json::to_string(&example().reaching(2)).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), example());
    }

    #[test]
    fn the_full_name_says_who_and_why_and_is_one_field() {
        let name = example().account.full_name;
        let session = order().session;
        assert_eq!(
            name,
            format!("soc/forensics for alice@example.com task INC-4711 session {session}")
        );
        assert!(!name.contains([':', ',', '\n', '=', '"', '\\']), "{name}");
    }

    #[test]
    fn the_same_order_and_host_give_the_same_plan() {
        assert_eq!(example(), example());
    }
}
