//! All channels of a session that the player knows of, and which of them is looked at.

use std::collections::BTreeMap;

use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::read::seek::Begin;

use crate::review::replay::lane::Lane;
use crate::review::replay::secrets::Secrets;

/// How many are kept: beyond, the ended ones that were quiet for longest go first.
const MAX_LANES: usize = 64;

/// The channels.
#[derive(Debug)]
pub struct Lanes {
    lanes: BTreeMap<Channel, Lane>,
    /// The one on which something happened last.
    latest: Option<Channel>,
    /// The one that the reviewer chose.
    chosen: Option<Channel>,
    /// The only one that is shown.
    only: Option<Channel>,
    secrets: Secrets,
}

impl Lanes {
    /// None yet; with `only`, there never is another.
    #[must_use]
    pub const fn new(secrets: Secrets, only: Option<Channel>) -> Self {
        Self {
            lanes: BTreeMap::new(),
            latest: None,
            chosen: None,
            only,
            secrets,
        }
    }

    /// What runs where reading begins, instead of everything before.
    pub fn begin(&mut self, begin: &Begin, at_us: u64) {
        self.lanes.clear();
        self.latest = None;
        for program in &begin.programs {
            if self.shows(program.channel) {
                let lane = Lane::standing(program, at_us, self.secrets);
                self.insert(lane);
            }
        }
    }

    /// Takes the next event.
    pub fn event(&mut self, event: &Event) {
        if !self.shows(event.channel) {
            return;
        }
        if let Kind::Started(started) = &event.kind {
            let lane = Lane::starting(event, started, self.secrets);
            self.insert(lane);
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&event.channel) {
            lane.event(event);
            let is_seen = matches!(event.kind, Kind::Output(_) | Kind::ErrorOutput(_));
            if is_seen || self.latest.is_none() {
                self.latest = Some(event.channel);
            }
        }
    }

    fn shows(&self, channel: Channel) -> bool {
        self.only.is_none_or(|only| only == channel)
    }

    fn insert(&mut self, lane: Lane) {
        self.latest = Some(lane.channel);
        self.lanes.insert(lane.channel, lane);
        if self.lanes.len() > MAX_LANES {
            let others = self
                .lanes
                .values()
                .filter(|lane| Some(lane.channel) != self.latest);
            let gone = others.min_by_key(|lane| (lane.runs(), lane.last_us));
            let gone = gone.map(|lane| lane.channel);
            gone.and_then(|channel| self.lanes.remove(&channel));
        }
    }

    /// The one that is looked at: the chosen one, or else the one where something happens.
    #[must_use]
    pub fn current(&self) -> Option<&Lane> {
        let chosen = self.chosen.and_then(|channel| self.lanes.get(&channel));
        let latest = || self.latest.and_then(|channel| self.lanes.get(&channel));
        chosen
            .or_else(latest)
            .or_else(|| self.lanes.values().next())
    }

    /// Whether the reviewer chose the one that is looked at.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        self.chosen.is_some()
    }

    /// At most so many of them for lanes: those that run, then those that ended last; by channel.
    #[must_use]
    pub fn most_alive(&self, count: usize) -> Vec<&Lane> {
        let mut lanes: Vec<_> = self.lanes.values().collect();
        lanes.sort_by_key(|lane| std::cmp::Reverse((lane.runs(), lane.last_us)));
        lanes.truncate(count);
        lanes.sort_by_key(|lane| lane.channel);
        lanes
    }

    /// Chooses the one after the current, or before it; behind the last one, none is chosen.
    pub fn choose(&mut self, forward: bool) {
        let channels: Vec<_> = self.lanes.keys().copied().collect();
        let current = self.chosen.and_then(|chosen| {
            let place = channels.iter().position(|channel| *channel == chosen);
            place.and_then(|place| {
                if forward {
                    place.checked_add(1)
                } else {
                    place.checked_sub(1)
                }
            })
        });
        self.chosen = match (self.chosen, current) {
            (Some(_), place) => place.and_then(|place| channels.get(place)).copied(),
            (None, _) if forward => channels.first().copied(),
            (None, _) => channels.last().copied(),
        };
    }

    /// Looks at this one, if it is there when it is.
    pub fn look_at(&mut self, channel: Channel) {
        self.chosen = None;
        self.latest = Some(channel);
    }
}
