use super::*;
use crate::event::{self, Program as What, Started};

const CHANNEL: Channel = Channel(1);

fn started(columns: u32, rows: u32) -> Kind {
    Kind::Started(Started {
        program: What::Shell,
        environment: vec![],
        terminal: Some(event::Terminal {
            term: "xterm".into(),
            size: window(columns, rows),
            modes: vec![],
        }),
        decision: None,
    })
}

const fn window(columns: u32, rows: u32) -> WindowSize {
    WindowSize {
        columns,
        rows,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn output(bytes: &'static [u8]) -> Kind {
    Kind::Output(Bytes::from_static(bytes))
}

/// A segment of what happened at one moment.
fn segment(at_us: u64, events: impl IntoIterator<Item = (Channel, Kind)>) -> Pending {
    let mut segment = Pending::default();
    for (channel, kind) in events {
        segment.push(&Event {
            at_us,
            channel,
            kind,
        });
    }
    segment
}

/// What happened at one moment on one channel is followed and drawn.
fn follow(screens: &mut Screens, at_us: u64, kinds: impl IntoIterator<Item = Kind>) {
    let events = kinds.into_iter().map(|kind| (CHANNEL, kind));
    screens.follow(&mut segment(at_us, events), 0);
    screens.draw();
}

fn drawing(screens: &Screens) -> Option<&[u8]> {
    drawing_of(screens, CHANNEL)
}

fn drawing_of(screens: &Screens, channel: Channel) -> Option<&[u8]> {
    let terminal = screens.running.get(&channel)?.terminal.as_ref()?;
    terminal.screen.drawing()
}

/// How many of the terminals are known.
fn known(screens: &Screens) -> usize {
    let channels = screens.running.keys();
    let known = channels.filter(|channel| drawing_of(screens, **channel).is_some());
    known.count()
}

#[test]
fn a_terminal_that_is_given_up_at_a_window_stays_so_to_the_end_of_its_segment() {
    let mut screens = Screens::default();
    let give_up = [
        Kind::Window(window(2000, 2000)),
        Kind::Window(window(80, 24)),
        output(b"\x1bcnew"),
    ];
    follow(&mut screens, 1, [started(80, 24)]);
    assert!(drawing(&screens).is_some());
    follow(&mut screens, 2, give_up);
    assert_eq!(drawing(&screens), None);
    follow(&mut screens, 3, [output(b"\x1bcnew")]);
    assert!(drawing(&screens).is_some());
}

#[test]
fn a_terminal_that_was_not_drawn_is_not_given_up_by_a_window() {
    let mut screens = Screens::default();
    follow(
        &mut screens,
        1,
        [
            started(2000, 2000),
            output(b"too large"),
            Kind::Window(window(80, 24)),
        ],
    );
    follow(
        &mut screens,
        2,
        [Kind::Window(window(70, 24)), output(b"\x1bcnew")],
    );
    assert!(drawing(&screens).is_some());
}

#[test]
fn a_terminal_whose_bytes_cause_much_work_is_given_up() {
    let mut screens = Screens::default();
    follow(&mut screens, 1, [started(512, 512)]);
    screens.allowance.left = 64 * 1024;
    follow(&mut screens, 1, vec![output(b"\x1b[2J"); 10]);
    assert!(drawing(&screens).is_some());
    follow(&mut screens, 1, vec![output(b"\x1b[2J"); 100]);
    assert_eq!(drawing(&screens), None);
    assert_eq!(screens.allowance.left, 0);
    follow(&mut screens, 1_000_001, [output(b"\x1bcnew")]);
    follow(&mut screens, 2_000_001, [output(b"\x1bcnew")]);
    assert!(drawing(&screens).is_some());
}

#[test]
fn to_draw_again_on_many_terminals_is_paid_however_little_is_written_to_them() {
    const MANY: u32 = 8;
    let mut screens = Screens::default();
    let round = |kind: &dyn Fn() -> Kind| segment(1, (1..=MANY).map(|one| (Channel(one), kind())));
    screens.follow(&mut round(&|| started(512, 512)), 0);
    // Each that is drawn on takes some megabytes for as long as that lasts, and its time.
    let cost = 512 * 512 / 16;
    screens.allowance.left = u64::from(MANY) * 3 / 2 * cost;
    for known_afterwards in [MANY, MANY / 2 - 1] {
        screens.follow(&mut round(&|| output(b"x")), 0);
        screens.draw();
        assert_eq!(known(&screens), known_afterwards as usize);
    }
    assert!(screens.allowance.left < cost);
}

#[test]
fn a_flood_of_lines_pays_for_being_drawn_on_again() {
    let mut screens = Screens::default();
    follow(&mut screens, 1, [started(400, 100)]);
    let lines = Bytes::from(b"a line of a flood\r\n".repeat(4000));
    screens.allowance.left = 256 * 1024;
    for _ in 0..20 {
        follow(&mut screens, 1, [Kind::Output(lines.clone())]);
        assert!(drawing(&screens).is_some());
    }
    // The lines that are seen in the end, and little else.
    let spent = 256 * 1024 - screens.allowance.left;
    assert!(spent < 20 * 3 * 1024, "{spent}");
}

#[test]
fn a_drawing_for_which_there_is_no_room_is_not_kept() {
    let mut screens = Screens::default();
    follow(&mut screens, 7, [started(80, 24), output(b"text")]);
    let mut room = drawing(&screens).unwrap().len();
    for is_kept in [true, false] {
        let terminal = screens.terminal(CHANNEL).unwrap();
        terminal.keep_within(&mut room);
        assert_eq!(terminal.screen.drawing().is_some(), is_kept);
    }
    let mut room = MAX_DRAWINGS;
    let told = screens.terminal(CHANNEL).unwrap().display(9, &mut room);
    assert_eq!(told.shown, Shown::NotSince(7));
}

#[test]
fn what_is_little_waits_until_a_reader_is_to_be_told() {
    let mut screens = Screens::default();
    screens.follow(&mut segment(1, [(CHANNEL, started(80, 24))]), 0);
    for _ in 2..SEGMENTS {
        screens.follow(&mut segment(1, [(CHANNEL, output(b"word "))]), 0);
    }
    assert_eq!(screens.allowance.left, FLOOD);
    screens.follow(&mut segment(1, [(CHANNEL, output(b"last"))]), 0);
    assert!(screens.allowance.left < FLOOD);
    let text = drawing(&screens).unwrap().to_vec();
    assert!(text.windows(9).any(|part| part == b"word last"), "{text:?}");
}
