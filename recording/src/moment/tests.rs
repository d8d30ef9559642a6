use bytes::Bytes;
use portreeve_protocol::unseen::is_unseen;
use proptest::prelude::*;

use super::*;
use crate::event::{ExitSignal, FileAct, Terminal};

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

fn at(at_us: u64, kind: EventKind) -> Event {
    Event {
        at_us,
        channel: Channel(1),
        kind,
    }
}

fn started(program: Program, terminal: Option<(u32, u32)>) -> EventKind {
    EventKind::Started(Started {
        program,
        environment: vec![],
        terminal: terminal.map(|(columns, rows)| Terminal {
            term: Bytes::from_static(b"xterm"),
            size: WindowSize {
                columns,
                rows,
                pixel_width: 0,
                pixel_height: 0,
            },
            modes: vec![],
        }),
        decision: None,
    })
}

fn exec(command: &str) -> EventKind {
    started(
        Program::Exec(Bytes::copy_from_slice(command.as_bytes())),
        None,
    )
}

fn output(bytes: impl AsRef<[u8]>) -> EventKind {
    EventKind::Output(Bytes::copy_from_slice(bytes.as_ref()))
}

fn input(bytes: &str) -> EventKind {
    EventKind::Input(Bytes::copy_from_slice(bytes.as_bytes()))
}

fn found(events: impl IntoIterator<Item = Event>) -> Vec<Found> {
    let mut moments = Moments::new(|json| vec![format!("host says {json}")]);
    let mut out = Vec::new();
    events
        .into_iter()
        .for_each(|event| moments.add(&event, &mut out));
    moments.finish(&mut out);
    out
}

/// Kind and text of what is found.
fn texts(events: impl IntoIterator<Item = Event>) -> Vec<(Kind, String)> {
    let found = found(events).into_iter();
    found
        .filter_map(|found| match found {
            Found::Moment(moment) => Some((moment.kind, moment.text)),
            Found::Begun(_) | Found::Ended { .. } => None,
        })
        .collect()
}

fn of_terminal(pieces: &[(u64, &str)]) -> Vec<String> {
    let events = pieces.iter().map(|(at_us, text)| at(*at_us, output(text)));
    texts(std::iter::once(at(0, started(Program::Shell, Some((40, 5))))).chain(events))
        .into_iter()
        .filter(|(kind, _)| *kind == Kind::Output)
        .flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_program_and_its_streams_become_moments() {
    let out = found([
        at(10, exec("/usr/bin/sort -u 'a file' | head")),
        at(20, input("one\ntwo\n")),
        at(30, output("three\n")),
        at(31, EventKind::ErrorOutput(Bytes::from_static(b"warning"))),
        at(40, EventKind::ExitStatus(3)),
        at(50, EventKind::Closed),
        at(
            60,
            EventKind::Refused {
                what: "direct-tcpip".into(),
                reason: "not offered".into(),
            },
        ),
        at(70, EventKind::HostEvent("x".into())),
    ]);
    let Found::Begun(begun) = &out[0] else {
        panic!("{out:?}")
    };
    assert_eq!(
        begun.words,
        ["/usr/bin/sort", "-u", "a file", "sort", "head"]
    );
    assert!(out.contains(&Found::Ended {
        program: 0,
        end: End::Status(3)
    }));
    let moments: Vec<_> = out
        .iter()
        .filter_map(|found| match found {
            Found::Moment(moment) => Some((
                moment.at_us,
                moment.kind,
                moment.text.as_str(),
                moment.program,
            )),
            Found::Begun(_) | Found::Ended { .. } => None,
        })
        .collect();
    assert_eq!(
        moments,
        [
            (
                10,
                Kind::Command,
                "/usr/bin/sort -u 'a file' | head",
                Some(0)
            ),
            (20, Kind::Input, "one\ntwo", Some(0)),
            (30, Kind::Output, "three", Some(0)),
            (31, Kind::Output, "warning", Some(0)),
            (60, Kind::Refused, "direct-tcpip: not offered", None),
            (70, Kind::Host, "host says x", None),
        ]
    );
}

#[test]
fn nothing_hides_a_word_from_plain_text() {
    for hidden in [
        "pass\x1b[31mword",
        "pass\x1b[0;1;38:2::1:2:3mword",
        "pass\x1b]0;title\x07word",
        "pass\x1b]8;;http://x\x1b\\word",
        "pasx\x08sword",
        "pass\u{200b}word",
        "p\u{34f}a\u{3164}s\u{fe0f}s\u{e0100}word",
        "pass\u{ad}word",
        "pass\x1b(Bword",
        "pass\x1bPq#0\x1b\\word",
        "pass\u{9b}1mword",
        "password\r        ",
        "x\rpassword",
        "pass\x07word",
        "\x1b[2Jpassword\x1b[K",
        "pass\x0fword",
    ] {
        let text = texts([at(0, exec("x")), at(1, output(hidden))]);
        assert!(
            text.iter().any(|(_, text)| text.contains("password")),
            "{hidden:?}: {text:?}"
        );
    }
}

#[test]
fn a_sequence_cut_anywhere_is_one() {
    let bytes = "a\x1b]0;t\x07b\x1b[1;31mc\u{20ac}\r\nd".as_bytes();
    for cut in 0..bytes.len() {
        let (a, b) = bytes.split_at(cut);
        let text = texts([at(0, exec("x")), at(1, output(a)), at(1, output(b))]);
        assert_eq!(text[1].1, "abc\u{20ac}\nd", "cut at {cut}");
    }
}

#[test]
fn words_that_cursor_movements_put_together_are_found() {
    let lines = of_terminal(&[
        (1, "word"),
        (2, "\x1b[1;1Hpass"),
        (3, "\x1b[1;5Hword\x1b[3;1H"),
        (900_000, "$ "),
    ]);
    assert!(lines.contains(&"password".to_owned()), "{lines:?}");
    // Written from right to left, and cleared after it stood there.
    let lines = of_terminal(&[
        (1, "\x1b[2;6Hs\x1b[2;1Hinvoi\x1b[2;6Hce"),
        (500_000, "\x1b[2J"),
        (500_001, "x"),
    ]);
    assert!(lines.contains(&"invoice".to_owned()), "{lines:?}");
}

#[test]
fn what_a_screen_and_a_stream_both_say_is_there_once() {
    let lines = of_terminal(&[
        (0, "$ "),
        (500_000, "l"),
        (900_000, "s"),
        (1_400_000, "\r\na\tb\r\nc\r\n$ "),
        (9_000_000, "exit\r\n"),
    ]);
    assert_eq!(lines, ["$ ls", "a b", "c", "$ exit"]);
}

#[test]
fn a_line_that_a_screen_breaks_is_one() {
    let long = "x".repeat(39) + "needle";
    let lines = of_terminal(&[(0, &format!("\x1b[1;1H{long}\x1b[4;1H")), (900_000, "y")]);
    assert!(
        lines.iter().any(|line| line.contains("needle")),
        "{lines:?}"
    );
}

#[test]
fn secrets_do_not_come_out() {
    let all = found([
        at(
            0,
            exec(&format!(
                "mysql -phunter2 -e 'x'; curl -u a:hunter2 h; echo {TOKEN}"
            )),
        ),
        at(
            1,
            output(format!(
                "pass\x1b[31mword: hunter2\ngh\x1b[1mp_{}\n",
                &TOKEN[4..]
            )),
        ),
        at(
            2,
            output(
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkt\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n",
            ),
        ),
        at(3, EventKind::Closed),
        at(4, exec("sudo -S id")),
        at(5, input("hunter2\n")),
        at(6, started(Program::Shell, Some((40, 5)))),
        at(7, input("sudo id\rhunter2\r")),
        at(8, output("$ sudo id\r\n[sudo] password for alice: \r\n")),
        at(9, EventKind::Note("PGPASSWORD=hunter2".into())),
    ]);
    let text = format!("{all:?}");
    assert!(
        !text.contains("hunter2")
            && !text.contains("0123456789abcdefghij")
            && !text.contains("b3Blbn"),
        "{text}"
    );
    assert!(text.contains("[sudo] password for alice:"), "{text}");
    // A terminal that breaks a token at its edge shows it whole to the redaction.
    let lines = of_terminal(&[
        (0, &format!("\x1b[1;1H{}{TOKEN}\x1b[4;1H", "y ".repeat(10))),
        (900_000, "z"),
    ]);
    assert!(!format!("{lines:?}").contains("0123456789"), "{lines:?}");
}

#[test]
fn what_is_no_text_is_left_out() {
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n * 7919 % 251) as u8).collect();
    let text = texts([
        at(0, exec("cat x")),
        at(1, output(noise)),
        at(2, output("\nplain line\n")),
    ]);
    assert!(
        text.iter().any(|(_, text)| text.contains("plain line")),
        "{text:?}"
    );
    assert!(text.iter().all(|(_, text)| text.len() < 600), "{text:?}");
    let sftp = texts([
        at(0, started(Program::Sftp, None)),
        at(1, output("readable")),
        at(2, input("readable")),
    ]);
    assert_eq!(sftp, [(Kind::Command, "(sftp)".to_owned())]);
}

#[test]
fn operations_on_files_are_found_by_their_paths() {
    let operation = FileOperation {
        act: FileAct::Rename,
        path: Bytes::from_static(b"/srv/a\x1b[1mb"),
        other: Some(Bytes::from_static(b"/srv/c")),
        detail: None,
        result: Some(0),
        content: None,
    };
    let out = found([
        at(0, started(Program::Sftp, None)),
        at(1, EventKind::File(operation)),
    ]);
    let Some(Found::Moment(moment)) = out.last() else {
        panic!("{out:?}")
    };
    assert_eq!((moment.kind, moment.program), (Kind::File, Some(0)));
    assert_eq!(moment.paths, ["/srv/a\u{1b}[1mb", "/srv/c"]);
    assert!(moment.text.contains("/srv/c") && !moment.text.contains('\u{1b}'));
}

#[test]
fn moments_are_short_in_text_and_in_time() {
    let many: String = (0..500).map(|n| format!("line {n} of many\n")).collect();
    let text = texts([at(0, exec("x")), at(1, output(many))]);
    assert!(text.len() > 3 && text.iter().all(|(_, text)| text.len() <= 2048));
    let text = texts([
        at(0, exec("x")),
        at(1, output("a\n")),
        at(2_000_000, output("b\n")),
    ]);
    assert_eq!(text.len(), 3);
    // A term across the border of two pieces of one line is in one of them.
    let long: String = (0..9000).map(|n| format!("{n},")).collect();
    let text = texts([at(0, exec("x")), at(1, output(long))]);
    for n in 0..9000 {
        assert!(
            text.iter()
                .any(|(_, text)| text.contains(&format!(",{n},")) || n == 0),
            "{n}"
        );
    }
}

#[test]
fn programs_end_once_and_by_what_ended_them() {
    let signal = EventKind::ExitSignal(ExitSignal {
        name: "KILL".into(),
        core_dumped: false,
        message: String::new(),
    });
    let out = found([
        at(0, exec("a")),
        at(1, signal),
        at(2, EventKind::Closed),
        at(3, exec("b")),
    ]);
    let ends: Vec<_> = out
        .iter()
        .filter(|found| matches!(found, Found::Ended { .. }))
        .collect();
    assert_eq!(
        ends,
        [&Found::Ended {
            program: 0,
            end: End::Signal
        }]
    );
}

proptest! {
    #[test]
    fn whatever_passes_nothing_that_drives_a_terminal_comes_out(pieces in proptest::collection::vec((0_u64..400_000, proptest::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\x1b[]0123456789;HJKm\r\n ab".to_vec())], 0..40)), 0..8), with_terminal in any::<bool>()) {
        let terminal = with_terminal.then_some((20, 4));
        let mut now = 0;
        let events = pieces.iter().map(|(wait, bytes)| { now += wait; at(now, output(bytes)) });
        let all = found(std::iter::once(at(0, started(Program::Shell, terminal))).chain(events.collect::<Vec<_>>()));
        for one in all {
            if let Found::Moment(moment) = one {
                prop_assert!(moment.text.chars().all(|c| c == '\n' || !is_unseen(c)), "{:?}", moment.text);
                prop_assert!(!moment.text.is_empty());
            }
        }
    }
}

/// Who opens channels must not choose what is searched without anybody being told.
#[test]
fn what_is_followed_no_further_is_said() {
    let begun = |terminal| {
        let of = move |channel| Event {
            channel: Channel(channel),
            ..at(u64::from(channel), started(Program::Shell, terminal))
        };
        move |most: u32| {
            let notes = found((1..=most).map(of))
                .into_iter()
                .filter_map(|found| match found {
                    Found::Moment(moment) if moment.kind == Kind::Note => {
                        Some((moment.channel.0, moment.program, moment.text))
                    }
                    Found::Begun(_) | Found::Ended { .. } | Found::Moment(_) => None,
                });
            notes.collect::<Vec<_>>()
        }
    };
    assert_eq!(begun(None)(256), []);
    let dropped = begun(None)(257);
    assert_eq!(dropped, [(1, Some(0), NOT_FOLLOWED.to_owned())]);
    assert_eq!(begun(Some((80, 24)))(16), []);
    let blind = begun(Some((80, 24)))(17);
    assert_eq!(blind, [(17, Some(16), NO_SCREEN.to_owned())]);
}
