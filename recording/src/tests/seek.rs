//! A moment is found without reading what was before it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use bytes::Bytes;

use super::support::*;
use crate::event::standing::Shown;
use crate::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use crate::read::Recording;
use crate::read::seek::Begin;
use crate::screen::{Screen, Size};

/// A file that counts what is read from it.
struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

const WINDOW: WindowSize = WindowSize {
    columns: 60,
    rows: 10,
    pixel_width: 0,
    pixel_height: 0,
};

fn started(program: Program, terminal: bool) -> Kind {
    Kind::Started(Started {
        program,
        environment: vec![],
        terminal: terminal.then(|| Terminal {
            term: "xterm".into(),
            size: WINDOW,
            modes: vec![],
        }),
        decision: None,
    })
}

/// A shell that is quiet for long stretches, and commands beside it that are not.
fn batches(count: u64) -> Vec<Vec<Event>> {
    let mut batches = vec![vec![
        event(1, 1, started(Program::Shell, true)),
        event(2, 1, Kind::Output("\x1b[1;31m$ \x1b[0m".into())),
    ]];
    batches.extend((1..count).map(|second| {
        let at = second * 1_000_000;
        let channel = u32::try_from(second + 1).unwrap();
        let mut batch = vec![
            event(at, channel, started(Program::Exec("true".into()), false)),
            event(at + 1, channel, Kind::Output(vec![b'x'; 3000].into())),
        ];
        if second % 40 == 3 {
            let line = format!("line {second} \u{65e5}\r\n");
            batch.push(event(at + 2, 1, Kind::Output(Bytes::from(line))));
        }
        // Some of the first go on for ever.
        if second % 3 != 0 || second > 20 {
            batch.push(event(at + 3, channel, Kind::Closed));
        }
        batch
    }));
    batches
}

fn cut(path: &std::path::Path, folder: &std::path::Path) -> std::path::PathBuf {
    let bytes = std::fs::read(path).unwrap();
    let end = open(path).segment_spans().last().unwrap().next_entry();
    altered(folder, &bytes[..place(end)])
}

/// What is on the terminal of channel 1 at a moment, and what else runs, read from `begin` on.
fn at<R: Read + Seek>(
    recording: &mut Recording<R>,
    begin: Begin,
    at_us: u64,
) -> (Vec<String>, Vec<Channel>) {
    let size = Size::of_window(&WINDOW);
    let mut screen = Screen::new(size);
    let mut running = Vec::new();
    for program in begin.programs {
        running.push(program.channel);
        if let (Channel(1), Some(display)) = (program.channel, program.display) {
            screen = Screen::of_display(&display);
        }
    }
    let identities = [reviewer()];
    for event in recording.events_from(&identities, begin.segment).unwrap() {
        let event = event.unwrap();
        if event.at_us > at_us {
            break;
        }
        if let Kind::Started(_) = event.kind {
            running.push(event.channel);
        } else if event.kind == Kind::Closed {
            running.retain(|channel| *channel != event.channel);
        } else if let (Kind::Output(bytes), Channel(1)) = (&event.kind, event.channel) {
            screen.feed(bytes);
        }
    }
    running.sort();
    (screen.lines(), running)
}

#[test]
fn a_moment_is_the_same_however_it_was_reached() {
    let folder = tempfile::tempdir().unwrap();
    let whole = write(folder.path(), &batches(150)).path;
    let identities = [reviewer()];
    for path in [whole.clone(), cut(&whole, folder.path())] {
        let mut recording = open(&path);
        for at_us in [
            0,
            2,
            3_000_001,
            3_000_002,
            77_500_000,
            123_000_002,
            149_000_003,
            u64::MAX,
        ] {
            let begin = recording.begin_for(&identities, at_us).unwrap();
            let sought = at(&mut recording, begin, at_us);
            let played = at(&mut recording, Begin::FRONT, at_us);
            assert_eq!(sought, played, "{at_us}");
        }
    }
}

#[test]
fn how_much_is_read_for_a_moment_does_not_grow_with_the_recording() {
    let identities = [reviewer()];
    let most = |count| {
        let folder = tempfile::tempdir().unwrap();
        let whole = write(folder.path(), &batches(count)).path;
        let read = Rc::new(Cell::new(0));
        let mut recording = Recording::open(Counted {
            file: File::open(whole).unwrap(),
            read: Rc::clone(&read),
        })
        .unwrap();
        // The manifest is read once, whatever is looked for.
        recording.begin_for(&identities, 0).unwrap();
        let moments = (0..count).step_by(7).map(|second| {
            let before = read.get();
            let at_us = second * 1_000_000 + 500_000;
            let begin = recording.begin_for(&identities, at_us).unwrap();
            assert!(u64::from(begin.segment) + 8 > second, "{second}");
            at(&mut recording, begin, at_us);
            read.get() - before
        });
        moments.max().unwrap()
    };
    let (short, long) = (most(100), most(400));
    assert!(long < short + short / 4, "{short} {long}");
}

#[test]
fn a_cut_recording_is_searched_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let whole = write(folder.path(), &batches(300)).path;
    let path = cut(&whole, folder.path());
    let read = Rc::new(Cell::new(0));
    let mut recording = Recording::open(Counted {
        file: File::open(&path).unwrap(),
        read: Rc::clone(&read),
    })
    .unwrap();
    let before = read.get();
    let begin = recording.begin_for(&[], 0);
    assert!(begin.is_err(), "no key");
    let begin = recording.begin_for(&[reviewer()], 200_000_000).unwrap();
    assert!((193..=200).contains(&begin.segment), "{}", begin.segment);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(read.get() - before < size / 2, "{} of {size}", read.get());
}

#[test]
fn a_segment_from_elsewhere_is_noticed_by_who_begins_there() {
    let folder = tempfile::tempdir().unwrap();
    let whole = write(folder.path(), &batches(40)).path;
    let mut bytes = std::fs::read(&whole).unwrap();
    let span = open(&whole).segment_spans()[19];
    bytes[place(span.offset + span.size / 2)] ^= 1;
    let mut recording = open(&altered(folder.path(), &bytes));
    assert!(recording.begin_for(&[reviewer()], 20_000_000).is_err());
    assert!(recording.begin_for(&[reviewer()], 2_000_000).is_ok());
}

/// A quiet terminal, and beside it one to which `flood` writes three megabytes in each second.
fn flooded(flood: impl Fn(u64) -> String) -> Vec<Vec<Event>> {
    let mut batches = vec![vec![
        event(1, 1, started(Program::Shell, true)),
        event(2, 2, started(Program::Shell, true)),
        event(3, 2, Kind::Output("quiet".into())),
    ]];
    batches.extend((1..30).map(|number: u64| {
        let text = flood(number);
        let text = text.repeat(300_000 / text.len());
        let pieces = (number * 100_000..).zip(text.as_bytes().chunks(16 * 1024));
        let output = |piece: &[u8]| Kind::Output(Bytes::copy_from_slice(piece));
        pieces
            .map(|(at_us, piece)| event(at_us, 1, output(piece)))
            .collect()
    }));
    batches.push(vec![event(30_000_000, 2, Kind::Output(" again".into()))]);
    batches.extend(quiet_seconds(31..45));
    batches
}

fn quiet_seconds(seconds: std::ops::Range<u64>) -> impl Iterator<Item = Vec<Event>> {
    seconds.map(|second| vec![event(second * 1_000_000, 0, Kind::Note("n".into()))])
}

/// What is told of each terminal where reading begins for a moment.
fn told(path: &std::path::Path, at_us: u64) -> Vec<Shown> {
    let begin = open(path).begin_for(&[reviewer()], at_us).unwrap();
    let displays = begin.programs.into_iter().map(|program| program.display);
    displays.map(|display| display.unwrap().shown).collect()
}

#[test]
fn a_terminal_that_is_flooded_with_lines_stays_seekable() {
    let folder = tempfile::tempdir().unwrap();
    let flood = |number| format!("\x1b[32m{number}\x1b[0m: a line of a log\r\n\x1b[1mtwo\r\n");
    let path = write(folder.path(), &flooded(flood)).path;
    let mut recording = open(&path);
    for (at_us, number) in [(1_599_999, 15), (2_899_999, 28), (45_000_000, 29)] {
        let begin = recording.begin_for(&[reviewer()], at_us).unwrap();
        assert!(begin.segment >= number, "{}", begin.segment);
        let (lines, _) = at(&mut recording, begin, at_us);
        let line = format!("{number}: a line of a log");
        assert_eq!(lines[6..], ["two", &line, "two", ""], "{at_us}");
    }
}

#[test]
fn a_terminal_that_is_flooded_otherwise_is_given_up_until_its_reset_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut batches = flooded(|number| format!("\x1b[3;{number}Hx"));
    batches.push(vec![event(46_000_000, 1, Kind::Output("\x1bcnew".into()))]);
    batches.extend(quiet_seconds(47..60));
    let path = write(folder.path(), &batches).path;

    let told_late = told(&path, 45_000_000);
    let [Shown::NotSince(since_us), Shown::Drawing(quiet)] = told_late.as_slice() else {
        panic!("{told_late:?}")
    };
    assert!((1_000_000..2_900_000).contains(since_us), "{since_us}");
    assert!(quiet.windows(11).any(|text| text == b"quiet again"));
    let told_then = told(&path, *since_us);
    assert!(matches!(told_then[0], Shown::Drawing(_)), "{told_then:?}");

    let mut recording = open(&path);
    let mut lines = |at_us| {
        let begin = recording.begin_for(&[reviewer()], at_us).unwrap();
        at(&mut recording, begin, at_us).0
    };
    assert!(lines(45_000_000).is_empty());
    assert_eq!(lines(46_000_000)[0], "new");
    assert_eq!(lines(59_000_000)[0], "new");
    assert!(matches!(told(&path, 59_000_000)[0], Shown::Drawing(_)));
}
