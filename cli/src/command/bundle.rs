//! `bundle …`: what a session may do with sudo.

use std::path::Path;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{BundleRecord, PublishBundle};
use portreeve_protocol::name::{AccountName, BundleName};
use portreeve_sudo_policy::bundle::{Bundle, Outcome};
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::expect::run_expectations;
use portreeve_sudo_policy::explain::explain;
use portreeve_sudo_policy::render::{RenderError, Target, render};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::word::UserName;
use serde::Serialize;

use crate::args::admin::Bundle as Act;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Printer};
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;
use crate::ssh::quote;

/// The longest bundle file that is read; the parser has a lower limit of its own and names it.
const MAX_FILE: usize = 1024 * 1024;
/// The account that stands in rendered rules; a host writes its own.
const EXAMPLE_ACCOUNT: &str = "pr-0123456789abcdef";

/// Does what was asked.
///
/// # Errors
/// When a file cannot be read or has errors, or the CA refuses.
pub async fn run(act: Act, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    match act {
        Act::Check { files, strict } => check_all(&files, strict, printer),
        Act::Render { file, sudo } => rendered(&file, &sudo, printer),
        Act::Can { file, run_as, argv } => answer(&file, &run_as, &argv, printer),
        Act::Test { files } => test_all(&files, printer),
        Act::Publish { file } => publish(&file, settings, printer).await,
        Act::List => {
            let ca = Ca::new(settings)?;
            let caller = exchange::person(settings)?;
            let listing: Listing<BundleRecord> = ca.get(&caller, "/v1/bundles").await?;
            printer.data(&listing, || {
                output::table(
                    ["bundle", "published", "digest"],
                    listing.items.iter().map(|bundle| {
                        [
                            bundle.name.to_string(),
                            moment(bundle.published_at),
                            bundle.digest.to_string(),
                        ]
                    }),
                )
            })?;
            Ok(Exit::Done)
        }
        Act::Show { name } => show(&name, settings, printer).await,
    }
}

async fn show(
    name: &BundleName,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let record: BundleRecord = ca.get(&caller, &format!("/v1/bundles/{name}")).await?;
    printer.data(&record, || {
        safe::lines(record.text.as_deref().unwrap_or_default())
    })?;
    Ok(Exit::Done)
}

async fn publish(file: &Path, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let bundle = parsed(file)?;
    let report = check(&bundle);
    printer.say(&safe::lines(report.render().trim_end()));
    if report.has_errors() {
        return Err(Failure::new(
            Exit::VerificationFailed,
            format!("{report}; it is not published"),
        ));
    }
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let text = files::read_text(file, MAX_FILE)?;
    let request = PublishBundle {
        text,
        message: None,
    };
    let record: BundleRecord = ca.put(&caller, "/v1/bundles", &request).await?;
    printer.data(&record, || {
        format!("published `{}` as {}", record.name, record.digest)
    })?;
    Ok(Exit::Done)
}

fn parsed(file: &Path) -> Result<Bundle, Failure> {
    let bytes = files::read(file, MAX_FILE)?;
    Bundle::parse(&file.display().to_string(), &bytes).map_err(|report| {
        Failure::new(Exit::VerificationFailed, report.to_string()).reason(report.render())
    })
}

fn check_all(
    paths: &[std::path::PathBuf],
    strict: bool,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    let mut text = String::new();
    let mut failing = false;
    for path in paths {
        let bytes = files::read(path, MAX_FILE)?;
        let name = path.display().to_string();
        let report = match Bundle::parse(&name, &bytes) {
            Ok(bundle) => check(&bundle),
            Err(report) => report,
        };
        failing |= report.has_errors() || (strict && !report.is_empty());
        findings.extend(
            report
                .findings()
                .map(serde_json::to_value)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| {
                    Failure::failed("the findings cannot be written").because(&error)
                })?,
        );
        text.push_str(&safe::lines(&report.render()));
        text.push_str(&format!("{}\n", safe::line(&report.to_string())));
    }
    printer.data(&findings, || text)?;
    Ok(if failing {
        Exit::VerificationFailed
    } else {
        Exit::Done
    })
}

fn rendered(file: &Path, sudo: &str, printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        sudo: String,
        bundle: &'a BundleName,
        digest: portreeve_protocol::digest::Digest,
        rules: &'a str,
    }
    let bundle = parsed(file)?;
    let dialect = dialect(sudo)?;
    let account: AccountName = EXAMPLE_ACCOUNT
        .parse()
        .map_err(|error| Failure::failed("the example account is none").because(&error))?;
    let target = Target {
        account: &account,
        dialect,
        log: None,
    };
    let rules = render(&bundle, &target).map_err(|error| not_rendered(file, &error))?;
    let answer = Answer {
        sudo: dialect.to_string(),
        bundle: bundle.name(),
        digest: bundle.digest(),
        rules: rules.as_str(),
    };
    printer.data(&answer, || safe::lines(rules.as_str()))?;
    Ok(Exit::Done)
}

fn not_rendered(file: &Path, error: &RenderError) -> Failure {
    let failure = Failure::new(
        Exit::VerificationFailed,
        format!("`{}` cannot be rendered for this sudo", file.display()),
    );
    match error {
        RenderError::TooOld { .. } => failure.because(error),
        // One a line: there may be one for each command of the bundle.
        RenderError::Inexpressible { dialect, problems } => problems.iter().fold(
            failure.reason(format!("{dialect} cannot express this bundle")),
            |failure, one| {
                failure.reason(match one.line {
                    Some(line) => format!("line {line}: {}", one.problem),
                    None => one.problem.to_string(),
                })
            },
        ),
    }
}

/// `sudo 1.9.13` and `sudo-rs 0.2.8`, and what either prints with `--version`.
fn dialect(text: &str) -> Result<Dialect, Failure> {
    let as_printed = match text.strip_prefix("sudo ") {
        Some(version) => format!("Sudo version {version}"),
        None => text.to_owned(),
    };
    Dialect::from_version_output(&as_printed).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no sudo that rules are written for"))
            .next("write `sudo 1.9.13` or `sudo-rs 0.2.8`, as `sudo --version` on the host says")
    })
}

fn answer(
    file: &Path,
    run_as: &str,
    argv: &[String],
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer {
        allowed: bool,
        explanation: String,
    }
    let bundle = parsed(file)?;
    let run_as: UserName = run_as
        .parse()
        .map_err(|error| Failure::usage(format!("`{run_as}` is no user")).because(&error))?;
    let line = CommandLine {
        argv,
        run_as: &run_as,
    };
    let verdict = can(&bundle, &line);
    let answer = Answer {
        allowed: verdict.is_allowed(),
        explanation: explain(&bundle, &line, &verdict),
    };
    printer.data(&answer, || safe::lines(&answer.explanation))?;
    Ok(if answer.allowed {
        Exit::Done
    } else {
        Exit::NotPermitted
    })
}

fn test_all(paths: &[std::path::PathBuf], printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Row {
        file: String,
        line: usize,
        expected: &'static str,
        command: String,
        holds: bool,
        explanation: String,
    }
    let mut rows = Vec::new();
    for path in paths {
        let bundle = parsed(path)?;
        rows.extend(run_expectations(&bundle).map(|tried| {
            let line = CommandLine {
                argv: tried.expectation.argv(),
                run_as: tried.expectation.run_as(),
            };
            Row {
                file: path.display().to_string(),
                line: bundle.line(tried.expectation.span()),
                expected: match tried.expectation.outcome() {
                    Outcome::Allow => "allow",
                    Outcome::Refuse => "refuse",
                },
                command: quote::command_line(tried.expectation.argv()),
                holds: tried.holds(),
                explanation: explain(&bundle, &line, &tried.verdict),
            }
        }));
    }
    let failed = rows.iter().filter(|row| !row.holds).count();
    printer.data(&rows, || {
        let table = output::table(
            ["", "line", "expected", "command"],
            rows.iter().map(|row| {
                [
                    if row.holds { "ok" } else { "FAILED" }.to_owned(),
                    row.line.to_string(),
                    row.expected.to_owned(),
                    row.command.clone(),
                ]
            }),
        );
        let why: String = rows
            .iter()
            .filter(|row| !row.holds)
            .map(|row| {
                format!(
                    "{}:{}: {}\n",
                    safe::line(&row.file),
                    row.line,
                    safe::line(&row.explanation)
                )
            })
            .collect();
        format!("{table}{why}{} expectations, {failed} failed\n", rows.len())
    })?;
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::VerificationFailed
    })
}
