use portreeve_recording::event::{Program, Started};

use super::*;
use crate::review::replay::key::Key;

const SECOND: u64 = 1_000_000;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn event(at_us: u64, channel: u32, kind: Kind) -> Event {
    Event {
        at_us,
        channel: Channel(channel),
        kind,
    }
}

fn exec(at_us: u64, channel: u32, command: &'static str) -> Event {
    let started = Started {
        program: Program::Exec(command.into()),
        environment: vec![],
        terminal: None,
        decision: None,
    };
    event(at_us, channel, Kind::Started(started))
}

fn output(at_us: u64, channel: u32, text: &'static str) -> Event {
    event(at_us, channel, Kind::Output(text.into()))
}

/// Four commands: a plain one, one with sudo that fails, a plain one again, a refusal.
fn session() -> Vec<Event> {
    vec![
        exec(SECOND, 1, "id"),
        output(SECOND + 1, 1, "uid=0\n"),
        event(SECOND + 2, 1, Kind::ExitStatus(0)),
        event(SECOND + 2, 1, Kind::Closed),
        exec(20 * SECOND, 2, "sudo cat /etc/shadow"),
        event(20 * SECOND + 1, 2, Kind::ErrorOutput("refused\n".into())),
        event(20 * SECOND + 2, 2, Kind::ExitStatus(1)),
        event(20 * SECOND + 2, 2, Kind::Closed),
        exec(40 * SECOND, 3, "id"),
        output(41 * SECOND, 3, "uid=0\n"),
        event(
            60 * SECOND,
            4,
            Kind::Refused {
                what: "direct-tcpip".into(),
                reason: "not offered".into(),
            },
        ),
    ]
}

/// A player, and what stands in for the recording: everything is read from its front.
struct Stage {
    deck: Deck,
    events: Vec<Event>,
    next: usize,
    began: Vec<u64>,
    now: Duration,
}

impl Stage {
    fn new(lists_first: bool) -> Self {
        let deck = Deck::new(Setup {
            title: "alice@example.com via soc/forensics".into(),
            extent: Extent {
                started_at: "2026-01-05T10:00:00Z".parse().unwrap(),
                last_us: 60 * SECOND,
            },
            missing_from_us: None,
            begin_us: 0,
            speed: 1.0,
            max_pause: ms(2000),
            lists_first,
            only: None,
            secrets: Secrets::Redacted,
        });
        let mut stage = Self {
            deck,
            events: session(),
            next: 0,
            began: Vec::new(),
            now: ms(0),
        };
        stage.settle();
        stage
    }

    /// Does what the player wants until it waits.
    fn settle(&mut self) -> Want {
        loop {
            match self.deck.wants() {
                Want::Begin(at_us) => {
                    self.began.push(at_us);
                    self.next = 0;
                    self.deck.begins(&Begin::FRONT, at_us);
                }
                Want::Event => match self.events.get(self.next) {
                    Some(event) => {
                        self.next += 1;
                        self.deck.event(event.clone());
                    }
                    None => self.deck.ends(),
                },
                want @ (Want::Wait(_) | Want::Quit) => return want,
            }
        }
    }

    fn reads(&mut self, reading: Reading) {
        let (events, upto) = match reading {
            Reading::UpTo(at_us) => (self.events.clone(), at_us),
            Reading::Done | Reading::BrokeOff => (self.events.clone(), u64::MAX),
        };
        let read: Vec<_> = events
            .into_iter()
            .filter(|event| event.at_us <= upto)
            .collect();
        self.deck.marks = Marks::new(Secrets::Redacted);
        self.deck.read(&read, reading);
        self.settle();
    }

    fn press(&mut self, key: char) -> Want {
        self.key(Key::Char(key))
    }

    fn key(&mut self, key: Key) -> Want {
        self.deck.key(key, self.now);
        self.settle()
    }

    fn pass(&mut self, millis: u64) -> Want {
        self.now += ms(millis);
        self.deck.tick(self.now);
        self.settle()
    }

    fn here(&self) -> u64 {
        self.deck.here()
    }

    fn shown(&self) -> Option<String> {
        self.deck.lanes.current().map(|lane| lane.line.clone())
    }
}

#[test]
fn it_stands_still_until_it_is_told_to_play() {
    let mut stage = Stage::new(false);
    assert_eq!(stage.pass(5000), Want::Wait(None));
    assert_eq!(stage.here(), 0);
    stage.press(' ');
    stage.pass(500);
    assert_eq!(stage.here(), SECOND / 2);
    stage.press(' ');
    stage.pass(5000);
    assert_eq!(stage.here(), SECOND / 2);
}

#[test]
fn pauses_are_cut_and_events_are_shown_when_they_are_due() {
    let mut stage = Stage::new(false);
    stage.press(' ');
    assert_eq!(stage.shown(), None);
    stage.pass(1000);
    stage.pass(1);
    assert_eq!(stage.shown().as_deref(), Some("id"));
    // Two seconds after the last event, nineteen have passed.
    assert_eq!(
        stage.pass(1),
        Want::Wait(Some(Duration::from_micros(1_998_002)))
    );
    stage.pass(1000);
    stage.pass(1000);
    assert_eq!(stage.here(), 20 * SECOND);
    assert_eq!(stage.shown().as_deref(), Some("sudo cat /etc/shadow"));
}

#[test]
fn it_stops_at_the_end_and_begins_anew_from_there() {
    let mut stage = Stage::new(false);
    stage.press('9');
    stage.press(' ');
    (0..8).for_each(|_| {
        stage.pass(1000);
    });
    assert_eq!(stage.here(), 60 * SECOND);
    assert!(!stage.deck.clock.goes());
    stage.press(' ');
    assert_eq!(stage.here(), 0);
    assert!(stage.deck.clock.goes());
}

#[test]
fn keys_go_to_moments() {
    let mut stage = Stage::new(false);
    for (key, seconds) in [
        (Key::Char('5'), 30),
        (Key::Right, 35),
        (Key::FarRight, 60),
        (Key::Left, 55),
        (Key::FarLeft, 0),
    ] {
        stage.key(key);
        assert_eq!(stage.here(), seconds * SECOND, "{key:?}");
    }
    for (typed, seconds) in [("50%", 30), ("+5", 35), ("0:20", 20), ("nonsense", 20)] {
        stage.press('g');
        typed.chars().for_each(|character| {
            stage.press(character);
        });
        stage.key(Key::Enter);
        assert_eq!(stage.here(), seconds * SECOND, "{typed}");
    }
    assert!(
        stage
            .deck
            .notice
            .as_ref()
            .is_some_and(|notice| notice.contains("a moment"))
    );
}

#[test]
fn steps_go_from_event_to_event() {
    let mut stage = Stage::new(false);
    let mut seen = Vec::new();
    for key in [".", ".", ".", ",", ",", "."] {
        key.chars().for_each(|key| {
            stage.press(key);
        });
        seen.push(stage.here());
    }
    let after = |micros| SECOND + micros;
    assert_eq!(
        seen,
        [after(0), after(1), after(2), after(1), after(0), after(1)]
    );
    assert!(!stage.deck.clock.goes());
}

#[test]
fn jumps_find_what_is_notable() {
    let mut stage = Stage::new(false);
    stage.reads(Reading::Done);
    for (key, seconds) in [
        ('n', 1),
        ('n', 20),
        ('n', 40),
        ('b', 20),
        ('d', 60),
        ('S', 20),
        ('F', 20),
        ('U', 1),
        ('u', 20),
        ('f', 20),
    ] {
        stage.press(key);
        assert_eq!(stage.here(), seconds * SECOND, "{key}");
    }
    let notice = stage.deck.notice.unwrap();
    assert_eq!(notice, "no failed command after this");
}

#[test]
fn a_jump_waits_until_the_recording_was_read_so_far() {
    let mut stage = Stage::new(false);
    stage.reads(Reading::UpTo(5 * SECOND));
    stage.press('d');
    assert_eq!(stage.here(), 0);
    stage.reads(Reading::UpTo(45 * SECOND));
    assert_eq!(stage.here(), 0);
    stage.reads(Reading::Done);
    assert_eq!(stage.here(), 60 * SECOND);
    let mut stage = Stage::new(false);
    stage.press('d');
    stage.press('5');
    stage.reads(Reading::Done);
    assert_eq!(stage.here(), 30 * SECOND, "another key takes it back");
}

#[test]
fn the_list_leads_to_a_command() {
    let mut stage = Stage::new(true);
    stage.reads(Reading::Done);
    assert_eq!(stage.deck.open, Open::Commands(0));
    for key in [Key::Down, Key::Down, Key::Up, Key::Enter] {
        stage.key(key);
    }
    assert_eq!(stage.here(), 20 * SECOND);
    assert_eq!(stage.deck.open, Open::Nothing);
    assert!(stage.deck.clock.goes());
    assert_eq!(stage.shown().as_deref(), Some("sudo cat /etc/shadow"));
    stage.press('c');
    assert_eq!(stage.deck.open, Open::Commands(1));
    stage.key(Key::End);
    stage.key(Key::Down);
    assert_eq!(stage.deck.open, Open::Commands(3));
}

#[test]
fn keys_close_what_is_open_before_they_end_the_player() {
    let mut stage = Stage::new(true);
    assert_eq!(stage.press('q'), Want::Wait(None));
    assert_eq!(stage.press('?'), Want::Wait(None));
    assert_eq!(stage.key(Key::Escape), Want::Wait(None));
    assert_eq!(stage.press('q'), Want::Quit);
    let mut stage = Stage::new(true);
    assert_eq!(stage.key(Key::Interrupt), Want::Quit);
}

#[test]
fn what_lies_ahead_is_reached_without_beginning_anew() {
    let mut stage = Stage::new(false);
    stage.press('2');
    assert_eq!(stage.began, [0, 12 * SECOND]);
    stage.deck.key(Key::Char('5'), ms(0));
    assert_eq!(stage.deck.wants(), Want::Begin(30 * SECOND));
    stage.deck.goes_on(30 * SECOND);
    stage.settle();
    assert_eq!(stage.here(), 30 * SECOND);
    let lanes = stage.deck.lanes.most_alive(9);
    assert_eq!(lanes.len(), 2, "the first command is still known");
}

#[test]
fn a_recording_that_breaks_off_is_shown_up_to_there() {
    let mut stage = Stage::new(false);
    stage.press('9');
    stage.deck.breaks_off("segment 3 does not open");
    assert_eq!(stage.deck.wants(), Want::Wait(None));
    assert_eq!(stage.shown().as_deref(), Some("id"));
    assert!(stage.deck.notice.unwrap().contains("segment 3"));
}

#[test]
fn remarks_are_told_while_they_pass() {
    let mut stage = Stage::new(false);
    stage.press('9');
    stage.press(' ');
    (0..3).for_each(|_| {
        stage.pass(1000);
    });
    let notice = stage.deck.notice.unwrap();
    assert_eq!(notice, "REFUSED direct-tcpip: not offered");
}

#[test]
fn channels_are_chosen_in_turn_and_then_followed_again() {
    let mut stage = Stage::new(false);
    stage.press('9');
    let mut shown = Vec::new();
    for _ in 0..4 {
        stage.key(Key::Tab);
        shown.push(stage.deck.lanes.current().map(|lane| lane.channel.0));
    }
    assert_eq!(shown, [Some(1), Some(2), Some(3), Some(3)]);
    assert!(!stage.deck.lanes.is_chosen());
    stage.key(Key::BackTab);
    assert_eq!(
        stage.deck.lanes.current().map(|lane| lane.channel.0),
        Some(3)
    );
}
