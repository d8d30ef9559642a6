//! The keys that the player knows.

use crate::review::replay::clock::Speed;
use crate::review::replay::marks::Sought;

/// A key, as the terminal told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// One that writes a character.
    Char(char),
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// To the left, with shift.
    FarLeft,
    /// To the right, with shift.
    FarRight,
    /// Up.
    Up,
    /// Down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Tab, with shift.
    BackTab,
    /// Control and C.
    Interrupt,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To what comes later.
    Forward,
    /// To what was before.
    Back,
}

/// What a key means while the recording is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Play, or pause.
    Toggle,
    /// So many microseconds that way.
    Skip(Way, u64),
    /// To so many tenths.
    Tenth(u8),
    /// Ask for a moment.
    AskMoment,
    /// To the event beside this one.
    Step(Way),
    /// To a mark.
    Jump(Way, Sought),
    /// Another speed.
    Speed(Speed),
    /// Cut pauses, or do not.
    TogglePauses,
    /// The channel beside this one.
    Channel(Way),
    /// All channels, or one.
    ToggleLanes,
    /// The list of commands.
    Commands,
    /// The keys.
    Help,
    /// End.
    Quit,
}

const SECOND: u64 = 1_000_000;

impl Act {
    /// What a key means.
    #[must_use]
    pub fn of(key: Key) -> Option<Self> {
        Some(match key {
            Key::Char(' ') => Self::Toggle,
            Key::Left => Self::Skip(Way::Back, 5 * SECOND),
            Key::Right => Self::Skip(Way::Forward, 5 * SECOND),
            Key::FarLeft => Self::Skip(Way::Back, 60 * SECOND),
            Key::FarRight => Self::Skip(Way::Forward, 60 * SECOND),
            Key::Char('g') => Self::AskMoment,
            Key::Char(',') => Self::Step(Way::Back),
            Key::Char('.') => Self::Step(Way::Forward),
            Key::Char('n') => Self::Jump(Way::Forward, Sought::Command),
            Key::Char('b') => Self::Jump(Way::Back, Sought::Command),
            Key::Char('s') => Self::Jump(Way::Forward, Sought::Privileged),
            Key::Char('S') => Self::Jump(Way::Back, Sought::Privileged),
            Key::Char('d') => Self::Jump(Way::Forward, Sought::Denied),
            Key::Char('D') => Self::Jump(Way::Back, Sought::Denied),
            Key::Char('f') => Self::Jump(Way::Forward, Sought::Failed),
            Key::Char('F') => Self::Jump(Way::Back, Sought::Failed),
            Key::Char('u') => Self::Jump(Way::Forward, Sought::FirstSeen),
            Key::Char('U') => Self::Jump(Way::Back, Sought::FirstSeen),
            Key::Char('+') => Self::Speed(Speed::Faster),
            Key::Char('-') => Self::Speed(Speed::Slower),
            Key::Char('=') => Self::Speed(Speed::AsItHappened),
            Key::Char('i') => Self::TogglePauses,
            Key::Tab => Self::Channel(Way::Forward),
            Key::BackTab => Self::Channel(Way::Back),
            Key::Char('a') => Self::ToggleLanes,
            Key::Char('c') => Self::Commands,
            Key::Char('?' | 'h') => Self::Help,
            Key::Char('q') | Key::Escape | Key::Interrupt => Self::Quit,
            Key::Char(digit) => {
                let tenth = digit
                    .to_digit(10)
                    .and_then(|tenth| u8::try_from(tenth).ok());
                return tenth.map(Self::Tenth);
            }
            Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Enter
            | Key::Backspace => return None,
        })
    }
}

/// The keys and what they do, for people; `docs/spec/replay.md` has the same.
pub const HELP: [(&str, &str); 19] = [
    ("space", "play, or pause"),
    (
        "\u{2190} \u{2192}",
        "five seconds back, forward; with shift a minute",
    ),
    ("0 \u{2026} 9", "to so many tenths of the recording"),
    ("g", "go to a moment: 90, 5m, 12:30, 50%, +30, a time"),
    (", .", "the event before, after"),
    ("n b", "the next command, the one before"),
    ("s S", "the next privileged command, the one before"),
    ("d D", "the next that was denied, the one before"),
    ("f F", "the next that failed, the one before"),
    ("u U", "the next first-seen command, the one before"),
    ("+ - =", "faster, slower, as it happened"),
    ("i", "cut long pauses, or do not"),
    ("tab", "the next channel; with shift the one before"),
    ("a", "all channels as lanes, or one at a time"),
    ("c", "the list of commands"),
    (
        "\u{2191} \u{2193} enter",
        "choose in the list, and go there",
    ),
    ("?", "these keys"),
    ("q esc", "close what is open, or end"),
    ("ctrl-c", "end"),
];
