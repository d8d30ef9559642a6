use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::screen::Lost;

/// What does not stay in its row, is no text, or is cut.
const ELSE: &[&[u8]] = &[
    b"\xff",
    b"\x1b(0",
    b"\x1b]\xc2\x9c",
    b"\x1b[?25l",
    b"\xe6\x97",
    b"\xc2\x9b3A",
    b"\x0e",
    b"\x0f",
    b"\x1b[A",
    b"\x1b[2b",
    b"\x1bM",
    b"\x1b[1;3",
];

/// What may be in a line of a flood: everything that stays in its row, and a little that does not.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => "[ -~]{0,8}".prop_map(String::into_bytes),
        3 => "\\x1b\\[[0-9;:]{0,6}m".prop_map(String::into_bytes),
        2 => "\\x1b\\[[0-9]{0,2}[@CDGKPX`am]".prop_map(String::into_bytes),
        2 => select(&["\t", "\x08", "\r", "\x07", "\0", "\x7f", "\x0b", "\x0c", "\n"][..]).prop_map(|s| s.into()),
        2 => select(&["\u{65e5}\u{672c}", "e\u{301}", "\u{a0}\u{200b}", "\u{1f600}"][..]).prop_map(|s| s.into()),
        1 => select(&["\x1b(B", "\x1b]0;m\x07", "\x1b]8;;\u{e9}\x1b\\"][..]).prop_map(|s| s.into()),
        1 => select(ELSE).prop_map(Vec::from),
    ];
    vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// A few lines, again and again, with one kind of line end.
fn flood() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![5 => Just("\r\n"), 2 => Just("\n"), 1 => Just("\n\r"), 1 => Just("")];
    (vec(line(), 1..4), end, 1..12usize).prop_map(|(lines, end, times)| {
        let ended = lines.iter().map(|line| [line, end.as_bytes()].concat());
        ended.collect::<Vec<_>>().concat().repeat(times)
    })
}

/// What changes how a flood is drawn.
fn setting() -> impl Strategy<Value = Vec<u8>> {
    let known = &[
        "\x1b[2;4r",
        "\x1b[1;3r",
        "\x1b[r",
        "\x1b[99;1H",
        "\x1b[H",
        "\x1b[2;2H",
        "\x1b[?6h",
        "\x1b[?6l",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b[4h",
        "\x1b[4l",
        "\x1b[20h",
        "\x1b[20l",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[?47h",
        "\x1b7",
        "\x1b8",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0\x0e",
        "\x0f",
        "\x1bc",
        "\x1b[!p",
        "\x1b#8",
        "\x1b[2J",
        "\x1b[J",
        "\x1b[41m",
        "\x1b[3g",
        "\x1bH",
        "\x1b[2L",
        "\x1b[2M",
        "\x1b[2S",
        "\x1b[2T",
        "\x1b",
        "\x1b[",
        "\x1b[5",
        "\x1b]0;",
        "\x1b\\",
        "\x07",
        "\x1bP",
        "\u{9d}",
        "\u{9c}",
        "\u{85}",
        "\x1b[?25l",
        "\x18",
    ];
    let any = "\\x1b[\\[\\]P(]?[0-9;?]{0,5}[@-~]".prop_map(String::into_bytes);
    prop_oneof![4 => select(&known[..]).prop_map(|s| s.into()), 1 => any]
}

fn output() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![3 => flood(), 2 => setting(), 1 => line()];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn size() -> impl Strategy<Value = Option<Size>> {
    (1u32..10, 1u32..7).prop_map(|(columns, rows)| Size::new(columns, rows))
}

/// Cuts into pieces.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    at.push(bytes.len());
    let mut from = 0;
    let piece = |to| &bytes[std::mem::replace(&mut from, to)..to];
    at.into_iter().map(piece).collect()
}

/// Lines that leave a screen when it is cleared and written to.
fn leaving(screen: &mut Screen) -> Vec<(String, bool)> {
    let mut gone = Vec::new();
    screen.feed_telling(b"\x18\x1b[2J\x1b[?1049l\x1b[2Jand\r\non\r\n", |line| {
        gone.push((line.text.to_owned(), line.goes_on));
    });
    gone
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_not_drawn_is_not_missed(
        size in size(),
        parts in vec((output(), vec(any::<Index>(), 0..4), proptest::option::of(size()), any::<bool>()), 1..4),
    ) {
        let mut watched = Screen::new(size);
        let mut unwatched = Unwatched::new(Screen::new(size));
        for (bytes, cuts, size, is_drawn) in &parts {
            for piece in pieces(bytes, cuts) {
                watched.feed(piece);
                unwatched.feed(piece);
            }
            if *is_drawn {
                unwatched.draw(u64::MAX);
                prop_assert_eq!(unwatched.waits(), 0);
            }
            if let Some(size) = size {
                watched.resize(*size);
                unwatched.resize(*size);
            }
        }
        let mut seen = unwatched.look();
        if watched.lost().is_some() {
            return Ok(());
        }
        prop_assert_eq!(seen.lost(), None);
        prop_assert_eq!(seen.lines(), watched.lines());
        prop_assert_eq!(seen.drawing(), watched.drawing());
        let cursor = |screen: &Screen| screen.terminal().unwrap().cursor_position();
        prop_assert_eq!(cursor(&seen), cursor(&watched));
        prop_assert_eq!(leaving(&mut seen), leaving(&mut watched));
        prop_assert_eq!(seen.drawing(), watched.drawing());
    }
}

#[test]
fn the_column_is_the_one_of_the_last_line_end_that_is_left_out() {
    let size = Size::new(4, 1);
    let mut watched = Screen::new(size);
    watched.feed(b"one\nt\r\n\nw");
    let mut unwatched = Unwatched::new(Screen::new(size));
    unwatched.feed(b"one\nt\r\n\nw");
    assert!(unwatched.waits() > unwatched.draw(u64::MAX));
    assert_eq!(unwatched.look().drawing(), watched.drawing());
}

/// How much of a flood in pieces of 100 bytes is drawn on a screen of 80 by 24, in percent.
fn share(flood: &[u8]) -> u64 {
    let mut unwatched = Unwatched::new(Screen::new(Size::new(80, 24)));
    for piece in flood.chunks(100) {
        unwatched.feed(piece);
    }
    let mut watched = Screen::new(Size::new(80, 24));
    watched.feed(flood);
    let share = unwatched.draw(u64::MAX) * 100 / flood.len() as u64;
    assert_eq!(unwatched.look().drawing(), watched.drawing());
    share
}

#[test]
fn a_flood_of_lines_is_hardly_drawn_and_one_that_moves_about_is() {
    let numbered = |line: &str| -> Vec<u8> {
        let lines = (0..5000).map(|number| line.replace('#', &number.to_string()));
        lines.collect::<String>().into_bytes()
    };
    for (line, hardly) in [
        ("line # of a log\r\n", true),
        ("\x1b[32mok\x1b[0m test # \u{2714}\r\n", true),
        ("a.rs:\x1b[01;31m\x1b[K#\x1b[m\x1b[K: found\r\n", true),
        ("caf\u{e9} \u{65e5}\u{672c} #\x08\x08\t|\r\n", true),
        ("\x1b]8;;u#\x1b\\link\x1b]8;;\x1b\\ \x1b(B\x1b[m\r\n", true),
        ("\x1b(0lqk\x1b(B#\r\n", false),
        ("\x1b[#;1Hrow\r\n", false),
        ("one line without end #", false),
    ] {
        let share = share(&numbered(line));
        assert_eq!(share < 5, hardly, "{line:?}: {share} %");
    }
    assert!(share(&b"caf\xe9\r\n".repeat(5000)) < 5);
}

#[test]
fn a_flood_inside_of_margins_or_on_the_other_screen_is_hardly_drawn() {
    let lines = b"plain text\r\n".repeat(3000);
    for setting in [
        &b"\x1b[5;20r\x1b[20;1H"[..],
        b"\x1b[1;20r\x1b[20;1H",
        b"\x1b[?1049h\x1b[24;1H",
        b"\x1b[44m",
    ] {
        let share = share(&[setting, &lines].concat());
        assert!(share < 5, "{setting:?}: {share} %");
    }
}

#[test]
fn a_terminal_that_nobody_saw_is_seen_again_from_a_reset_on() {
    let size = Size::new(20, 3);
    for (pieces, seen) in [
        (&[&b"text\x1b[2J\x1b[H"[..]][..], None),
        (&[b"before\x1bcafter"], Some("after")),
        (&[b"before\x1b", b"cafter\x1b", b"[31m."], Some("after.")),
        (&[b"\x1b", b"", b"cx"], Some("x")),
        (&[b"\x1b", b"[c", b"cx"], None),
        (&[b"\x1bcone\x1bctwo"], Some("two")),
    ] {
        let mut watched = Screen::unseen(size);
        let mut unwatched = Unwatched::new(Screen::unseen(Size::new(50, 50)).rest().wake());
        unwatched.resize(size);
        for piece in pieces {
            watched.feed(piece);
            unwatched.feed(piece);
        }
        let looked = unwatched.look();
        for screen in [watched, looked] {
            let expected = seen.map_or(Err(Lost::Unseen), |seen| Ok(seen.to_owned()));
            let first = || screen.lines().into_iter().next().unwrap();
            assert_eq!(screen.lost().map_or_else(|| Ok(first()), Err), expected);
        }
    }
}

#[test]
fn a_terminal_is_made_anew_only_as_often_as_its_meter_pays() {
    let size = Size::new(512, 512);
    for pieces in [&[&b"\x1bc"[..]][..], &[b"\x1b", b"c"]] {
        let mut unwatched = Unwatched::new(Screen::unseen(size));
        let mut made = 0;
        for _ in 0..400 {
            for piece in pieces {
                unwatched.feed(piece);
            }
            made += u32::from(unwatched.lost().is_none());
            unwatched.forget(size);
        }
        // What was saved up pays 63 times, and then the pieces earn one more now and then.
        assert!((64..100).contains(&made), "{made}");
    }
}

#[test]
fn work_that_takes_longer_than_its_bytes_may_is_counted_as_more_of_them() {
    let clears = |most| {
        let mut unwatched = Unwatched::new(Screen::new(Size::new(512, 512)));
        for _ in 0..100 {
            unwatched.feed(b"\x1b[2J");
        }
        let drawn = unwatched.draw(most);
        (drawn, unwatched.lost())
    };
    let (drawn, lost) = clears(u64::MAX);
    assert!(drawn > 100 * 512, "{drawn}");
    assert_eq!(lost, None);
    assert_eq!(clears(drawn + 1), (drawn, None));
    assert_eq!(clears(10_000), (10_000, Some(Lost::TooMuchWork)));
}
