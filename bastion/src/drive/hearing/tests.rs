//! Which reports of a host are kept.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::event::{Body, Event};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::time::Timestamp;
use portreeve_recording::write::{PoolOptions, RecorderPool};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::accept::tests::mint::{Mint, key};
use crate::accept::tests::proven;
use crate::ca::Ca;
use crate::clock::Clock;
use crate::drive::{EarlierReports, World};
use crate::entropy;
use crate::feed::Feed;
use crate::host::proof::tests::receipt;
use crate::report::Reporter;
use crate::room::{Reserve, Room};
use crate::spool::{Limits, Reader, Spool};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const ROOTS: &[u8] = include_bytes!("../../../tests/component/root.pem");
/// More than anybody may say, and more than an hour gives back.
const FAR_TOO_MUCH: u64 = 8 << 30;

/// The parts around sessions, without a CA.
struct Scene {
    world: Arc<World>,
    reader: Reader,
    mint: Mint,
    _folder: TempDir,
}

impl Scene {
    fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let clock = Clock::start();
        let (spool, reader) = Spool::open(&path.join("spool"), limits).unwrap();
        let reporter = Reporter {
            name: "bastion-1".parse().unwrap(),
            clock,
            spool,
        };
        let signer = Arc::new(key(40));
        let pool = RecorderPool::start(PoolOptions::default(), signer, Arc::new(entropy::fill));
        let world = World {
            clock,
            ca: Arc::new(Ca::new("http://127.0.0.1:1", ROOTS, None).unwrap()),
            feed: Arc::new(Feed::new(clock)),
            room: Room::watch(
                vec![path.to_owned()],
                Some(Reserve::Bytes(0)),
                reporter.clone(),
            )
            .unwrap(),
            reporter,
            recorders: pool.unwrap(),
            recordings: path.join("recordings"),
            earlier: EarlierReports::default(),
            recipients: watch::channel(vec![]).1,
            live: path.join("live"),
            stale_after: Duration::from_secs(10),
            shutdown: watch::channel(false).1,
        };
        Self {
            world: Arc::new(world),
            reader,
            mint: Mint::new(NOW),
            _folder: folder,
        }
    }

    /// A session to which the host has a control connection.
    fn session(&self) -> Driver {
        let agent = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let access = Arc::new(proven(&self.mint));
        let (driver, _link, _effects) = Driver::new(Arc::clone(&self.world), access, agent);
        driver
    }

    /// What the host says of a session.
    fn report(&self, session: SessionId, seq: u64, identity: &PrivateKey) -> FromHost {
        let event = Signed::sign(&self.event(session, seq), identity).unwrap();
        let report = HostReport::Event(event);
        FromHost::Report { report }
    }

    fn event(&self, session: SessionId, seq: u64) -> HostEvent {
        HostEvent {
            host: self.mint.grant().host.name,
            session,
            account: session.account(),
            seq,
            previous: Digest::of(b"attestation"),
            at: NOW,
            fact: HostFact::Login { pid: 2 },
        }
    }

    /// The same as a list of its values, which is understood too, but does not name its session as such.
    fn list(&self, session: SessionId, seq: u64, identity: &PrivateKey) -> FromHost {
        let said = self.event(session, seq);
        let payload = serde_json::json!([
            said.host,
            said.session,
            said.account,
            said.seq,
            said.previous,
            said.at,
            said.fact
        ])
        .to_string();
        let signature = identity
            .sign(HostEvent::NAMESPACE, HashAlg::Sha512, payload.as_bytes())
            .unwrap();
        let signature = signature.to_pem(LineEnding::LF).unwrap();
        let report = HostReport::Event(Signed::assemble(payload, signature));
        FromHost::Report { report }
    }

    fn own(&self, seq: u64) -> FromHost {
        self.report(self.mint.session, seq, &self.mint.host_identity)
    }

    fn earlier(&self, seq: u64) -> FromHost {
        self.report(invented(), seq, &self.mint.host_identity)
    }

    /// The host told more of other sessions than it may for now.
    fn exceed(&self) {
        let host = self.mint.grant().host.name;
        let now = self.world.clock.now().steady;
        self.world.earlier.told(&host, FAR_TOO_MUCH, now);
    }

    /// The CA is away until so much waits that nothing is kept any more.
    fn fill(&self) {
        while self.world.reporter.report(stopped()).is_ok() {}
    }

    /// What was kept since this was asked last.
    async fn kept(&mut self) -> Vec<Kept> {
        let spool = &self.world.reporter.spool;
        let last = self.world.reporter.report_as(Rank::Deletion, stopped());
        let _recorded = spool.durable(last.unwrap()).await.unwrap();
        let end = *spool.written().borrow();
        let batch = self.reader.read(end, usize::MAX, usize::MAX).unwrap();
        let events = batch.payloads().iter();
        let bodies = events.map(|json| serde_json::from_slice::<Event>(json).unwrap().body);
        let kept: Vec<_> = bodies.filter(|body| *body != stopped()).collect();
        spool.delivered(&batch);
        let session = self.mint.session;
        kept.into_iter()
            .map(|body| Kept::of(body, session))
            .collect()
    }
}

/// What the trail gets.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    Own,
    Earlier,
    Alarm(String),
}

impl Kept {
    fn of(body: Body, own: SessionId) -> Self {
        match body {
            Body::Access { session, .. } if session == Some(own) => Self::Own,
            Body::Access { .. } => Self::Earlier,
            Body::Machine {
                fact: MachineFact::Alarm { detail },
            } => Self::Alarm(detail),
            other @ (Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. }) => {
                panic!("{other:?}")
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Earlier => "earlier",
            Self::Alarm(_) => "alarm",
        }
    }

    fn alarm(&self) -> &str {
        match self {
            Self::Alarm(detail) => detail,
            Self::Own | Self::Earlier => panic!("{self:?}"),
        }
    }
}

fn stopped() -> Body {
    let fact = MachineFact::Stopped;
    Body::Machine { fact }
}

/// A session that never was.
fn invented() -> SessionId {
    SessionId::new(Timestamp::from_seconds(1), [9; 10])
}

fn hear(driver: &mut Driver, said: impl IntoIterator<Item = FromHost>) {
    for one in said {
        driver.hear_control(ControlNews::Said(Box::new(one)));
    }
}

#[tokio::test]
async fn a_host_that_reports_too_much_of_other_sessions_is_named_once_and_its_own_goes_on() {
    let mut scene = Scene::new(Limits::default());
    let host = scene.mint.grant().host.name;
    let mut driver = scene.session();
    hear(&mut driver, [scene.earlier(0), scene.own(0)]);
    assert_eq!(scene.kept().await, [Kept::Earlier, Kept::Own]);

    scene.exceed();
    hear(
        &mut driver,
        [scene.earlier(1), scene.own(1), scene.earlier(2)],
    );
    let kept = scene.kept().await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    for words in [
        &format!("`{host}`"),
        "of earlier sessions",
        "keeps the rest",
    ] {
        assert!(kept[0].alarm().contains(words), "{kept:?}");
    }
    assert_eq!(kept[1], Kept::Own);

    // Another connection has no other allowance.
    let mut other = scene.session();
    hear(&mut other, [scene.earlier(1), scene.own(2)]);
    assert_eq!(scene.kept().await, [Kept::Own]);
}

/// What a host is told that somebody has, it forgets.
#[tokio::test]
async fn only_what_was_kept_is_acknowledged() {
    let mut scene = Scene::new(Limits::default());
    let (say, mut said) = mpsc::channel(16);
    let mut driver = scene.session();
    driver.control = Some(Control::to(say));
    hear(&mut driver, [scene.own(0), scene.earlier(0)]);
    scene.exceed();
    let forged = scene.report(scene.mint.session, 2, &key(99));
    hear(
        &mut driver,
        [scene.earlier(1), forged, scene.own(1), scene.earlier(2)],
    );
    let now = scene.world.clock.now().steady;
    for _ in 0..2 {
        let _excess = driver.allowance.take(FAR_TOO_MUCH, now);
    }
    hear(&mut driver, [scene.own(3)]);
    let _kept = scene.kept().await;
    drop(driver);

    let mut acknowledged = BTreeSet::new();
    while let Some(FromBastion::Acknowledge { reports }) = said.recv().await {
        acknowledged.extend(reports);
    }
    let kept = [scene.own(0), scene.earlier(0), scene.own(1)];
    assert_eq!(acknowledged, kept.iter().map(digest).collect());
}

fn digest(said: &FromHost) -> Digest {
    let FromHost::Report {
        report: HostReport::Event(event),
    } = said
    else {
        panic!("{said:?}");
    };
    event.digest()
}

#[tokio::test]
async fn what_comes_after_a_report_of_another_session_that_was_not_kept_waits_for_it() {
    let mut scene = Scene::new(Limits::default());
    let host = scene.mint.grant().host.name;
    let mut driver = scene.session();
    scene.exceed();
    hear(&mut driver, [scene.earlier(0)]);
    let long_after = scene
        .world
        .clock
        .now()
        .steady
        .plus(Duration::from_secs(1_000_000));
    assert_eq!(scene.world.earlier.may_tell(&host, long_after), Ok(()));
    hear(&mut driver, [scene.earlier(1)]);
    assert_eq!(scene.kept().await.len(), 1, "the alarm");
    let mut next = scene.session();
    hear(&mut next, [scene.earlier(0), scene.earlier(1)]);
    assert_eq!(scene.kept().await, [Kept::Earlier, Kept::Earlier]);
}

#[tokio::test]
async fn what_names_another_session_is_not_looked_at_once_one_of_those_was_not_kept() {
    let mut scene = Scene::new(Limits::default());
    let (own, host) = (scene.mint.session, &scene.mint.host_identity);
    let cases = [
        (scene.earlier(1), None),
        (scene.report(invented(), 1, &key(99)), None),
        (scene.list(invented(), 1, host), None),
        (scene.own(1), Some("own")),
        (scene.list(own, 1, host), Some("own")),
        (scene.report(own, 1, &key(99)), Some("alarm")),
        (scene.list(invented(), 1, &key(99)), Some("alarm")),
    ];
    scene.exceed();
    let first = scene.earlier(0);
    for (number, (report, expected)) in cases.into_iter().enumerate() {
        let mut driver = scene.session();
        hear(&mut driver, [first.clone()]);
        let _alarm = scene.kept().await;
        hear(&mut driver, [report]);
        let kept = scene.kept().await;
        let kept: Vec<_> = kept.iter().map(Kept::kind).collect();
        assert_eq!(kept, Vec::from_iter(expected), "case {number}");
    }
}

#[tokio::test]
async fn an_alarm_that_was_not_kept_is_raised_again() {
    let mut scene = Scene::new(Limits {
        soft: 20_000,
        hard: 40_000,
    });
    let forged = scene.report(scene.mint.session, 0, &key(99));
    let mut driver = scene.session();
    scene.exceed();
    scene.fill();
    hear(&mut driver, [forged.clone(), scene.earlier(0)]);
    assert_eq!(scene.kept().await, []);
    // The CA has what waited.
    hear(&mut driver, [forged.clone(), forged]);
    for _ in 0..2 {
        hear(&mut scene.session(), [scene.earlier(0)]);
    }
    let kept = scene.kept().await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[0].alarm().contains("not acknowledged"), "{kept:?}");
    assert!(kept[1].alarm().contains("of earlier sessions"), "{kept:?}");
}

#[tokio::test]
async fn nothing_is_taken_without_charge_once_a_session_ends_for_what_it_said() {
    let mut scene = Scene::new(Limits::default());
    let mut driver = scene.session();
    let now = scene.world.clock.now().steady;
    assert!(driver.allowance.take(FAR_TOO_MUCH, now).is_some());
    // What is left for the end.
    hear(&mut driver, [scene.own(0)]);
    assert_eq!(scene.kept().await, [Kept::Own]);
    assert_eq!(driver.allowance.take(FAR_TOO_MUCH, now), None);
    hear(&mut driver, [scene.own(1), scene.earlier(0), scene.own(2)]);
    assert_eq!(scene.kept().await, []);
}

#[tokio::test]
async fn what_proves_nothing_is_one_alarm_for_each_connection() {
    let mut scene = Scene::new(Limits::default());
    let host = scene.mint.grant().host.name;
    for _ in 0..2 {
        let mut driver = scene.session();
        let forged = || scene.report(scene.mint.session, 0, &key(99));
        let receipt = Signed::sign(&receipt(&scene.mint), &key(99)).unwrap();
        let said = [forged(), forged(), FromHost::Gone { receipt }, forged()];
        hear(&mut driver, said);
        hear(&mut driver, [scene.own(0)]);
        let kept = scene.kept().await;
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert!(kept[0].alarm().contains(&format!("`{host}`")), "{kept:?}");
        assert_eq!(kept[1], Kept::Own);
    }
}

#[tokio::test]
async fn reports_of_other_sessions_alone_fill_no_spool() {
    let limits = Limits {
        soft: 40_000,
        hard: 80_000,
    };
    let mut scene = Scene::new(limits);
    let mut driver = scene.session();
    hear(&mut driver, (0..60).map(|seq| scene.earlier(seq)));
    let waiting = scene.world.reporter.spool.waiting();
    assert!(
        (limits.soft / 4..=limits.soft / 2).contains(&waiting),
        "{waiting}"
    );
    hear(&mut driver, [scene.own(0)]);
    let kept = scene.kept().await;
    assert_eq!(kept.last(), Some(&Kept::Own));
    // The CA has them: another connection may bring what was not kept.
    let mut next = scene.session();
    hear(&mut next, [scene.earlier(59)]);
    assert_eq!(scene.kept().await, [Kept::Earlier]);
}
