//! `bundle schema`: the JSON schema of bundle files.

use portreeve_sudo_policy::SCHEMA;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;

/// Prints the schema, which is JSON whatever form was asked for.
pub(super) fn run(printer: &mut Printer) -> Result<Exit, Failure> {
    printer.text(SCHEMA)?;
    Ok(Exit::Done)
}
