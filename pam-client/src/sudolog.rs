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
    cwd: String,
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
            "submitcwd" => self.cwd = text(value, cut),
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
        let fact = HostFact::Sudo {
            allowed: self.allowed,
            command: self.command,
            argv: self.argv,
            run_as: self.run_as,
            cwd: self.cwd,
            reason: self.reason.filter(|_| !self.allowed),
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
    let (text, shortened) = match whole {
        Some(text) => (text, false),
        // Escapes of a string that was cut stay as they are written.
        None => (value.trim_start_matches('"').to_owned(), true),
    };
    if text.len() <= MOST_TEXT && !shortened {
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
mod tests {
    use super::*;
    use crate::chain::Chain;
    use crate::trust::Identity;
    use portreeve_protocol::digest::Digest;
    use portreeve_protocol::event::MAX_EVENT;
    use portreeve_protocol::id::SessionId;
    use portreeve_protocol::name::HostName;

    const LOG: &[u8] = include_bytes!("../tests/sudo-1.9.13.json.log");

    fn read(bytes: &[u8], chunk: usize) -> Vec<SudoEvent> {
        let mut log = SudoLog::default();
        let end = usize::try_from(readable(bytes.len() as u64, bytes)).unwrap();
        let mut events = Vec::new();
        for piece in bytes[..end].chunks(chunk) {
            log.push(piece);
            events.extend(log.take());
        }
        events
    }

    fn sudo(event: &SudoEvent) -> (bool, &str, &[String], &str, &str, Option<&str>) {
        match &event.fact {
            HostFact::Sudo {
                allowed,
                command,
                argv,
                run_as,
                cwd,
                reason,
            } => (*allowed, command, argv, run_as, cwd, reason.as_deref()),
            HostFact::Login { .. } => panic!("no login here"),
        }
    }

    #[test]
    fn what_sudo_wrote_is_read() {
        let events = read(LOG, LOG.len());
        let seen: Vec<_> = events.iter().map(sudo).collect();
        assert_eq!(
            seen,
            [
                (
                    true,
                    "/usr/bin/id",
                    &["id".to_owned()][..],
                    "root",
                    "/",
                    None
                ),
                (
                    false,
                    "/usr/bin/cat",
                    &["cat".to_owned(), "/etc/shadow".to_owned()],
                    "root",
                    "/",
                    Some("command not allowed")
                ),
                (
                    true,
                    "/usr/bin/id",
                    &[
                        "/usr/bin/id".to_owned(),
                        "a".to_owned(),
                        "b\u{FFFD}\n\"c".to_owned()
                    ],
                    "root",
                    "/tmp",
                    None
                ),
            ]
        );
        assert_eq!(events[0].at.unwrap().as_micros(), 1_795_317_845_056_161);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive() {
        let whole = read(LOG, LOG.len());
        for chunk in 1..80 {
            assert_eq!(read(LOG, chunk), whole, "{chunk}");
        }
    }

    /// The file as it is after each event, one reader that follows it.
    #[test]
    fn a_growing_log_is_followed_over_its_trailer() {
        let text = String::from_utf8_lossy(LOG).into_owned();
        let ends: Vec<_> = text
            .match_indices("\n    },\n")
            .map(|(at, _)| at + 6)
            .collect();
        assert_eq!(ends.len(), 2);
        let mut states: Vec<Vec<u8>> = ends
            .iter()
            .map(|&end| [&text.as_bytes()[..end], TRAILER].concat())
            .collect();
        states.push(text.clone().into_bytes());
        let (mut log, mut at, mut counts) = (SudoLog::default(), 0, Vec::new());
        for state in states {
            let end = usize::try_from(readable(state.len() as u64, &state)).unwrap();
            log.push(&state[at..end]);
            at = end;
            counts.push(log.take().len());
        }
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn a_cut_event_is_reported_as_far_as_it_was_written() {
        let text = String::from_utf8_lossy(LOG).into_owned();
        let cut = text.find("\"runenv\"").unwrap();
        let mut log = SudoLog::default();
        log.push(&text.as_bytes()[..cut]);
        assert_eq!(log.take(), []);
        let events = log.finish();
        assert_eq!(
            sudo(&events[0]),
            (
                true,
                "/usr/bin/id",
                &["id".to_owned()][..],
                "root",
                "/",
                None
            )
        );
    }

    #[test]
    fn after_a_cut_event_the_next_one_is_read() {
        let text = String::from_utf8_lossy(LOG).into_owned();
        let second = text.find("    \"reject\"").unwrap();
        for cut in [120, 300, 700, 900] {
            let mut log = SudoLog::default();
            log.push(&text.as_bytes()[..cut]);
            log.push(b"\n,\n");
            log.push(&text.as_bytes()[second..]);
            let events = log.take();
            let last: Vec<_> = events
                .iter()
                .rev()
                .take(2)
                .map(|event| sudo(event).1)
                .collect();
            assert_eq!(last, ["/usr/bin/id", "/usr/bin/cat"], "cut at {cut}");
        }
    }

    #[test]
    fn an_argument_cannot_begin_an_event() {
        let hostile = r#"x", "accept": {"#;
        let line = format!("            {},\n", serde_json::to_string(hostile).unwrap());
        let mut log = SudoLog::default();
        log.push(
            b"{\n    \"reject\": {\n        \"command\": \"/bin/x\",\n        \"runargv\": [\n",
        );
        log.push(line.as_bytes());
        log.push(b"            \"\\\"accept\\\": {\"\n        ]\n    }\n");
        let events = log.take();
        assert_eq!(events.len(), 1);
        assert_eq!(sudo(&events[0]).2, [hostile, "\"accept\": {"]);
    }

    #[test]
    fn everything_is_bounded() {
        let mut log = SudoLog::default();
        log.push(
            b"{\n    \"accept\": {\n        \"command\": \"/bin/x\",\n        \"runargv\": [\n",
        );
        for _ in 0..1000 {
            log.push(b"            \"");
            log.push(&vec![b'a'; 128 * 1024]);
            log.push(b"\",\n");
        }
        log.push(b"        ]\n    }\n");
        let events = log.take();
        let argv = sudo(&events[0]).2;
        let text: usize = argv.iter().map(String::len).sum();
        assert!(text <= MOST_ARGUMENTS_TEXT + '…'.len_utf8(), "{text}");
        assert_eq!(argv.last().unwrap(), "…");
        assert!(
            argv.iter()
                .all(|argument| argument.len() <= MOST_TEXT + '…'.len_utf8())
        );
        assert!(log.line.capacity() <= 2 * MOST_LINE);
        log.push(b"\"accept\": {\n\"command\": \"/bin/x\",\n\"runargv\": [\n");
        (0..1000).for_each(|_| log.push(b"\"a\",\n"));
        log.push(b"]\n}\n");
        assert_eq!(sudo(&log.take()[0]).2.len(), MOST_ARGUMENTS + 1);
    }

    /// Whatever a session asks of sudo is signed and finds its way into the trail.
    #[test]
    fn no_argument_makes_an_event_too_large() {
        for text in ["a", "\"", "\\", "\u{1}", "\u{fffd}"] {
            let text = serde_json::to_string(&text.repeat(MOST_TEXT / text.len())).unwrap();
            let mut log = SudoLog::default();
            log.push(b"\"reject\": {\n");
            for key in ["command", "runuser", "submitcwd", "reason"] {
                log.push(format!("\"{key}\": {text},\n").as_bytes());
            }
            log.push(b"\"runargv\": [\n");
            (0..64).for_each(|_| log.push(format!("{text},\n").as_bytes()));
            log.push(b"]\n}\n");
            let host: HostName = "prod-1".parse().unwrap();
            let session = SessionId::new(Timestamp::from_seconds(1), [0; 10]);
            let identity = Identity::from_seed(&[1; 32]).unwrap();
            let event = Chain::new(host, session, session.account(), Digest::of(b"")).sign(
                log.take().remove(0).fact,
                Timestamp::from_seconds(1),
                &identity,
            );
            let report = serde_json::to_string(&event.unwrap()).unwrap();
            // An event has the pair and the task beside it.
            assert!(
                report.len() < MAX_EVENT - 8 * 1024,
                "{text:.9}: {}",
                report.len()
            );
        }
    }

    #[test]
    fn rubbish_is_no_event() {
        for rubbish in [
            "",
            "}\n}\n}\n",
            "]]]\n\n,\n",
            "\"accept\": {\n}\n",
            "\u{0}\n\"x\": [\n[\n[\n",
        ] {
            let mut log = SudoLog::default();
            log.push(rubbish.as_bytes());
            assert_eq!(log.finish(), [], "{rubbish:?}");
        }
    }
}
