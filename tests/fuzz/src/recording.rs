//! Recordings as reviewers get them, and what a host printed: `portreeve-recording`.

use std::io::{Cursor, sink};

use portreeve_protocol::age::{self, Identity};
use portreeve_recording::argv;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use portreeve_recording::export::{
    AsciicastOptions, AsciicastVersion, asciicast, json_lines, plain, redacted,
};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::Manifest;
use portreeve_recording::moment::{Found, Moments};
use portreeve_recording::printable::{Printable, one_line};
use portreeve_recording::read::Recording;
use portreeve_recording::redact::{self, Redactor};
use portreeve_recording::screen::{Lost, MAX_DRAWING, Screen, Size, Unwatched};
use portreeve_recording::segment;
use portreeve_recording::transcript::Transcript;
use portreeve_recording::verify::{Evidence, verify};

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "recording",
        feed: recording,
        seeds: || vec![VECTOR.to_vec()],
    },
    Target {
        name: "segment",
        feed: one_segment,
        seeds: segment_seeds,
    },
    Target {
        name: "session_json",
        feed: session_json,
        seeds: session_json_seeds,
    },
    Target {
        name: "manifest_json",
        feed: manifest_json,
        seeds: manifest_json_seeds,
    },
    Target {
        name: "printable",
        feed: printable,
        seeds: || vec!["gr\u{fc}\u{df}e\r\n\x1b]0;x\x07\u{202e}".into()],
    },
    Target {
        name: "command_words",
        feed: command_words,
        seeds: command_words_seeds,
    },
    Target {
        name: "redaction",
        feed: redaction,
        seeds: redaction_seeds,
    },
    Target {
        name: "moments",
        feed: moments,
        seeds: moments_seeds,
    },
    Target {
        name: "screen",
        feed: screen,
        seeds: screen_seeds,
    },
];

const VECTOR: &[u8] = include_bytes!("../../vectors/recording/recording.tar");
/// The vector has a few KiB; what is larger only costs time.
const LARGEST: usize = 256 * 1024;

fn identities() -> Vec<Identity> {
    Identity::all_in(include_str!("../../vectors/recording/review-key.txt")).unwrap()
}

/// The file as a whole: found, verified, read.
fn recording(bytes: &[u8]) -> bool {
    if bytes.len() > LARGEST {
        return false;
    }
    let Ok(mut recording) = Recording::open(Cursor::new(bytes)) else {
        return false;
    };
    let identities = identities();
    let evidence = Evidence {
        identities: &identities,
        ..Evidence::default()
    };
    if let Ok(verdict) = verify(&mut recording, evidence) {
        assert!(!verdict.is_signed_and_whole(), "no bastion's key was given");
    }
    let _ = (
        recording.tail(),
        recording.unverified_manifest(),
        recording.signature(),
    );
    let info = recording.info().clone();
    let events: Vec<Event> = recording
        .events(&identities)
        .map_while(Result::ok)
        .collect();
    export(&info, &events);
    true
}

/// What is inside the seal and the compression, which stop a mutation from getting there.
fn one_segment(bytes: &[u8]) -> bool {
    let identity = Identity::from_secret_bytes(&[7; 32]);
    let compressed = zstd::bulk::compress(bytes, 1).unwrap();
    let sealed = age::seal(&[identity.recipient()], &compressed, &mut |bytes| {
        bytes.fill(9)
    })
    .unwrap();
    let Ok(opened) = segment::open(&sealed, &[identity]) else {
        return false;
    };
    let events: Vec<Event> = opened.map_while(Result::ok).collect();
    let info = vector().info().clone();
    export(&info, &events);
    true
}

fn segment_seeds() -> Vec<Vec<u8>> {
    let sealed = vector().sealed_segment(0).unwrap().unwrap();
    let compressed = age::open(&identities(), &sealed, 1 << 20).unwrap();
    vec![zstd::bulk::decompress(&compressed, 1 << 20).unwrap()]
}

fn vector() -> Recording<Cursor<&'static [u8]>> {
    Recording::open(Cursor::new(VECTOR)).unwrap()
}

/// Every way in which events are shown. The plain text must not drive a terminal.
fn export(info: &SessionInfo, events: &[Event]) {
    let each = || {
        events
            .iter()
            .cloned()
            .map(Ok::<_, std::convert::Infallible>)
    };
    for version in [AsciicastVersion::V2, AsciicastVersion::V3] {
        let options = AsciicastOptions {
            version,
            channel: None,
            with_input: true,
        };
        asciicast(info, each(), options, &mut sink()).unwrap();
    }
    json_lines(each(), true, &mut sink()).unwrap();
    json_lines(redacted(each()), true, &mut sink()).unwrap();
    let mut shown = Vec::new();
    plain(info.started_at, true, each(), &mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        shown
            .chars()
            .all(|c| matches!(c, '\n' | '\t') || !c.is_control())
    );
    let transcript = Transcript::of(each()).unwrap();
    for command in transcript.commands() {
        let line = command.line();
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

fn session_json(bytes: &[u8]) -> bool {
    SessionInfo::from_json(bytes).is_ok_and(|info| {
        let again = info.to_json().unwrap();
        assert_eq!(
            SessionInfo::from_json(again.as_bytes())
                .unwrap()
                .to_json()
                .unwrap(),
            again
        );
        true
    })
}

fn session_json_seeds() -> Vec<Vec<u8>> {
    vec![vector().info().to_json().unwrap().into_bytes()]
}

fn manifest_json(bytes: &[u8]) -> bool {
    Manifest::from_json(bytes).is_ok_and(|manifest| {
        let again = manifest.to_json().unwrap();
        assert_eq!(
            Manifest::from_json(again.as_bytes())
                .unwrap()
                .to_json()
                .unwrap(),
            again
        );
        true
    })
}

fn manifest_json_seeds() -> Vec<Vec<u8>> {
    vec![vector().manifest_bytes().unwrap().unwrap()]
}

/// Whatever a host prints, in whatever pieces, drives no terminal.
fn printable(bytes: &[u8]) -> bool {
    let whole = shown(&[bytes]);
    assert!(
        whole
            .chars()
            .all(|c| matches!(c, '\n' | '\t') || !c.is_control())
    );
    let (a, b) = bytes.split_at(bytes.len() / 2);
    assert_eq!(shown(&[a, b]), whole);
    assert!(!one_line(bytes).chars().any(char::is_control));
    true
}

fn command_words_seeds() -> Vec<Vec<u8>> {
    [
        "LANG=C sort -u <in 2>&1 | head -n 1 >> 'out file' && sudo \"id\"; sleep 1 &",
        "n'c' -e \"/bin/sh\" a\\ b",
        "echo '$HOME' \\`id \\* \"a \\$b\"",
    ]
    .map(Into::into)
    .to_vec()
}

/// Words of a command line hold nothing that was not in it, whoever wrote it.
fn command_words(bytes: &[u8]) -> bool {
    let Some(commands) = argv::simple_commands(bytes) else {
        return false;
    };
    let held: usize = commands
        .iter()
        .flat_map(|command| [&command.assignments, &command.words, &command.files])
        .flatten()
        .map(Vec::len)
        .sum();
    assert!(held <= bytes.len());
    if let Some(words) = argv::words(bytes) {
        let only: Vec<_> = commands.into_iter().map(|command| command.words).collect();
        assert_eq!(only, [words]);
    }
    true
}

fn moments_seeds() -> Vec<Vec<u8>> {
    [
        "pass\x1b[31mword\r\n\x1b]0;t\x07gr\u{fc}\u{df}e\x08x\u{200b}\n",
        "\x1b[2J\x1b[3;5Hword\x1b[3;1Hpass\x1b[K",
    ]
    .map(Into::into)
    .to_vec()
}

/// Whatever a host prints, what is searched of it is text that drives no terminal.
fn moments(bytes: &[u8]) -> bool {
    let event = |at_us, kind| Event {
        at_us,
        channel: Channel(1),
        kind,
    };
    let size = WindowSize {
        columns: 20,
        rows: 5,
        pixel_width: 0,
        pixel_height: 0,
    };
    let started = Started {
        program: Program::Exec(bytes.to_vec().into()),
        environment: Vec::new(),
        terminal: Some(Terminal {
            term: Vec::new().into(),
            size,
            modes: Vec::new(),
        }),
        decision: None,
    };
    let mut moments = Moments::new(|json| vec![json.to_owned()]);
    let mut found = Vec::new();
    moments.add(&event(0, Kind::Started(started)), &mut found);
    for (at_us, piece) in (1..).zip(bytes.chunks(64)) {
        let output = Kind::Output(piece.to_vec().into());
        moments.add(&event(at_us * 200_000, output), &mut found);
    }
    moments.finish(&mut found);
    for one in &found {
        if let Found::Moment(moment) = one {
            let is_shown = |c: char| c == '\n' || !c.is_control();
            assert!(!moment.text.is_empty() && moment.text.chars().all(is_shown));
        }
    }
    true
}

fn redaction_seeds() -> Vec<Vec<u8>> {
    [
        "Authorization: Basic YWxpY2U6\ncurl -u a:b https://c:d@example.com\nmysql -psecret --token=abc\n",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nPrivate-Lines: 2\na\nb\n",
        "AKIAIOSFODNN7EXAMPLE eyJhbGciOiJub25lIn0.e30. \"dbPassword\": \"x\"\n",
    ]
    .map(Into::into)
    .to_vec()
}

/// What is found in any text lies in it, and where the text is cut changes nothing.
fn redaction(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut redactor = Redactor::default();
    for line in text.lines() {
        let mut from = 0;
        for found in redactor.find(line) {
            assert!(from <= found.range.start && found.range.start < found.range.end);
            assert!(line.get(found.range.clone()).is_some());
            from = found.range.end;
        }
    }
    let (a, b) = text.split_at(text.floor_char_boundary(text.len() / 2));
    assert_eq!(redacted_in_pieces(&[a, b]), redacted_in_pieces(&[text]));
    true
}

fn redacted_in_pieces(pieces: &[&str]) -> String {
    let mut stream = redact::Stream::default();
    let mut out = String::new();
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.flush(&mut out);
    out
}

/// What a host writes to a terminal: whatever it is, the screen stays within its bounds, goes on
/// from its drawing as if nothing had been, and is the same when nobody looks. The first two bytes
/// are a size.
fn screen(bytes: &[u8]) -> bool {
    let Some(([columns, rows], bytes)) = bytes.split_first_chunk() else {
        return false;
    };
    if bytes.len() > LARGEST {
        return false;
    }
    let size = Size::new((*columns).into(), (*rows).into());
    let (before, after) = bytes.split_at(bytes.len() / 2);
    let mut screen = Screen::new(size);
    screen.feed(before);
    assert_ne!(screen.lost(), Some(Lost::Failed));
    let Some(drawing) = screen.drawing() else {
        return true;
    };
    assert!(drawing.len() <= MAX_DRAWING);
    let mut again = Screen::of_drawing(size, &drawing);
    screen.feed(after);
    again.feed(after);
    if screen.lost().is_none() && again.lost().is_none() {
        assert_eq!(screen.drawing(), again.drawing());
    }
    let mut unwatched = Unwatched::new(Screen::new(size));
    bytes.chunks(7).for_each(|piece| unwatched.feed(piece));
    let looked = unwatched.look();
    if screen.lost().is_none() {
        assert_eq!(looked.drawing(), screen.drawing());
    }
    screen.resize(Size::new((*rows).into(), (*columns).into()));
    assert_ne!(screen.lost(), Some(Lost::Failed));
    true
}

fn screen_seeds() -> Vec<Vec<u8>> {
    let outputs: [&[u8]; 6] = [
        b"$ ls\r\n\x1b[01;34mbin\x1b[0m\r\n10%\r20%\x08\x08\x1b[K",
        b"\x1b[?1049h\x1b[2;5r\x1b[3;4Hvim\x1b[L\x1b[M\x1b[P\x1b7\x1b[?6h\x1b8\x1b[?1049l",
        b"\xe6\x97\xa5\xe6\x9c\xac\xff\xcc\x81\x1b(0lqk\x1b(B\x1b[40b\x1b#8\x1bc",
        b"\x1b]52;c;eA==\x07\x1bP1;2|x\x1b\\\x1b[6n\xc2\x9b31m\x1b[8;999;999t\x1b[38;2;1;2;3m",
        b"x\x1b[2;4r\x1b[4;1H1\r\n\x1b[32m2\r\n3\x1b[K\r\n\x1b[0;1m4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n11\r\n12\x1b[H",
        b"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\x0e\r\n8\r\n9\r\n10\xc2\x9b5A\r\n11\r\n12\r\n13\r\n14\r\n15\r\n\x1bc16\r\n",
    ];
    let sized = |output: &[u8]| [&[20, 6], output].concat();
    outputs.into_iter().map(sized).collect()
}

fn shown(pieces: &[&[u8]]) -> String {
    let mut out = String::new();
    let mut printable = Printable::default();
    for piece in pieces {
        printable.push(piece, &mut out);
    }
    printable.finish(&mut out);
    out
}
