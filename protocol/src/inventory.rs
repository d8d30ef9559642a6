//! What a host found when it looked for standing access on itself: who gets in without a session.
//!
//! Signed by the host's identity, carried by an administrator or fetched by a bastion, kept by the
//! CA. It says what is; whether it should be is for people to say.

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::key::PublicKey;
use crate::name::HostName;
use crate::signed::{Signed, Statement};
use crate::time::Timestamp;

/// Most findings that are listed; the rest is a number.
pub const MAX_FINDINGS: usize = 500;
/// Longest text of a host's own, in bytes.
pub const MAX_TEXT: usize = 256;
/// Most bytes that the texts of all findings have together, so that any inventory fits into a
/// signed statement.
pub const MAX_TEXTS: usize = 64 * 1024;

/// Everything that was found on a host at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// The host that speaks.
    pub host: HostName,
    /// Larger than the number of every inventory that this host signed before, so that an old one
    /// cannot take the place of a newer one.
    pub number: u64,
    /// When the host began to look.
    pub at: Timestamp,
    /// Whether everything could be looked at.
    pub complete: bool,
    /// How many accounts there are.
    pub accounts: u32,
    /// What was found, the worst first.
    pub findings: Vec<StandingAccess>,
    /// How many more findings there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u32,
    /// The look order that this answers; none where somebody at the host asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<OrderId>,
}

impl Statement for Inventory {
    const NAMESPACE: &'static str = "inventory@portreeve";
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One way in, or one secret that is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingAccess {
    /// What kind, as `SA101`.
    pub code: String,
    /// How much it opens.
    pub severity: Severity,
    /// Whose it is; none where it belongs to no account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What it is, in words: a fingerprint, a rule, the name of a variable; never a secret.
    pub what: String,
    /// The file that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line there, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// When that file was last changed, or the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When its account last logged in, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
}

/// How much a finding opens, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All of this host, or a way in for anybody.
    High,
    /// An account, or a secret that opens something elsewhere.
    Medium,
    /// Something that matters together with another thing.
    Low,
}

impl Severity {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl StandingAccess {
    /// How many bytes its texts have.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.account, &self.path];
        [self.code.as_str(), &self.what]
            .into_iter()
            .chain(optional.into_iter().flatten().map(String::as_str))
    }
}

impl Inventory {
    /// Whether the list and its texts keep to their limits and each text to one line. What does not
    /// is not kept.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        let texts: usize = self.findings.iter().map(StandingAccess::text_len).sum();
        self.findings.len() <= MAX_FINDINGS
            && texts <= MAX_TEXTS
            && self
                .findings
                .iter()
                .flat_map(StandingAccess::texts)
                .all(|text| text.len() <= MAX_TEXT && !text.chars().any(char::is_control))
    }

    /// How many findings there are of each severity among those that are listed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for finding in &self.findings {
            let count = match finding.severity {
                Severity::High => &mut counts.high,
                Severity::Medium => &mut counts.medium,
                Severity::Low => &mut counts.low,
            };
            *count = count.saturating_add(1);
        }
        counts
    }
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of [`Severity::High`].
    pub high: u32,
    /// Of [`Severity::Medium`].
    pub medium: u32,
    /// Of [`Severity::Low`].
    pub low: u32,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { high, medium, low } = self;
        write!(f, "{high} high, {medium} medium, {low} low")
    }
}

/// `GET`, `PUT /v1/hosts/{name}/inventory`: what the CA keeps of a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostInventory {
    /// The host.
    pub host: HostName,
    /// The last inventory; none when there never was one.
    pub kept: Option<KeptInventory>,
}

/// An inventory with what it is verified by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptInventory {
    /// The identity that the host had when it was taken in.
    pub identity: PublicKey,
    /// When the CA took it in.
    pub received_at: Timestamp,
    /// The statement.
    pub statement: Signed<Inventory>,
}

/// A row of `GET /v1/inventories`: how it stands with a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InventoryRow {
    /// The host.
    pub host: HostName,
    /// The last inventory in numbers; none when there never was one.
    pub last: Option<InventorySummary>,
}

/// An inventory in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventorySummary {
    /// When the host looked.
    pub at: Timestamp,
    /// When the CA took it in.
    pub received_at: Timestamp,
    /// Whether everything could be looked at.
    pub complete: bool,
    /// How many accounts there were.
    pub accounts: u32,
    /// How many findings of each severity are listed.
    pub counts: Counts,
    /// How many more findings there were.
    pub more: u32,
}

impl Inventory {
    /// The inventory in numbers.
    #[must_use]
    pub fn summary(&self, received_at: Timestamp) -> InventorySummary {
        InventorySummary {
            at: self.at,
            received_at,
            complete: self.complete,
            accounts: self.accounts,
            counts: self.counts(),
            more: self.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::MAX_PAYLOAD;

    fn finding(what: String) -> StandingAccess {
        StandingAccess {
            code: "SA101".into(),
            severity: Severity::Medium,
            account: Some("alice".into()),
            what,
            path: Some("/home/alice/.ssh/authorized_keys".into()),
            line: Some(u32::MAX),
            since: Some(Timestamp::from_seconds(1_700_000_000)),
            last_login: Some(Timestamp::from_seconds(1_700_000_001)),
        }
    }

    fn inventory(findings: Vec<StandingAccess>) -> Inventory {
        Inventory {
            host: "prod-1".parse().unwrap(),
            number: u64::MAX >> 11,
            at: Timestamp::from_seconds(1_700_000_002),
            complete: true,
            accounts: 27,
            findings,
            more: 0,
            look: None,
        }
    }

    #[test]
    fn what_is_said_is_read_back() {
        let said = inventory(vec![finding("SHA256:abc".into())]);
        let text = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), said);
        let counts = said.counts();
        assert_eq!((counts.high, counts.medium, counts.low), (0, 1, 0));
    }

    #[test]
    fn the_largest_inventory_within_limits_fits_into_a_statement() {
        // No character that may occur becomes more than two bytes for each of its own.
        let one = finding("\\".repeat(90));
        let count = (MAX_TEXTS / one.text_len()).min(MAX_FINDINGS);
        let said = inventory(vec![one; count]);
        assert!(said.is_within_limits());
        let payload = Signed::payload_of(&said).unwrap();
        assert!(payload.len() <= MAX_PAYLOAD);
    }

    #[test]
    fn one_that_says_too_much_is_over_the_limits() {
        let with = |length, count| inventory(vec![finding("x".repeat(length)); count]);
        assert!(with(MAX_TEXT, 1).is_within_limits());
        assert!(!with(MAX_TEXT + 1, 1).is_within_limits());
        assert!(with(1, MAX_FINDINGS).is_within_limits());
        assert!(!with(1, MAX_FINDINGS + 1).is_within_limits());
        assert!(!with(MAX_TEXT, MAX_FINDINGS).is_within_limits());
        assert!(!inventory(vec![finding("a\nb".into())]).is_within_limits());
    }
}
