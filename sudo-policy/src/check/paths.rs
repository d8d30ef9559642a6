//! Where a program lies, and what that says about who can replace it.

use super::places::{Kind, above};
use crate::bundle::Command;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::simulate::is_searched;

/// Reports what is doubtful about the place of a program.
pub(super) fn check(command: &Command, found: &mut Vec<Diagnostic>) {
    let path = command.path();
    let span = command.path_span();
    let place = [Kind::Open, Kind::Owned, Kind::Unpackaged]
        .into_iter()
        .find_map(|kind| above(path.as_str(), kind));
    match place {
        Some(place) if place.kind != Kind::Unpackaged => {
            let message = format!("`{path}` lies in `{}`, where {}", place.text, place.what);
            found.push(Diagnostic::error(
                Code::WritablePath,
                span,
                message,
                "install the program where only root writes, as in `/usr/sbin`",
            ));
        }
        Some(place) if command.digests().is_empty() => {
            let message = format!("`{path}` lies in `{}`: {}", place.text, place.what);
            found.push(Diagnostic::warning(
                Code::WritablePath,
                span,
                message,
                "add its `digest`, so that another program there is refused",
            ));
        }
        Some(_) | None => {}
    }
    let name = path.file_name();
    if name.starts_with("ld-linux") || name.starts_with("ld.so") || name.starts_with("ld-musl") {
        let message = format!("`{path}` is the dynamic loader, which runs any file");
        found.push(Diagnostic::error(
            Code::LoaderVariable,
            span,
            message,
            "allow the program itself",
        ));
    }
    if !is_searched(path.directory()) {
        let message = format!("sudo does not find `{name}` by name");
        found.push(Diagnostic::warning(
            Code::OutsideSecurePath,
            span,
            message,
            "tell the agent to give the whole path",
        ));
    }
}
