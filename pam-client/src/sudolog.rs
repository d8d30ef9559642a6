//! Reading sudo's JSON log while sudo writes it. Pure: whoever reads the file pushes bytes.
//!
//! sudo 1.9 writes one object whose members repeat, one event each, always printed the same way,
//! one scalar a line, and overwrites the closing `\n}\n` when it appends. Inside strings a line
//! feed is escaped, so a line of the file is a line of sudo's and a session cannot forge one. The
//! reader therefore goes by lines, keeps a bounded part of each, and begins anew wherever an event
//! begins, whatever came before. What to hand to [`SudoLog::push`] is said by [`readable`].

use portreeve_protocol::attest::HostFact;
use portreeve_protocol::time::Timestamp;

/// How much of a line is kept. A line has one argument, which may have 128 KiB.
const MOST_LINE: usize = 8 * 1024;
/// How much of a text is reported.
const MOST_TEXT: usize = 1024;
/// How many arguments are reported, and how much of all of them together. A session chooses them,
/// and each byte may become seven where a host's event stands in an event of the trail: what it
/// asks of sudo must not be too large to be signed, or for the CA to take.
const MOST_ARGUMENTS: usize = 64;
const MOST_ARGUMENTS_TEXT: usize = 8 * 1024;
/// What ends the file until the next event overwrites it.
const TRAILER: &[u8] = b"\n}\n";

/// One event of sudo's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SudoEvent {
    /// When, by sudo.
    pub(crate) at: Option<Timestamp>,
    /// What.
    pub(crate) fact: HostFact,
}

/// How far a file of `length` bytes may be read now, given its last bytes: to its end, or to just
/// behind the line feed that the trailer begins with.
pub(crate) fn readable(length: u64, tail: &[u8]) -> u64 {
    if tail.ends_with(TRAILER) {
        length.saturating_sub(2)
    } else {
        length
    }
}

/// A reader in the middle of a log.
#[derive(Debug, Default)]
pub(crate) struct SudoLog {
    line: Vec<u8>,
    cut: bool,
    depth: usize,
    list: Option<List>,
    event: Option<Draft>,
    events: Vec<SudoEvent>,
}

/// The lists and objects inside an event that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Arguments,
    Time,
    Other,
}

/// An event that is being read.
#[derive(Debug, Default)]
struct Draft {
    allowed: bool,
    command: String,
    argv: Vec<String>,
    argv_text: usize,
    more_arguments: bool,
    run_as: String,
    group: Option<String>,
    cwd: String,
    ran_in: Option<String>,
    reason: Option<String>,
    seconds: Option<i64>,
    nanoseconds: i64,
}

impl SudoLog {
    /// Takes bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, whole) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = MOST_LINE.saturating_sub(self.line.len());
            self.cut |= text.len() > room;
            self.line.extend(text.iter().take(room));
            if whole {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                let cut = std::mem::take(&mut self.cut);
                self.read_line(line.trim(), cut);
            }
        }
    }

    /// The events that are whole.
    pub(crate) fn take(&mut self) -> Vec<SudoEvent> {
        std::mem::take(&mut self.events)
    }

    /// The events that are whole, and the one that was cut short, if its beginning is there.
    pub(crate) fn finish(mut self) -> Vec<SudoEvent> {
        self.end_event();
        self.events
    }

    fn read_line(&mut self, line: &str, cut: bool) {
        if let Some(allowed) = beginning(line) {
            // An event that sudo did not finish is over where the next one begins.
            self.end_event();
            self.event = Some(Draft {
                allowed,
                ..Draft::default()
            });
            (self.depth, self.list) = (2, None);
            return;
        }
        let bare = line.trim_end_matches(',');
        if matches!(bare, "}" | "]") && !cut {
            self.depth = self.depth.saturating_sub(1);
            match self.depth {
                1 => self.end_event(),
                2 => self.list = None,
                _ => {}
            }
            return;
        }
        let Some(draft) = &mut self.event else {
            return;
        };
        match (self.depth, &self.list) {
            (2, _) => {
                let Some((key, value)) = member(bare) else {
                    return;
                };
                if matches!(value, "{" | "[") {
                    self.depth = 3;
                    self.list = Some(list_called(key));
                } else {
                    draft.set(key, value, cut);
                }
            }
            (3, Some(List::Arguments)) => draft.add_argument(bare, cut),
            (3, Some(List::Time)) => {
                if let Some((key, value)) = member(bare) {
                    draft.set_time(key, value);
                }
            }
            _ => {
                if bare.ends_with(['{', '[']) && !cut {
                    self.depth += 1;
                }
            }
        }
    }

    fn end_event(&mut self) {
        (self.depth, self.list) = (1, None);
        if let Some(event) = self.event.take().and_then(Draft::finish) {
            self.events.push(event);
        }
    }
}

/// Whether a line begins an event, and whether that event says that the command ran.
fn beginning(line: &str) -> Option<bool> {
    match line.trim_start_matches(',').trim_start() {
        r#""accept": {"# => Some(true),
        r#""reject": {"# | r#""alert": {"# => Some(false),
        _ => None,
    }
}

fn list_called(key: &str) -> List {
    match key {
        "runargv" => List::Arguments,
        "server_time" => List::Time,
        _ => List::Other,
    }
}

/// A line `"key": value`. Keys are sudo's own words, without escapes.
fn member(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('"')?.split_once("\": ")
}

impl Draft {
    fn set(&mut self, key: &str, value: &str, cut: bool) {
        match key {
            "command" => self.command = text(value, cut),
            "runuser" => self.run_as = text(value, cut),
            "rungroup" => self.group = Some(text(value, cut)),
            "submitcwd" => self.cwd = text(value, cut),
            "runcwd" => self.ran_in = Some(text(value, cut)),
            "reason" => self.reason = Some(text(value, cut)),
            _ => {}
        }
    }

    fn add_argument(&mut self, value: &str, cut: bool) {
        let argument = text(value, cut);
        let length = self.argv_text.saturating_add(argument.len());
        // What comes after an argument that is left out would be read as being in its place.
        if self.argv.len() < MOST_ARGUMENTS && length <= MOST_ARGUMENTS_TEXT && !self.more_arguments
        {
            self.argv_text = length;
            self.argv.push(argument);
        } else {
            self.more_arguments = true;
        }
    }

    fn set_time(&mut self, key: &str, value: &str) {
        match key {
            "seconds" => self.seconds = value.parse().ok(),
            "nanoseconds" => self.nanoseconds = value.parse().unwrap_or(0),
            _ => {}
        }
    }

    /// The event; nothing when not even the command is known.
    fn finish(mut self) -> Option<SudoEvent> {
        if self.command.is_empty() && self.argv.is_empty() && self.reason.is_none() {
            return None;
        }
        if self.more_arguments {
            self.argv.push("…".into());
        }
        let at = self.seconds.map(|seconds| {
            let micros = seconds
                .saturating_mul(1_000_000)
                .saturating_add(self.nanoseconds / 1000);
            Timestamp::from_micros(micros)
        });
        // As in a rule: `user`, or `user:group` where a group was asked for.
        if let Some(group) = self.group {
            self.run_as = shortened(format!("{}:{group}", self.run_as), false);
        }
        // A rule may say where its command runs; else that is where the caller was.
        let ran_in = self.ran_in.filter(|path| path.starts_with('/'));
        let fact = HostFact::Sudo {
            allowed: self.allowed,
            command: self.command,
            argv: self.argv,
            run_as: self.run_as,
            cwd: ran_in.unwrap_or(self.cwd),
            reason: self.reason.filter(|_| !self.allowed),
            rule: None,
            comment: None,
        };
        Some(SudoEvent { at, fact })
    }
}

/// A JSON string as text, shortened; a string that was cut ends where it was cut.
fn text(value: &str, cut: bool) -> String {
    let whole = if cut {
        None
    } else {
        serde_json::from_str::<String>(value).ok()
    };
    match whole {
        Some(text) => shortened(text, false),
        // Escapes of a string that was cut stay as they are written.
        None => shortened(value.trim_start_matches('"').to_owned(), true),
    }
}

/// So much of a text as is reported, and whether that is all of it.
fn shortened(text: String, was_cut: bool) -> String {
    if text.len() <= MOST_TEXT && !was_cut {
        return text;
    }
    let mut kept: String = text
        .char_indices()
        .take_while(|(at, c)| at + c.len_utf8() <= MOST_TEXT)
        .map(|(_, c)| c)
        .collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests;
