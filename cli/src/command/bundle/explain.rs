//! `bundle explain`: the page about a code, or the list of all codes.

use portreeve_sudo_policy::code::Code;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Printer};

/// Prints the page about a code, or the list of all.
pub(super) fn run(code: Option<&str>, printer: &mut Printer) -> Result<Exit, Failure> {
    match code {
        Some(code) => page(code, printer),
        None => list(printer),
    }
}

fn page(text: &str, printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Page {
        code: Code,
        title: &'static str,
        page: &'static str,
    }
    let code: Code = text.parse().map_err(|error| unknown(&error))?;
    let answer = Page {
        code,
        title: code.title(),
        page: code.page(),
    };
    printer.data(&answer, || code.page().to_owned())?;
    Ok(Exit::Done)
}

fn list(printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Row {
        code: Code,
        title: &'static str,
    }
    let rows: Vec<Row> = Code::ALL
        .iter()
        .map(|&code| Row {
            code,
            title: code.title(),
        })
        .collect();
    printer.data(&rows, || {
        let cells = rows
            .iter()
            .map(|row| [row.code.to_string(), row.title.to_owned()]);
        output::table(["code", "rule"], cells)
    })?;
    Ok(Exit::Done)
}

fn unknown(error: &portreeve_sudo_policy::code::UnknownCode) -> Failure {
    let near: Vec<String> = error.near().iter().map(ToString::to_string).collect();
    let hint = if near.is_empty() {
        String::new()
    } else {
        format!("did you mean {}? ", near.join(" or "))
    };
    Failure::usage(error.to_string())
        .next(format!("{hint}`portreeve bundle explain` lists all codes"))
}
