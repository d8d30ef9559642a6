use std::time::Duration;

use portreeve_protocol::unseen::is_unseen;
use portreeve_recording::event::standing::{Display, Shown};
use portreeve_recording::event::{
    Channel, Event, Kind, Program, Started, Terminal as Pty, WindowSize,
};
use portreeve_recording::read::seek::{Begin, Standing};
use proptest::prelude::*;
use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_core::terminal::Terminal;

use super::*;
use crate::review::replay::deck::Setup;
use crate::review::replay::key::Key;
use crate::review::replay::when::Extent;

const LAST: u64 = 60_000_000;

fn event(at_us: u64, channel: u32, kind: Kind) -> Event {
    Event {
        at_us,
        channel: Channel(channel),
        kind,
    }
}

fn started(at_us: u64, channel: u32, command: &[u8], terminal: Option<(u32, u32)>) -> Event {
    let started = Started {
        program: Program::Exec(command.to_vec().into()),
        environment: vec![],
        terminal: terminal.map(|(columns, rows)| Pty {
            term: "xterm".into(),
            size: WindowSize {
                columns,
                rows,
                pixel_width: 0,
                pixel_height: 0,
            },
            modes: vec![],
        }),
        decision: None,
    };
    event(at_us, channel, Kind::Started(started))
}

/// A player that has come to the end of `events`, with the list of them.
fn deck(secrets: Secrets, events: &[Event]) -> Deck {
    deck_up_to(LAST, None, secrets, events)
}

/// The same of what there is up to `last_us`, of a recording that may have no end.
fn deck_up_to(
    last_us: u64,
    missing_from_us: Option<u64>,
    secrets: Secrets,
    events: &[Event],
) -> Deck {
    let mut deck = Deck::new(Setup {
        title: "alice@example.com via soc/forensics  prod-1 as pr-1  INC-1 look".into(),
        extent: Extent {
            started_at: "2026-01-05T10:00:00Z".parse().unwrap(),
            last_us,
        },
        missing_from_us,
        begin_us: last_us,
        speed: 1.0,
        max_pause: Duration::from_secs(2),
        lists_first: false,
        only: None,
        secrets,
    });
    deck.begins(&Begin::FRONT, last_us);
    events.iter().for_each(|event| deck.event(event.clone()));
    deck.ends();
    deck.read(events, Reading::Done);
    deck
}

fn painted(deck: &Deck, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let draw = |frame: &mut ratatui_core::terminal::Frame<'_>| {
        let area = frame.area();
        paint(deck, Canvas::new(frame.buffer_mut(), area));
    };
    terminal.draw(draw).unwrap();
    terminal.backend().buffer().clone()
}

fn rows(deck: &Deck, width: u16, height: u16) -> Vec<String> {
    let buffer = painted(deck, width, height);
    let rows = buffer.content().chunks(usize::from(width));
    let text = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
    text.map(|row| row.trim_end().to_owned()).collect()
}

fn two_programs() -> Vec<Event> {
    vec![
        started(1, 1, b"top", Some((30, 4))),
        event(
            2,
            1,
            Kind::Output("\x1b]0;owned\x07\x1b[31mload 1.0\x1b[0m\r\n\u{65e5}".into()),
        ),
        started(3, 2, b"sudo ss -tnp\x1b[2J", None),
        event(4, 2, Kind::Output("one\ntwo\n".into())),
        event(5, 2, Kind::ErrorOutput("bad\x07\n".into())),
        event(6, 2, Kind::ExitStatus(3)),
    ]
}

#[test]
fn a_command_is_shown_with_its_output_and_its_end() {
    let rows = rows(&deck(Secrets::Redacted, &two_programs()), 60, 10);
    assert!(rows[0].starts_with("alice@example.com via soc/forensics"));
    assert!(
        rows[1].contains("2  00:00  sudo ss -tnp\\x1b[2J"),
        "{rows:?}"
    );
    assert!(rows[1].ends_with("exit 3"), "{rows:?}");
    assert_eq!(rows[2..5], ["  one", "  two", "! bad\\x07"]);
    assert!(
        rows[8].contains("01:00 / 01:00  2026-01-05T10:01:00Z  1x"),
        "{rows:?}"
    );
}

#[test]
fn lanes_stand_below_each_other() {
    let mut deck = deck(Secrets::Redacted, &two_programs());
    deck.key(Key::Char('a'), Duration::ZERO);
    let rows = rows(&deck, 60, 15);
    assert!(rows[1].contains("1  00:00  top"), "{rows:?}");
    assert!(rows[2].starts_with("load 1.0"), "{rows:?}");
    assert!(rows[7].contains("2  00:00  sudo"), "{rows:?}");
}

#[test]
fn the_list_marks_what_is_notable() {
    let mut deck = deck(Secrets::Redacted, &two_programs());
    deck.key(Key::Char('c'), Duration::ZERO);
    let rows = rows(&deck, 70, 10);
    assert!(rows[2].contains("1     U   runs"), "{rows:?}");
    assert!(rows[3].contains("2  S FU   exit 3"), "{rows:?}");
    assert!(rows[3].ends_with("sudo ss -tnp\\x1b[2J"), "{rows:?}");
}

/// In the status line, at the end of the timeline, in the lanes and in the list.
#[test]
fn a_recording_without_an_end_shows_that_it_has_none() {
    let events = two_programs();
    let drawn = |missing_from_us, keys: &str, last_us| {
        let mut deck = deck_up_to(last_us, missing_from_us, Secrets::Redacted, &events);
        keys.chars()
            .for_each(|key| deck.key(Key::Char(key), Duration::ZERO));
        rows(&deck, 100, 15)
    };
    let says = |rows: &[String], text| rows.iter().any(|row: &String| row.contains(text));

    let whole = drawn(None, "a", LAST);
    for sign in [NO_END, TORN, MISSING, LOST] {
        assert!(!says(&whole, sign), "{sign}: {whole:?}");
    }
    let cut = drawn(Some(LAST), "a", LAST);
    assert!(cut[13].contains("01:00 / 01:00 NO END"), "{cut:?}");
    assert!(cut[13].ends_with(TORN), "{cut:?}");
    assert!(cut[14].contains("THE END OF THIS RECORDING IS MISSING"));
    // The first one ran on; the second one ended before.
    assert!(cut[1].ends_with("end missing"), "{cut:?}");
    assert!(cut[7].ends_with("exit 3"), "{cut:?}");
    let list = drawn(Some(LAST), "c", LAST);
    assert!(list[2].contains("end missing"), "{list:?}");
    assert!(list[3].contains("exit 3"), "{list:?}");

    // Before it, nothing is missing yet, and the status line says that something will be.
    let before = drawn(Some(LAST), "a0", LAST);
    assert!(before[13].contains("00:00 / 01:00 NO END"), "{before:?}");
    assert!(
        !says(&before, LOST) && !says(&before, MISSING),
        "{before:?}"
    );
    // With `--until`, the end of what is shown is another one.
    let part = drawn(Some(LAST), "a", LAST / 2);
    assert!(part[13].contains("00:30 / 00:30 NO END"), "{part:?}");
    for sign in [TORN, MISSING, LOST] {
        assert!(!says(&part, sign), "{sign}: {part:?}");
    }
}

#[test]
fn help_has_every_key() {
    let mut deck = deck(Secrets::Redacted, &[]);
    deck.key(Key::Char('?'), Duration::ZERO);
    let text = rows(&deck, 80, 24).join("\n");
    for (keys, does) in HELP {
        assert!(text.contains(keys) && text.contains(does), "{keys}: {text}");
    }
}

#[test]
fn secrets_on_a_screen_are_redacted_also_where_they_wrap() {
    let secret = "Authorization: Bearer c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let events = [
        started(1, 1, b"sh", Some((30, 6))),
        event(2, 1, Kind::Output(format!("$ {secret}\r\ndone").into())),
    ];
    for (secrets, is_redacted) in [(Secrets::Redacted, true), (Secrets::Shown, false)] {
        let rows = rows(&deck(secrets, &events), 60, 12);
        let screen: Vec<_> = rows[2..8]
            .iter()
            .map(|row| row.replace('\u{250a}', ""))
            .collect();
        let text: String = screen.iter().map(|row| row.trim_end()).collect();
        assert_eq!(!text.contains("c2VjcmV0"), is_redacted, "{rows:?}");
        assert!(
            text.contains("Authorization") && text.contains("done"),
            "{rows:?}"
        );
        assert_eq!(rows[0].contains("SECRETS ARE SHOWN"), !is_redacted);
    }
}

#[test]
fn what_a_secret_was_recognised_as_stands_where_it_stood() {
    let text = "-----BEGIN RSA PRIVATE KEY-----\r\n0123456789abcdefghijklmnop\r\n-----END RSA PRIVATE KEY-----\r\n\
                password=hunter2";
    let events = [
        started(1, 1, b"sh", Some((40, 6))),
        event(2, 1, Kind::Output(text.into())),
    ];
    let rows = rows(&deck(Secrets::Redacted, &events), 60, 12);
    let blocks = |count| "\u{2588}".repeat(count);
    for shown in [
        format!("[private key]{}", blocks(13)),
        format!("password={}\u{250a}", blocks(7)),
    ] {
        let is_shown = rows
            .iter()
            .any(|row| row.replace(' ', "").contains(&shown.replace(' ', "")));
        assert!(is_shown, "{shown}: {rows:?}");
    }
}

#[test]
fn words_in_the_colour_of_their_ground_are_seen() {
    for hiding in ["30;40", "31;41", "38;2;9;9;9;48;2;9;9;9", "30", "97", "8"] {
        let events = [
            started(1, 1, b"sh", Some((30, 4))),
            event(2, 1, Kind::Output(format!("\x1b[{hiding}mhidden").into())),
        ];
        let buffer = painted(&deck(Secrets::Redacted, &events), 60, 10);
        let cell = &buffer[(0, 2)];
        assert_eq!(cell.symbol(), "h");
        let is_plain = cell.fg == Color::Reset && cell.bg == Color::Reset;
        assert!(is_plain, "{hiding}: {:?}", cell.style());
    }
}

#[test]
fn a_screen_that_is_lost_says_so() {
    let events = [
        started(1, 1, b"sh", Some((3000, 3000))),
        event(2, 1, Kind::Output("x".into())),
    ];
    let rows = rows(&deck(Secrets::Redacted, &events), 80, 10);
    assert!(rows[2].contains("too large to be drawn"), "{rows:?}");
}

#[test]
fn a_terminal_that_nobody_drew_says_since_when_until_its_program_resets_it() {
    let start = started(1, 1, b"top", Some((30, 4)));
    let Kind::Started(top) = &start.kind else {
        unreachable!()
    };
    let begin = Begin {
        segment: 9,
        programs: vec![Standing {
            channel: Channel(1),
            started_us: 1,
            started: top.clone(),
            display: Some(Display {
                columns: 20,
                rows: 4,
                shown: Shown::NotSince(13_999_999),
            }),
        }],
    };
    let mut deck = deck(Secrets::Redacted, &[]);
    deck.begins(&begin, LAST);
    deck.event(event(50_000_000, 1, Kind::Output("\x1b[Hload".into())));
    let shown = rows(&deck, 80, 10);
    assert!(shown[2].contains("not drawn since 00:13"), "{shown:?}");
    assert!(shown[4].contains("(g, 00:13)"), "{shown:?}");
    deck.event(event(51_000_000, 1, Kind::Output("\x1bcload".into())));
    assert!(rows(&deck, 80, 10)[2].starts_with("load"));
}

proptest! {
    #[test]
    fn whatever_was_written_in_whatever_window_only_glyphs_are_painted(
        outputs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..6),
        command in proptest::collection::vec(any::<u8>(), 0..60),
        (width, height) in (0u16..100, 0u16..30),
        keys in "[acg?n ]{0,4}",
    ) {
        let mut events = vec![
            started(1, 1, &command, Some((20, 5))),
            started(2, 2, &command, None),
        ];
        for output in outputs {
            events.push(event(3, 1, Kind::Output(output.clone().into())));
            events.push(event(3, 2, Kind::ErrorOutput(output.into())));
        }
        let mut deck = deck(Secrets::Redacted, &events);
        keys.chars().for_each(|key| deck.key(Key::Char(key), Duration::ZERO));
        for cell in painted(&deck, width, height).content() {
            let mut characters = cell.symbol().chars();
            let first = characters.next().unwrap_or(' ');
            prop_assert!(!is_unseen(first), "{first:?}");
            prop_assert!(characters.next().is_none(), "{:?}", cell.symbol());
        }
    }
}
