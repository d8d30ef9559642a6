//! `bundle list`, `show`, `history`: what is published, and what was.

use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{BundleAct, BundleChange, BundleRecord};
use portreeve_protocol::name::BundleName;

use super::{origin, print};
use crate::args::bundle::Version;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;

/// Lists the bundles.
pub(super) async fn list(settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let listing: Listing<BundleRecord> = ca.get(&caller, "/v1/bundles").await?;
    printer.data(&listing, || {
        output::table(
            ["bundle", "state", "published", "by", "digest"],
            listing.items.iter().map(|bundle| {
                [
                    bundle.name.to_string(),
                    state(bundle).to_owned(),
                    moment(bundle.published_at),
                    or_nobody(bundle.published_by.as_ref()),
                    bundle.digest.to_string(),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}

/// Prints the text of a version; what else is known of it goes to standard error.
pub(super) async fn show(
    version: &Version,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let record = origin::published(&ca, &caller, version).await?;
    print(&record, record.text.as_deref().unwrap_or_default(), printer)?;
    if let Some(withdrawn) = &record.withdrawn {
        printer.say(&safe::line(&format!(
            "this version was withdrawn by {} at {}: {}",
            withdrawn.by,
            moment(withdrawn.at),
            withdrawn.reason
        )));
    } else if !record.in_force {
        printer.say("this version is not in force");
    }
    Ok(Exit::Done)
}

/// Lists what was done to the versions of a bundle.
pub(super) async fn history(
    name: &BundleName,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let path = format!("/v1/bundles/{name}/history");
    let listing: Listing<BundleChange> = ca.get(&caller, &path).await?;
    printer.data(&listing, || {
        output::table(
            ["time", "by", "", "version", "in force then", "message"],
            listing.items.iter().map(|change| {
                [
                    moment(change.at),
                    or_nobody(change.by.as_ref()),
                    match change.act {
                        BundleAct::Published => "published".to_owned(),
                        BundleAct::Withdrawn => "WITHDRAWN".to_owned(),
                    },
                    change.digest.to_string(),
                    match change.in_force {
                        Some(digest) if digest == change.digest => "it".to_owned(),
                        Some(digest) => digest.to_string(),
                        None => "none".to_owned(),
                    },
                    or_nobody(change.message.as_ref()),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}

fn state(bundle: &BundleRecord) -> &'static str {
    match (bundle.in_force, &bundle.withdrawn) {
        (true, _) => "in force",
        (false, Some(_)) => "WITHDRAWN",
        (false, None) => "not in force",
    }
}

fn or_nobody<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}
