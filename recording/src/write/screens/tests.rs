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
fn follow(screens: &mut Screens, at_us: u64, kinds: impl IntoIterator<Item = Kind>) {
    let mut segment = Pending::default();
    for kind in kinds {
        segment.push(&Event {
            at_us,
            channel: CHANNEL,
            kind,
        });
    }
    screens.follow(&mut segment, 0);
}

fn drawing(screens: &Screens) -> Option<&[u8]> {
    let terminal = screens.running.get(&CHANNEL)?.terminal.as_ref()?;
    terminal.screen.drawing()
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
    screens.allowance.left = 16 * 1024;
    follow(&mut screens, 1, vec![output(b"\x1b[2J"); 10]);
    assert!(drawing(&screens).is_some());
    follow(&mut screens, 1, vec![output(b"\x1b[2J"); 100]);
    assert_eq!(drawing(&screens), None);
    assert_eq!(screens.allowance.left, 0);
    follow(&mut screens, 1_000_001, [output(b"\x1bcnew")]);
    follow(&mut screens, 2_000_001, [output(b"\x1bcnew")]);
    assert!(drawing(&screens).is_some());
}
