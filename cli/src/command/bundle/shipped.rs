//! `bundle shipped`: the bundles that come with Portreeve.

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::shipped::{SHIPPED, shipped};
use serde::Serialize;

use super::print;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Printer};

/// Prints a shipped bundle, or the list of all.
pub(super) fn run(name: Option<&str>, printer: &mut Printer) -> Result<Exit, Failure> {
    match name {
        Some(name) => text(name, printer),
        None => list(printer),
    }
}

fn text(name: &str, printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer {
        bundle: &'static str,
        digest: Digest,
        text: &'static str,
    }
    let bundle = shipped(name).ok_or_else(|| {
        Failure::usage(format!("no bundle `{name}` comes with Portreeve"))
            .next("`portreeve bundle shipped` lists those that do; `portreeve bundle show` prints published ones")
    })?;
    let answer = Answer {
        bundle: bundle.name,
        digest: Digest::of(bundle.text.as_bytes()),
        text: bundle.text,
    };
    print(&answer, bundle.text, printer)?;
    Ok(Exit::Done)
}

fn list(printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Row {
        bundle: &'static str,
        digest: Digest,
        purpose: &'static str,
    }
    let rows: Vec<Row> = SHIPPED
        .iter()
        .map(|shipped| Row {
            bundle: shipped.name,
            digest: Digest::of(shipped.text.as_bytes()),
            purpose: shipped.purpose,
        })
        .collect();
    printer.data(&rows, || {
        let cells = rows
            .iter()
            .map(|row| [row.bundle.to_owned(), row.purpose.to_owned()]);
        output::table(["bundle", "purpose"], cells)
    })?;
    Ok(Exit::Done)
}
