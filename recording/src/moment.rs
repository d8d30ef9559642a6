//! What of a recording is searched: moments, made from its events one by one.
//!
//! A moment is a piece of what was done or seen, as text in which nothing hides a word and secrets
//! are redacted (`docs/spec/search.md`). Memory is bounded whatever the recording holds. The index of
//! searches keeps what comes out here and nothing else of a recording.

mod gather;
mod plain;
mod programs;
mod seen;

use std::collections::BTreeMap;

use crate::event::{
    Channel, Event, FileOperation, Kind as EventKind, Program, Started, WindowSize,
};
use crate::redact;
use crate::screen::Size;
use gather::{Gather, Stream};
use seen::Seen;

/// How many channels are followed at a time. Of more, those that began first end early.
const MAX_CHANNELS: usize = 256;
/// How many of them with a screen.
const MAX_SCREENS: usize = 16;

/// What is said of a program that is followed no further, and of a terminal without a screen: whoever opens the channels
/// could else choose what is searched.
const NOT_FOLLOWED: &str =
    "[from here on nothing of this program is in the index: more than 256 run]";
const NO_SCREEN: &str =
    "[of this terminal the stream is in the index and not the screen: more than 16 are open]";

/// What a moment is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The session as a whole.
    Session,
    /// A command line.
    Command,
    /// What was seen.
    Output,
    /// Standard input of a program without a terminal.
    Input,
    /// An operation on a file.
    File,
    /// Something that was refused.
    Refused,
    /// A remark of the bastion.
    Note,
    /// An event of the host.
    Host,
}

/// A piece of what was done or seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since the session started.
    pub at_us: u64,
    /// Where.
    pub channel: Channel,
    /// What it is a piece of.
    pub kind: Kind,
    /// The program that it belongs to, counted from 0.
    pub program: Option<u32>,
    /// Lines of text without control characters, secrets redacted.
    pub text: String,
    /// The paths that an operation on a file was about, secrets redacted.
    pub paths: Vec<String>,
}

/// A program of the session, by its place among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Its number, counted from 0.
    pub program: u32,
    /// Microseconds since the session started.
    pub at_us: u64,
    /// Where.
    pub channel: Channel,
    /// The first line of its command line, secrets redacted.
    pub line: String,
    /// The words of its command line as `--argv` compares them, secrets left out.
    pub words: Vec<String>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Status(u32),
    /// By a signal.
    Signal,
}

/// What comes out of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A program began; before any moment of it.
    Begun(Begun),
    /// A program ended.
    Ended {
        /// Its number.
        program: u32,
        /// How.
        end: End,
    },
    /// A moment.
    Moment(Moment),
}

/// Takes the events of one recording in order.
#[derive(Debug)]
pub struct Moments {
    /// What an event of the host says, in words.
    host_words: fn(&str) -> Vec<String>,
    programs: u32,
    channels: BTreeMap<Channel, Following>,
}

/// A program on its channel.
#[derive(Debug)]
struct Following {
    program: u32,
    streams: Streams,
    seen: Option<Box<Seen>>,
}

/// The streams of a program that are text.
#[derive(Debug)]
struct Streams {
    input: Option<Gather>,
    output: Option<Gather>,
    error_output: Option<Gather>,
}

impl Moments {
    /// Before the first event. `host_words` makes text of what a host reported in JSON.
    #[must_use]
    pub fn new(host_words: fn(&str) -> Vec<String>) -> Self {
        Self {
            host_words,
            programs: 0,
            channels: BTreeMap::new(),
        }
    }

    /// Takes the next event; appends what it completes to `out`.
    pub fn add(&mut self, event: &Event, out: &mut Vec<Found>) {
        let &Event {
            at_us,
            channel,
            ref kind,
        } = event;
        match kind {
            EventKind::Started(started) => self.begin(at_us, channel, started, out),
            EventKind::Input(bytes) => self.data(event, |streams| &mut streams.input, bytes, out),
            EventKind::Output(bytes) => self.data(event, |streams| &mut streams.output, bytes, out),
            EventKind::ErrorOutput(bytes) => {
                self.data(event, |streams| &mut streams.error_output, bytes, out);
            }
            EventKind::Window(size) => self.resize(event, size, out),
            EventKind::ExitStatus(status) => self.ended(channel, End::Status(*status), out),
            EventKind::ExitSignal(_) => self.ended(channel, End::Signal, out),
            EventKind::Closed => {
                if let Some(following) = self.channels.remove(&channel) {
                    following.finish(channel, out);
                }
            }
            EventKind::Refused { what, reason } => {
                self.remark(event, Kind::Refused, &format!("{what}: {reason}"), out);
            }
            EventKind::Note(text) => self.remark(event, Kind::Note, text, out),
            EventKind::HostEvent(json) => {
                let words = (self.host_words)(json);
                self.remark(event, Kind::Host, &words.join("\n"), out);
            }
            EventKind::File(operation) => self.file(event, operation, out),
            EventKind::Signal(_)
            | EventKind::EndOfInput
            | EventKind::EndOfOutput
            | EventKind::Omitted(_) => {}
        }
    }

    /// The recording is over: appends what was begun and has not ended.
    pub fn finish(self, out: &mut Vec<Found>) {
        for (channel, following) in self.channels {
            following.finish(channel, out);
        }
    }

    fn begin(&mut self, at_us: u64, channel: Channel, started: &Started, out: &mut Vec<Found>) {
        // Only a hostile recording starts two programs on a channel; the first one then is over.
        if let Some(before) = self.channels.remove(&channel) {
            before.finish(channel, out);
        }
        if self.channels.len() >= MAX_CHANNELS
            && let Some((oldest, following)) = self.channels.pop_first()
        {
            let before = following.program;
            following.finish(oldest, out);
            to(oldest, before, Kind::Note, out)(at_us, NOT_FOLLOWED.into());
        }
        let program = self.programs;
        self.programs = self.programs.saturating_add(1);
        let text = programs::text(&started.program);
        out.push(Found::Begun(Begun {
            program,
            at_us,
            channel,
            line: text.lines().next().unwrap_or_default().to_owned(),
            words: programs::words(&started.program),
        }));
        let screens = self.channels.values().filter(|one| one.seen.is_some());
        let may_have_screen = screens.count() < MAX_SCREENS;
        self.channels
            .insert(channel, Following::new(program, started, may_have_screen));
        if started.terminal.is_some() && !may_have_screen {
            to(channel, program, Kind::Note, out)(at_us, NO_SCREEN.into());
        }
        gather::pieces(&text, |text| {
            out.push(Found::Moment(Moment {
                at_us,
                channel,
                kind: Kind::Command,
                program: Some(program),
                text,
                paths: Vec::new(),
            }));
        });
        if let Program::Exec(command) = &started.program
            && started.terminal.is_none()
            && redact::reads_secret_input(command)
        {
            out.push(Found::Moment(Moment {
                at_us,
                channel,
                kind: Kind::Input,
                program: Some(program),
                text: "[redacted: standard input of a program that reads a password there]".into(),
                paths: Vec::new(),
            }));
        }
    }

    fn data(
        &mut self,
        event: &Event,
        stream: fn(&mut Streams) -> &mut Option<Gather>,
        bytes: &[u8],
        out: &mut Vec<Found>,
    ) {
        let Some(following) = self.channels.get_mut(&event.channel) else {
            return;
        };
        let Some(gather) = stream(&mut following.streams) else {
            return;
        };
        let is_shown = gather.stream() != Stream::Input;
        let mut put = to(
            event.channel,
            following.program,
            gather.stream().kind(),
            out,
        );
        gather.push(event.at_us, bytes, &mut put);
        let ended = gather.take_ended();
        if let Some(seen) = following.seen.as_mut().filter(|_| is_shown) {
            seen.know(ended);
            seen.push(event.at_us, bytes, &mut put);
        }
    }

    fn resize(&mut self, event: &Event, size: &WindowSize, out: &mut Vec<Found>) {
        if let Some(following) = self.channels.get_mut(&event.channel)
            && let Some(seen) = &mut following.seen
        {
            let mut put = to(event.channel, following.program, Kind::Output, out);
            seen.resize(event.at_us, Size::of_window(size), &mut put);
        }
    }

    fn ended(&mut self, channel: Channel, end: End, out: &mut Vec<Found>) {
        if let Some(following) = self.channels.get(&channel) {
            out.push(Found::Ended {
                program: following.program,
                end,
            });
        }
    }

    fn file(&self, event: &Event, operation: &FileOperation, out: &mut Vec<Found>) {
        let path = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            redact::one_line(&text).into_owned()
        };
        let named = std::iter::once(&operation.path).chain(&operation.other);
        let paths = named
            .filter(|path| !path.is_empty())
            .map(|bytes| path(bytes));
        let program = self.channels.get(&event.channel);
        out.push(Found::Moment(Moment {
            at_us: event.at_us,
            channel: event.channel,
            kind: Kind::File,
            program: program.map(|following| following.program),
            text: gather::shortened(plain::whole(operation.line().as_bytes())),
            paths: paths.collect(),
        }));
    }

    fn remark(&self, event: &Event, kind: Kind, text: &str, out: &mut Vec<Found>) {
        let program = self.channels.get(&event.channel);
        let text = plain::whole(text.as_bytes());
        gather::pieces(&text, |text| {
            out.push(Found::Moment(Moment {
                at_us: event.at_us,
                channel: event.channel,
                kind,
                program: program.map(|following| following.program),
                text,
                paths: Vec::new(),
            }));
        });
    }
}

impl Following {
    fn new(program: u32, started: &Started, may_have_screen: bool) -> Self {
        let is_text = started.program != Program::Sftp;
        let reads_text = match &started.program {
            Program::Exec(command) => {
                started.terminal.is_none() && !redact::reads_secret_input(command)
            }
            // What is typed into a shell's terminal is on its screen, or is a password.
            Program::Shell => started.terminal.is_none(),
            Program::Sftp => false,
        };
        let gather = |wanted: bool, stream| wanted.then(|| Gather::new(stream));
        Self {
            program,
            streams: Streams {
                input: gather(reads_text, Stream::Input),
                output: gather(is_text, Stream::Output),
                error_output: gather(is_text, Stream::ErrorOutput),
            },
            seen: started
                .terminal
                .as_ref()
                .filter(|_| is_text && may_have_screen)
                .map(|terminal| Box::new(Seen::new(Size::of_window(&terminal.size)))),
        }
    }

    fn finish(self, channel: Channel, out: &mut Vec<Found>) {
        let Streams {
            input,
            output,
            error_output,
        } = self.streams;
        for gather in [input, output, error_output].into_iter().flatten() {
            let kind = gather.stream().kind();
            gather.finish(&mut to(channel, self.program, kind, out));
        }
        if let Some(seen) = self.seen {
            seen.finish(&mut to(channel, self.program, Kind::Output, out));
        }
    }
}

/// Puts text with its time where moments go.
fn to(channel: Channel, program: u32, kind: Kind, out: &mut Vec<Found>) -> impl FnMut(u64, String) {
    move |at_us, text| {
        out.push(Found::Moment(Moment {
            at_us,
            channel,
            kind,
            program: Some(program),
            text,
            paths: Vec::new(),
        }));
    }
}

#[cfg(test)]
mod tests;
