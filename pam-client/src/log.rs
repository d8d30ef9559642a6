//! What the daemon says to the service manager's journal: one line on standard error.
//!
//! An audit event is not a log line; events are signed and go through the journal on disk.

use std::fmt;
use std::io::Write;

/// How urgent a line is; the number in front is syslog's, which systemd understands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Urgency {
    /// Somebody should look.
    Error,
    /// Something is not as it should be, and was handled.
    Warning,
    /// What happened.
    Info,
}

/// Writes one line. A log that nobody reads must not stop the daemon, so failure is ignored.
pub(crate) fn say(urgency: Urgency, text: fmt::Arguments<'_>) {
    let level = match urgency {
        Urgency::Error => 3,
        Urgency::Warning => 4,
        Urgency::Info => 6,
    };
    let line = format!("<{level}>{}\n", one_line(&text.to_string()));
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// The text without control characters, which would let the name of a session's process draw on an
/// operator's terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_debug());
        } else {
            line.push(c);
        }
    }
    line
}

macro_rules! error {
    ($($arg:tt)*) => { $crate::log::say($crate::log::Urgency::Error, format_args!($($arg)*)) };
}
macro_rules! warning {
    ($($arg:tt)*) => { $crate::log::say($crate::log::Urgency::Warning, format_args!($($arg)*)) };
}
macro_rules! info {
    ($($arg:tt)*) => { $crate::log::say($crate::log::Urgency::Info, format_args!($($arg)*)) };
}
pub(crate) use {error, info, warning};
