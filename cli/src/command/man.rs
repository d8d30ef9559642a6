//! `completions` and `man`: made from the command line's own description.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;

/// Prints a completion script.
///
/// # Errors
/// When the output cannot be written.
pub fn completions(shell: clap_complete::Shell, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "portreeve", &mut script);
    printer.bytes(&script)?;
    Ok(Exit::Done)
}

/// Prints the manual page, or writes one page per command into a folder.
///
/// # Errors
/// When they cannot be written.
pub fn pages(folder: Option<&Path>, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    match folder {
        None => printer.bytes(&page(&command)?)?,
        Some(folder) => write_all(&command, folder)?,
    }
    Ok(Exit::Done)
}

fn write_all(command: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    files::write_public(&folder.join(format!("{name}.1")), &page(command)?)?;
    for inner in command.get_subcommands() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            write_all(inner, folder)?;
        }
    }
    Ok(())
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    Ok(text)
}
