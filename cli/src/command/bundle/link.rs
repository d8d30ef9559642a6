//! `bundle link`: a bundle and what it includes as one text.

use std::path::Path;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::BundleName;
use serde::Serialize;

use super::{origin, print};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;

/// Prints the linked text, which is what is published.
pub(super) fn run(file: &Path, printer: &mut Printer) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        bundle: &'a BundleName,
        digest: Digest,
        text: &'a str,
    }
    let linked = origin::linked(file)?;
    let answer = Answer {
        bundle: linked.bundle().name(),
        digest: linked.bundle().digest(),
        text: linked.text(),
    };
    print(&answer, linked.text(), printer)?;
    Ok(Exit::Done)
}
