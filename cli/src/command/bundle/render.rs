//! `bundle render`: the sudo rules that a host would be given.

use std::path::Path;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::{AccountName, BundleName};
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::link::Linked;
use portreeve_sudo_policy::render::{RenderError, Target, render};
use serde::Serialize;

use super::origin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;

/// The account that stands in rendered rules; a host writes its own.
const EXAMPLE_ACCOUNT: &str = "pr-0123456789abcdef";

/// Prints the rules.
pub(super) fn run(file: &Path, dialect: Dialect, printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        sudo: String,
        bundle: &'a BundleName,
        digest: Digest,
        rules: &'a str,
    }
    let linked = origin::linked(file)?;
    let bundle = linked.bundle();
    let account: AccountName = EXAMPLE_ACCOUNT
        .parse()
        .map_err(|error| Failure::failed("the example account is none").because(&error))?;
    let target = Target {
        account: &account,
        dialect,
        log: None,
        until: None,
    };
    let rules = render(bundle, &target).map_err(|error| not_rendered(file, &linked, &error))?;
    let answer = Answer {
        sudo: dialect.to_string(),
        bundle: bundle.name(),
        digest: bundle.digest(),
        rules: rules.as_str(),
    };
    printer.data(&answer, || safe::lines(rules.as_str()))?;
    Ok(Exit::Done)
}

fn not_rendered(file: &Path, linked: &Linked, error: &RenderError) -> Failure {
    let failure = Failure::new(
        Exit::VerificationFailed,
        format!("`{}` cannot be rendered for this sudo", file.display()),
    );
    match error.report() {
        Some(report) => {
            let report = linked.retraced(report.clone());
            failure.reason(safe::lines(report.render().trim_end()))
        }
        None => failure.because(error),
    }
}
