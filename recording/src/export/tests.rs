use bytes::Bytes;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::unseen::is_unseen;

use super::*;
use crate::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use crate::info::tests::example;

fn at(at_us: u64, channel: u32, kind: Kind) -> Result<Event, ()> {
    Ok(Event {
        at_us,
        channel: Channel(channel),
        kind,
    })
}

fn output(bytes: &'static [u8]) -> Kind {
    Kind::Output(Bytes::from_static(bytes))
}

fn started(program: Program, terminal: bool) -> Kind {
    let size = WindowSize {
        columns: 120,
        rows: 40,
        pixel_width: 0,
        pixel_height: 0,
    };
    let terminal = terminal.then(|| Terminal {
        term: Bytes::from_static(b"xterm"),
        size,
        modes: vec![],
    });
    Kind::Started(Started {
        program,
        environment: vec![],
        terminal,
        decision: None,
    })
}

fn exec(command: &'static str) -> Kind {
    started(Program::Exec(Bytes::from_static(command.as_bytes())), false)
}

/// A shell with a terminal, and a command without one beside it.
fn session() -> Vec<Result<Event, ()>> {
    vec![
        at(1_000_000, 1, started(Program::Shell, true)),
        at(1_500_000, 1, output(b"$ \xe2\x82")),
        at(1_500_001, 1, output(b"\xac\xff")),
        at(1_600_000, 1, Kind::Input(Bytes::from_static(b"secret\r"))),
        at(
            1_700_000,
            1,
            Kind::Window(WindowSize {
                columns: 100,
                rows: 30,
                pixel_width: 0,
                pixel_height: 0,
            }),
        ),
        at(2_000_000, 2, exec("id -u")),
        at(2_100_000, 2, output(b"0\n")),
        at(
            2_200_000,
            2,
            Kind::ErrorOutput(Bytes::from_static(b"\x1b[31mno\n")),
        ),
        at(2_300_000, 2, Kind::ExitStatus(1)),
        at(2_300_001, 2, Kind::Closed),
        at(
            2_400_000,
            0,
            Kind::Refused {
                what: "x11".into(),
                reason: "not offered".into(),
            },
        ),
    ]
}

fn cast(version: AsciicastVersion, channel: Option<u32>, with_input: bool) -> String {
    let mut out = Vec::new();
    let options = AsciicastOptions {
        version,
        channel: channel.map(Channel),
        with_input,
    };
    asciicast(&example(vec![]), session(), options, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
    text
}

#[test]
fn asciicast_2_of_one_channel_counts_from_its_start() {
    assert_eq!(
        cast(AsciicastVersion::V2, Some(1), false),
        "{\"env\":{\"TERM\":\"xterm\"},\"height\":40,\"timestamp\":1769860801,\
         \"title\":\"portreeve://soc/forensics/alice@example.com on prod-1.example.com: INC-4711, channel 1\",\
         \"version\":2,\"width\":120}\n\
         [0.000000, \"m\", \"(login shell)\"]\n\
         [0.500000, \"o\", \"$ \"]\n\
         [0.500001, \"o\", \"\u{20ac}\u{fffd}\"]\n\
         [0.700000, \"r\", \"100x30\"]\n"
    );
}

#[test]
fn asciicast_3_counts_from_event_to_event_and_knows_the_exit_status() {
    assert_eq!(
        cast(AsciicastVersion::V3, Some(2), false)
            .lines()
            .skip(1)
            .collect::<Vec<_>>(),
        [
            "[0.000000, \"m\", \"id -u\"]",
            "[0.100000, \"o\", \"0\\r\\n\"]",
            "[0.100000, \"o\", \"\\u001b[31mno\\r\\n\"]",
            "[0.100000, \"x\", \"1\"]",
        ]
    );
}

#[test]
fn all_channels_together_announce_each_program() {
    let text = cast(AsciicastVersion::V2, None, false);
    assert!(text.contains("[channel 2: exec] id -u"), "{text}");
    assert!(
        text.contains("\"m\", \"refused: x11: not offered\""),
        "{text}"
    );
}

#[test]
fn input_is_exported_only_when_asked_for() {
    assert!(!cast(AsciicastVersion::V2, Some(1), false).contains("secret"));
    assert!(cast(AsciicastVersion::V2, Some(1), true).contains("[0.600000, \"i\", \"secret\\r\"]"));
}

#[test]
fn a_channel_that_never_was_gives_a_header_alone() {
    assert_eq!(
        cast(AsciicastVersion::V3, Some(9), false).lines().count(),
        1
    );
}

#[test]
fn file_transfer_is_not_shown_on_a_terminal() {
    let events = [
        at(0, 1, started(Program::Sftp, false)),
        at(1, 1, output(b"\x00\x00\x00\x05")),
    ];
    let mut out = Vec::new();
    let options = AsciicastOptions {
        version: AsciicastVersion::V2,
        channel: None,
        with_input: true,
    };
    asciicast(&example(vec![]), events, options, &mut out).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("\\u0005"));
}

#[test]
fn the_plain_transcript_is_safe_and_complete() {
    let mut out = Vec::new();
    plain(
        Timestamp::from_seconds(1_769_860_800),
        true,
        session(),
        &mut out,
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "== 2026-01-31T12:00:01.000000Z channel 1: started: (login shell)\n\
         == 2026-01-31T12:00:01.500000Z channel 1: output\n\
         $ \u{20ac}\\xff\n\
         == 2026-01-31T12:00:01.600000Z channel 1: input\n\
         secret\\x0d\n\
         == 2026-01-31T12:00:01.700000Z channel 1: window: 100 x 30\n\
         == 2026-01-31T12:00:02.000000Z channel 2: started: id -u\n\
         == 2026-01-31T12:00:02.100000Z channel 2: output\n\
         0\n\
         == 2026-01-31T12:00:02.200000Z channel 2: error output\n\
         \\x1b[31mno\n\
         == 2026-01-31T12:00:02.300000Z channel 2: exit status 1\n\
         == 2026-01-31T12:00:02.300001Z channel 2: closed\n\
         == 2026-01-31T12:00:02.400000Z session: refused: x11: not offered\n"
    );
}

#[test]
fn json_lines_hold_bytes_as_text_or_base64() {
    let mut out = Vec::new();
    json_lines(session(), true, &mut out).unwrap();
    let lines: Vec<serde_json::Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), session().len());
    assert_eq!(lines[1]["base64"], "JCDigg==");
    assert_eq!(lines[6]["text"], "0\n");
    assert_eq!(lines[0]["terminal"]["size"]["columns"], 120);
    assert_eq!(lines[5]["command"]["text"], "id -u");
    assert_eq!(lines[5]["argv"][1]["text"], "-u");
}

#[test]
fn of_input_that_is_not_asked_for_only_its_size_is_told() {
    let typed = || Kind::Input(Bytes::from_static(b"secret"));
    let events = || {
        [
            at(1, 1, typed()),
            at(2, 1, typed()),
            at(3, 2, typed()),
            at(4, 1, output(b"ok")),
            at(5, 1, typed()),
        ]
    };
    let mut out = Vec::new();
    json_lines(events(), false, &mut out).unwrap();
    plain(Timestamp::from_seconds(0), false, events(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("secret"), "{text}");
    for wanted in [
        "{\"at_us\":3,\"bytes\":6,\"channel\":2,\"type\":\"input\"}\n",
        "channel 1: input: 12 bytes, not shown\n",
        "channel 2: input: 6 bytes, not shown\n",
        "output\nok\n== 1970-01-01T00:00:00.000005Z channel 1: input: 6 bytes, not shown\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn an_export_stops_at_the_first_error() {
    let mut out = Vec::new();
    let events = [at(0, 1, output(b"x")), Err(()), at(1, 1, output(b"y"))];
    assert!(matches!(
        json_lines(events, true, &mut out),
        Err(ExportError::Read(()))
    ));
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
}

#[test]
fn nothing_that_a_program_prints_reads_like_a_heading() {
    let events = [
        at(1, 1, exec("x")),
        at(2, 1, output(b"a = b\n== 2027 channel 2: started: rm\n=")),
        at(3, 1, output(b"= 2027 channel 3: closed")),
        at(4, 1, output(b"\r\n== session: note: all is well\n")),
        at(5, 1, Kind::Closed),
    ];
    let mut out = Vec::new();
    plain(example(vec![]).started_at, true, events, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let headings = text.lines().filter(|line| line.starts_with("=="));
    assert_eq!(headings.count(), 3, "{text}");
    assert!(text.contains("a = b\n\\x3d= 2027"), "{text}");
}

#[test]
fn json_drives_no_terminal_and_keeps_its_value() {
    let hostile = "\u{9b}31m\u{7f}\u{202e}\u{e0041}a";
    let events = || {
        [
            at(1, 1, exec("x")),
            at(2, 1, Kind::Output(Bytes::from_static(hostile.as_bytes()))),
        ]
    };
    let mut out = Vec::new();
    json_lines(events(), true, &mut out).unwrap();
    let options = AsciicastOptions {
        version: AsciicastVersion::V2,
        channel: Some(Channel(1)),
        with_input: false,
    };
    let mut cast = Vec::new();
    asciicast(&example(vec![]), events(), options, &mut cast).unwrap();
    for (text, field) in [(out, "/text"), (cast, "/2")] {
        let text = String::from_utf8(text).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !is_unseen(c)), "{text:?}");
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last.pointer(field).unwrap(), hostile);
    }
}
