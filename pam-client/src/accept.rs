//! Whether an order is obeyed. Pure: everything that the answer depends on is an argument.
//!
//! [`accept`] is the only maker of an [`AcceptedOrder`], and nothing is planned, journalled or done
//! without one. The checks stand in the order of `docs/spec/host.md`: the signature before
//! anything is believed, what costs nothing before what costs something.

use std::time::Duration;

use portreeve_protocol::control::OrderRefusal;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::{AccountName, HostName};
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::{Signed, VerifyError};
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::diagnostic::Report;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{self, LogFile, NotALogFile, RenderError, Sudoers, Target};

use crate::paths::{self, Paths};
use crate::trust::Trust;

/// What a host knows when an order arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// This host's name and the key of orders.
    pub(crate) trust: &'a Trust,
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// A moment that the wall clock has passed already, as the disk remembers.
    pub(crate) clock_floor: Timestamp,
    /// How far the CA's clock may be ahead.
    pub(crate) skew: Duration,
    /// How far an expiry may lie ahead.
    pub(crate) max_lifetime: Duration,
    /// Whether there is room for another session.
    pub(crate) room: bool,
    /// This host's sudo.
    pub(crate) sudo: Dialect,
    /// Where sudo's logs are, if it can write one.
    pub(crate) paths: &'a Paths,
}

/// An order that this host obeys, with the rules that it asks for.
#[derive(Debug)]
pub(crate) struct AcceptedOrder {
    order: Order,
    digest: Digest,
    rules: Sudoers,
}

impl AcceptedOrder {
    /// The order.
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// The digest of the text that was signed.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// The sudo rules.
    pub(crate) fn rules(&self) -> &Sudoers {
        &self.rules
    }
}

/// Why an order is not obeyed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAccepted {
    /// It is not signed by the CA.
    #[error("the order's signature is not that of the CA: {0}")]
    Signature(VerifyError),
    /// It is genuine and not understood.
    #[error("the order is genuine and not understood; is this program older than the CA?")]
    Content,
    /// The account is not the one of the session.
    #[error("the order's account is not that of its session")]
    Account,
    /// It is for another host.
    #[error("the order is for `{0}`")]
    OtherHost(HostName),
    /// It was given in the future.
    #[error("the order was given at {0}, which is in the future: check the clocks")]
    FromTheFuture(Timestamp),
    /// It was to be delivered earlier.
    #[error("the order was to be delivered by {0}")]
    TooLate(Timestamp),
    /// The session is over already.
    #[error("the session was over at {0}")]
    Expired(Timestamp),
    /// The clock has gone back.
    #[error("this host's clock is before {0}, which it has seen: set it right")]
    ClockWentBack(Timestamp),
    /// It was obeyed before.
    #[error("the order was obeyed before")]
    Replayed,
    /// The session would live too long.
    #[error("the session would live longer than the {} s that this host allows", .0.as_secs())]
    TooLong(Duration),
    /// It could be delivered after the session's end.
    #[error("the order may be delivered after its session's end")]
    DeliveredAfterEnd,
    /// There is no room.
    #[error("this host has no room for another session")]
    Full,
    /// The bundle is not the one that the order names.
    #[error("the bundle has the digest {0}, the order names another")]
    OtherBundle(Digest),
    /// The bundle has errors.
    #[error("the bundle has errors: {0}")]
    BundleErrors(String),
    /// The bundle cannot be expressed for this host's sudo.
    #[error("the bundle does not work here: {0}")]
    BundleInexpressible(#[from] RenderError),
    /// sudo's log would have a name that sudoers misreads.
    #[error("sudo cannot log to `{0}`: {1}")]
    LogFile(String, NotALogFile),
}

impl NotAccepted {
    /// What the bastion is told.
    pub(crate) fn refusal(&self) -> OrderRefusal {
        match self {
            Self::Signature(_) => OrderRefusal::Signature,
            Self::Content | Self::Account => OrderRefusal::Malformed,
            Self::OtherHost(_) => OrderRefusal::OtherHost,
            Self::FromTheFuture(_)
            | Self::TooLate(_)
            | Self::Expired(_)
            | Self::ClockWentBack(_) => OrderRefusal::NotFresh,
            Self::Replayed => OrderRefusal::Replayed,
            Self::TooLong(_) | Self::DeliveredAfterEnd => OrderRefusal::TooLong,
            Self::Full => OrderRefusal::Full,
            Self::OtherBundle(_) => OrderRefusal::Bundle,
            Self::BundleErrors(_) | Self::BundleInexpressible(_) | Self::LogFile(..) => {
                OrderRefusal::BundleUnusable
            }
        }
    }
}

/// Checks an order and the bundle beside it.
///
/// `seen` says whether an order was obeyed before.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn accept(
    order: &Signed<Order>,
    bundle: &str,
    host: &Circumstances<'_>,
    seen: impl FnOnce(OrderId) -> bool,
) -> Result<AcceptedOrder, NotAccepted> {
    let (order, digest) = genuine(order, &host.trust.order_key)?;
    for_this_host(&order, &host.trust.host)?;
    fresh(&order, host)?;
    if seen(order.id) {
        return Err(NotAccepted::Replayed);
    }
    within_limits(&order, host)?;
    let rules = rules(&order, bundle, host)?;
    Ok(AcceptedOrder {
        order,
        digest,
        rules,
    })
}

fn genuine(order: &Signed<Order>, key: &PublicKey) -> Result<(Order, Digest), NotAccepted> {
    let verified = order.verify(key).map_err(|error| match error {
        VerifyError::Content => NotAccepted::Content,
        VerifyError::TooLong | VerifyError::SignatureFormat | VerifyError::Signature => {
            NotAccepted::Signature(error)
        }
    })?;
    let digest = verified.digest();
    let order = verified.into_inner();
    // The account's name says the session to whoever reads `ps`; it must not say another one.
    if order.account != order.session.account() {
        return Err(NotAccepted::Account);
    }
    Ok((order, digest))
}

fn for_this_host(order: &Order, host: &HostName) -> Result<(), NotAccepted> {
    if order.host == *host {
        Ok(())
    } else {
        Err(NotAccepted::OtherHost(order.host.clone()))
    }
}

fn fresh(order: &Order, host: &Circumstances<'_>) -> Result<(), NotAccepted> {
    let Circumstances {
        now,
        clock_floor,
        skew,
        ..
    } = *host;
    if now < clock_floor {
        Err(NotAccepted::ClockWentBack(clock_floor))
    } else if order.issued_at > now.plus(skew) {
        Err(NotAccepted::FromTheFuture(order.issued_at))
    } else if order.deliver_by < now {
        Err(NotAccepted::TooLate(order.deliver_by))
    } else if order.expires_at <= now {
        Err(NotAccepted::Expired(order.expires_at))
    } else {
        Ok(())
    }
}

fn within_limits(order: &Order, host: &Circumstances<'_>) -> Result<(), NotAccepted> {
    if order.expires_at > host.now.plus(host.max_lifetime) {
        Err(NotAccepted::TooLong(host.max_lifetime))
    } else if order.deliver_by > order.expires_at {
        // The order is remembered until then, so this bounds how long.
        Err(NotAccepted::DeliveredAfterEnd)
    } else if !host.room {
        Err(NotAccepted::Full)
    } else {
        Ok(())
    }
}

fn rules(order: &Order, bundle: &str, host: &Circumstances<'_>) -> Result<Sudoers, NotAccepted> {
    let digest = Digest::of(bundle.as_bytes());
    if digest != order.bundle.digest {
        return Err(NotAccepted::OtherBundle(digest));
    }
    let bundle = Bundle::parse(order.bundle.name.as_str(), bundle.as_bytes())
        .map_err(|report| NotAccepted::BundleErrors(first_of(&report)))?;
    let log = match host.sudo {
        Dialect::Sudo(_) => Some(log_file(host.paths, &order.account)?),
        // It writes to syslog only.
        Dialect::SudoRs(_) => None,
    };
    let target = Target {
        account: &order.account,
        dialect: host.sudo,
        log: log.as_ref(),
    };
    Ok(render::render(&bundle, &target)?)
}

fn log_file(paths: &Paths, account: &AccountName) -> Result<LogFile, NotAccepted> {
    let path = paths::text(&paths.sudo_log(account));
    path.parse()
        .map_err(|error| NotAccepted::LogFile(path, error))
}

/// The CA refuses a bundle with errors, so one of them is enough to find out what went wrong here.
fn first_of(report: &Report) -> String {
    match report.findings().next() {
        Some(finding) => format!("line {}: {}", finding.line, finding.message),
        None => "no reason was given".into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::trust::Identity;
    use portreeve_protocol::id::{SessionId, TaskId};
    use portreeve_protocol::pair::{Human, Pair};
    use portreeve_protocol::session::BundleRef;
    use portreeve_protocol::task::{Purpose, Task, Ticket};
    use portreeve_sudo_policy::STARTER_BUNDLE;
    use portreeve_sudo_policy::dialect::Version;

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
    struct World {
        trust: Trust,
        paths: Paths,
    }

    impl World {
        fn new() -> Self {
            Self {
                trust: trust(),
                paths: Paths::system(),
            }
        }
    }

    fn sign(order: &Order) -> Signed<Order> {
        Signed::sign(order, Identity::from_seed(&[2; 32]).unwrap().key()).unwrap()
    }

    fn circumstances(world: &World) -> Circumstances<'_> {
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
        assert!(accepted.rules().as_str().contains(order().account.as_str()));
    }

    #[test]
    fn the_signature_must_be_that_of_the_order_key() {
        let world = World::new();
        let by_another =
            Signed::sign(&order(), Identity::from_seed(&[3; 32]).unwrap().key()).unwrap();
        let altered = Signed::<Order>::assemble(
            sign(&order())
                .unverified_payload()
                .replace("INC-4711", "INC-4712"),
            sign(&order()).signature().into(),
        );
        for bad in [by_another, altered] {
            let error =
                accept(&bad, STARTER_BUNDLE, &circumstances(&world), |_| false).unwrap_err();
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
        let error =
            accept(&strange, STARTER_BUNDLE, &circumstances(&world), |_| false).unwrap_err();
        assert!(matches!(error, NotAccepted::Content));
        assert_eq!(error.refusal(), OrderRefusal::Malformed);
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
}
