//! Events with the secrets redacted in what passed, for every form of export.
//!
//! Each stream of each channel is text to [`crate::redact`], which wants whole lines: the last line
//! of a stream is held back until it ends, until its stream has rested for a second, or until its
//! channel has an event that is no bytes. Bytes that are no text pass as they are.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::event::{Channel, Event, Kind, Program, Started};
use crate::printable::{Piece, Utf8Stream};
use crate::redact::{self, Redactor};

/// After so long without more, a line that did not end is shown: a prompt does not end.
const REST_US: u64 = 1_000_000;
/// The most streams that are held at a time; a session has a few.
const MOST_STREAMS: usize = 4_096;

/// The events of `inner`, redacted.
#[derive(Debug)]
pub struct Redacted<I> {
    inner: I,
    streams: BTreeMap<(Channel, Stream), Held>,
    ready: VecDeque<Event>,
    /// Times never go back, also those of what was held.
    last_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Input,
    Output,
    ErrorOutput,
}

#[derive(Debug, Default)]
struct Held {
    utf8: Utf8Stream,
    text: redact::Stream,
    /// When the last piece came.
    at_us: u64,
    is_empty: bool,
}

/// Redacts the secrets in `events`.
pub fn redacted<I>(events: I) -> Redacted<I> {
    Redacted {
        inner: events,
        streams: BTreeMap::new(),
        ready: VecDeque::new(),
        last_us: 0,
    }
}

impl<E, I: Iterator<Item = Result<Event, E>>> Iterator for Redacted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            match self.inner.next() {
                Some(Ok(event)) => self.take(event),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.release(|_, _| true);
                    return self.ready.pop_front().map(Ok);
                }
            }
        }
    }
}

impl<I> Redacted<I> {
    fn take(&mut self, event: Event) {
        let now = event.at_us;
        self.release(|_, held| now.saturating_sub(held.at_us) >= REST_US);
        self.last_us = self.last_us.max(now);
        let channel = event.channel;
        let (stream, bytes) = if let Kind::Input(bytes) = &event.kind {
            (Stream::Input, bytes)
        } else if let Kind::Output(bytes) = &event.kind {
            (Stream::Output, bytes)
        } else if let Kind::ErrorOutput(bytes) = &event.kind {
            (Stream::ErrorOutput, bytes)
        } else {
            self.release(|of, _| of == channel);
            self.ready.push_back(without_secrets(event));
            return;
        };
        if self.streams.len() >= MOST_STREAMS {
            self.release(|_, _| true);
        }
        let held = self.streams.entry((channel, stream)).or_default();
        let said = held.push(bytes);
        held.at_us = now;
        self.say(channel, stream, said);
    }

    /// Shows what is held of the streams that are chosen.
    fn release(&mut self, is_chosen: impl Fn(Channel, &Held) -> bool) {
        let chosen: Vec<_> = self
            .streams
            .iter()
            .filter(|((channel, _), held)| !held.is_empty && is_chosen(*channel, held))
            .map(|(key, _)| *key)
            .collect();
        for (channel, stream) in chosen {
            if let Some(held) = self.streams.get_mut(&(channel, stream)) {
                let said = held.flush();
                self.say(channel, stream, said);
            }
        }
    }

    fn say(&mut self, channel: Channel, stream: Stream, said: Vec<u8>) {
        if said.is_empty() {
            return;
        }
        let bytes = Bytes::from(said);
        self.ready.push_back(Event {
            at_us: self.last_us,
            channel,
            kind: match stream {
                Stream::Input => Kind::Input(bytes),
                Stream::Output => Kind::Output(bytes),
                Stream::ErrorOutput => Kind::ErrorOutput(bytes),
            },
        });
    }
}

impl Held {
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Self { utf8, text, .. } = self;
        let mut said = Vec::with_capacity(bytes.len());
        utf8.push(bytes, |piece| match piece {
            Piece::Text(piece) => append(&mut said, |out| text.push(piece, out)),
            Piece::Invalid(piece) => {
                append(&mut said, |out| text.flush(out));
                said.extend_from_slice(piece);
            }
        });
        self.is_empty = false;
        said
    }

    fn flush(&mut self) -> Vec<u8> {
        let Self { utf8, text, .. } = self;
        let mut said = Vec::new();
        append(&mut said, |out| text.flush(out));
        utf8.finish(|piece| {
            if let Piece::Invalid(piece) = piece {
                said.extend_from_slice(piece);
            }
        });
        self.is_empty = true;
        said
    }
}

fn append(to: &mut Vec<u8>, write: impl FnOnce(&mut String)) {
    let mut text = String::new();
    write(&mut text);
    to.extend_from_slice(text.as_bytes());
}

/// An event that is no stream.
fn without_secrets(mut event: Event) -> Event {
    if let Kind::Started(started) = &mut event.kind {
        hide_in(started);
    } else if let Kind::Refused { what, reason } = &mut event.kind {
        *what = of_text(what);
        *reason = of_text(reason);
    } else if let Kind::Note(text) = &mut event.kind {
        *text = of_text(text);
    } else if let Kind::HostEvent(json) = &mut event.kind {
        *json = of_json(json);
    }
    event
}

fn hide_in(started: &mut Started) {
    if let Program::Exec(command) = &mut started.program {
        *command = of_bytes(std::mem::take(command));
    }
    for (name, value) in &mut started.environment {
        if let Some(redacted) = of_variable(name, value) {
            *value = redacted;
        }
    }
}

fn of_text(text: &str) -> String {
    let mut redactor = Redactor::default();
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        out.push_str(&redactor.line(bare));
        if bare.len() < line.len() {
            out.push('\n');
        }
    }
    out
}

fn of_bytes(bytes: Bytes) -> Bytes {
    match std::str::from_utf8(&bytes) {
        Ok(text) => of_text(text).into(),
        Err(_) => bytes,
    }
}

/// A variable's value, if there is something to redact: its name says what it is.
fn of_variable(name: &[u8], value: &[u8]) -> Option<Bytes> {
    let name = std::str::from_utf8(name).ok()?;
    let value = std::str::from_utf8(value).ok()?;
    let shown = of_text(&format!("{name}={value}"));
    let (_, shown) = shown.split_once('=')?;
    (shown != value).then(|| Bytes::from(shown.to_owned()))
}

/// What a host said is JSON: the strings in it are redacted one by one, so that it stays JSON.
fn of_json(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(mut value) => {
            redact_strings(&mut value);
            value.to_string()
        }
        Err(_) => of_text(json),
    }
}

fn redact_strings(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => *text = of_text(text),
        Value::Array(items) => {
            redact_words(items);
            items.iter_mut().for_each(redact_strings);
        }
        Value::Object(fields) => fields.values_mut().for_each(redact_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of a command line, which say more together than one by one: `--password`, `x`.
fn redact_words(items: &mut [serde_json::Value]) {
    let words: Option<Vec<&str>> = items.iter().map(serde_json::Value::as_str).collect();
    let Some(words) = words.filter(|words| words.len() > 1) else {
        return;
    };
    let found = Redactor::default().find(&words.join(" "));
    let mut from = 0;
    let redacted: Vec<_> = words
        .iter()
        .map(|word| {
            let (start, end) = (from, from + word.len());
            from = end + 1;
            let hit = found
                .iter()
                .find(|found| found.range.start < end && start < found.range.end);
            // One that is known by itself loses only what is secret of it.
            hit.filter(|_| of_text(word) == **word)
                .map(|found| found.kind.to_string())
        })
        .collect();
    for (item, redacted) in items.iter_mut().zip(redacted) {
        if let Some(redacted) = redacted {
            *item = serde_json::Value::String(redacted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

    fn at(at_us: u64, kind: Kind) -> Result<Event, ()> {
        Ok(Event {
            at_us,
            channel: Channel(1),
            kind,
        })
    }

    fn output(bytes: &[u8]) -> Kind {
        Kind::Output(Bytes::copy_from_slice(bytes))
    }

    fn all(events: Vec<Result<Event, ()>>) -> Vec<(u64, Kind)> {
        redacted(events.into_iter())
            .map(|event| event.unwrap())
            .map(|event| (event.at_us, event.kind))
            .collect()
    }

    fn bytes_of(kind: &Kind) -> Bytes {
        if let Kind::Output(bytes) = kind {
            bytes.clone()
        } else {
            Bytes::new()
        }
    }

    fn text(events: &[(u64, Kind)]) -> String {
        events
            .iter()
            .map(|(_, kind)| bytes_of(kind))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }

    #[test]
    fn a_secret_is_redacted_however_it_is_cut() {
        let whole = format!("one\ntoken {TOKEN} end\nlast");
        for cut in 0..whole.len() {
            let (a, b) = whole.as_bytes().split_at(cut);
            let shown = text(&all(vec![at(1, output(a)), at(2, output(b))]));
            assert!(!shown.contains("abcdefghij"), "{cut}: {shown}");
            assert!(
                shown.starts_with("one\ntoken [redacted") && shown.ends_with(" end\nlast"),
                "{cut}: {shown}"
            );
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_shown_when_it_rests_and_times_go_on() {
        let events = all(vec![
            at(1, output(b"$ ")),
            at(1_500_000, output(b"x")),
            at(1_600_000, Kind::ExitStatus(0)),
            at(1_700_000, output(b"late")),
        ]);
        let times: Vec<_> = events.iter().map(|(at_us, _)| *at_us).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(text(&events), "$ xlate");
        assert_eq!(
            events
                .iter()
                .position(|(_, kind)| *kind == Kind::ExitStatus(0)),
            Some(2)
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_what_they_were() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let events = all(bytes.chunks(7).map(|chunk| at(1, output(chunk))).collect());
        let shown: Vec<u8> = events.iter().flat_map(|(_, kind)| bytes_of(kind)).collect();
        assert_eq!(shown, bytes);
    }

    #[test]
    fn commands_variables_and_what_the_host_says_are_redacted_and_stay_what_they_are() {
        let host = format!(r#"{{"argv":["curl","-H","Authorization: Bearer {TOKEN}"],"n":1}}"#);
        let started = Kind::Started(Started {
            program: Program::Exec(format!("deploy {TOKEN}").into()),
            environment: vec![
                ("A_TOKEN".into(), TOKEN.into()),
                ("LANG".into(), "C".into()),
            ],
            terminal: None,
            decision: None,
        });
        let events = all(vec![at(1, started), at(2, Kind::HostEvent(host))]);
        let shown = format!("{events:?}");
        assert!(!shown.contains("abcdefghij"), "{shown}");
        assert!(shown.contains("deploy [redacted"), "{shown}");
        assert!(shown.contains("LANG"), "{shown}");
        let Kind::HostEvent(json) = &events[1].1 else {
            panic!("{shown}")
        };
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(
            (&value["n"], &value["argv"][0]),
            (&1.into(), &"curl".into())
        );
    }
}
