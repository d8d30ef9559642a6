//! `host inventory`: what hosts found of standing access on themselves.

use std::path::{Path, PathBuf};

use portreeve_protocol::admin::Listing;
use portreeve_protocol::inventory::{
    HostInventory, Inventory, InventoryRow, InventorySummary, Severity, StandingAccess,
};
use portreeve_protocol::name::HostName;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use serde::Serialize;

use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::identity::caller::Caller;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;

/// The longest statement that is read; the CA takes no more.
const MAX_STATEMENT: usize = 1024 * 1024;

/// What `--json` prints of a host.
#[derive(Serialize)]
struct Shown<'a> {
    host: &'a HostName,
    received_at: Option<Timestamp>,
    inventory: Option<&'a Inventory>,
}

/// Shows all hosts, shows one, or hands one's statement in.
///
/// # Errors
/// When the CA refuses, or what it keeps is not what the host signed.
pub async fn run(
    ca: &Ca,
    host: Option<HostName>,
    file: Option<PathBuf>,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let caller = exchange::person(settings)?;
    let Some(host) = host else {
        let listing: Listing<InventoryRow> = ca.get(&caller, "/v1/inventories").await?;
        let now = clock::now();
        printer.data(&listing, || rows(&listing.items, now))?;
        return Ok(Exit::Done);
    };
    let path = format!("/v1/hosts/{host}/inventory");
    let kept = match file {
        Some(file) => hand_in(ca, &caller, &path, &file).await?,
        None => ca.get(&caller, &path).await?,
    };
    show(&kept, printer)?;
    Ok(Exit::Done)
}

async fn hand_in(
    ca: &Ca,
    caller: &Caller,
    path: &str,
    file: &Path,
) -> Result<HostInventory, Failure> {
    let bytes = if file == Path::new("-") {
        files::read_stdin("a host's inventory", MAX_STATEMENT)?
    } else {
        files::read(file, MAX_STATEMENT)?
    };
    let statement: Signed<Inventory> = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage("this is no inventory that a host signed")
            .because(&error)
            .next("hand in what `portreeve-host discover --signed` printed on the host")
    })?;
    Ok(ca.put(caller, path, &statement).await?)
}

/// Shows what the CA keeps of a host, once its signature holds.
///
/// # Errors
/// When it is not what the host signed.
pub(super) fn show(host: &HostInventory, printer: &mut Printer) -> Result<(), Failure> {
    let inventory = host
        .kept
        .as_ref()
        .map(|kept| kept.statement.verify(&kept.identity))
        .transpose()
        .map_err(|error| {
            Failure::new(Exit::VerificationFailed, "the inventory does not verify")
                .because(&error)
                .next("tell whoever answers for the CA")
        })?;
    let inventory = inventory.as_ref().map(|verified| verified.get());
    let received_at = host.kept.as_ref().map(|kept| kept.received_at);
    let shown = Shown {
        host: &host.host,
        received_at,
        inventory,
    };
    let now = clock::now();
    printer.data(&shown, || match (inventory, received_at) {
        (Some(inventory), Some(received_at)) => text(inventory, received_at, now),
        _ => format!(
            "{} was never inventoried: `portreeve host discover {}`",
            host.host, host.host
        ),
    })?;
    Ok(())
}

/// An inventory for people: a head, and a table by account, the worst account first.
fn text(inventory: &Inventory, received_at: Timestamp, now: Timestamp) -> String {
    let summary = inventory.summary(received_at);
    let mut text = format!(
        "{}: {}, looked at {} ({} ago)",
        inventory.host,
        numbers(&summary),
        moment(inventory.at),
        age(inventory.at, now),
    );
    if !inventory.complete {
        text.push_str("; not everything could be looked at");
    }
    text.push('\n');
    if !inventory.findings.is_empty() {
        text.push_str(&findings(&inventory.findings));
    }
    if inventory.more > 0 {
        text.push_str(&format!(
            "and {} more; `portreeve-host discover` on the host has all\n",
            inventory.more
        ));
    }
    text
}

fn findings(findings: &[StandingAccess]) -> String {
    let mut sorted: Vec<&StandingAccess> = findings.iter().collect();
    let worst = |account: &Option<String>| -> Option<Severity> {
        let of_account = findings.iter().filter(|found| found.account == *account);
        of_account.map(|found| found.severity).min()
    };
    sorted.sort_by_cached_key(|found| (worst(&found.account), found.account.clone()));
    output::table(
        [
            "account",
            "severity",
            "code",
            "what",
            "where",
            "since",
            "last login",
        ],
        sorted.into_iter().map(|found| {
            let place = match (&found.path, found.line) {
                (Some(path), Some(line)) => format!("{path}:{line}"),
                (path, _) => path.clone().unwrap_or_default(),
            };
            [
                safe::line(found.account.as_deref().unwrap_or("-")),
                found.severity.as_str().to_owned(),
                safe::line(&found.code),
                safe::line(&found.what),
                safe::line(&place),
                found.since.map(day).unwrap_or_default(),
                found.last_login.map(day).unwrap_or_default(),
            ]
        }),
    )
}

fn rows(rows: &[InventoryRow], now: Timestamp) -> String {
    output::table(
        [
            "host",
            "looked at",
            "high",
            "medium",
            "low",
            "accounts",
            "seen",
        ],
        rows.iter().map(|row| {
            let host = row.host.to_string();
            let Some(last) = &row.last else {
                let none = String::new;
                return [host, "never".into(), none(), none(), none(), none(), none()];
            };
            let seen = match (last.complete, last.more) {
                (true, 0) => "all".to_owned(),
                (true, more) => format!("all, {more} not listed"),
                (false, _) => "not all".to_owned(),
            };
            [
                host,
                format!("{} ago", age(last.at, now)),
                last.counts.high.to_string(),
                last.counts.medium.to_string(),
                last.counts.low.to_string(),
                last.accounts.to_string(),
                seen,
            ]
        }),
    )
}

fn numbers(summary: &InventorySummary) -> String {
    let counts = summary.counts;
    format!(
        "{} accounts, {} high, {} medium, {} low",
        summary.accounts, counts.high, counts.medium, counts.low
    )
}

fn day(at: Timestamp) -> String {
    let text = moment(at);
    text.split_once('T')
        .map_or(text.clone(), |(day, _)| day.to_owned())
}

/// How long ago, in the largest unit that fits.
fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_protocol::inventory::Counts;

    fn finding(account: Option<&str>, severity: Severity, what: &str) -> StandingAccess {
        StandingAccess {
            code: "SA101".into(),
            severity,
            account: account.map(str::to_owned),
            what: what.into(),
            path: Some("/etc/x".into()),
            line: Some(2),
            since: Some(Timestamp::from_seconds(1_600_000_000)),
            last_login: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn the_worst_account_stands_first_and_foreign_text_drives_nothing() {
        let inventory = Inventory {
            host: "prod-1".parse().unwrap(),
            number: 1,
            at: at(0),
            complete: false,
            accounts: 27,
            findings: vec![
                finding(Some("bob"), Severity::High, "all"),
                finding(Some("alice"), Severity::Medium, "key\x1b[2J"),
                finding(Some("bob"), Severity::Low, "group"),
                finding(None, Severity::Low, "polkit"),
            ],
            more: 3,
            look: None,
        };
        let text = text(&inventory, at(1), at(7200));
        assert!(
            text.starts_with("prod-1: 27 accounts, 1 high, 1 medium, 2 low, looked at 2023-11-14T22:13:20Z (2 h ago); not everything"),
            "{text}"
        );
        let place = |word: &str| {
            text.find(word)
                .unwrap_or_else(|| panic!("no {word}: {text}"))
        };
        assert!(place("group") < place("alice") && place("alice") < place("polkit"));
        assert!(!text.contains('\x1b') && text.contains("and 3 more"));
        assert!(text.contains("/etc/x:2") && text.contains("2020-09-13"));
    }

    #[test]
    fn hosts_that_never_looked_are_listed_too() {
        let never = InventoryRow {
            host: "prod-2".parse().unwrap(),
            last: None,
        };
        let last = InventorySummary {
            at: at(0),
            received_at: at(1),
            complete: true,
            accounts: 27,
            counts: Counts::default(),
            more: 0,
        };
        let seen = InventoryRow {
            host: "prod-1".parse().unwrap(),
            last: Some(last),
        };
        let table = rows(&[seen, never], at(86_400 * 3));
        assert!(
            table.contains("3 days ago") && table.contains("never"),
            "{table}"
        );
    }

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        for (seconds, expected) in [
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(age(at(0), at(seconds)), expected);
        }
    }
}
