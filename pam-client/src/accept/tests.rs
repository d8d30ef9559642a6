use super::*;
use crate::trust::Identity;
use portreeve_protocol::id::{SessionId, TaskId};
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::dialect::Version;
use portreeve_sudo_policy::sudoers::Rules;

pub(crate) const DEBIAN_12: Dialect = Dialect::Sudo(Version(1, 9, 13));

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

pub(crate) fn trust() -> Trust {
    let key = |seed| Identity::from_seed(&[seed; 32]).unwrap().public().clone();
    Trust {
        host: "prod-1.example.com".parse().unwrap(),
        session_ca: key(1),
        order_key: key(2),
    }
}

/// An order that is good now.
pub(crate) fn order() -> Order {
    let session = SessionId::new(now(), [7; 10]);
    Order {
        id: OrderId::new(now(), [8; 10]),
        host: trust().host,
        session,
        pair: Pair {
            human: Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse().unwrap(),
            },
            agent: "soc/forensics".parse().unwrap(),
        },
        task: Task {
            id: TaskId::new(now(), [9; 10]),
            ticket: Ticket::new("INC-4711").unwrap(),
            purpose: Purpose::new("Find the reverse shell").unwrap(),
        },
        account: session.account(),
        bundle: BundleRef {
            name: "forensic-read-only".parse().unwrap(),
            digest: Digest::of(STARTER_BUNDLE.as_bytes()),
        },
        session_key: trust().session_ca.fingerprint(),
        session_serial: 42,
        issued_at: now(),
        deliver_by: now().plus(Duration::from_secs(60)),
        expires_at: now().plus(Duration::from_secs(900)),
        uid_floor: None,
    }
}

pub(crate) fn accepted(order: &Order) -> AcceptedOrder {
    accept(
        &sign(order),
        STARTER_BUNDLE,
        &circumstances(&World::new()),
        |_| false,
    )
    .unwrap()
}

/// What circumstances refer to.
pub(crate) struct World {
    pub(crate) trust: Trust,
    pub(crate) paths: Paths,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            trust: trust(),
            paths: Paths::system(),
        }
    }
}

pub(crate) fn sign(order: &Order) -> Signed<Order> {
    Signed::sign(order, Identity::from_seed(&[2; 32]).unwrap().key()).unwrap()
}

pub(crate) fn circumstances(world: &World) -> Circumstances<'_> {
    Circumstances {
        trust: &world.trust,
        paths: &world.paths,
        now: now(),
        clock_floor: now().minus(Duration::from_secs(5)),
        skew: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(3600),
        room: true,
        sudo: DEBIAN_12,
    }
}

/// Gives an altered order, signed by the CA, to a host with altered circumstances.
fn outcome(
    alter: impl FnOnce(&mut Order),
    circumvent: impl FnOnce(&mut Circumstances<'_>),
) -> Result<AcceptedOrder, NotAccepted> {
    let world = World::new();
    let mut order = order();
    alter(&mut order);
    let mut host = circumstances(&world);
    circumvent(&mut host);
    accept(&sign(&order), STARTER_BUNDLE, &host, |_| false)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_good_order_is_accepted_with_its_rules() {
    let accepted = outcome(|_| {}, |_| {}).unwrap();
    assert_eq!(*accepted.order(), order());
    assert_eq!(accepted.digest(), sign(&order()).digest());
    let rules = Rules::read(accepted.rules().as_str()).unwrap();
    assert_eq!(rules.account(), &order().account);
    assert_eq!(rules.until(), Some(Until::of(order().expires_at)));
}

#[test]
fn the_signature_must_be_that_of_the_order_key() {
    let world = World::new();
    let by_another = Signed::sign(&order(), Identity::from_seed(&[3; 32]).unwrap().key()).unwrap();
    let altered = Signed::<Order>::assemble(
        sign(&order())
            .unverified_payload()
            .replace("INC-4711", "INC-4712"),
        sign(&order()).signature().into(),
    );
    for bad in [by_another, altered] {
        let error = accept(&bad, STARTER_BUNDLE, &circumstances(&world), |_| false).unwrap_err();
        assert!(matches!(error, NotAccepted::Signature(_)), "{error}");
        assert_eq!(error.refusal(), OrderRefusal::Signature);
    }
}

#[test]
fn a_genuine_text_of_another_version_is_not_obeyed() {
    let world = World::new();
    let key = Identity::from_seed(&[2; 32]).unwrap();
    let payload = sign(&order())
        .unverified_payload()
        .replacen('{', r#"{"sudo_all":true,"#, 1);
    let signature = key
        .key()
        .sign(
            "order@portreeve",
            ssh_key::HashAlg::Sha512,
            payload.as_bytes(),
        )
        .unwrap()
        .to_pem(ssh_key::LineEnding::LF)
        .unwrap();
    let strange = Signed::<Order>::assemble(payload, signature);
    let error = accept(&strange, STARTER_BUNDLE, &circumstances(&world), |_| false).unwrap_err();
    assert!(matches!(error, NotAccepted::Content));
    assert_eq!(error.refusal(), OrderRefusal::Malformed);
}

#[test]
fn an_order_of_the_ca_for_this_host_and_for_now_is_ours_and_no_other() {
    let trust = trust();
    let with = |alter: fn(&mut Order), seed| {
        let mut order = order();
        alter(&mut order);
        let key = Identity::from_seed(&[seed; 32]).unwrap();
        let order = Signed::sign(&order, key.key()).unwrap();
        is_ours(&order, &trust, now(), |_| false)
    };
    assert!(with(|_| {}, 2));
    assert!(with(|o| o.deliver_by = now(), 2));
    assert!(!with(|o| o.deliver_by = now().minus(s(1)), 2));
    assert!(!with(|_| {}, 3));
    assert!(!with(|o| o.host = "prod-2".parse().unwrap(), 2));
    let account = |o: &mut Order| o.account = "pr-0000000000000000".parse().unwrap();
    assert!(!with(account, 2));
    assert!(!is_ours(&sign(&order()), &trust, now(), |id| id == order().id));
}

#[test]
fn an_order_that_was_seen_is_not_obeyed_again() {
    let world = World::new();
    let error = accept(
        &sign(&order()),
        STARTER_BUNDLE,
        &circumstances(&world),
        |id| id == order().id,
    )
    .unwrap_err();
    assert!(matches!(error, NotAccepted::Replayed));
    assert_eq!(error.refusal(), OrderRefusal::Replayed);
}

#[test]
fn each_bad_order_has_its_own_refusal() {
    type Alter = fn(&mut Order);
    let table: [(Alter, OrderRefusal, &str); 9] = [
        (
            |o| o.account = "pr-0000000000000000".parse().unwrap(),
            OrderRefusal::Malformed,
            "Account",
        ),
        (
            |o| o.host = "prod-2".parse().unwrap(),
            OrderRefusal::OtherHost,
            "OtherHost",
        ),
        (
            |o| o.issued_at = now().plus(s(31)),
            OrderRefusal::NotFresh,
            "FromTheFuture",
        ),
        (
            |o| o.deliver_by = now().minus(s(1)),
            OrderRefusal::NotFresh,
            "TooLate",
        ),
        (|o| o.expires_at = now(), OrderRefusal::NotFresh, "Expired"),
        (
            |o| o.expires_at = now().plus(s(3601)),
            OrderRefusal::TooLong,
            "TooLong",
        ),
        (
            |o| o.deliver_by = now().plus(s(901)),
            OrderRefusal::TooLong,
            "DeliveredAfterEnd",
        ),
        (
            |o| o.bundle.digest = Digest::of(b"other"),
            OrderRefusal::Bundle,
            "OtherBundle",
        ),
        (
            |o| o.bundle.digest = Digest::of(b""),
            OrderRefusal::Bundle,
            "OtherBundle",
        ),
    ];
    for (alter, refusal, variant) in table {
        let error = outcome(alter, |_| {}).unwrap_err();
        assert_eq!(error.refusal(), refusal, "{error}");
        assert!(
            format!("{error:?}").starts_with(variant),
            "{error:?} is not {variant}"
        );
    }
}

#[test]
fn each_circumstance_has_its_own_refusal() {
    type Circumvent = fn(&mut Circumstances<'_>);
    let table: [(Circumvent, OrderRefusal, &str); 5] = [
        (
            |h| h.clock_floor = now().plus(s(1)),
            OrderRefusal::NotFresh,
            "ClockWentBack",
        ),
        (|h| h.room = false, OrderRefusal::Full, "Full"),
        (
            |h| h.max_lifetime = s(899),
            OrderRefusal::TooLong,
            "TooLong",
        ),
        (
            |h| h.sudo = Dialect::Sudo(Version(1, 8, 0)),
            OrderRefusal::BundleUnusable,
            "BundleInexpressible",
        ),
        (
            |h| h.now = now().plus(s(61)),
            OrderRefusal::NotFresh,
            "TooLate",
        ),
    ];
    for (circumvent, refusal, variant) in table {
        let error = outcome(|_| {}, circumvent).unwrap_err();
        assert_eq!(error.refusal(), refusal, "{error}");
        assert!(
            format!("{error:?}").starts_with(variant),
            "{error:?} is not {variant}"
        );
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    assert!(outcome(|o| o.issued_at = now().plus(s(30)), |_| {}).is_ok());
    assert!(outcome(|o| o.deliver_by = now(), |_| {}).is_ok());
    assert!(outcome(|o| o.expires_at = now().plus(s(3600)), |_| {}).is_ok());
    assert!(outcome(|_| {}, |h| h.clock_floor = now()).is_ok());
}

#[test]
fn a_bundle_with_errors_is_refused() {
    let world = World::new();
    let mut order = order();
    let bundle = "name = 3";
    order.bundle.digest = Digest::of(bundle.as_bytes());
    let error = accept(&sign(&order), bundle, &circumstances(&world), |_| false).unwrap_err();
    assert!(matches!(error, NotAccepted::BundleErrors(_)));
    assert_eq!(error.refusal(), OrderRefusal::BundleUnusable);
}
