//! Where a bundle comes from: a file, with what it includes beside it, or the CA.

use std::path::Path;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{BundleChange, BundleRecord};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check_parts;
use portreeve_sudo_policy::diagnostic::Report;
use portreeve_sudo_policy::link::{File, Linked, NoFile, link_files};
use portreeve_sudo_policy::source::MAX_BYTES;

use crate::args::bundle::{DigestStart, Origin, Version};
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::identity::caller::Caller;
use crate::safe;
use crate::settings::Settings;

/// The bundle of a file, joined with what it includes.
pub(super) fn linked(path: &Path) -> Result<Linked, Failure> {
    let bytes = read(path)?;
    joined(path, path, bytes).map_err(|report| is_no_bundle(&report))
}

/// As much of a file as a bundle may have, and a byte more, by which the parser tells that it is too
/// long.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    files::read_start(path, MAX_BYTES + 1)
}

/// The bundle that was read from `path`, which messages call `shown`, joined with what it includes.
///
/// # Errors
/// Everything that is wrong with the file and with those that it includes; where it is no bundle, also
/// what the linter finds in its well-formed commands.
pub(super) fn joined(path: &Path, shown: &Path, bytes: Vec<u8>) -> Result<Linked, Report> {
    let root = File {
        name: shown.display().to_string(),
        bytes,
    };
    link_files(&root, &|name| beside(shown, path, name))
        .map_err(|report| check_parts(report, &root.name, &root.bytes))
}

/// The file of the bundle of this name in the folder of `path`, where includes are looked for.
fn beside(shown: &Path, path: &Path, name: &BundleName) -> Result<File, NoFile> {
    let file_name = format!("{name}.toml");
    match read(&path.with_file_name(&file_name)) {
        Ok(bytes) => Ok(File {
            name: shown.with_file_name(file_name).display().to_string(),
            bytes,
        }),
        Err(error) if error.is_absent() => Err(NoFile::Absent),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Err(NoFile::Unreadable(
                cause.unwrap_or_else(|| error.to_string()),
            ))
        }
    }
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
