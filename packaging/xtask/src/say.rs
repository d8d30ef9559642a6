//! What the commands tell the person who waits for them. Goes to standard error.

use std::io::Write;

/// Announces a step.
pub(crate) fn step(text: &str) {
    line(&format!("\n==> {text}"));
}

/// Says something on a line of its own.
pub(crate) fn line(text: &str) {
    // Nobody may be listening, and the work goes on without them.
    let _ = writeln!(std::io::stderr(), "{text}");
}
