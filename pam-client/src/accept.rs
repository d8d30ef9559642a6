//! Whether an order is obeyed. Pure: everything that the answer depends on is an argument.
//!
//! [`accept`] is the only maker of an [`AcceptedOrder`], and nothing is planned, journalled or done
//! without one. The checks stand in the order of `docs/spec/host.md`: the signature before
//! anything is believed, what costs nothing before what costs something.

mod look;
mod verdicts;

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
use portreeve_sudo_policy::render::{
    self, LogFile, NotALogFile, RenderError, Sudoers, Target, Until,
};

use crate::paths::{self, Paths};
use crate::trust::Trust;

pub(crate) use self::look::{AcceptedLook, LookCircumstances, NoLook, accept_look};
pub(crate) use self::verdicts::verdicts;

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
    bundle: Bundle,
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

    /// The bundle.
    pub(crate) fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The bundle, once nothing else is needed.
    pub(crate) fn into_bundle(self) -> Bundle {
        self.bundle
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
    #[error(
        "this host has as many sessions as it may, reports of earlier ones that no bastion has taken, \
         or waits to be started again: `portreeve-host status` says which"
    )]
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
    unseen(&order, seen)?;
    within_limits(&order, host)?;
    room(host)?;
    let bundle = ordered_bundle(&order, bundle)?;
    let until = Until::of(order.expires_at);
    let rules = written(&bundle, &order.account, until, host.sudo, host.paths)?;
    Ok(AcceptedOrder {
        order,
        digest,
        bundle,
        rules,
    })
}

/// Whether an order is the CA's, for this host and for now, whatever else is wrong with it: who brings one is a bastion
/// that a session here was just given to. Neither a look order is, nor one that was kept from before.
pub(crate) fn is_ours(
    order: &Signed<Order>,
    trust: &Trust,
    now: Timestamp,
    seen: impl FnOnce(OrderId) -> bool,
) -> bool {
    genuine(order, &trust.order_key).is_ok_and(|(order, _)| {
        for_this_host(&order, &trust.host).is_ok()
            && order.deliver_by >= now
            && unseen(&order, seen).is_ok()
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
    own_account(&order)?;
    Ok((order, digest))
}

/// The account's name says the session to whoever reads `ps`; it must not say another one.
fn own_account(order: &Order) -> Result<(), NotAccepted> {
    if order.account == order.session.account() {
        Ok(())
    } else {
        Err(NotAccepted::Account)
    }
}

fn unseen(order: &Order, seen: impl FnOnce(OrderId) -> bool) -> Result<(), NotAccepted> {
    if seen(order.id) {
        Err(NotAccepted::Replayed)
    } else {
        Ok(())
    }
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
    } else {
        Ok(())
    }
}

fn room(host: &Circumstances<'_>) -> Result<(), NotAccepted> {
    if host.room {
        Ok(())
    } else {
        Err(NotAccepted::Full)
    }
}

fn ordered_bundle(order: &Order, bundle: &str) -> Result<Bundle, NotAccepted> {
    let digest = Digest::of(bundle.as_bytes());
    if digest != order.bundle.digest {
        return Err(NotAccepted::OtherBundle(digest));
    }
    Bundle::parse(order.bundle.name.as_str(), bundle.as_bytes())
        .map_err(|report| NotAccepted::BundleErrors(first_of(&report)))
}

/// The rules of a bundle for an account, as this host's sudo takes them. They end by themselves where
/// the sudo can do that: whoever stops the daemon gains no time.
///
/// # Errors
/// When its sudo cannot express them.
pub(crate) fn written(
    bundle: &Bundle,
    account: &AccountName,
    until: Until,
    sudo: Dialect,
    paths: &Paths,
) -> Result<Sudoers, NotAccepted> {
    let (log, until) = match sudo {
        Dialect::Sudo(_) => (Some(log_file(paths, account)?), Some(until)),
        // It writes to syslog only, and its rules have no end.
        Dialect::SudoRs(_) => (None, None),
    };
    let target = Target {
        account,
        dialect: sudo,
        log: log.as_ref(),
        until,
    };
    Ok(render::render(bundle, &target)?)
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
pub(crate) mod tests;
