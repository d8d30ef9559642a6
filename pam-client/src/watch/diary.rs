//! What a session's host events say of its processes. Pure: records and the time go in, facts come
//! out, in the order in which things happened.
//!
//! A session chooses what it does, so what is told of it is bounded three times: each text, each
//! event, and all events together. What is left out is counted, and the count is told.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use portreeve_protocol::attest::{HostFact, LossCause, Sighting};
use portreeve_protocol::time::Timestamp;

use super::record::{Seen, Started, What};
use crate::clock::Moment;
use crate::pace::{Pace, Rate, cost_of};

/// How much of a text is told, and how many arguments.
const MOST_TEXT: usize = 1024;
const MOST_ARGUMENTS: usize = 64;
/// How much one event may cost in the trail; the largest sighting costs a little more at the worst.
const MOST_EVENT: u64 = 64 * 1024;
/// How much is told of every session.
const ALLOWANCE: Allowance = Allowance {
    rate: Rate {
        burst: 16 * 1024 * 1024,
        each_second: 512 * 1024,
    },
    whole: 24 * 1024 * 1024,
    each_event: 2 * 1024,
};
/// How often the same loss is told again, at most.
const LOSS_PAUSE: Duration = Duration::from_secs(5);
/// The same while nothing else is told: a loss costs room in the journal too.
const LONG_LOSS_PAUSE: Duration = Duration::from_secs(60);
/// How many processes are remembered; beyond that every end is told.
const MOST_RUNNING: usize = 65_536;
/// How many targets of datagrams are remembered, so that each is told once.
const MOST_TARGETS: usize = 1024;

/// How many things were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    /// Starts and ends of processes.
    pub(crate) processes: u64,
    /// Connections.
    pub(crate) connections: u64,
    /// How often more was lost of processes than anybody counted.
    pub(crate) uncounted: u64,
}

impl Lost {
    const fn is_none(self) -> bool {
        self.processes == 0 && self.connections == 0 && self.uncounted == 0
    }

    const fn since(self, before: Self) -> Self {
        Self {
            processes: self.processes.saturating_sub(before.processes),
            connections: self.connections.saturating_sub(before.connections),
            uncounted: self.uncounted.saturating_sub(before.uncounted),
        }
    }
}

/// How much may be told of a session, in bytes.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    /// At once, and each second after that.
    rate: Rate,
    /// In all: the trail keeps it for ever.
    whole: u64,
    /// What an event costs beside what is in it: its head, its signature, and the record that a
    /// bastion has it.
    each_event: u64,
}

/// What is remembered of a session to tell of it.
#[derive(Debug)]
pub(crate) struct Diary {
    /// The processes in which a program has begun.
    running: HashSet<i32>,
    /// Where datagrams went, and from which process.
    targets: HashSet<(i32, SocketAddr)>,
    allowance: Allowance,
    pace: Pace,
    /// All that was told.
    told: u64,
    /// What the kernel had lost when that was told last, and what was left out here since then.
    overrun: Lost,
    left_out: Lost,
    told_loss_at: Option<Duration>,
}

impl Diary {
    /// Of a session that begins now.
    pub(crate) fn new(now: Moment) -> Self {
        Self::within(ALLOWANCE, now)
    }

    fn within(allowance: Allowance, now: Moment) -> Self {
        Self {
            allowance,
            running: HashSet::new(),
            targets: HashSet::new(),
            pace: Pace::new(allowance.rate, now.boot),
            told: 0,
            overrun: Lost::default(),
            left_out: Lost::default(),
            told_loss_at: None,
        }
    }

    /// What is to be told of this, which was seen until now; `lost` is the kernel's count, `room`
    /// how much may be added to the journal.
    pub(crate) fn tell(
        &mut self,
        seen: Vec<Seen>,
        lost: Lost,
        room: u64,
        now: Moment,
    ) -> Vec<HostFact> {
        let sightings = self.sightings(seen, room, now);
        let mut pages = Pages::default();
        for sighting in sightings {
            pages.add(sighting);
        }
        let pause = if self.is_spent() || room < MOST_EVENT {
            LONG_LOSS_PAUSE
        } else {
            LOSS_PAUSE
        };
        for loss in self.losses(lost, now, pause) {
            pages.add(loss);
        }
        let facts = pages.facts();
        let events = u64::try_from(facts.len()).unwrap_or(u64::MAX);
        self.charge(events.saturating_mul(self.allowance.each_event));
        facts
    }

    /// The same at the end of the session: no loss waits to be told with another one.
    pub(crate) fn close(
        mut self,
        seen: Vec<Seen>,
        lost: Lost,
        room: u64,
        now: Moment,
    ) -> Vec<HostFact> {
        let mut facts = self.tell(seen, lost, room, now);
        let mut pages = Pages::default();
        for loss in self.losses(lost, now, Duration::ZERO) {
            pages.add(loss);
        }
        facts.extend(pages.facts());
        facts
    }

    fn sightings(&mut self, seen: Vec<Seen>, mut room: u64, now: Moment) -> Vec<Sighting> {
        self.pace.pass(now.boot);
        let mut sightings = Vec::new();
        for seen in seen {
            let is_connection = matches!(seen.what, What::Connected { .. });
            let Some(sighting) = self.sighting(seen, now) else {
                continue;
            };
            let cost = cost_of(&sighting);
            // Of a page only its sightings are counted here, so that it can be begun there must be
            // room for all of it.
            if cost.saturating_add(MOST_EVENT) <= room && self.may_cost(cost) {
                self.charge(cost);
                room = room.saturating_sub(cost);
                sightings.push(sighting);
            } else if is_connection {
                self.left_out.connections += 1;
            } else {
                self.left_out.processes += 1;
            }
        }
        sightings
    }

    const fn charge(&mut self, cost: u64) {
        self.pace.charge(cost);
        self.told = self.told.saturating_add(cost);
    }

    /// Whether there is no more of the whole than one event may cost.
    const fn is_spent(&self) -> bool {
        self.told.saturating_add(MOST_EVENT) > self.allowance.whole
    }

    const fn may_cost(&self, cost: u64) -> bool {
        self.pace.allows(cost) && self.told.saturating_add(cost) <= self.allowance.whole
    }

    /// A sighting; nothing of what is not told.
    fn sighting(&mut self, seen: Seen, now: Moment) -> Option<Sighting> {
        // By the clock that nobody sets, which is what the kernel's programs read.
        let at = now.wall.minus(now.boot.saturating_sub(seen.at));
        let (pid, outside) = (seen.pid, seen.is_outside);
        match seen.what {
            What::Started(started) => {
                if self.running.len() < MOST_RUNNING {
                    self.running.insert(pid);
                }
                Some(told(at, pid, outside, &started))
            }
            // The process of a login is put into the group after its program began elsewhere.
            What::Ended { status } => {
                let is_known = self.running.remove(&pid) || self.running.len() >= MOST_RUNNING;
                is_known.then(|| ended(at, pid, status))
            }
            What::Connected { protocol, to } => {
                self.is_new(pid, protocol, to)
                    .then(|| Sighting::ConnectionOpened {
                        at,
                        pid,
                        protocol: protocol_name(protocol),
                        remote: to.to_string(),
                        outside,
                    })
            }
        }
    }

    /// Each datagram would be told, were it not for this.
    fn is_new(&mut self, pid: i32, protocol: u32, to: SocketAddr) -> bool {
        if protocol == TCP {
            return true;
        }
        if self.targets.len() >= MOST_TARGETS {
            self.targets.clear();
        }
        self.targets.insert((pid, to))
    }

    fn losses(&mut self, lost: Lost, now: Moment, pause: Duration) -> Vec<Sighting> {
        let is_due = self
            .told_loss_at
            .is_none_or(|at| now.boot.saturating_sub(at) >= pause);
        let overrun = lost.since(self.overrun);
        let losses = [
            (overrun, LossCause::Overrun),
            (self.left_out, LossCause::Allowance),
        ];
        if !is_due || losses.iter().all(|(lost, _)| lost.is_none()) {
            return Vec::new();
        }
        self.told_loss_at = Some(now.boot);
        self.overrun = lost;
        self.left_out = Lost::default();
        let losses = losses.into_iter().filter(|(lost, _)| !lost.is_none());
        losses
            .map(|(lost, cause)| Sighting::EventsLost {
                at: now.wall,
                processes: (lost.uncounted == 0).then_some(lost.processes),
                connections: Some(lost.connections),
                sudo: None,
                cause,
            })
            .collect()
    }
}

/// What is told of a session that nobody watched for a while, because the daemon did not run.
pub(crate) fn unwatched(at: Timestamp) -> HostFact {
    let lost = Sighting::EventsLost {
        at,
        processes: None,
        connections: None,
        sudo: None,
        cause: LossCause::Restart,
    };
    HostFact::Watched { seen: vec![lost] }
}

/// What is told of a session that asked sudo for more than is told of one.
pub(crate) fn left_out_of_sudo(commands: u64, at: Timestamp) -> HostFact {
    let lost = Sighting::EventsLost {
        at,
        processes: Some(0),
        connections: Some(0),
        sudo: Some(commands),
        cause: LossCause::Allowance,
    };
    HostFact::Watched { seen: vec![lost] }
}

/// Sightings on their way into events.
#[derive(Debug, Default)]
struct Pages {
    full: Vec<Vec<Sighting>>,
    page: Vec<Sighting>,
    cost: u64,
}

impl Pages {
    fn add(&mut self, sighting: Sighting) {
        let cost = cost_of(&sighting);
        if self.cost.saturating_add(cost) > MOST_EVENT && !self.page.is_empty() {
            self.full.push(std::mem::take(&mut self.page));
            self.cost = 0;
        }
        self.cost = self.cost.saturating_add(cost);
        self.page.push(sighting);
    }

    fn facts(mut self) -> Vec<HostFact> {
        if !self.page.is_empty() {
            self.full.push(self.page);
        }
        self.full
            .into_iter()
            .map(|seen| HostFact::Watched { seen })
            .collect()
    }
}

fn told(at: Timestamp, pid: i32, outside: bool, started: &Started) -> Sighting {
    let mut rest = started.arguments.as_slice();
    rest = rest.strip_suffix(&[0]).unwrap_or(rest);
    let mut argv: Vec<_> = if started.arguments.is_empty() {
        Vec::new()
    } else {
        let arguments = rest.split(|&byte| byte == 0);
        arguments.take(MOST_ARGUMENTS).map(text).collect()
    };
    let more = rest.iter().filter(|&&byte| byte == 0).count() >= MOST_ARGUMENTS;
    if more || started.is_cut {
        argv.push("…".into());
    }
    Sighting::ProcessStarted {
        at,
        pid,
        ppid: started.parent,
        uid: started.uid,
        program: text(&started.program),
        argv,
        cwd: started.directory.as_deref().map(text),
        file: started.file.map(|file| file.to_string()),
        outside,
    }
}

fn ended(at: Timestamp, pid: i32, status: u32) -> Sighting {
    let [low, high, ..] = status.to_le_bytes();
    let signal = low & 0x7f;
    Sighting::ProcessEnded {
        at,
        pid,
        status: (signal == 0).then_some(high),
        signal: (signal != 0).then_some(signal),
    }
}

const TCP: u32 = 6;

fn protocol_name(number: u32) -> String {
    match number {
        TCP => "tcp".into(),
        17 => "udp".into(),
        other => other.to_string(),
    }
}

/// So much of a text as is told; `…` ends one that is cut.
fn text(bytes: &[u8]) -> String {
    let kept = bytes.get(..MOST_TEXT).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < bytes.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
