//! One channel as the player shows it: what runs there, what it wrote, and how it ended.

use portreeve_recording::event::standing::Shown;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started};
use portreeve_recording::read::seek::Standing;
use portreeve_recording::screen::{Screen, Size};

use crate::review::replay::marks::End;
use crate::review::replay::secrets::{RedactedLines, Secrets};
use crate::review::replay::text::Text;
use crate::safe;

/// The longest line that names a program, in characters.
const MAX_LINE: usize = 4096;

/// A channel.
#[derive(Debug)]
pub struct Lane {
    /// Which.
    pub channel: Channel,
    /// What was started, on one line; safe, and without secrets unless they are shown.
    pub line: String,
    /// When, in microseconds since the session started.
    pub started_us: u64,
    /// What it wrote.
    pub body: Body,
    /// How it ended.
    pub end: Option<End>,
    /// What it wrote before is not known: reading began later.
    pub from_middle: bool,
    /// When something last happened on it.
    pub last_us: u64,
}

/// What a program wrote.
#[derive(Debug)]
pub enum Body {
    /// On a terminal.
    Terminal(Box<Picture>),
    /// To its standard streams.
    Streams(Box<Text>),
    /// A protocol that nobody reads: so many bytes to it, and from it.
    Protocol {
        /// Bytes to it.
        input: u64,
        /// Bytes from it.
        output: u64,
        /// What was done to files.
        files: Box<Text>,
    },
}

/// A terminal, and what is known of secrets on it.
#[derive(Debug)]
pub struct Picture {
    /// Its screen.
    pub screen: Screen,
    /// Where reading began nobody knew what was on it, and had not since then.
    pub not_since: Option<u64>,
    /// Has seen every line that left the screen.
    pub redacted: RedactedLines,
    /// A line that has only partly left it.
    leaving: String,
}

/// The most of a line that is put together while it leaves the screen.
const MAX_LEAVING: usize = 16 * 1024;

impl Picture {
    fn new(screen: Screen, secrets: Secrets) -> Self {
        Self {
            screen,
            not_since: None,
            redacted: secrets.in_lines(),
            leaving: String::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let (redacted, leaving) = (&mut self.redacted, &mut self.leaving);
        self.screen.feed_telling(bytes, |line| {
            leaving.push_str(line.text);
            if !line.goes_on || leaving.len() > MAX_LEAVING {
                redacted.secrets(leaving);
                leaving.clear();
            }
        });
    }
}

impl Lane {
    /// The lane of a program that starts.
    #[must_use]
    pub fn starting(event: &Event, started: &Started, secrets: Secrets) -> Self {
        Self::new(event.channel, event.at_us, started, secrets)
    }

    /// The lane of a program that runs where reading begins.
    #[must_use]
    pub fn standing(program: &Standing, at_us: u64, secrets: Secrets) -> Self {
        let mut lane = Self::new(
            program.channel,
            program.started_us,
            &program.started,
            secrets,
        );
        lane.last_us = at_us;
        match (&mut lane.body, &program.display) {
            (Body::Terminal(picture), Some(display)) => {
                picture.screen = Screen::of_display(display);
                if let Shown::NotSince(at_us) = display.shown {
                    picture.not_since = Some(at_us);
                }
            }
            (Body::Terminal(picture), None) => {
                let terminal = program.started.terminal.as_ref();
                let size = terminal.and_then(|terminal| Size::of_window(&terminal.size));
                picture.screen = Screen::unseen(size);
            }
            (Body::Streams(_) | Body::Protocol { .. }, _) => lane.from_middle = true,
        }
        lane
    }

    fn new(channel: Channel, started_us: u64, started: &Started, secrets: Secrets) -> Self {
        let body = match (&started.program, &started.terminal) {
            (Program::Sftp, _) => Body::Protocol {
                input: 0,
                output: 0,
                files: Box::new(Text::new(secrets)),
            },
            (_, Some(terminal)) => {
                let screen = Screen::new(Size::of_window(&terminal.size));
                Body::Terminal(Box::new(Picture::new(screen, secrets)))
            }
            (_, None) => Body::Streams(Box::new(Text::new(secrets))),
        };
        Self {
            channel,
            line: safe::shortened(&secrets.one_line(&started.program.line()), MAX_LINE),
            started_us,
            body,
            end: None,
            from_middle: false,
            last_us: started_us,
        }
    }

    /// Whether its program runs.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.end.is_none()
    }

    /// Takes an event of its channel.
    pub fn event(&mut self, event: &Event) {
        self.last_us = event.at_us;
        match &event.kind {
            Kind::Output(bytes) => self.wrote(bytes, false),
            Kind::ErrorOutput(bytes) => self.wrote(bytes, true),
            Kind::Input(bytes) => {
                if let Body::Protocol { input, .. } = &mut self.body {
                    *input = input.saturating_add(bytes.len() as u64);
                }
            }
            Kind::File(operation) if !operation.act.is_question() => match &mut self.body {
                Body::Streams(lines) | Body::Protocol { files: lines, .. } => {
                    lines.push(format!("{}\n", operation.line()).as_bytes(), false);
                }
                Body::Terminal(_) => {}
            },
            Kind::Window(size) => {
                if let Body::Terminal(picture) = &mut self.body {
                    picture.screen.resize(Size::of_window(size));
                }
            }
            Kind::ExitStatus(status) => self.end = Some(End::Status(*status)),
            Kind::ExitSignal(signal) => {
                self.end = Some(End::Signal(safe::shortened(&safe::line(&signal.name), 40)));
            }
            Kind::Closed => {
                self.end.get_or_insert(End::Unknown);
            }
            Kind::Started(_)
            | Kind::File(_)
            | Kind::Omitted(_)
            | Kind::Signal(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::Refused { .. }
            | Kind::Note(_)
            | Kind::HostEvent(_) => {}
        }
    }

    fn wrote(&mut self, bytes: &[u8], is_error: bool) {
        match &mut self.body {
            Body::Terminal(picture) => picture.feed(bytes),
            Body::Streams(text) => text.push(bytes, is_error),
            Body::Protocol { output, .. } => *output = output.saturating_add(bytes.len() as u64),
        }
    }
}
