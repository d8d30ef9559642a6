//! `verify`: what recordings and trails prove, offline.

use crate::args::review::Verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{log_key, public_key};
use crate::output::Printer;
use crate::review::evidence::{Exhibit, Keys, Report};
use crate::review::recordings;
use crate::safe;

/// Verifies the files.
///
/// # Errors
/// When one cannot be read, or does not verify.
pub fn run(args: &Verify, printer: &mut Printer) -> Result<Exit, Failure> {
    let keys = Keys {
        log: args.log_key.as_deref().map(log_key).transpose()?,
        bastion: args.bastion_key.as_deref().map(public_key).transpose()?,
        host: args.host_key.as_deref().map(public_key).transpose()?,
        identities: match &args.identity {
            Some(path) => recordings::identities(path)?,
            None => Vec::new(),
        },
    };
    let exhibits = args
        .files
        .iter()
        .map(|path| Exhibit::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    // A trail that does not verify vouches for no recording.
    let mut manifests = Vec::new();
    for exhibit in &exhibits {
        let named = exhibit.manifests();
        if !named.is_empty() && exhibit.verify(&keys, &[])?.findings.holds() {
            manifests.extend(named);
        }
    }
    let reports = exhibits
        .iter()
        .map(|exhibit| exhibit.verify(&keys, &manifests))
        .collect::<Result<Vec<_>, _>>()?;
    printer.data(&reports, || reports.iter().map(words).collect())?;
    let failing: Vec<_> = reports
        .iter()
        .filter(|report| !report.findings.holds())
        .map(|report| format!("`{}`", report.file.display()))
        .collect();
    if failing.is_empty() {
        Ok(Exit::Done)
    } else {
        Err(Failure::new(
            Exit::VerificationFailed,
            format!("{} does not verify", failing.join(", ")),
        ))
    }
}

fn words(report: &Report) -> String {
    let mut text = format!(
        "{}: {} {}\n",
        safe::line(&report.file.display().to_string()),
        report.kind,
        if !report.findings.holds() {
            "DOES NOT HOLD"
        } else if report.is_cut {
            "holds as far as it goes: its end is missing"
        } else {
            "holds"
        }
    );
    for (mark, items) in [
        ("  fault:      ", &report.findings.faults),
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
