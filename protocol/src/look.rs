//! A look: the CA asks a host for its standing access, and a bastion fetches the answer.
//!
//! What a host is told is a statement of a kind of its own. It makes no account and opens no
//! session: all it can do is have the host look at itself and sign what it found. Whoever asks, the
//! bastion that goes and the CA that keeps the answer each say their part in the types below.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::grant::{HostTarget, SessionKey};
use crate::id::OrderId;
use crate::inventory::Inventory;
use crate::name::{BastionName, HostName};
use crate::signed::{Signed, Statement};
use crate::time::Timestamp;

/// How long after it was asked for a bastion may take a look up.
pub const CLAIM_WITHIN: Duration = Duration::from_secs(20);
/// How long a look order may be on its way to the host, and its control certificate is valid.
pub const DELIVER_WITHIN: Duration = Duration::from_secs(60);
/// How long a host may take: what `portreeve-host discover` allows itself, and what its tools may
/// take beyond that.
pub const LOOK_WITHIN: Duration = Duration::from_secs(660);
/// How long after a bastion took a look up its answer is taken.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(780);
/// The longest plain [`LookGrant`] that is parsed.
pub const MAX_GRANT: usize = 11 * 1024;
/// The longest reason for which a look failed, in bytes.
pub const MAX_DETAIL: usize = 1024;

/// Look for standing access on yourself, now, and sign what you find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookOrder {
    /// This order; a host obeys it once.
    pub id: OrderId,
    /// The host it is for.
    pub host: HostName,
    /// When it was given. A host obeys none that is not later than the last one it obeyed.
    pub issued_at: Timestamp,
    /// By when it must have been delivered.
    pub deliver_by: Timestamp,
}

impl Statement for LookOrder {
    const NAMESPACE: &'static str = "look@portreeve";
}

/// Everything that one bastion needs to fetch one look, sealed to that bastion.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookGrant {
    /// Which look.
    pub look: OrderId,
    /// Where.
    pub host: HostTarget,
    /// The private half of the key that the certificate certifies.
    pub key: SessionKey,
    /// The certificate for the control user, one line in OpenSSH's format.
    pub control_certificate: String,
    /// What the host is told.
    pub order: Signed<LookOrder>,
}

/// `POST /v1/looks/{id}/claim`: the look is this bastion's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookClaimed {
    /// A [`LookGrant`] sealed to the bastion, in unpadded base64.
    pub sealed: String,
}

/// `POST /v1/looks/{id}/answer`: what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum LookAnswer {
    /// The host looked.
    Inventory {
        /// What it found.
        statement: Signed<Inventory>,
    },
    /// It did not.
    Failed {
        /// Why, at most [`MAX_DETAIL`] bytes.
        detail: String,
    },
}

/// `POST /v1/hosts/{name}/discover` and `GET /v1/hosts/{name}/discover/{id}`: how it stands with a
/// look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookStatus {
    /// Which look.
    pub look: OrderId,
    /// At which host.
    pub host: HostName,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How far it is.
    pub progress: LookProgress,
}

/// How far a look is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LookProgress {
    /// No bastion has taken it up yet.
    Waiting {
        /// Until when one may.
        until: Timestamp,
    },
    /// A bastion asks the host.
    Looking {
        /// Which.
        bastion: BastionName,
        /// Until when its answer is taken.
        until: Timestamp,
    },
    /// The host's inventory is kept.
    Kept {
        /// Its number.
        number: u64,
    },
    /// There is none.
    Failed {
        /// Why.
        detail: String,
    },
    /// Nobody took it up in time.
    NotTaken,
    /// The bastion that took it up said nothing in time.
    NotAnswered {
        /// Which.
        bastion: BastionName,
    },
}

impl LookProgress {
    /// Whether nothing more will come of it.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        match self {
            Self::Waiting { .. } | Self::Looking { .. } => false,
            Self::Kept { .. } | Self::Failed { .. } | Self::NotTaken | Self::NotAnswered { .. } => {
                true
            }
        }
    }
}

/// A reason within [`MAX_DETAIL`], on one line.
#[must_use]
pub fn shortened(detail: &str) -> String {
    let mut text: String = detail
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    while text.len() > MAX_DETAIL {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Order;

    #[test]
    fn an_order_for_a_session_is_none_for_a_look_and_the_other_way_round() {
        assert_ne!(LookOrder::NAMESPACE, Order::NAMESPACE);
        let order = LookOrder {
            id: OrderId::new(Timestamp::from_seconds(1), [1; 10]),
            host: "prod-1".parse().unwrap(),
            issued_at: Timestamp::from_seconds(1),
            deliver_by: Timestamp::from_seconds(61),
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<LookOrder>(&text).unwrap(), order);
        assert!(serde_json::from_str::<Order>(&text).is_err());
    }

    #[test]
    fn a_reason_is_one_line_within_its_limit() {
        assert_eq!(shortened("a\nb"), "a b");
        let long = shortened(&"ä".repeat(MAX_DETAIL));
        assert_eq!(long.len(), MAX_DETAIL);
        assert!(long.chars().all(|c| c == 'ä'));
    }

    #[test]
    fn each_step_of_a_look_leaves_time_for_the_one_inside_it() {
        assert!(DELIVER_WITHIN + LOOK_WITHIN < ANSWER_WITHIN);
    }
}
