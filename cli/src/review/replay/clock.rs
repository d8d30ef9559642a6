//! Where the player stands, and how fast it goes. Time is an argument: how long the player has been
//! running.

use std::time::Duration;

/// The longest step: a player that was stopped for a while does not race through what it missed.
const MAX_STEP: Duration = Duration::from_secs(1);
/// The speeds that keys choose.
const SPEEDS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0,
];

/// The player's clock.
#[derive(Debug, Clone)]
pub struct Clock {
    here: u64,
    speed: f64,
    max_pause: u64,
    cuts_pauses: bool,
    /// When it was last looked at; nothing while it stands still.
    ticked: Option<Duration>,
}

impl Clock {
    /// One that stands still at the beginning.
    #[must_use]
    pub fn new(speed: f64, max_pause: Duration) -> Self {
        Self {
            here: 0,
            speed,
            max_pause: u64::try_from(max_pause.as_micros()).unwrap_or(u64::MAX),
            cuts_pauses: true,
            ticked: None,
        }
    }

    /// Where it stands, in microseconds since the session started.
    #[must_use]
    pub const fn here(&self) -> u64 {
        self.here
    }

    /// How many times faster than it happened.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// Whether pauses are cut.
    #[must_use]
    pub const fn cuts_pauses(&self) -> bool {
        self.cuts_pauses
    }

    /// Whether it goes.
    #[must_use]
    pub const fn goes(&self) -> bool {
        self.ticked.is_some()
    }

    /// Starts it, or stops it.
    pub fn toggle(&mut self, now: Duration) {
        self.ticked = match self.ticked {
            Some(_) => None,
            None => Some(now),
        };
    }

    /// Starts it, if it stands still.
    pub fn start(&mut self, now: Duration) {
        self.ticked.get_or_insert(now);
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.ticked = None;
    }

    /// Puts it somewhere.
    pub fn set(&mut self, here: u64) {
        self.here = here;
    }

    /// Cuts pauses from now on, or does not.
    pub fn toggle_pauses(&mut self) {
        self.cuts_pauses = !self.cuts_pauses;
    }

    /// The next speed up or down, or that of what happened.
    pub fn change_speed(&mut self, change: Speed) {
        let speed = match change {
            Speed::Faster => SPEEDS.into_iter().find(|speed| *speed > self.speed),
            Speed::Slower => SPEEDS.into_iter().rev().find(|speed| *speed < self.speed),
            Speed::AsItHappened => Some(1.0),
        };
        self.speed = speed.unwrap_or(self.speed);
    }

    /// Goes on to now. The last event was at `last`; the next one is at `next`, if that is known.
    pub fn tick(&mut self, now: Duration, last: u64, next: Option<u64>) {
        let Some(before) = self.ticked.replace(now) else {
            self.ticked = None;
            return;
        };
        let passed = now.saturating_sub(before).min(MAX_STEP).mul_f64(self.speed);
        let passed = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        self.here = self.here.saturating_add(passed);
        if let Some(next) = next
            && self.cuts_pauses
            && self.here >= last.saturating_add(self.max_pause)
        {
            self.here = self.here.max(next);
        }
    }

    /// How long until it stands at `next`, when the last event was at `last`; nothing while it
    /// stands still.
    #[must_use]
    pub fn until(&self, last: u64, next: u64) -> Option<Duration> {
        self.ticked?;
        let next = if self.cuts_pauses {
            next.min(last.saturating_add(self.max_pause))
        } else {
            next
        };
        let micros = next.saturating_sub(self.here);
        Some(Duration::from_micros(micros).div_f64(self.speed))
    }
}

/// How a speed changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// The next faster one.
    Faster,
    /// The next slower one.
    Slower,
    /// That of what happened.
    AsItHappened,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn clock(speed: f64) -> Clock {
        Clock::new(speed, ms(2000))
    }

    #[test]
    fn it_goes_as_fast_as_it_is_told_and_stands_while_it_is_stopped() {
        let mut clock = clock(2.0);
        clock.tick(ms(500), 0, None);
        assert_eq!(clock.here(), 0);
        clock.toggle(ms(1000));
        clock.tick(ms(1500), 0, None);
        assert_eq!(clock.here(), 1_000_000);
        clock.toggle(ms(1600));
        clock.tick(ms(1700), 0, None);
        assert_eq!(clock.here(), 1_000_000);
    }

    #[test]
    fn a_pause_is_cut_when_it_has_been_long_enough() {
        let mut clock = clock(1.0);
        clock.toggle(ms(0));
        assert_eq!(clock.until(0, 60_000_000), Some(ms(2000)));
        clock.tick(ms(1000), 0, Some(60_000_000));
        assert_eq!(clock.here(), 1_000_000);
        clock.tick(ms(2000), 0, Some(60_000_000));
        assert_eq!(clock.here(), 60_000_000);
        clock.toggle_pauses();
        assert_eq!(clock.until(60_000_000, 90_000_000), Some(ms(30_000)));
        clock.tick(ms(2500), 0, Some(90_000_000));
        assert_eq!(clock.here(), 60_500_000);
    }

    #[test]
    fn a_player_that_was_stopped_does_not_race() {
        let mut clock = clock(1.0);
        clock.toggle(ms(0));
        clock.tick(ms(600_000), 0, None);
        assert_eq!(clock.here(), 1_000_000);
    }

    #[test]
    fn speeds_go_up_and_down_to_their_ends() {
        let mut clock = clock(3.0);
        clock.change_speed(Speed::Faster);
        assert_eq!(clock.speed().to_bits(), 4.0_f64.to_bits());
        (0..20).for_each(|_| clock.change_speed(Speed::Slower));
        assert_eq!(clock.speed().to_bits(), 0.1_f64.to_bits());
        clock.change_speed(Speed::AsItHappened);
        assert_eq!(clock.speed().to_bits(), 1.0_f64.to_bits());
    }
}
