use proptest::prelude::*;

use super::*;

fn size(columns: u32, rows: u32) -> Option<Size> {
    Size::new(columns, rows)
}

fn screen(columns: u32, rows: u32, bytes: &[u8]) -> Screen {
    let mut screen = Screen::new(size(columns, rows));
    screen.feed(bytes);
    screen
}

#[test]
fn what_is_seen_is_what_a_terminal_shows() {
    for (bytes, lines) in [
        (&b"plain\r\ntext"[..], ["plain", "text", ""]),
        (b"\x1b[31mred\x1b[0m", ["red", "", ""]),
        (b"10%\r20%", ["20%", "", ""]),
        (b"passw\x08\x08ord", ["pasord", "", ""]),
        (b"one\r\n\x1b[2J\x1b[Htwo", ["two", "", ""]),
        (
            b"a long line that wraps at twenty",
            ["a long line that wra", "ps at twenty", ""],
        ),
        (
            "caf\u{e9} \u{65e5}".as_bytes(),
            ["caf\u{e9} \u{65e5}", "", ""],
        ),
        (b"bad \xff byte", ["bad \u{fffd} byte", "", ""]),
        (
            b"\x1b]0;title\x07\x1bP1;2|x\x1b\\\x1b[6nseen",
            ["seen", "", ""],
        ),
        (b"shell\x1b[?1049h\x1b[Hvim", ["vim", "", ""]),
        (b"shell\x1b[?1049hvim\x1b[?1049l", ["shell", "", ""]),
    ] {
        assert_eq!(screen(20, 3, bytes).lines(), lines, "{bytes:x?}");
    }
}

#[test]
fn lines_that_leave_the_screen_are_told() {
    let mut screen = Screen::new(size(6, 2));
    let mut gone = Vec::new();
    screen.feed_telling(b"one\r\ntwothree\r\nfour\r\nfive", |line| {
        gone.push((line.text.to_owned(), line.goes_on));
    });
    let gone: Vec<_> = gone.iter().map(|(text, on)| (text.as_str(), *on)).collect();
    assert_eq!(gone, [("one", false), ("twothr", true), ("ee", false)]);
    assert_eq!(screen.lines(), ["four", "five"]);
}

#[test]
fn a_size_that_nobody_said_is_the_usual_one_and_a_huge_one_is_lost() {
    assert_eq!(
        size(0, 0).map(|size| (size.columns(), size.rows())),
        Some((80, 24))
    );
    for (columns, rows) in [(1025, 1), (1, 1025), (1024, 1024), (u32::MAX, u32::MAX)] {
        assert_eq!(size(columns, rows), None);
    }
    assert_eq!(Screen::new(size(2000, 10)).lost(), Some(Lost::TooLarge));
    let mut resized = screen(80, 24, b"text");
    resized.resize(size(100_000, 100_000));
    assert_eq!(resized.lost(), Some(Lost::TooLarge));
    resized.feed(b"more");
    assert!(resized.lines().is_empty() && resized.drawing().is_none());
}

#[test]
fn output_that_asks_for_too_much_work_is_drawn_no_further() {
    let floods: [(&[u8], bool); 7] = [
        (b"\x1bc", true),
        (b"x\x1b[65535b", true),
        (b"\x1b[2J", true),
        (b"\x1b[?1049h\x1b[?1049l", true),
        (b"line of text\r\n", false),
        (b"\r\n", false),
        (b"\x1b[?25l\x1b[1m.\x1b[0m\x1b[?25h", false),
    ];
    for (flood, is_lost) in floods {
        let screen = screen(200, 60, &flood.repeat(20_000));
        let expected = is_lost.then_some(Lost::TooMuchWork);
        assert_eq!(screen.lost(), expected, "{flood:x?}");
    }
}

#[test]
fn a_program_that_clears_its_screen_for_ever_stays_seen() {
    let mut screen = Screen::new(size(200, 60));
    for _ in 0..10_000 {
        screen.feed(b"\x1b[H\x1b[2J\x1b[3J");
    }
    assert_eq!(screen.lost(), None);
}

fn output() -> impl Strategy<Value = Vec<u8>> {
    let sequence = prop_oneof![
        Just(b"\x1b[?1049h".to_vec()),
        Just(b"\x1b[?1049l".to_vec()),
        Just(b"\x1b7\x1b[5;3r".to_vec()),
        Just(b"\x1b8\x1b(0".to_vec()),
        Just("\u{65e5}\u{672c}".as_bytes().to_vec()),
        Just("e\u{301}\u{202e}".as_bytes().to_vec()),
        "\\x1b\\[[0-9;?]{0,8}[@-~]".prop_map(String::into_bytes),
        "\\x1b[\\]P][0-9;a-z]{0,8}".prop_map(String::into_bytes),
        "[ -~\r\n\t\x08]{0,30}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(sequence, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_screen_goes_on_from_its_drawing_as_if_nothing_had_been(before in output(), after in output()) {
        let mut whole = screen(20, 6, &before);
        let mut rested = screen(20, 6, &before).rest().wake();
        prop_assert_eq!(whole.lines(), rested.lines());
        whole.feed(&after);
        rested.feed(&after);
        prop_assert_eq!(whole.lines(), rested.lines());
        prop_assert_eq!(whole.drawing(), rested.drawing());
    }

    #[test]
    fn where_output_is_cut_changes_nothing(bytes in output(), cut in any::<prop::sample::Index>()) {
        let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut pieces = screen(20, 6, a);
        pieces.feed(b);
        prop_assert_eq!(pieces.drawing(), screen(20, 6, &bytes).drawing());
    }

    #[test]
    fn no_output_and_no_size_brings_it_down(
        parts in proptest::collection::vec((output(), 0u32..40, 0u32..12), 0..6),
    ) {
        let mut screen = Screen::new(size(10, 4));
        for (bytes, columns, rows) in parts {
            screen.feed(&bytes);
            screen.resize(size(columns, rows));
        }
        prop_assert_ne!(screen.lost(), Some(Lost::Failed));
    }
}
