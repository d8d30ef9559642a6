//! `verify`: what recordings, trails and files of evidence prove, offline.

use std::sync::Arc;

use crate::args::review::{KeyArgs, Verify};
use crate::exit::Exit;
use crate::failure::{Failure, UPDATE};
use crate::keys::{log_key, public_key};
use crate::output::Printer;
use crate::review::course::Told;
use crate::review::evidence::Role;
use crate::review::exhibit::{Exhibit, Kind, Report};
use crate::review::fetch::Temporary;
use crate::review::findings::Findings;
use crate::review::known::{Keys, Known};
use crate::review::recordings;
use crate::safe;
use crate::settings::Settings;

/// Verifies the files.
///
/// # Errors
/// When one cannot be read, or does not verify.
pub async fn run(
    args: &Verify,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let keys = keys(&args.keys)?;
    let mut exhibits = Vec::new();
    // They stay until everything is verified.
    let mut fetched = Vec::new();
    for named in &args.files {
        match recordings::session_without_file(named) {
            Some(session) => {
                let here = Temporary::fetch(session, keys.log_key(), settings, printer).await?;
                exhibits.push(Exhibit::Recording(here.path()));
                fetched.push(here);
            }
            None => exhibits.push(Exhibit::read(named)?),
        }
    }
    let mut told_by_trails = Told::default();
    for exhibit in &exhibits {
        told_by_trails.extend(exhibit.told(&keys));
    }
    let mut reports = Vec::new();
    for (exhibit, named) in exhibits.iter().zip(&args.files) {
        let report = exhibit.verify(&keys, &told_by_trails)?;
        // What was fetched has no name of its own.
        let file = named.clone();
        reports.push(Report { file, ..report });
    }
    told(&reports, printer)
}

/// The keys that the command line brings along.
///
/// # Errors
/// When one cannot be read.
pub fn keys(args: &KeyArgs) -> Result<Keys, Failure> {
    let mut keys = Keys {
        log: args
            .log_key
            .as_deref()
            .map(log_key)
            .transpose()?
            .map(Known::brought),
        bastion: args
            .bastion_key
            .as_deref()
            .map(public_key)
            .transpose()?
            .map(Known::brought),
        host: args
            .host_key
            .as_deref()
            .map(public_key)
            .transpose()?
            .map(Known::brought),
        identities: match &args.identity {
            Some(path) => recordings::identities(path)?.into(),
            None => Arc::default(),
        },
        of_ca: Vec::new(),
    };
    let Some(folder) = &args.ca_keys else {
        return Ok(keys);
    };
    for (role, name) in Role::OF_CA {
        let path = folder.join(name);
        let path = path.to_string_lossy();
        if role != Role::Log {
            keys.of_ca.push((role, public_key(&path)?));
        } else if keys.log.is_none() {
            keys.log = Some(Known::brought(log_key(&path)?));
        }
    }
    Ok(keys)
}

/// Tells what was found out, and fails when anything contradicts itself, or was not read.
///
/// # Errors
/// When something does not verify or cannot be judged by this version, or nothing can be printed.
pub fn told(reports: &[Report], printer: &mut Printer) -> Result<Exit, Failure> {
    printer.data(&reports, || reports.iter().map(words).collect())?;
    let failing = named(reports, |findings| !findings.holds());
    let unread = named(reports, |findings| !findings.unread.is_empty());
    match (failing, unread) {
        (None, None) => Ok(Exit::Done),
        // What contradicts itself does so whatever the rest says.
        (Some(failing), unread) => {
            let failure = Failure::new(
                Exit::VerificationFailed,
                format!("{failing} does not verify"),
            );
            Err(match unread {
                Some(_) => failure.next(UPDATE),
                None => failure,
            })
        }
        (None, Some(unread)) => Err(Failure::outdated(format!(
            "{unread} has events that this version does not know"
        ))),
    }
}

/// The files of which something is so, if there are any.
fn named(reports: &[Report], is_so: impl Fn(&Findings) -> bool) -> Option<String> {
    let names: Vec<_> = reports
        .iter()
        .filter(|report| is_so(&report.findings))
        .map(|report| format!("`{}`", report.file.display()))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn words(report: &Report) -> String {
    let as_far = if report.findings.holds() && !report.findings.unread.is_empty() {
        ", AS FAR AS THIS VERSION READS IT"
    } else {
        ""
    };
    let mut text = format!(
        "{}: {} {}{as_far}\n",
        safe::line(&report.file.display().to_string()),
        report.kind,
        verdict(report)
    );
    for shown in &report.keys {
        let mark = if shown.is_brought {
            "your key:   "
        } else {
            "HINT:       "
        };
        text.push_str(&format!(
            "  {mark}{} {} is {}, {}\n",
            shown.entry.role.words(),
            safe::line(&shown.entry.name),
            safe::line(&shown.entry.fingerprint),
            shown.entry.from.words()
        ));
    }
    for (mark, items) in [
        ("  fault:      ", &report.findings.faults),
        ("  NOT READ:   ", &report.findings.unread),
        ("  proved:     ", &report.findings.proved),
        ("  not proved: ", &report.findings.unproved),
    ] {
        for item in items {
            text.push_str(mark);
            text.push_str(&safe::line(item));
            text.push('\n');
        }
    }
    text
}

fn verdict(report: &Report) -> &'static str {
    let has_hints = report.kind == Kind::Evidence
        && report
            .keys
            .iter()
            .any(|shown| shown.entry.role <= Role::Host && !shown.is_brought);
    match (report.findings.holds(), has_hints, report.is_cut) {
        (false, ..) => "DOES NOT HOLD",
        (true, true, false) => "agrees with itself, BY KEYS THAT CAME IN IT",
        (true, true, true) => {
            "agrees with itself as far as it goes, BY KEYS THAT CAME IN IT; the recording's end is missing"
        }
        (true, false, true) => "holds as far as it goes: its end is missing",
        (true, false, false) => "holds",
    }
}
