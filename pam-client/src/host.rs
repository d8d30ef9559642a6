//! What the daemon's threads share: this host as it was found at the start, and the few things
//! that change, each behind a lock of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portreeve_protocol::id::SessionId;

use crate::bundle_check::Checker;
use crate::cgroup::{self, NoCgroup};
use crate::clock::{self, Moment};
use crate::config::{Config, ConfigError};
use crate::counter::{Counter, CounterError, SessionUid};
use crate::file;
use crate::journal::JournalError;
use crate::leases::Leases;
use crate::log;
use crate::look::Looks;
use crate::mounts;
use crate::nss;
use crate::observe;
use crate::owners::{NotKnown, Owners};
use crate::paths::Paths;
use crate::plan::Place;
use crate::retire::Retirement;
use crate::root::{LiveSession, Status, Unfinished};
use crate::search::SearchRoot;
use crate::share::Share;
use crate::spool::{Found, Spool, Unreadable};
use crate::sudoers::Sudo;
use crate::trust::{Identity, Trust, TrustError};
use crate::watch::Source;

/// The user that control connections and principals commands run as.
pub(crate) const CONTROL_USER: &str = "portreeve";

/// This host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where everything is.
    pub(crate) paths: Paths,
    /// The settings.
    pub(crate) config: Config,
    /// Whom it obeys.
    pub(crate) trust: Trust,
    /// The key it speaks under.
    pub(crate) identity: Identity,
    /// The UID of the user `portreeve`.
    pub(crate) control_user: u32,
    /// Its sudo.
    pub(crate) sudo: Arc<Sudo>,
    /// Looks at its sudo and at the programs of bundles.
    pub(crate) checker: Arc<Checker>,
    /// Where control groups are made.
    pub(crate) cgroup_root: PathBuf,
    /// By what it watches sessions.
    pub(crate) watch: Source,
    /// Where files of a session are looked for at its end.
    search: Vec<SearchRoot>,
    /// The live sessions.
    pub(crate) leases: Leases,
    /// The journals.
    pub(crate) spool: Spool,
    /// How much of them one session may fill.
    pub(crate) share: Share,
    /// What was looked at for the CA, and when.
    pub(crate) looks: Looks,
    /// The unused UIDs.
    counter: Mutex<Counter>,
    /// Which of them own files.
    owners: Mutex<Owners>,
    /// Sessions of which something is left that is tried again.
    unfinished: Mutex<Vec<Unfinished>>,
    last_error: Mutex<Option<String>>,
    stopping: AtomicBool,
    retirement: Mutex<Option<Retirement>>,
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoHost {
    /// It does not know whom to obey, or cannot speak.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Its settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It has no UIDs.
    #[error(transparent)]
    Counter(#[from] CounterError),
    /// It has nowhere to put sessions.
    #[error(transparent)]
    Cgroup(#[from] NoCgroup),
    /// The user that sshd runs us as does not exist.
    #[error("there is no user `{CONTROL_USER}`: run `portreeve-host enroll` again")]
    NoControlUser,
    /// Its directories cannot be made or read.
    #[error("cannot prepare the directories of the daemon: {0}")]
    Io(#[from] std::io::Error),
    /// The name services do not answer.
    #[error("cannot look up the user `{CONTROL_USER}`: {0}")]
    NameService(#[from] nix::errno::Errno),
}

impl Host {
    /// Finds this host as it is; also which sessions an earlier daemon did not finish.
    pub(crate) fn find(paths: Paths) -> Result<(Self, Vec<SessionId>), NoHost> {
        let config = Config::load(&paths.settings())?;
        let trust = Trust::load(&paths)?;
        let identity = Identity::load(&paths)?;
        let control_user = nss::uid_of(CONTROL_USER)?.ok_or(NoHost::NoControlUser)?;
        for directory in [paths.state(), paths.journals(), paths.sudo_logs()] {
            file::directory(&directory, 0o700)?;
        }
        file::directory(&paths.run(), 0o755)?;
        let cgroup_root = cgroup::root(config.cgroup_root.as_deref(), &paths)?;
        let limit = config.spool_limit_mib.saturating_mul(1024 * 1024);
        let (
            spool,
            Found {
                unfinished,
                unreadable,
                highest_uid,
            },
        ) = Spool::open(paths.clone(), limit)?;
        let (first, last) = (config.first_uid, config.last_uid);
        // A counter that was lost, or restored from a backup, begins above what is on disk.
        let search = config.search();
        let places = search.iter().map(|root| root.path.clone());
        let places: Vec<_> = places.chain([config.home_base.clone()]).collect();
        let uids = config.uids();
        let look = move || observe::highest_owner(uids, &places, &mounts::text());
        let (owners, owner) = Owners::ask(look, OWNERS_PATIENCE);
        let used = owner.max(highest_uid.map(SessionUid::as_raw));
        let counter = Counter::load(paths.counter(), first, last, used)?;
        let sudo = Arc::new(Sudo::default());
        let host = Self {
            checker: Arc::new(Checker::new(paths.clone(), Arc::clone(&sudo))),
            watch: Source::find(&config, &cgroup_root),
            share: Share::of(limit),
            leases: Leases::new(config.max_sessions),
            looks: Looks::load(paths.look(), clock::now().wall, config.clock_skew),
            paths,
            search,
            config,
            trust,
            identity,
            control_user,
            sudo,
            cgroup_root,
            spool,
            counter: Mutex::new(counter),
            owners: Mutex::new(owners),
            unfinished: Mutex::default(),
            last_error: Mutex::default(),
            stopping: AtomicBool::new(false),
            retirement: Mutex::default(),
        };
        if !host.owners().are_known() {
            let told = NotKnown.to_string();
            host.complain(&format!("{told}; no session begins until then"));
        }
        for Unreadable { session, why } in unreadable {
            match session {
                Some(session) => host.unreadable(session, &why),
                None => host.complain(&why.to_string()),
            }
        }
        Ok((host, unfinished))
    }

    /// What this host offers to every session.
    pub(crate) fn place(&self, sudo: portreeve_sudo_policy::dialect::Dialect) -> Place<'_> {
        Place {
            paths: &self.paths,
            home_base: &self.config.home_base,
            cgroup_root: &self.cgroup_root,
            max_processes: self.config.max_processes,
            search: &self.search,
            sudo: sudo.to_string(),
            sudo_logs: matches!(sudo, portreeve_sudo_policy::dialect::Dialect::Sudo(_)),
        }
    }

    /// The unused UIDs.
    pub(crate) fn counter(&self) -> MutexGuard<'_, Counter> {
        locked(&self.counter)
    }

    /// Which UIDs own files.
    pub(crate) fn owners(&self) -> MutexGuard<'_, Owners> {
        locked(&self.owners)
    }

    /// Something went wrong: for the log and for whoever asks how the daemon is.
    pub(crate) fn complain(&self, what: &str) {
        log::error!("{what}");
        let now = clock::now().wall;
        let what: String = log::one_line(what).chars().take(500).collect();
        *locked(&self.last_error) = Some(format!("{now} {what}"));
    }

    /// Something of a session is left and is tried again.
    pub(crate) fn unfinished(&self, session: SessionId, left: Vec<String>) {
        let mut unfinished = locked(&self.unfinished);
        unfinished.retain(|known| known.session != session);
        unfinished.push(Unfinished { session, left });
    }

    /// The journal of a session cannot be read, which is said once and tried again.
    pub(crate) fn unreadable(&self, session: SessionId, why: &JournalError) {
        let left = vec![why.to_string()];
        let is_same = |known: &Unfinished| known.session == session && known.left == left;
        if !locked(&self.unfinished).iter().any(is_same) {
            self.complain(&why.to_string());
            self.unfinished(session, left);
        }
    }

    /// Nothing of a session is tried again any more.
    pub(crate) fn finished(&self, session: SessionId) {
        locked(&self.unfinished).retain(|known| known.session != session);
    }

    /// The sessions of which something is tried again.
    pub(crate) fn to_retry(&self) -> Vec<SessionId> {
        locked(&self.unfinished)
            .iter()
            .map(|unfinished| unfinished.session)
            .collect()
    }

    /// From now on sessions end and none begins.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for live in self.leases.all() {
            live.waker().wake();
        }
    }

    /// Whether sessions end and none begins.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// From now on this daemon waits for its last session to end. Asking again changes nothing.
    pub(crate) fn retire(&self, now: Moment) {
        let mut retirement = locked(&self.retirement);
        if retirement.is_none() {
            log::info!("asked to make room for another daemon when no session is left");
            *retirement = Some(Retirement::new(now));
        }
    }

    /// Whether this daemon waits for its last session to end.
    pub(crate) fn retirement(&self) -> Option<Retirement> {
        *locked(&self.retirement)
    }

    /// Whether a session may begin.
    pub(crate) fn takes_orders(&self, now: Moment) -> bool {
        let retired = self
            .retirement()
            .is_some_and(|retirement| !retirement.takes_orders(now));
        !self.is_stopping() && !retired
    }

    /// Removes journals that nobody needs any more.
    pub(crate) fn tidy(&self, now: portreeve_protocol::time::Timestamp) {
        if let Some(floor) = self.spool.tidy(now)
            && let Err(error) = self.counter().raise_clock_floor(floor)
        {
            self.complain(&error.to_string());
        }
    }

    /// How the daemon is.
    pub(crate) fn status(&self) -> Status {
        let sessions = self.leases.all();
        let sessions = sessions.iter().map(|live| LiveSession {
            session: live.plan.session,
            account: live.plan.account.name.clone(),
            pair: live.plan.pair.clone(),
            expires_at: live.plan.expires_at.to_string(),
        });
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.trust.host.to_string(),
            sudo: self
                .sudo
                .dialect()
                .map_or_else(|error| error.to_string(), |sudo| sudo.to_string()),
            cgroup_root: self.cgroup_root.display().to_string(),
            sessions: sessions.collect(),
            removing: u64::try_from(self.leases.closed()).unwrap_or(u64::MAX),
            unfinished: locked(&self.unfinished).clone(),
            undelivered: u64::try_from(self.spool.undelivered()).unwrap_or(u64::MAX),
            spool_bytes: self.spool.bytes(),
            spool_full: !self.spool.has_room(),
            last_error: locked(&self.last_error).clone(),
            retires_since: self.retirement().map(|asked| asked.since().to_string()),
            refuses_orders: !self.takes_orders(clock::now()),
            watch: Some(self.watch.watch()),
        }
    }
}

/// How long the daemon's start waits to hear which UIDs own files.
const OWNERS_PATIENCE: Duration = Duration::from_secs(5);

/// How long a question through the socket may take to arrive, and an answer to be taken.
pub(crate) const SOCKET_PATIENCE: Duration = Duration::from_secs(5);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is whole after each statement under them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
