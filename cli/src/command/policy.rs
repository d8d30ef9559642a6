//! `policy …`: who may do what.

use std::path::{Path, PathBuf};

use portreeve_access_policy::decide::Policies;
use portreeve_protocol::admin::{PolicyRecord, Publish};
use serde::Serialize;

use crate::args::admin::Policy as Act;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;

/// The longest policy file that is read; the parser has a lower limit of its own and names it.
const MAX_FILE: usize = 1024 * 1024;

/// Does what was asked.
///
/// # Errors
/// When a file cannot be read or has errors, or the CA refuses.
pub async fn run(act: Act, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    match act {
        Act::Check { files } => check(&files, printer),
        Act::Publish { file } => publish(&file, settings, printer).await,
        Act::Show => {
            let ca = Ca::new(settings)?;
            let caller = exchange::person(settings)?;
            let record: PolicyRecord = ca.get(&caller, "/v1/policy").await?;
            printer.data(&record, || safe::lines(&record.text))?;
            printer.say(&format!(
                "version {}, published {}",
                record.version,
                moment(record.published_at)
            ));
            Ok(Exit::Done)
        }
    }
}

#[derive(Serialize)]
struct Checked {
    file: String,
    version: Option<portreeve_protocol::digest::Digest>,
    problems: Vec<portreeve_access_policy::publish::Problem>,
}

fn read(file: &Path) -> Result<(String, Checked), Failure> {
    let text = files::read_text(file, MAX_FILE)?;
    let name = file.display().to_string();
    let checked = match Policies::parse(&name, &text) {
        Ok(policies) => Checked {
            file: name,
            version: Some(policies.version()),
            problems: Vec::new(),
        },
        Err(problems) => Checked {
            file: name,
            version: None,
            problems: problems.as_slice().to_vec(),
        },
    };
    Ok((text, checked))
}

fn check(paths: &[PathBuf], printer: &mut Printer) -> Result<Exit, Failure> {
    let checked = paths
        .iter()
        .map(|path| read(path).map(|(_, checked)| checked))
        .collect::<Result<Vec<_>, _>>()?;
    printer.data(&checked, || checked.iter().map(words).collect())?;
    let good = checked.iter().all(|checked| checked.problems.is_empty());
    Ok(if good {
        Exit::Done
    } else {
        Exit::VerificationFailed
    })
}

fn words(checked: &Checked) -> String {
    match checked.version {
        Some(version) => format!("{}: ok, version {version}\n", safe::line(&checked.file)),
        None => checked
            .problems
            .iter()
            .map(|problem| format!("{}\n", safe::lines(&problem.to_string())))
            .collect(),
    }
}

async fn publish(file: &Path, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let (text, checked) = read(file)?;
    if !checked.problems.is_empty() {
        printer.say(words(&checked).trim_end());
        return Err(Failure::new(
            Exit::VerificationFailed,
            format!("`{}` has errors; it is not published", file.display()),
        ));
    }
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let record: PolicyRecord = ca.put(&caller, "/v1/policy", &Publish { text }).await?;
    printer.data(&record, || format!("published as {}", record.version))?;
    Ok(Exit::Done)
}
