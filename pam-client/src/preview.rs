//! What an order would do on this host now, or any session with a bundle: the checks with what
//! they say, the steps with what takes each back, the removals of the end.
//!
//! For people (`portreeve-host plan`). Looks, changes nothing and asks no daemon; what is shown is
//! made by the same planner and the same checks that the daemon uses.

mod input;
mod show;

use std::path::Path;
use std::time::Duration;

use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::name::AccountName;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::Sudoers;
use serde::Serialize;

use self::input::{Input, Signature};
use crate::accept::{self, Circumstances};
use crate::cgroup;
use crate::clock;
use crate::config::{Config, ConfigError};
use crate::counter::{Counter, CounterError, SessionUid};
use crate::exit::Exit;
use crate::log;
use crate::observe;
use crate::paths::Paths;
use crate::plan::{self, Place};
use crate::spool::{self, Seen};
use crate::sudoers::{self, NoSudo, NotTaken, Sudo};
use crate::trust::{Trust, TrustError};
use crate::uid::{self, NoUid};

pub(crate) use self::input::NoInput;

/// How long the session of no order lives, if the host's settings allow that.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What would be done.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// This host.
    host: String,
    /// The order; none where a session was made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    /// The session.
    session: SessionId,
    /// Its account.
    account: AccountName,
    /// The lowest UID that it may get.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    /// Whose it is.
    pair: String,
    /// What for.
    ticket: String,
    /// The bundle.
    bundle: BundleRef,
    /// When it ends at the latest.
    expires_at: Timestamp,
    /// This host's sudo.
    sudo: String,
    /// Whether the order would be obeyed.
    obeyed: bool,
    /// Each check by itself.
    checks: Vec<Checked>,
    /// The steps, in order; none where there would be no plan.
    steps: Vec<StepLine>,
    /// What the end removes, in order.
    end: Vec<RemovalLine>,
}

/// A check.
#[derive(Debug, Serialize)]
struct Checked {
    check: &'static str,
    passed: bool,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A step.
#[derive(Debug, Serialize)]
struct StepLine {
    step: &'static str,
    what: String,
    /// The removal that takes it back.
    inverse: &'static str,
}

/// A removal.
#[derive(Debug, Serialize)]
struct RemovalLine {
    removal: &'static str,
    what: String,
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPreview {
    /// Somebody else than root asks.
    #[error("run this as root: what decides can be seen by root only")]
    NotRoot,
    /// This host does not know whom to obey.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Its settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no order or bundle to show.
    #[error(transparent)]
    Input(#[from] NoInput),
    /// Its sudo cannot be used.
    #[error(transparent)]
    Sudo(#[from] NoSudo),
    /// The counter of UIDs cannot be read.
    #[error(transparent)]
    Counter(#[from] CounterError),
    /// The journals cannot be read.
    #[error("cannot read the journals: {0}")]
    Journals(#[source] std::io::Error),
    /// A name service does not answer.
    #[error("a name service does not answer: {0}")]
    NameService(#[from] nix::errno::Errno),
}

impl NoPreview {
    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Trust(TrustError::NotEnrolled) => Exit::NotRunning,
            Self::NotRoot
            | Self::Trust(_)
            | Self::Config(_)
            | Self::Input(_)
            | Self::Sudo(_)
            | Self::Counter(_)
            | Self::Journals(_)
            | Self::NameService(_) => Exit::Failed,
        }
    }
}

/// Shows what would be done; the text for standard output, and the exit status.
///
/// # Errors
/// When there is nothing to show.
pub(crate) fn run(
    paths: &Paths,
    order: Option<&Path>,
    bundle: Option<&Path>,
    json: bool,
) -> Result<(String, Exit), NoPreview> {
    if !nix::unistd::geteuid().is_root() {
        return Err(NoPreview::NotRoot);
    }
    let (config, trust) = (Config::load(&paths.settings())?, Trust::load(paths)?);
    let now = clock::now().wall;
    let lifetime = LIFETIME.min(config.max_lifetime);
    let input = input::read(order, bundle, &trust, now, lifetime)?;
    let report = report(paths, &config, &trust, &input, now)?;
    let text = if json {
        let text = serde_json::to_string_pretty(&report);
        // A report is made of texts and numbers, which have a form in JSON.
        format!("{}\n", text.unwrap_or_default())
    } else {
        show::text(&report)
    };
    let exit = if report.obeyed {
        Exit::Well
    } else {
        Exit::Failed
    };
    Ok((text, exit))
}

fn report(
    paths: &Paths,
    config: &Config,
    trust: &Trust,
    input: &Input,
    now: Timestamp,
) -> Result<Report, NoPreview> {
    let seen = spool::look(paths).map_err(NoPreview::Journals)?;
    let counter = Counter::load(
        paths.counter(),
        config.first_uid,
        config.last_uid,
        seen.highest_uid.map(SessionUid::as_raw),
    )?;
    let sudo = Sudo::default().dialect()?;
    let limit = config.spool_limit_mib.saturating_mul(1024 * 1024);
    let circumstances = Circumstances {
        trust,
        now,
        clock_floor: counter.clock_floor(),
        skew: config.clock_skew,
        max_lifetime: config.max_lifetime,
        room: seen.unfinished < config.max_sessions && seen.bytes < limit,
        sudo,
        paths,
    };
    let cgroup_root = cgroup::expected_root(config.cgroup_root.as_deref(), paths);
    let search = config.search();
    let place = Place {
        paths,
        home_base: &config.home_base,
        cgroup_root: &cgroup_root,
        max_processes: config.max_processes,
        search: &search,
        sudo: sudo.to_string(),
        sudo_logs: matches!(sudo, Dialect::Sudo(_)),
    };
    let next_uid = |floor| uid::peek(&counter, config.uids(), paths, floor);
    let take = sudoers::check_apart;
    looked_at(input, &circumstances, &seen, &place, next_uid, take)
}

fn looked_at(
    input: &Input,
    circumstances: &Circumstances<'_>,
    seen: &Seen,
    place: &Place<'_>,
    next_uid: impl FnOnce(Option<u32>) -> Result<SessionUid, NoUid>,
    take: impl FnOnce(&Sudoers) -> Result<(), NotTaken>,
) -> Result<Report, NoPreview> {
    let order = &input.order;
    let (verdicts, rules) = accept::verdicts(order, &input.bundle, circumstances, |order| {
        seen.orders.contains(&order)
    });
    let mut checks: Vec<_> = signature(&input.signature).into_iter().collect();
    checks.extend(verdicts.into_iter().map(|(check, said)| of(check, said)));
    if let Some(rules) = &rules {
        checks.push(of("visudo", take(rules)));
    }
    let observed = observe::names(place, &order.account)?;
    checks.push(free(&observed.occupied));
    let uid = next_uid(order.uid_floor);
    let (uid, said) = match uid {
        Ok(uid) => (Some(uid), Ok(())),
        Err(error) => (None, Err(error)),
    };
    checks.push(of("uid", said));
    let preview = rules
        .zip(uid)
        .map(|(rules, uid)| plan::preview(order, input.digest, &rules, uid, place));
    Ok(Report {
        host: circumstances.trust.host.to_string(),
        order: (input.signature != Signature::MadeUp).then_some(order.id),
        session: order.session,
        account: order.account.clone(),
        uid: uid.map(|uid| uid.as_raw()),
        pair: order.pair.to_string(),
        ticket: order.task.ticket.to_string(),
        bundle: order.bundle.clone(),
        expires_at: order.expires_at,
        sudo: place.sudo.clone(),
        obeyed: checks.iter().all(|check| check.passed),
        checks,
        steps: preview.as_ref().map(steps).unwrap_or_default(),
        end: preview.as_ref().map(removals).unwrap_or_default(),
    })
}

fn signature(signature: &Signature) -> Option<Checked> {
    match signature {
        Signature::MadeUp => None,
        Signature::Good => Some(of::<&str>("signature", Ok(()))),
        Signature::Bad(why) => Some(of("signature", Err(why))),
    }
}

fn free(occupied: &[String]) -> Checked {
    if occupied.is_empty() {
        of::<&str>("free", Ok(()))
    } else {
        of("free", Err(format!("there is {}", occupied.join(", "))))
    }
}

fn of<E: std::fmt::Display>(check: &'static str, said: Result<(), E>) -> Checked {
    let detail = said.err().map(|error| log::one_line(&error.to_string()));
    Checked {
        check,
        passed: detail.is_none(),
        detail,
    }
}

fn steps(preview: &plan::Preview) -> Vec<StepLine> {
    let line = |step: &crate::step::Step| StepLine {
        step: step.name(),
        what: step.to_string(),
        inverse: step.inverse().name(),
    };
    preview.steps().iter().map(line).collect()
}

fn removals(preview: &plan::Preview) -> Vec<RemovalLine> {
    let line = |removal: crate::step::Removal| RemovalLine {
        removal: removal.name(),
        what: removal.to_string(),
    };
    preview.removals().into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
