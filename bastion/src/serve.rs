//! `serve`: puts the parts together, lets agents in, and ends everything in order when it is told to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use portreeve_protocol::age::Recipient;
use portreeve_protocol::event::MachineFact;
use portreeve_recording::write::{PoolOptions, RecorderPool};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::accept::Acceptor;
use crate::ca::{Assertions, Ca};
use crate::clock::Clock;
use crate::config::Config;
use crate::deliver::Oldest;
use crate::drive::{EarlierReports, World};
use crate::feed::{self, Expired, Feed, Hands, Kill};
use crate::keep::{Keeper, Uploads};
use crate::look::Looks;
use crate::report::Reporter;
use crate::room::Room;
use crate::session::ConnectionId;
use crate::sessions::Sessions;
use crate::spool::{Health, Limits, Spool};
use crate::ssh::starting::Starting;
use crate::ssh::{connection, settings};
use crate::status::tell::{self, Serving, Teller};
use crate::{deliver, entropy, files, recover};

/// The folders below that of the state.
pub(crate) const SPOOL: &str = "spool";
pub(crate) const RECORDINGS: &str = "recordings";
pub(crate) const LIVE: &str = "live";
/// How long sessions may take to end when the program is stopped.
const STOP_TIME: Duration = Duration::from_secs(20);
/// How long the last recordings may take to be stored.
const STORE_TIME: Duration = Duration::from_secs(10);
/// How many recordings that expire may wait for their turn.
const EXPIRING: usize = 1024;
/// How long the last events may take to be delivered.
const DRAIN_TIME: Duration = Duration::from_secs(3);
/// How long to wait when the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// Serves until `stop` resolves.
///
/// # Errors
/// When a part cannot be made, or events can no longer be delivered from the disk.
pub async fn serve(
    config: Config,
    recipients: watch::Receiver<Vec<Recipient>>,
    recording: PoolOptions,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let clock = Clock::start();
    let since = clock.now().wall;
    let (shutdown, is_stopping) = watch::channel(false);
    let Parts {
        world,
        reader,
        listeners,
    } = parts(&config, recording, clock, recipients, is_stopping).await?;
    let reporter = world.reporter.clone();
    // After the ports, which another bastion of this state would have; before what may take long.
    let teller = Arc::new(Teller::starting(since));
    tokio::spawn(Arc::clone(&teller).tell(tell::socket(&config.file.state)));
    recover::recover(&world.recordings, &world.live, &config.identity, &reporter).with_context(
        || {
            let state = config.file.state.display();
            format!("what an earlier run left in `{state}` cannot be closed")
        },
    )?;
    reporter.machine(MachineFact::Started {
        version: env!("CARGO_PKG_VERSION").into(),
    })?;

    let ca = Arc::clone(&world.ca);
    let oldest = Arc::new(Oldest::default());
    let mut delivery = tokio::spawn(deliver::deliver(
        reporter.spool.clone(),
        reader,
        Arc::clone(&ca),
        clock,
        Arc::clone(&oldest),
    ));
    let (kills, mut killed) = mpsc::channel::<Kill>(256);
    let (looks, mut asked) = mpsc::channel(64);
    let (expired, expiring) = mpsc::channel::<Expired>(EXPIRING);
    let keeper = Arc::new(Keeper {
        store: config.store,
        recordings: world.recordings.clone(),
        on_disk: world.recorders.on_disk(),
        live: world.live.clone(),
        ca: Arc::clone(&ca),
        reporter: reporter.clone(),
        uploads: Uploads::default(),
    });
    tokio::spawn(Arc::clone(&keeper).keep(expiring));
    let hands = Hands {
        kills,
        looks,
        expired,
    };
    tokio::spawn(feed::follow(Arc::clone(&world.feed), ca, hands));

    let acceptor = Arc::new(Acceptor {
        name: config.file.name.clone(),
        access_ca: config.file.access_ca.clone(),
        unsealing: config.unsealing,
    });
    let looks = Arc::new(Looks::new(Arc::clone(&acceptor), Arc::clone(&world)));
    let sessions = Arc::new(Sessions::new(
        acceptor,
        Arc::clone(&world),
        config.file.max_sessions,
    ));
    teller.serves(Serving {
        world: Arc::clone(&world),
        sessions: Arc::clone(&sessions),
        keeper: Arc::clone(&keeper),
        oldest,
    });
    let door = Arc::new(Door {
        sessions: Arc::clone(&sessions),
        config: Arc::new(settings::server(config.host_key, config.host_certificate)),
        connections: Arc::new(Semaphore::new(config.file.max_connections)),
        starting: Starting::new(config.file.max_starting),
        next: AtomicU64::new(1),
    });
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(Arc::clone(&door).accept(listener)))
        .collect();
    tracing::info!(name = %config.file.name, listen = ?config.file.listen, "listening for agents");

    let mut stop = std::pin::pin!(stop);
    let mut health = reporter.spool.health();
    let failed = loop {
        tokio::select! {
            Some(kill) = killed.recv() => {
                // In a task of its own: a session whose inbox its agent keeps full must not hold up the end of another.
                let sessions = Arc::clone(&sessions);
                tokio::spawn(async move { sessions.kill(kill).await });
            }
            Some(asked) = asked.recv() => {
                let looks = Arc::clone(&looks);
                tokio::spawn(async move { looks.take_up(asked).await });
            }
            () = &mut stop => break None,
            delivered = &mut delivery => break Some(Broken::Delivery(delivered)),
            _ = health.wait_for(|health| *health == Health::Failed) => break Some(Broken::Spool),
        }
    };
    for task in accepting {
        task.abort();
    }
    shutdown.send_replace(true);
    wait_until(STOP_TIME, || sessions.count() == 0).await;
    // What is not stored by then is when the program is started again.
    wait_until(STORE_TIME, || keeper.is_done()).await;
    let _ = reporter.machine(MachineFact::Stopped);
    match failed {
        None => {}
        Some(Broken::Delivery(delivered)) => {
            return delivered?.context("events cannot be delivered from the spool");
        }
        // Started again, it goes on as soon as the disk takes something.
        Some(Broken::Spool) => bail!(
            "events cannot be kept in `{}`, so every session was ended; make room there",
            config.file.state.join(SPOOL).display()
        ),
    }
    wait_until(DRAIN_TIME, || reporter.spool.is_empty()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Why serving ended unasked.
enum Broken {
    /// Events cannot be read back from the disk.
    Delivery(Result<std::io::Result<()>, tokio::task::JoinError>),
    /// Events cannot be written to the disk.
    Spool,
}

struct Parts {
    world: Arc<World>,
    reader: crate::spool::Reader,
    listeners: Vec<TcpListener>,
}

async fn parts(
    config: &Config,
    recording: PoolOptions,
    clock: Clock,
    recipients: watch::Receiver<Vec<Recipient>>,
    shutdown: watch::Receiver<bool>,
) -> Result<Parts> {
    let file = &config.file;
    let folder = |name: &str| -> Result<PathBuf> {
        let path = file.state.join(name);
        files::make_folder(&path)?;
        Ok(path)
    };
    let (spool, reader) = Spool::open(&folder(SPOOL)?, Limits::default()).with_context(|| {
        let spool = file.state.join(SPOOL);
        format!("the event spool `{}` cannot be opened", spool.display())
    })?;
    let assertions = Assertions::new(
        config.identity_signer.clone(),
        file.name.clone(),
        file.issuer.clone(),
        clock,
    );
    let recorders = RecorderPool::start(
        recording,
        Arc::new(config.identity.clone()),
        Arc::new(entropy::fill),
    )
    .context("no threads for recordings")?;
    let ca = Ca::new(&file.ca, config.ca_root.as_bytes(), Some(assertions))
        .context("look at `ca` and `ca_root` in the configuration")?;
    let reporter = Reporter {
        name: file.name.clone(),
        clock,
        spool,
    };
    let recordings = folder(RECORDINGS)?;
    let kept = vec![recordings.clone(), folder(SPOOL)?];
    let room = Room::watch(kept, file.reserve, reporter.clone())
        .context("the disk of recordings and events cannot be looked at")?;
    let world = Arc::new(World {
        clock,
        ca: Arc::new(ca),
        feed: Arc::new(Feed::new(clock)),
        reporter,
        recorders,
        recordings,
        earlier: EarlierReports::default(),
        room,
        recipients,
        live: folder(LIVE)?,
        stale_after: config.stale_after,
        shutdown,
    });
    let mut listeners = Vec::new();
    for address in &file.listen {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on `{address}`"))?;
        listeners.push(listener);
    }
    Ok(Parts {
        world,
        reader,
        listeners,
    })
}

/// Where agents come in.
struct Door {
    sessions: Arc<Sessions>,
    config: Arc<russh::server::Config>,
    connections: Arc<Semaphore>,
    starting: Starting,
    next: AtomicU64,
}

impl Door {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.welcome(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(NO_SOCKETS).await;
                }
            }
        }
    }

    /// Serves a connection in a task of its own, if there is room for it. There is no room to say so.
    fn welcome(&self, stream: TcpStream, peer: SocketAddr) {
        let starting = self.starting.take(peer.ip());
        let place = Arc::clone(&self.connections).try_acquire_owned();
        let (Some(starting), Ok(place)) = (starting, place) else {
            tracing::warn!(%peer, "there are as many connections as are allowed");
            return;
        };
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sessions, config) = (Arc::clone(&self.sessions), Arc::clone(&self.config));
        tokio::spawn(async move {
            connection::serve(stream, peer, id, sessions, config, starting).await;
            drop(place);
        });
    }
}

async fn wait_until(at_most: Duration, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(at_most, waiting).await;
}

/// Reads the configuration and serves until the process is told to stop.
///
/// # Errors
/// As [`serve`], and when the configuration cannot be used.
pub async fn run(path: &Path) -> Result<()> {
    run_with(path, PoolOptions::default()).await
}

/// The same with other options for the recordings.
///
/// # Errors
/// As [`run`].
pub async fn run_with(path: &Path, recording: PoolOptions) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let config = Config::read(path)?;
    let (recipients, current) = watch::channel(config.file.review_recipients.clone());
    let reloading = tokio::spawn(reload(
        path.to_owned(),
        recipients,
        signal(SignalKind::hangup())?,
    ));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: sessions end, recordings are sealed");
    };
    let served = serve(config, current, recording, stop).await;
    reloading.abort();
    served
}

/// Takes who can open recordings from the configuration again at each SIGHUP. Sessions that run keep those with whom
/// they began; everything else waits for a restart.
async fn reload(
    path: PathBuf,
    recipients: watch::Sender<Vec<Recipient>>,
    mut hangup: tokio::signal::unix::Signal,
) {
    while hangup.recv().await.is_some() {
        let path = path.clone();
        // The disk of a store may hang.
        let Ok(read) = tokio::task::spawn_blocking(move || Config::read(&path)).await else {
            continue;
        };
        match read {
            Ok(config) => {
                let named = config.file.review_recipients;
                tracing::info!(recipients = ?named.iter().map(ToString::to_string).collect::<Vec<_>>(), "recordings of new sessions are sealed to these");
                recipients.send_replace(named);
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the configuration is not taken; recordings are sealed as before"
            ),
        }
    }
}
