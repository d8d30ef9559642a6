//! `bundle …`: what a session may do with sudo. One file for each act.

mod can;
mod check;
mod diff;
mod explain;
mod learn;
mod link;
mod origin;
mod publish;
mod render;
mod schema;
mod shipped;
mod test;
mod versions;
mod withdraw;

use serde::Serialize;

use crate::args::bundle::Bundle as Act;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;
use crate::settings::Settings;

/// Does what was asked.
///
/// # Errors
/// When a file cannot be read or has errors, or the CA refuses.
pub async fn run(act: Act, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    match act {
        Act::Check {
            files,
            dialects,
            strict,
            format,
        } => check::run(&files, &dialects, strict, format, printer),
        Act::Explain { code } => explain::run(code.as_deref(), printer),
        Act::Test { files } => test::run(&files, printer),
        Act::Can(args) => can::run(&args, settings, printer).await,
        Act::Diff { before, after } => diff::run(&before, &after, settings, printer).await,
        Act::Render { file, sudo } => render::run(&file, sudo, printer),
        Act::Link { file } => link::run(&file, printer),
        Act::Schema => schema::run(printer),
        Act::Shipped { name } => shipped::run(name.as_deref(), printer),
        Act::Learn(args) => learn::run(args, settings, printer).await,
        Act::Publish { file, message } => publish::run(&file, message, settings, printer).await,
        Act::List => versions::list(settings, printer).await,
        Act::Show { version } => versions::show(&version, settings, printer).await,
        Act::History { name } => versions::history(&name, settings, printer).await,
        Act::Withdraw(args) => withdraw::run(args, settings, printer).await,
    }
}

/// Prints the text of a bundle byte for byte, since its digest is that of its bytes; `value` as JSON
/// if that was asked for.
fn print<T: Serialize>(value: &T, text: &str, printer: &mut Printer) -> Result<(), Failure> {
    let shown = safe::lines(text);
    if printer.json() {
        printer.json_data(value)?;
    } else if shown == text {
        printer.bytes(text.as_bytes())?;
    } else {
        printer.text(&shown)?;
        printer.say(
            "what a terminal might obey is shown as escapes: the text as it is, is with --json",
        );
    }
    Ok(())
}
