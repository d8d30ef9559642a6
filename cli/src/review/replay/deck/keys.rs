//! What keys do to the player.

use std::time::Duration;

use portreeve_protocol::unseen::is_unseen;

use super::{Deck, Open, Place, Reading};
use crate::review::replay::key::{Act, Key, Way};
use crate::review::replay::marks::{Mark, Sought};
use crate::review::replay::when::{When, clock};

/// How many characters a moment may have.
const MAX_PROMPT: usize = 40;
/// How many rows a page of the list has for keys.
const PAGE: usize = 10;

impl Deck {
    /// A key was pressed.
    pub fn key(&mut self, key: Key, now: Duration) {
        self.notice = None;
        if key == Key::Interrupt {
            self.quits = true;
            return;
        }
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {
                if let Some(act) = Act::of(key) {
                    self.act(act, now);
                }
            }
            Open::Help => {}
            Open::Commands(chosen) => self.key_in_list(key, chosen, now),
            Open::Moment(typed) => self.key_in_moment(key, typed),
        }
    }

    fn act(&mut self, act: Act, now: Duration) {
        if !matches!(
            act,
            Act::Speed(_) | Act::TogglePauses | Act::Channel(_) | Act::ToggleLanes
        ) {
            self.waits_for = None;
        }
        let here = self.clock.here();
        match act {
            Act::Toggle => {
                if here >= self.extent.last_us && !self.clock.goes() {
                    self.go_to(0);
                }
                self.clock.toggle(now);
            }
            Act::Skip(Way::Forward, micros) => self.go_to(here.saturating_add(micros)),
            Act::Skip(Way::Back, micros) => self.go_to(here.saturating_sub(micros)),
            Act::Tenth(tenth) => {
                self.go_to(When::Percent(f64::from(tenth) * 10.0).within(&self.extent, here));
            }
            Act::AskMoment => self.open = Open::Moment(String::new()),
            Act::Step(way) => self.step(way),
            Act::Jump(way, sought) => self.jump(way, sought),
            Act::Speed(change) => self.clock.change_speed(change),
            Act::TogglePauses => self.clock.toggle_pauses(),
            Act::Channel(way) => self.lanes.choose(way == Way::Forward),
            Act::ToggleLanes => self.all_lanes = !self.all_lanes,
            Act::Commands => self.open_commands(),
            Act::Help => self.open = Open::Help,
            Act::Quit => self.quits = true,
        }
    }

    /// Opens the list with the last command before here chosen.
    pub fn open_commands(&mut self) {
        let here = self.clock.here();
        let before = self.marks.all().partition_point(|mark| mark.at_us <= here);
        self.open = Open::Commands(before.saturating_sub(1));
    }

    fn key_in_list(&mut self, key: Key, chosen: usize, now: Duration) {
        let last = self.marks.all().len().saturating_sub(1);
        let chosen = match key {
            Key::Up | Key::Char('k') => chosen.saturating_sub(1),
            Key::Down | Key::Char('j') => chosen.saturating_add(1),
            Key::PageUp => chosen.saturating_sub(PAGE),
            Key::PageDown => chosen.saturating_add(PAGE),
            Key::Home => 0,
            Key::End => last,
            Key::Enter => {
                if let Some(mark) = self.marks.all().get(chosen).cloned() {
                    self.go_to_mark(&mark);
                    self.clock.start(now);
                }
                return;
            }
            Key::Char(' ') => return self.act(Act::Toggle, now),
            Key::Escape | Key::Char('q' | 'c') => return,
            Key::Char(_)
            | Key::Left
            | Key::Right
            | Key::FarLeft
            | Key::FarRight
            | Key::Backspace
            | Key::Tab
            | Key::BackTab
            | Key::Interrupt => chosen,
        };
        self.open = Open::Commands(chosen.min(last));
    }

    fn key_in_moment(&mut self, key: Key, mut typed: String) {
        match key {
            Key::Char(character) => {
                if typed.chars().count() < MAX_PROMPT && !is_unseen(character) {
                    typed.push(character);
                }
            }
            Key::Backspace => {
                typed.pop();
            }
            Key::Enter => {
                match typed.parse::<When>() {
                    Ok(when) => self.go_to(when.within(&self.extent, self.clock.here())),
                    Err(error) => self.notice = Some(error.to_string()),
                }
                return;
            }
            Key::Escape => return,
            Key::Left
            | Key::Right
            | Key::FarLeft
            | Key::FarRight
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Tab
            | Key::BackTab
            | Key::Interrupt => {}
        }
        self.open = Open::Moment(typed);
    }

    fn step(&mut self, way: Way) {
        self.clock.stop();
        match (way, &self.ahead) {
            (Way::Forward, Some(ahead)) => {
                let next = ahead.at_us;
                self.go_to(next);
            }
            (Way::Forward, None) => self.notice = Some("this is the end".into()),
            (Way::Back, _) => {
                // The last event is shown already; the one before it is wanted.
                let shown = self.shown_until();
                let before = self.history.iter().rev().find(|at_us| **at_us < shown);
                self.go_to(before.copied().unwrap_or(shown.saturating_sub(1)));
            }
        }
    }

    pub(super) fn jump(&mut self, way: Way, sought: Sought) {
        let here = self.clock.here();
        let mark = match way {
            Way::Forward => self.marks.next(here, sought),
            Way::Back => self.marks.last(here, sought),
        };
        let known = match self.reading {
            Reading::UpTo(read_us) => way == Way::Back && read_us >= here,
            Reading::Done | Reading::BrokeOff => true,
        };
        match (mark.cloned(), known) {
            (Some(mark), _) => self.go_to_mark(&mark),
            (None, true) => {
                self.waits_for = None;
                let side = match way {
                    Way::Forward => "after",
                    Way::Back => "before",
                };
                self.notice = Some(format!("no {} {side} this", sought.words()));
            }
            (None, false) => {
                self.waits_for = Some((way, sought));
                self.notice = Some(format!("looking for a {} \u{2026}", sought.words()));
            }
        }
    }

    fn go_to_mark(&mut self, mark: &Mark) {
        self.waits_for = None;
        self.lanes.look_at(mark.channel);
        self.notice = Some(format!("{}  {}", clock(mark.at_us), mark.line));
        self.go_to(mark.at_us);
    }

    fn go_to(&mut self, at_us: u64) {
        self.place = Place::Sought(at_us.min(self.extent.last_us));
    }
}
