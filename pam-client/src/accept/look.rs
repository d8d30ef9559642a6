//! Whether a look order is obeyed. Pure, as [`accept`](super::accept) is, and in the same order:
//! the signature before anything is believed.
//!
//! [`accept_look`] is the only maker of an [`AcceptedLook`], and this host looks at itself for
//! nobody without one.

use std::time::Duration;

use portreeve_protocol::control::OrderRefusal;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::look::LookOrder;
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::{Signed, VerifyError};
use portreeve_protocol::time::Timestamp;

use crate::trust::Trust;

/// The longest that an order may be on its way, whatever the CA allows itself.
const LONGEST_WAY: Duration = Duration::from_secs(300);

/// What a host knows when a look order arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookCircumstances<'a> {
    /// This host's name and the key of orders.
    pub(crate) trust: &'a Trust,
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// A moment that the wall clock has passed already, as the disk remembers.
    pub(crate) clock_floor: Timestamp,
    /// How far the CA's clock may be ahead.
    pub(crate) skew: Duration,
    /// When the last look order that was obeyed was given, as the disk remembers.
    pub(crate) last: Timestamp,
    /// Whether it looks at itself already.
    pub(crate) looks: bool,
    /// Whether it takes orders at all.
    pub(crate) room: bool,
}

/// A look order that this host obeys.
#[derive(Debug)]
pub(crate) struct AcceptedLook(LookOrder);

impl AcceptedLook {
    /// Which order.
    pub(crate) const fn id(&self) -> OrderId {
        self.0.id
    }

    #[cfg(test)]
    pub(crate) fn for_test(issued_at: Timestamp) -> Self {
        Self(LookOrder {
            id: OrderId::new(issued_at, [1; 10]),
            host: tests::host(),
            issued_at,
            deliver_by: issued_at,
        })
    }

    /// When it was given: none that is not later is obeyed from now on.
    pub(crate) const fn issued_at(&self) -> Timestamp {
        self.0.issued_at
    }
}

/// Why a look order is not obeyed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLook {
    /// It is not signed by the CA, or is no look order.
    #[error("the look order's signature is not that of the CA: {0}")]
    Signature(VerifyError),
    /// It is genuine and not understood.
    #[error("the look order is genuine and not understood; is this program older than the CA?")]
    Content,
    /// It is for another host.
    #[error("the look order is for `{0}`")]
    OtherHost(HostName),
    /// The clock has gone back.
    #[error("this host's clock is before {0}, which it has seen: set it right")]
    ClockWentBack(Timestamp),
    /// It was given in the future.
    #[error("the look order was given at {0}, which is in the future: check the clocks")]
    FromTheFuture(Timestamp),
    /// It was to be delivered earlier.
    #[error("the look order was to be delivered by {0}")]
    TooLate(Timestamp),
    /// It was obeyed, or a later one was.
    #[error("a look order given at {0} was obeyed before, and this one is not later")]
    Replayed(Timestamp),
    /// It may be on its way for longer than any.
    #[error("the look order may be on its way for longer than {} s", LONGEST_WAY.as_secs())]
    TooLong,
    /// It looks already.
    #[error("another look is not done yet")]
    Looks,
    /// It takes no orders.
    #[error("this host waits to be started again: `portreeve-host status` says so")]
    Full,
}

impl NoLook {
    /// What the bastion is told.
    pub(crate) const fn refusal(&self) -> OrderRefusal {
        match self {
            Self::Signature(_) => OrderRefusal::Signature,
            Self::Content => OrderRefusal::Malformed,
            Self::OtherHost(_) => OrderRefusal::OtherHost,
            Self::ClockWentBack(_) | Self::FromTheFuture(_) | Self::TooLate(_) => {
                OrderRefusal::NotFresh
            }
            Self::Replayed(_) => OrderRefusal::Replayed,
            Self::TooLong => OrderRefusal::TooLong,
            Self::Looks => OrderRefusal::Looking,
            Self::Full => OrderRefusal::Full,
        }
    }
}

/// Checks a look order.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn accept_look(
    order: &Signed<LookOrder>,
    host: &LookCircumstances<'_>,
) -> Result<AcceptedLook, NoLook> {
    let order = genuine(order, host.trust)?;
    if order.host != host.trust.host {
        return Err(NoLook::OtherHost(order.host));
    }
    if host.now < host.clock_floor {
        return Err(NoLook::ClockWentBack(host.clock_floor));
    }
    if order.issued_at > host.now.plus(host.skew) {
        return Err(NoLook::FromTheFuture(order.issued_at));
    }
    if order.deliver_by < host.now {
        return Err(NoLook::TooLate(order.deliver_by));
    }
    if order.issued_at <= host.last {
        return Err(NoLook::Replayed(host.last));
    }
    if order.deliver_by > order.issued_at.plus(LONGEST_WAY) {
        return Err(NoLook::TooLong);
    }
    if host.looks {
        return Err(NoLook::Looks);
    }
    if !host.room {
        return Err(NoLook::Full);
    }
    Ok(AcceptedLook(order))
}

fn genuine(order: &Signed<LookOrder>, trust: &Trust) -> Result<LookOrder, NoLook> {
    match order.verify(&trust.order_key) {
        Ok(verified) => Ok(verified.into_inner()),
        Err(VerifyError::Content) => Err(NoLook::Content),
        Err(
            error @ (VerifyError::TooLong | VerifyError::SignatureFormat | VerifyError::Signature),
        ) => Err(NoLook::Signature(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{now, order as session_order, sign as sign_session_order, trust};
    use super::*;
    use crate::trust::Identity;

    pub(super) fn host() -> HostName {
        trust().host
    }

    fn order() -> LookOrder {
        LookOrder {
            id: OrderId::new(now(), [8; 10]),
            host: trust().host,
            issued_at: now(),
            deliver_by: now().plus(s(60)),
        }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn signed_by(seed: u8, order: &LookOrder) -> Signed<LookOrder> {
        Signed::sign(order, Identity::from_seed(&[seed; 32]).unwrap().key()).unwrap()
    }

    fn circumstances(trust: &Trust) -> LookCircumstances<'_> {
        LookCircumstances {
            trust,
            now: now(),
            clock_floor: now().minus(s(5)),
            skew: s(30),
            last: now().minus(s(1)),
            looks: false,
            room: true,
        }
    }

    type Alter = fn(&mut LookOrder);
    type Circumvent = fn(&mut LookCircumstances<'_>);

    /// What is refused, as what, and how it is told.
    #[test]
    fn a_look_order_is_refused_for_each_of_these() {
        let rows: [(Alter, Circumvent, OrderRefusal, &str); 11] = [
            (
                |o| o.host = "prod-2.example.com".parse().unwrap(),
                |_| {},
                OrderRefusal::OtherHost,
                "is for `prod-2.example.com`",
            ),
            (
                |o| o.issued_at = now().plus(s(31)),
                |_| {},
                OrderRefusal::NotFresh,
                "in the future",
            ),
            (
                |o| o.deliver_by = now().minus(s(1)),
                |_| {},
                OrderRefusal::NotFresh,
                "was to be delivered",
            ),
            (
                |_| {},
                |h| h.now = h.clock_floor.minus(s(1)),
                OrderRefusal::NotFresh,
                "clock is before",
            ),
            (
                |_| {},
                |h| h.last = now(),
                OrderRefusal::Replayed,
                "was obeyed before",
            ),
            (
                |o| o.issued_at = now().minus(s(10)),
                |_| {},
                OrderRefusal::Replayed,
                "this one is not later",
            ),
            (
                |o| o.deliver_by = now().plus(s(301)),
                |_| {},
                OrderRefusal::TooLong,
                "longer than 300 s",
            ),
            (
                |_| {},
                |h| h.looks = true,
                OrderRefusal::Looking,
                "not done yet",
            ),
            (
                |_| {},
                |h| h.room = false,
                OrderRefusal::Full,
                "started again",
            ),
            // What is wrong with the order itself comes before what is wrong with the moment.
            (
                |o| o.host = "prod-2.example.com".parse().unwrap(),
                |h| h.looks = true,
                OrderRefusal::OtherHost,
                "prod-2",
            ),
            (
                |o| o.deliver_by = now().minus(s(1)),
                |h| h.last = now(),
                OrderRefusal::NotFresh,
                "delivered",
            ),
        ];
        for (alter, circumvent, refusal, told) in rows {
            let trust = trust();
            let mut order = order();
            alter(&mut order);
            let mut host = circumstances(&trust);
            circumvent(&mut host);
            let error = accept_look(&signed_by(2, &order), &host).unwrap_err();
            assert_eq!(error.refusal(), refusal, "{error}");
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn a_good_one_is_obeyed_and_the_edges_of_its_time_are_good() {
        let trust = trust();
        let host = circumstances(&trust);
        let accepted = accept_look(&signed_by(2, &order()), &host).unwrap();
        assert_eq!(
            (accepted.id(), accepted.issued_at()),
            (order().id, order().issued_at)
        );
        let edges: [Alter; 3] = [
            |o| o.issued_at = now().plus(s(30)),
            |o| o.deliver_by = now(),
            |o| o.deliver_by = now().plus(s(300)),
        ];
        for alter in edges {
            let mut order = order();
            alter(&mut order);
            assert!(accept_look(&signed_by(2, &order), &host).is_ok());
        }
    }

    #[test]
    fn only_a_look_order_of_the_ca_is_one() {
        let trust = trust();
        let host = circumstances(&trust);
        let genuine = signed_by(2, &order());
        let altered = Signed::assemble(
            genuine.unverified_payload().replace("prod-1", "prod-2"),
            genuine.signature().into(),
        );
        // An order for a session is signed by the same key, as another kind of statement.
        let of_a_session = sign_session_order(&session_order());
        let of_a_session = Signed::assemble(
            of_a_session.unverified_payload().into(),
            of_a_session.signature().into(),
        );
        let borrowed = Signed::assemble(
            genuine.unverified_payload().into(),
            of_a_session.signature().into(),
        );
        for bad in [signed_by(3, &order()), altered, of_a_session, borrowed] {
            let error = accept_look(&bad, &host).unwrap_err();
            assert_eq!(error, NoLook::Signature(VerifyError::Signature));
            assert_eq!(error.refusal(), OrderRefusal::Signature);
        }
    }

    #[test]
    fn a_look_order_makes_no_session() {
        use super::super::tests::{World, circumstances};
        let look = signed_by(2, &order());
        let as_order = Signed::assemble(look.unverified_payload().into(), look.signature().into());
        let world = World::new();
        let refused = super::super::accept(&as_order, "", &circumstances(&world), |_| false);
        assert_eq!(refused.unwrap_err().refusal(), OrderRefusal::Signature);
    }
}
