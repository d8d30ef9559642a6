//! Where a bundle comes from: a file, with what it includes beside it, or the CA.

use std::path::Path;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{BundleChange, BundleRecord};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::diagnostic::Report;
use portreeve_sudo_policy::link::{Linked, link};
use portreeve_sudo_policy::source::Source;

use super::MAX_FILE;
use crate::args::bundle::{DigestStart, Origin, Version};
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::identity::caller::Caller;
use crate::safe;
use crate::settings::Settings;

/// The bundle of a file, joined with what it includes.
pub(super) fn linked(file: &Path) -> Result<Linked, Failure> {
    let text = files::read_text(file, MAX_FILE)?;
    let root = Source::new(file.display().to_string(), text);
    link(&root, &|name| beside(file, name)).map_err(|report| is_no_bundle(&report))
}

/// The bundle of this name in the folder of `file`, where includes are looked for.
pub(super) fn beside(file: &Path, name: &BundleName) -> Option<Source> {
    let path = file.with_file_name(format!("{name}.toml"));
    let text = files::read_text(&path, MAX_FILE).ok()?;
    Some(Source::new(path.display().to_string(), text))
}

/// The bundle that somebody names.
pub(super) async fn fetched(origin: &Origin, settings: &Settings) -> Result<Bundle, Failure> {
    match origin {
        Origin::File(file) => Ok(linked(file)?.bundle().clone()),
        Origin::Published(version) => {
            let ca = Ca::new(settings)?;
            let caller = exchange::person(settings)?;
            let record = published(&ca, &caller, version).await?;
            let text = record.text.unwrap_or_default();
            if Digest::of(text.as_bytes()) != record.digest {
                let message = format!("the CA sent another text than that of `{version}`");
                return Err(Failure::new(Exit::VerificationFailed, message));
            }
            Bundle::parse(&version.to_string(), text.as_bytes())
                .map_err(|report| is_no_bundle(&report))
        }
    }
}

/// A published version with its text.
pub(super) async fn published(
    ca: &Ca,
    caller: &Caller,
    version: &Version,
) -> Result<BundleRecord, Failure> {
    let name = &version.name;
    let path = match &version.digest {
        None => format!("/v1/bundles/{name}"),
        Some(start) => {
            let digest = whole(ca, caller, name, start).await?;
            format!("/v1/bundles/{name}/versions/{digest}")
        }
    };
    let record = ca.get(caller, &path).await;
    record.map_err(|error| not_there(error.into(), name))
}

/// What to do next where a bundle has no version that can be had.
pub(super) fn not_there(failure: Failure, name: &BundleName) -> Failure {
    if failure.exit() == Exit::NotPermitted {
        failure.next(format!(
            "`portreeve bundle history {name}` lists the versions, also where none is in force, to whoever may see them"
        ))
    } else {
        failure
    }
}

/// The digest that begins so, among all versions of a bundle.
pub(super) async fn whole(
    ca: &Ca,
    caller: &Caller,
    name: &BundleName,
    start: &DigestStart,
) -> Result<Digest, Failure> {
    if let Some(digest) = start.whole() {
        return Ok(digest);
    }
    let path = format!("/v1/bundles/{name}/history");
    let history: Listing<BundleChange> = ca.get(caller, &path).await?;
    let mut found: Vec<Digest> = history.items.iter().map(|change| change.digest).collect();
    found.retain(|digest| start.begins(digest));
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(
            Exit::NotPermitted,
            format!("`{name}` has no version `{start}`"),
        )),
        _ => Err(Failure::usage(format!(
            "`{name}` has several versions that begin with `{start}`"
        ))
        .next("give more of the digest")),
    }
}

fn is_no_bundle(report: &Report) -> Failure {
    Failure::new(Exit::VerificationFailed, report.to_string()).reason(safe::lines(&report.render()))
}
