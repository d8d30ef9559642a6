//! `ssh-config`: the lines by which plain `ssh HOST` works.

use crate::args::access::SshConfig;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::{open, ssh_config};
use crate::settings::Settings;

/// Prints the lines.
///
/// # Errors
/// When a pattern or a path cannot be written into an ssh_config file.
pub fn run(args: &SshConfig, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let program = open::own_program()?;
    let text = ssh_config::snippet(&args.hosts, &program, &settings.places().runtime)
        .map_err(|error| Failure::usage("this cannot be written for ssh").because(&error))?;
    printer.text(&text)?;
    printer.say("put these lines at the top of ~/.ssh/config");
    Ok(Exit::Done)
}
