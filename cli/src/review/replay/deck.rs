//! The player: what it knows, what a key does to it, and what it wants next.
//!
//! Pure. Keys, events and the time go in; what to do next comes out, and [`crate::review::replay::paint`]
//! shows it. It reads no file and no clock: [`crate::review::replay::drive`] does that for it.

mod keys;

use std::collections::VecDeque;
use std::time::Duration;

use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::read::seek::Begin;

use crate::review::replay::clock::Clock;
use crate::review::replay::key::Way;
use crate::review::replay::lanes::Lanes;
use crate::review::replay::marks::{Marks, Sought};
use crate::review::replay::secrets::Secrets;
use crate::review::replay::when::Extent;
use crate::safe;

/// How many events back a step can go without searching.
const MAX_HISTORY: usize = 4096;

/// What a player is made with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whose session, where and why; safe.
    pub title: String,
    /// From when to when.
    pub extent: Extent,
    /// From when on the recording is missing, if it has no end.
    pub missing_from_us: Option<u64>,
    /// Where to begin.
    pub begin_us: u64,
    /// How fast.
    pub speed: f64,
    /// The longest pause.
    pub max_pause: Duration,
    /// Whether the list of commands is open at the beginning.
    pub lists_first: bool,
    /// The only channel that is shown.
    pub only: Option<Channel>,
    /// Whether secrets are redacted.
    pub secrets: Secrets,
}

/// The player.
#[derive(Debug)]
pub struct Deck {
    pub(super) title: String,
    pub(super) extent: Extent,
    pub(super) secrets: Secrets,
    pub(super) clock: Clock,
    pub(super) lanes: Lanes,
    pub(super) marks: Marks,
    pub(super) reading: Reading,
    pub(super) open: Open,
    pub(super) all_lanes: bool,
    pub(super) notice: Option<String>,
    missing_from_us: Option<u64>,
    only: Option<Channel>,
    /// The next event, which is not due yet.
    ahead: Option<Event>,
    /// There are no more events.
    is_over: bool,
    /// The last events were at these times.
    history: VecDeque<u64>,
    /// Since when nothing happened.
    quiet_since: u64,
    place: Place,
    /// A jump that waits until the recording was read further.
    waits_for: Option<(Way, Sought)>,
    quits: bool,
}

/// How far the recording was read for its list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Up to here, in microseconds since the session started.
    UpTo(u64),
    /// To its end.
    Done,
    /// As far as it can be read.
    BrokeOff,
}

/// What lies over the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    Nothing,
    /// The keys.
    Help,
    /// The list, with this line chosen.
    Commands(usize),
    /// The question for a moment, with what was typed.
    Moment(String),
}

/// Where the player stands among the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between the last event and the one ahead.
    Here,
    /// It has to begin somewhere else to know everything about this moment.
    Sought(u64),
    /// It reads on to this moment.
    Nearing(u64),
}

/// What the player wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// To know where to begin for this moment: [`Deck::begins`] or [`Deck::goes_on`].
    Begin(u64),
    /// The next event: [`Deck::event`] or [`Deck::ends`].
    Event,
    /// Nothing for so long, but for keys; with nothing said, until a key.
    Wait(Option<Duration>),
    /// To end.
    Quit,
}

impl Deck {
    /// A player that is about to go to where it begins.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            title: setup.title,
            extent: setup.extent,
            secrets: setup.secrets,
            clock: Clock::new(setup.speed, setup.max_pause),
            lanes: Lanes::new(setup.secrets, setup.only),
            marks: Marks::new(setup.secrets),
            reading: Reading::UpTo(0),
            open: if setup.lists_first {
                Open::Commands(0)
            } else {
                Open::Nothing
            },
            all_lanes: false,
            notice: None,
            missing_from_us: setup.missing_from_us,
            only: setup.only,
            ahead: None,
            is_over: false,
            history: VecDeque::new(),
            quiet_since: 0,
            place: Place::Sought(setup.begin_us.min(setup.extent.last_us)),
            waits_for: None,
            quits: false,
        }
    }

    /// What it wants next.
    #[must_use]
    pub fn wants(&self) -> Want {
        if self.quits {
            return Want::Quit;
        }
        match self.place {
            Place::Sought(at_us) => return Want::Begin(at_us),
            Place::Nearing(_) => return Want::Event,
            Place::Here => {}
        }
        match (&self.ahead, self.is_over) {
            (None, false) => Want::Event,
            (None, true) => Want::Wait(self.clock.goes().then_some(Duration::ZERO)),
            (Some(ahead), _) => Want::Wait(self.clock.until(self.quiet_since, ahead.at_us)),
        }
    }

    /// Reading begins anew: these programs run at the beginning of what comes.
    pub fn begins(&mut self, begin: &Begin, at_us: u64) {
        self.lanes.begin(begin, at_us);
        self.history.clear();
        self.ahead = None;
        self.is_over = false;
        self.place = Place::Nearing(at_us);
    }

    /// The moment lies ahead, and what comes next leads there.
    pub fn goes_on(&mut self, at_us: u64) {
        self.place = Place::Nearing(at_us);
        self.take_ahead();
    }

    /// The next event.
    pub fn event(&mut self, event: Event) {
        self.ahead = Some(event);
        self.take_ahead();
    }

    /// There is no next event.
    pub fn ends(&mut self) {
        self.is_over = true;
        match self.place {
            Place::Nearing(at_us) | Place::Sought(at_us) => self.arrive(at_us),
            Place::Here => {}
        }
        self.stop_at_end();
    }

    /// The recording breaks off, for this reason; safe.
    pub fn breaks_off(&mut self, why: &str) {
        self.notice = Some(format!("the recording breaks off: {why}"));
        self.ends();
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        if self.place != Place::Here {
            return;
        }
        let next = self.ahead.as_ref().map(|event| event.at_us);
        self.clock.tick(now, self.quiet_since, next);
        self.take_ahead();
        self.stop_at_end();
    }

    /// Events that were read for the list of commands, up to a moment.
    pub fn read(&mut self, events: &[Event], reading: Reading) {
        for event in events {
            if self.is_shown(event.channel) {
                self.marks.add(event);
            }
        }
        self.reading = reading;
        if let Some((way, sought)) = self.waits_for {
            self.jump(way, sought);
        }
    }

    /// Where the player stands, or is about to.
    #[must_use]
    pub fn here(&self) -> u64 {
        match self.place {
            Place::Here => self.clock.here(),
            Place::Sought(at_us) | Place::Nearing(at_us) => at_us,
        }
    }

    /// Whether there was more than the recording holds.
    #[must_use]
    pub const fn has_no_end(&self) -> bool {
        self.missing_from_us.is_some()
    }

    /// Whether the end of what can be shown is where the rest of the recording is missing.
    #[must_use]
    pub fn leads_to_what_is_missing(&self) -> bool {
        self.missing_from_us
            .is_some_and(|from_us| self.extent.last_us >= from_us)
    }

    /// Whether the player stands there: what ran goes on, and nobody knows how.
    #[must_use]
    pub fn stands_before_what_is_missing(&self) -> bool {
        self.leads_to_what_is_missing() && self.here() >= self.extent.last_us
    }

    /// Everything up to here has been shown.
    #[must_use]
    pub fn shown_until(&self) -> u64 {
        let last = self.history.back().copied();
        last.unwrap_or_else(|| self.clock.here())
    }

    /// Takes the event ahead, if it is due.
    fn take_ahead(&mut self) {
        let due = match self.place {
            Place::Nearing(at_us) => at_us,
            Place::Here => self.clock.here().min(self.extent.last_us),
            Place::Sought(_) => return,
        };
        let Some(event) = self.ahead.take_if(|event| event.at_us <= due) else {
            if self.ahead.is_some() {
                self.arrive(due);
            }
            return;
        };
        self.quiet_since = event.at_us;
        if self.history.back() != Some(&event.at_us) {
            self.history.push_back(event.at_us);
            if self.history.len() > MAX_HISTORY {
                self.history.pop_front();
            }
        }
        if self.is_shown(event.channel) {
            self.remark(&event);
        }
        self.lanes.event(&event);
    }

    fn arrive(&mut self, at_us: u64) {
        if self.place != Place::Here {
            self.clock.set(at_us);
            self.quiet_since = at_us;
            self.place = Place::Here;
        }
    }

    /// What happens beside the output of programs is told in the line at the bottom.
    fn remark(&mut self, event: &Event) {
        if matches!(self.place, Place::Nearing(_)) {
            return;
        }
        let text = match &event.kind {
            Kind::Refused { what, reason } => format!("REFUSED {what}: {reason}"),
            Kind::Note(text) => format!("note: {text}"),
            Kind::Signal(name) => format!("the agent sent signal {name}"),
            Kind::Started(_)
            | Kind::Input(_)
            | Kind::Output(_)
            | Kind::ErrorOutput(_)
            | Kind::Window(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::ExitStatus(_)
            | Kind::ExitSignal(_)
            | Kind::Closed
            | Kind::File(_)
            | Kind::Omitted(_)
            | Kind::HostEvent(_) => return,
        };
        self.notice = Some(
            self.secrets
                .one_line(&safe::line(&safe::shortened(&text, 500))),
        );
    }

    fn stop_at_end(&mut self) {
        let is_last = match &self.ahead {
            Some(ahead) => ahead.at_us > self.extent.last_us,
            None => self.is_over,
        };
        let is_there =
            self.clock.here() >= self.extent.last_us || (self.ahead.is_none() && self.clock.goes());
        if is_last && is_there && self.place == Place::Here {
            self.clock.set(self.extent.last_us);
            self.clock.stop();
        }
    }

    fn is_shown(&self, channel: Channel) -> bool {
        self.only
            .is_none_or(|only| only == channel || channel == Channel::SESSION)
    }
}

#[cfg(test)]
mod tests;
