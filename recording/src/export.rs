//! A recording in forms that other programs read.
//!
//! Each export takes the events one by one and writes as it goes. An asciicast holds what the
//! host's programs printed, control sequences and all: it is for players that emulate a terminal.
//! The plain transcript is safe to print anywhere.

mod asciicast;
mod json_lines;
mod plain;
#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

pub use asciicast::{AsciicastOptions, AsciicastVersion, asciicast};
pub use json_lines::json_lines;
pub use plain::plain;

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
