//! A recording in forms that other programs read.
//!
//! Each export takes the events one by one and writes as it goes. An asciicast holds what the
//! host's programs printed, control sequences and all: it is for players that emulate a terminal.
//! The plain transcript is safe to print anywhere, and nothing that a program printed reads in it as
//! if we had said it. JSON is safe to print, too.

mod asciicast;
mod json_lines;
mod plain;
mod redacted;
#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

use crate::printable;

pub use asciicast::{AsciicastOptions, AsciicastVersion, asciicast};
pub use json_lines::json_lines;
pub use plain::plain;
pub use redacted::{Redacted, redacted};

/// A value on one line, as [`printable::json`].
///
/// Members are sorted here, because their order in a `Value` depends on a feature of `serde_json`
/// that any dependency may switch on.
fn json_line(value: &serde_json::Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    printable::json(&sorted.to_string())
}

/// Why an export stopped.
#[derive(Debug, Error)]
pub enum ExportError<E> {
    /// The recording gave an error instead of the next event.
    #[error(transparent)]
    Read(E),
    /// The output does not take more.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
}
