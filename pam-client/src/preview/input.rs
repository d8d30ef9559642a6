//! The order to show: one that was delivered, as a bastion sends it or as the CA signed it, or one
//! that is made up for a bundle.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portreeve_protocol::control::FromBastion;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::bundle::Bundle;

use crate::log;
use crate::trust::Trust;

/// As long as a line of the control connection may be.
const MAX_ORDER: u64 = 512 * 1024;
/// Larger than any bundle, so that the bundle's own reader says what is too large.
const MAX_BUNDLE: u64 = 1024 * 1024;
/// A path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// What is to be shown.
#[derive(Debug)]
pub(crate) struct Input {
    /// The order.
    pub(crate) order: Order,
    /// The digest of its text.
    pub(crate) digest: Digest,
    /// Who says so.
    pub(crate) signature: Signature,
    /// The bundle's text.
    pub(crate) bundle: String,
}

/// Who an order is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Nobody: it is made up.
    MadeUp,
    /// The CA that this host obeys.
    Good,
    /// Somebody else; why it is not believed.
    Bad(String),
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoInput {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {1}", path = log::one_line(&.0.to_string_lossy()))]
    Io(PathBuf, #[source] io::Error),
    /// The order is none.
    #[error(
        "not an order: give the signed order, or the bastion's line with it and the bundle: {0}"
    )]
    Order(serde_json::Error),
    /// There is no bundle.
    #[error("there is no bundle beside the order: give its file with `--bundle`")]
    NoBundle,
    /// The bundle is none; what is wrong with it, for people.
    #[error("not a bundle: {0}")]
    Bundle(String),
    /// There is no randomness.
    #[error("cannot make up a session: {0}")]
    Random(#[from] getrandom::Error),
    /// A made-up word is none.
    #[error("cannot make up a session: a word of it is not accepted")]
    Words,
}

/// Reads what is to be shown.
pub(crate) fn read(
    order: Option<&Path>,
    bundle: Option<&Path>,
    trust: &Trust,
    now: Timestamp,
    lifetime: Duration,
) -> Result<Input, NoInput> {
    let beside = bundle.map(|path| text(path, MAX_BUNDLE)).transpose()?;
    match order {
        Some(order) => delivered(&text(order, MAX_ORDER)?, beside, trust),
        None => made_up(beside.ok_or(NoInput::NoBundle)?, trust, now, lifetime),
    }
}

fn text(path: &Path, most: u64) -> Result<String, NoInput> {
    let mut text = String::new();
    let read = if path.as_os_str() == STANDARD_INPUT {
        io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.map_err(|error| NoInput::Io(path.to_owned(), error))?;
    Ok(text)
}

/// An order as it was delivered. One that is not genuine is shown too, for whoever looks at it
/// wants to know what it would have done.
pub(super) fn delivered(
    text: &str,
    beside: Option<String>,
    trust: &Trust,
) -> Result<Input, NoInput> {
    let (signed, sent): (Signed<Order>, _) = match serde_json::from_str(text) {
        Ok(FromBastion::Order { order, bundle }) => (order, Some(bundle)),
        Ok(
            FromBastion::Look { .. }
            | FromBastion::Renew
            | FromBastion::End { .. }
            | FromBastion::Acknowledge { .. },
        )
        | Err(_) => (serde_json::from_str(text).map_err(NoInput::Order)?, None),
    };
    let order = serde_json::from_str(signed.unverified_payload()).map_err(NoInput::Order)?;
    let signature = match signed.verify(&trust.order_key) {
        Ok(_) => Signature::Good,
        Err(error) => Signature::Bad(error.to_string()),
    };
    Ok(Input {
        order,
        digest: signed.digest(),
        signature,
        bundle: beside.or(sent).ok_or(NoInput::NoBundle)?,
    })
}

/// A session that nobody asked for.
pub(super) fn made_up(
    text: String,
    trust: &Trust,
    now: Timestamp,
    lifetime: Duration,
) -> Result<Input, NoInput> {
    let bundle = Bundle::parse("bundle", text.as_bytes())
        .map_err(|report| NoInput::Bundle(report.render()))?;
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    let session = SessionId::new(now, random);
    let words = || {
        Some(Order {
            id: OrderId::new(now, random),
            host: trust.host.clone(),
            session,
            pair: Pair {
                human: Human {
                    issuer: "https://idp.example.com".into(),
                    subject: "somebody".into(),
                    name: "somebody@example.com".parse().ok()?,
                },
                agent: "example/agent".parse().ok()?,
            },
            task: Task {
                id: TaskId::new(now, random),
                ticket: Ticket::new("EXAMPLE-1").ok()?,
                purpose: Purpose::new("See what a session would do").ok()?,
            },
            account: session.account(),
            bundle: BundleRef {
                name: bundle.name().clone(),
                digest: Digest::of(text.as_bytes()),
            },
            session_key: trust.session_ca.fingerprint(),
            session_serial: 0,
            issued_at: now,
            deliver_by: now,
            expires_at: now.plus(lifetime),
            uid_floor: None,
        })
    };
    let order = words().ok_or(NoInput::Words)?;
    let payload = Signed::payload_of(&order).map_err(|_| NoInput::Words)?;
    Ok(Input {
        digest: Digest::of(payload.as_bytes()),
        order,
        signature: Signature::MadeUp,
        bundle: text,
    })
}
