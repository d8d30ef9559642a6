//! `policy …`: who may do what.

use std::path::{Path, PathBuf};

use portreeve_access_policy::decide::Policies;
use portreeve_access_policy::examples::run_examples;
use portreeve_access_policy::publish::Problem;
use portreeve_protocol::admin::{PolicyRecord, Publish};
use portreeve_protocol::digest::Digest;
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
    version: Option<Digest>,
    problems: Vec<Problem>,
    examples: Vec<Example>,
}

/// An example beside a policy.
#[derive(Serialize)]
struct Example {
    file: String,
    line: usize,
    name: String,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Checked {
    fn is_good(&self) -> bool {
        self.problems.is_empty() && self.examples.iter().all(|example| example.holds)
    }
}

/// A policy's text, and what is wrong with it or its examples.
fn read(file: &Path) -> Result<(String, Checked), Failure> {
    let text = files::read_text(file, MAX_FILE)?;
    let name = file.display().to_string();
    let policies = match Policies::parse(&name, &text) {
        Ok(policies) => policies,
        Err(problems) => {
            let checked = Checked {
                file: name,
                version: None,
                problems: problems.as_slice().to_vec(),
                examples: Vec::new(),
            };
            return Ok((text, checked));
        }
    };
    let mut checked = Checked {
        file: name,
        version: Some(policies.version()),
        problems: Vec::new(),
        examples: Vec::new(),
    };
    let beside = file.with_extension("tests.toml");
    match files::read_text(&beside, MAX_FILE) {
        Ok(examples) => checked.try_examples(&policies, &beside, &examples),
        Err(error) if error.is_absent() => {}
        Err(error) => return Err(error.into()),
    }
    Ok((text, checked))
}

impl Checked {
    fn try_examples(&mut self, policies: &Policies, file: &Path, text: &str) {
        let name = file.display().to_string();
        match run_examples(policies, &name, text) {
            Err(problems) => self.problems.extend_from_slice(problems.as_slice()),
            Ok(tried) => self.examples.extend(tried.into_iter().map(|tried| Example {
                file: name.clone(),
                line: tried.line,
                holds: tried.holds(),
                name: tried.name,
                failure: tried.failure,
            })),
        }
    }
}

fn check(paths: &[PathBuf], printer: &mut Printer) -> Result<Exit, Failure> {
    let checked = paths
        .iter()
        .map(|path| read(path).map(|(_, checked)| checked))
        .collect::<Result<Vec<_>, _>>()?;
    printer.data(&checked, || checked.iter().map(words).collect())?;
    Ok(if checked.iter().all(Checked::is_good) {
        Exit::Done
    } else {
        Exit::VerificationFailed
    })
}

fn words(checked: &Checked) -> String {
    let mut text = String::new();
    for problem in &checked.problems {
        text.push_str(&format!("{}\n", safe::lines(&problem.to_string())));
    }
    for example in checked.examples.iter().filter(|example| !example.holds) {
        text.push_str(&format!(
            "{}:{}: {}: {}\n",
            safe::line(&example.file),
            example.line,
            safe::line(&example.name),
            safe::line(example.failure.as_deref().unwrap_or("it does not hold"))
        ));
    }
    let file = safe::line(&checked.file);
    let failed = checked
        .examples
        .iter()
        .filter(|example| !example.holds)
        .count();
    text.push_str(&match (checked.version, checked.examples.len()) {
        (Some(version), 0) => format!("{file}: version {version}, no examples beside it\n"),
        (Some(version), all) => {
            format!("{file}: version {version}, {all} examples, {failed} failed\n")
        }
        (None, _) => format!("{file}: {} problems\n", checked.problems.len()),
    });
    text
}

async fn publish(file: &Path, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let (text, checked) = read(file)?;
    if !checked.is_good() {
        printer.say(words(&checked).trim_end());
        return Err(Failure::new(
            Exit::VerificationFailed,
            format!("`{}` is not ready; it is not published", file.display()),
        ));
    }
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let record: PolicyRecord = ca.put(&caller, "/v1/policy", &Publish { text }).await?;
    printer.data(&record, || format!("published as {}", record.version))?;
    Ok(Exit::Done)
}
