//! A recording in forms that other programs read.
//!
//! Each export takes the events one by one and writes as it goes. An asciicast holds what the
//! host's programs printed, control sequences and all: it is for players that emulate a terminal.
//! The plain transcript is safe to print anywhere, and nothing that a program printed reads in it as
//! if we had said it. JSON is safe to print, too.

mod asciicast;
mod json_lines;
mod masked;
mod plain;
#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

use crate::printable::is_unseen;

pub use asciicast::{AsciicastOptions, AsciicastVersion, asciicast};
pub use json_lines::json_lines;
pub use masked::{Masked, masked};
pub use plain::plain;

/// JSON as `serde_json` prints it, with the characters escaped that it leaves as they are and that a
/// terminal obeys or does not show. They occur only inside strings, so the value stays the same.
///
/// Members are sorted here, because their order in a `Value` depends on a feature of `serde_json`
/// that any dependency may switch on.
fn json_line(value: &serde_json::Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    let mut line = String::new();
    for c in sorted.to_string().chars() {
        if is_unseen(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(c);
        }
    }
    line
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
