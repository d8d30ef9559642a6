//! A report as a statement under the host's identity, for the CA.

use std::io;

use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::{Inventory, MAX_FINDINGS, MAX_TEXTS, StandingAccess};
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::{SignError, Signed};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::report::Report;
use crate::file::{self, ReadError};
use crate::paths::Paths;
use crate::trust::{Identity, Trust, TrustError};

/// The largest file with a number.
const MAX_BYTES: u64 = 1024;

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSigned {
    /// The host has no name or no key.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The number of the last one cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no number.
    #[error("`{0}` is damaged: remove it, and the time counts as the number")]
    Damaged(String),
    /// The number cannot be written.
    #[error("cannot keep the inventory's number: {0}")]
    Write(#[source] io::Error),
    /// It cannot be signed.
    #[error("cannot sign the inventory: {0}")]
    Sign(#[from] SignError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    number: u64,
}

/// Signs a report, as the answer to a look order where the CA asked. Its number is on disk before
/// anybody has the statement.
///
/// # Errors
/// When this host is not enrolled, or its number cannot be kept.
pub(crate) fn sign(
    report: &Report,
    look: Option<OrderId>,
    paths: &Paths,
) -> Result<Signed<Inventory>, NotSigned> {
    let host = Trust::load(paths)?.host;
    let identity = Identity::load(paths)?;
    let path = paths.inventory();
    let damaged = |_| NotSigned::Damaged(crate::paths::text(&path));
    let last: u64 = match file::read_trusted(&path, MAX_BYTES) {
        Ok(text) => serde_json::from_str::<Last>(&text).map_err(damaged)?.number,
        Err(ReadError::Missing(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    let inventory = Inventory {
        look,
        ..inventory(report, host, last)
    };
    let next = Last {
        number: inventory.number,
    };
    let text = serde_json::to_vec(&next).map_err(|error| NotSigned::Write(error.into()))?;
    file::replace(&path, &text, 0o600).map_err(NotSigned::Write)?;
    Ok(Signed::sign(&inventory, identity.key())?)
}

/// The report within the limits of a statement, numbered after `last`: by the time, so that a host
/// that was installed anew goes on upwards, and never below what it said before.
fn inventory(report: &Report, host: HostName, last: u64) -> Inventory {
    let by_time = u64::try_from(report.at.as_micros()).unwrap_or(0);
    let mut findings = Vec::new();
    let mut room = MAX_TEXTS;
    for found in &report.findings {
        let found = told(found);
        let Some(left) = room.checked_sub(found.text_len()) else {
            break;
        };
        if findings.len() == MAX_FINDINGS {
            break;
        }
        room = left;
        findings.push(found);
    }
    let more = report.findings.len() - findings.len();
    Inventory {
        host,
        number: by_time.max(last.saturating_add(1)),
        at: report.at,
        complete: report.complete,
        accounts: u32::try_from(report.accounts).unwrap_or(u32::MAX),
        findings,
        more: u32::try_from(more).unwrap_or(u32::MAX),
        look: None,
    }
}

fn told(found: &Finding) -> StandingAccess {
    StandingAccess {
        code: found.code.as_str().to_owned(),
        severity: found.severity,
        account: found.account.clone(),
        what: found.what.clone(),
        path: found.path.clone(),
        line: found.line,
        since: found.since,
        last_login: found.last_login,
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::super::report::tests::with;
    use super::*;
    use portreeve_protocol::inventory::Severity;
    use portreeve_protocol::signed::MAX_PAYLOAD;
    use std::path::Path;

    fn host() -> HostName {
        "prod-1".parse().unwrap()
    }

    #[test]
    fn numbers_go_upwards_whatever_the_clock_says() {
        let report = with(vec![]);
        let by_time = u64::try_from(report.at.as_micros()).unwrap();
        assert_eq!(inventory(&report, host(), 0).number, by_time);
        assert_eq!(inventory(&report, host(), by_time).number, by_time + 1);
        assert_eq!(inventory(&report, host(), by_time + 9).number, by_time + 10);
    }

    #[test]
    fn the_worst_findings_are_told_and_the_rest_is_a_number() {
        let text = "\u{1}\"\\".repeat(1000);
        let many = (0..2000).map(|number| {
            let severity = if number == 1999 {
                Severity::High
            } else {
                Severity::Low
            };
            Finding::new(Code::Token, severity, &text)
                .of(&text)
                .at(Path::new(&format!("/{number}")))
        });
        let said = inventory(&with(many.collect()), host(), 0);
        assert!(said.is_within_limits() && !said.findings.is_empty());
        assert_eq!(said.findings[0].severity, Severity::High);
        assert_eq!(said.findings.len() + said.more as usize, 2000);
        assert!(Signed::payload_of(&said).unwrap().len() <= MAX_PAYLOAD);
    }
}
