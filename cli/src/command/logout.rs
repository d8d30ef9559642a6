//! `logout`: forget the tokens on this machine.

use std::io::ErrorKind;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::FileError;
use crate::output::Printer;
use crate::settings::Settings;

/// Removes the stored tokens.
///
/// # Errors
/// When a file cannot be removed.
pub fn run(settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let places = settings.places();
    for path in [&places.id_token, &places.token] {
        match std::fs::remove_file(path) {
            Ok(()) => printer.say(&format!("removed {}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::Write(path.clone(), error).into()),
        }
    }
    Ok(Exit::Done)
}
