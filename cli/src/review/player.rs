//! Plays a recording as text, at the pace at which it happened.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started};
use portreeve_recording::printable::Printable;

use crate::review::replay::secrets::{RedactedText, Secrets};
use crate::review::terminal::Screenless;
use crate::review::words;
use crate::safe;

/// How to play.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many times faster than it happened.
    pub speed: f64,
    /// The longest pause, before it is made shorter by the speed.
    pub max_pause: Duration,
    /// Whether to pause at all.
    pub waits: bool,
}

impl Pace {
    /// How long to pause for what took `micros`.
    #[must_use]
    pub fn pause(&self, micros: u64) -> Duration {
        if !self.waits {
            return Duration::ZERO;
        }
        Duration::from_micros(micros)
            .min(self.max_pause)
            .div_f64(self.speed)
    }
}

/// How the recorded bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As text that cannot drive a terminal.
    Safely(Secrets),
    /// Exactly as they came.
    DangerouslyRaw,
}

/// Turns events into what is shown.
#[derive(Debug)]
pub struct Player {
    started_at: Timestamp,
    shown: Shown,
    streams: BTreeMap<(Channel, Stream), (Filter, RedactedText)>,
    at_line_start: bool,
    left_out: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Output,
    Error,
}

#[derive(Debug)]
enum Filter {
    Text(Printable),
    Terminal(Screenless),
    /// A protocol that nobody reads: only how much it was.
    Counted(u64),
}

impl Player {
    /// A player for a recording that began at `started_at`.
    #[must_use]
    pub fn new(started_at: Timestamp, shown: Shown) -> Self {
        Self {
            started_at,
            shown,
            streams: BTreeMap::new(),
            at_line_start: true,
            left_out: 0,
        }
    }

    /// What an event shows.
    #[must_use]
    pub fn show(&mut self, event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        match &event.kind {
            Kind::Started(started) => {
                self.opens(event.channel, started);
                self.line(event, &started.program.line(), &mut out);
            }
            Kind::Output(bytes) => self.bytes(event.channel, Stream::Output, bytes, &mut out),
            Kind::ErrorOutput(bytes) => self.bytes(event.channel, Stream::Error, bytes, &mut out),
            Kind::ExitStatus(status) => self.end(event, &format!("exit status {status}"), &mut out),
            Kind::ExitSignal(signal) => {
                self.end(event, &format!("ended by signal {}", signal.name), &mut out)
            }
            Kind::Signal(name) => {
                self.line(event, &format!("the agent sent signal {name}"), &mut out)
            }
            Kind::Refused { what, reason } => {
                self.line(event, &format!("REFUSED {what}: {reason}"), &mut out)
            }
            Kind::Note(text) => self.line(event, &format!("note: {text}"), &mut out),
            Kind::HostEvent(json) => {
                for text in words::reported(json) {
                    self.line(event, &format!("host: {text}"), &mut out);
                }
            }
            Kind::File(operation) if !operation.act.is_question() => {
                self.line(event, &operation.line(), &mut out)
            }
            // Input is not played: with a terminal its echo is in the output, and it may hold secrets.
            Kind::Input(_)
            | Kind::File(_)
            | Kind::Omitted(_)
            | Kind::Window(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::Closed => {}
        }
        out
    }

    /// What a program shows that runs already where playing begins.
    #[must_use]
    pub fn stands(&mut self, at_us: u64, channel: Channel, started: &Started) -> Vec<u8> {
        self.opens(channel, started);
        let mut out = Vec::new();
        let line = format!("runs: {}", started.program.line());
        self.line_at(at_us, channel, &line, &mut out);
        out
    }

    fn opens(&mut self, channel: Channel, started: &Started) {
        for stream in [Stream::Output, Stream::Error] {
            let filter = match (&started.program, &started.terminal) {
                (Program::Sftp, _) => Filter::Counted(0),
                (_, Some(_)) => Filter::Terminal(Screenless::default()),
                (_, None) => Filter::Text(Printable::default()),
            };
            let redacted = (filter, self.secrets().in_text());
            self.streams.insert((channel, stream), redacted);
        }
    }

    const fn secrets(&self) -> Secrets {
        match self.shown {
            Shown::Safely(secrets) => secrets,
            Shown::DangerouslyRaw => Secrets::Shown,
        }
    }

    /// What is left to show at the end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, stream) in std::mem::take(&mut self.streams) {
            self.close(stream, &mut out);
        }
        if !self.at_line_start {
            out.push(b'\n');
        }
        if self.left_out > 0 {
            out.extend_from_slice(
                format!(
                    "--- {} control sequences are left out; `export` keeps them\n",
                    self.left_out
                )
                .as_bytes(),
            );
        }
        out
    }

    fn bytes(&mut self, channel: Channel, stream: Stream, bytes: &[u8], out: &mut Vec<u8>) {
        if self.shown == Shown::DangerouslyRaw {
            out.extend_from_slice(bytes);
            self.at_line_start = bytes.last() == Some(&b'\n');
            return;
        }
        let secrets = self.secrets();
        let (filter, redacted) = self
            .streams
            .entry((channel, stream))
            .or_insert_with(|| (Filter::Text(Printable::default()), secrets.in_text()));
        let mut text = String::new();
        match filter {
            Filter::Text(filter) => filter.push(bytes, &mut text),
            Filter::Terminal(filter) => filter.push(bytes, &mut text),
            Filter::Counted(count) => {
                *count = count.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            }
        }
        let mut shown = String::new();
        redacted.push(&text, &mut shown);
        self.text(&shown, out);
    }

    fn end(&mut self, event: &Event, text: &str, out: &mut Vec<u8>) {
        for stream in [Stream::Output, Stream::Error] {
            if let Some(stream) = self.streams.remove(&(event.channel, stream)) {
                self.close(stream, out);
            }
        }
        self.line(event, text, out);
    }

    fn close(&mut self, (filter, mut redacted): (Filter, RedactedText), out: &mut Vec<u8>) {
        let mut text = String::new();
        match filter {
            Filter::Text(mut filter) => filter.finish(&mut text),
            Filter::Terminal(mut filter) => {
                filter.finish(&mut text);
                self.left_out = self.left_out.saturating_add(filter.left_out());
            }
            Filter::Counted(0) => {}
            Filter::Counted(count) => {
                text = format!("({count} bytes of the transfer's protocol)\n")
            }
        }
        let mut shown = String::new();
        redacted.push(&text, &mut shown);
        redacted.flush(&mut shown);
        self.text(&shown, out);
    }

    /// Recorded text. Each of its lines begins with a bar, so none of them can pass for ours.
    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        for line in text.split_inclusive('\n') {
            if self.at_line_start {
                out.extend_from_slice(b"| ");
            }
            out.extend_from_slice(line.as_bytes());
            self.at_line_start = line.ends_with('\n');
        }
    }

    /// A line of ours.
    fn line(&mut self, event: &Event, text: &str, out: &mut Vec<u8>) {
        self.line_at(event.at_us, event.channel, text, out);
    }

    fn line_at(&mut self, at_us: u64, channel: Channel, text: &str, out: &mut Vec<u8>) {
        if !self.at_line_start {
            out.push(b'\n');
        }
        let at = words::moment(self.started_at.plus(Duration::from_micros(at_us)));
        let channel = match channel {
            Channel::SESSION => "session".to_owned(),
            Channel(number) => format!("channel {number}"),
        };
        let text = self.secrets().one_line(&safe::line(text));
        out.extend_from_slice(format!("--- {at} {channel}: {text}\n").as_bytes());
        self.at_line_start = true;
    }
}

/// Plays `events` into `out`, pausing with `pause` between them.
///
/// # Errors
/// When the recording breaks off, after what came before was shown, or the output is closed.
pub fn play<E>(
    events: impl IntoIterator<Item = Result<Event, E>>,
    mut player: Player,
    pace: Pace,
    mut out: impl FnMut(&[u8]) -> io::Result<()>,
    mut pause: impl FnMut(Duration),
) -> Result<(), PlayError<E>> {
    let mut before = None;
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                out(&player.finish())?;
                return Err(PlayError::Recording(error));
            }
        };
        let bytes = player.show(&event);
        if bytes.is_empty() {
            continue;
        }
        let since = event.at_us.saturating_sub(before.unwrap_or(event.at_us));
        before = Some(event.at_us);
        let wait = pace.pause(since);
        if !wait.is_zero() {
            pause(wait);
        }
        out(&bytes)?;
    }
    out(&player.finish())?;
    Ok(())
}

/// Why playing stopped.
#[derive(Debug, thiserror::Error)]
pub enum PlayError<E> {
    /// The recording gave an error instead of the next event.
    #[error("the recording breaks off")]
    Recording(E),
    /// The output is closed.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_protocol::unseen::is_unseen;
    use portreeve_recording::event::{Started, Terminal, WindowSize};

    fn at(at_us: u64, channel: u32, kind: Kind) -> Result<Event, ()> {
        Ok(Event {
            at_us,
            channel: Channel(channel),
            kind,
        })
    }

    fn started(command: &'static str, terminal: bool) -> Kind {
        let size = WindowSize {
            columns: 80,
            rows: 24,
            pixel_width: 0,
            pixel_height: 0,
        };
        Kind::Started(Started {
            program: Program::Exec(command.into()),
            environment: vec![],
            terminal: terminal.then(|| Terminal {
                term: "xterm".into(),
                size,
                modes: vec![],
            }),
            decision: None,
        })
    }

    fn played(events: Vec<Result<Event, ()>>, shown: Shown, speed: f64) -> (String, Vec<Duration>) {
        let pace = Pace {
            speed,
            max_pause: Duration::from_secs(2),
            waits: true,
        };
        let (mut out, mut pauses) = (Vec::new(), Vec::new());
        let player = Player::new("2026-01-01T00:00:00Z".parse().unwrap(), shown);
        let result = play(
            events,
            player,
            pace,
            |bytes| {
                out.extend_from_slice(bytes);
                Ok(())
            },
            |pause| pauses.push(pause),
        );
        assert!(result.is_ok());
        (String::from_utf8_lossy(&out).into_owned(), pauses)
    }

    #[test]
    fn it_is_played_at_its_own_pace_with_long_pauses_cut() {
        let (text, pauses) = played(
            vec![
                at(1_000_000, 1, started("ss -tnp", false)),
                at(1_500_000, 1, Kind::Output("one".into())),
                at(61_500_000, 1, Kind::ErrorOutput("two\n".into())),
                at(61_500_000, 1, Kind::ExitStatus(3)),
            ],
            Shown::Safely(Secrets::Shown),
            2.0,
        );
        assert_eq!(
            text,
            "--- 2026-01-01T00:00:01Z channel 1: ss -tnp\n| onetwo\n--- 2026-01-01T00:01:01Z channel 1: exit status 3\n"
        );
        assert_eq!(pauses, [Duration::from_millis(250), Duration::from_secs(1)]);
    }

    #[test]
    fn secrets_are_hidden_across_pieces_unless_they_are_asked_for() {
        let events = || {
            vec![
                at(
                    0,
                    1,
                    started("curl -u alice:hunter2hunter2 https://example.com", false),
                ),
                at(0, 1, Kind::Output("Authorization: Bea".into())),
                at(
                    0,
                    1,
                    Kind::Output("rer c2VjcmV0c2VjcmV0c2VjcmV0\nnext".into()),
                ),
                at(0, 1, Kind::ExitStatus(0)),
            ]
        };
        let (shown, _) = played(events(), Shown::Safely(Secrets::Redacted), 1.0);
        assert!(
            !shown.contains("hunter2") && !shown.contains("c2VjcmV0"),
            "{shown}"
        );
        assert!(shown.contains("| next\n"), "{shown}");
        let (shown, _) = played(events(), Shown::Safely(Secrets::Shown), 1.0);
        assert!(
            shown.contains("hunter2") && shown.contains("c2VjcmV0"),
            "{shown}"
        );
    }

    #[test]
    fn hostile_output_cannot_drive_the_terminal_nor_forge_a_line_of_ours() {
        let hostile = || {
            vec![
                at(0, 1, started("cat \x1b]0;x\x07", true)),
                at(0, 1, Kind::Output("\x1b[2Jgone\x1b[8m".into())),
                at(0, 2, started("cat", false)),
                at(
                    0,
                    2,
                    Kind::Output(
                        "\x1b[2J\u{9b}\n--- 2026-01-01T00:00:00Z channel 2: forged\n".into(),
                    ),
                ),
                at(0, 0, Kind::Note("n\n--- x".into())),
            ]
        };
        let (text, _) = played(hostile(), Shown::Safely(Secrets::Redacted), 1.0);
        assert!(!text.chars().any(|c| c != '\n' && is_unseen(c)), "{text}");
        assert!(
            text.contains("\n| --- 2026-01-01T00:00:00Z channel 2: forged\n"),
            "{text}"
        );
        assert!(text.contains("note: n\\n--- x\n"), "{text}");
        assert!(text.contains("2 control sequences are left out"), "{text}");
        let (raw, _) = played(hostile(), Shown::DangerouslyRaw, 1.0);
        assert!(raw.contains("\x1b[2Jgone\x1b[8m"));
    }
}
