//! What a killed bastion left of a session, beside what went through it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::grant::RecordingMode;
use portreeve_protocol::key::PublicKey;
use portreeve_recording::event::{FileOperation, Kind};
use portreeve_recording::read::Recording;
use portreeve_recording::verify::{Evidence, Proved, Unproved, verify};

use super::deed::{Deed, FILE, Printed, Running, TEXT};
use crate::ca::Ca;
use crate::durable::heads;
use crate::world::{World, review_key};

/// What the standard mode may lose: what waits for the disk, and a segment that is on its way there.
const MOST_BYTES: usize = (8 + 1) * 1024 * 1024;
/// The same as a time: that of a segment, and of a disk that is waited for.
const MOST_TIME: Duration = Duration::from_secs(1 + 10);

/// After this long a segment has been closed because of its age, and the disk has had its time, unless the machine has
/// much else to do.
const LONG: Duration = Duration::from_millis(1500);
const LONG_ONES: &str = "long ones in standard mode";
const LONG_ONES_KEPT: &str = "long ones in standard mode, of which something was on disk";

/// What is left of one session, after its recording was recovered.
pub(super) struct Left {
    name: String,
    running: Running,
    killed_at: Instant,
    path: PathBuf,
    ca: Ca,
    bastion: PublicKey,
}

/// What a recording holds of its only channel.
#[derive(Debug, Default)]
struct Recorded {
    input: Vec<u8>,
    output: Vec<u8>,
    files: Vec<FileOperation>,
}

/// What was found, all in all.
#[derive(Debug, Default)]
pub(super) struct Found {
    count: BTreeMap<String, u64>,
    most_bytes: usize,
    most_time: Duration,
}

pub(super) async fn check(left: Vec<Left>) -> Found {
    let mut found = Found::default();
    for left in left {
        found.add(left.check().await);
    }
    found
}

impl Left {
    pub(super) fn behind(world: &World, running: Running, killed_at: Instant, name: &str) -> Self {
        Self {
            name: format!("{name}, {:?} {:?}", running.mode, running.deed),
            path: world.recording(running.session),
            running,
            killed_at,
            ca: world.ca.clone(),
            bastion: world.identity(),
        }
    }

    async fn check(mut self) -> Found {
        let printed = self.running.end().await;
        let Some(recording) = self.recording() else {
            // It was killed before there was a recording: nothing can have passed.
            let passed = [printed.bytes, self.running.tapped(), self.running.there()].concat();
            assert!(
                passed.is_empty(),
                "{}: {} bytes passed",
                self.name,
                passed.len()
            );
            return Found::one("not begun");
        };
        let sealed = |fact: &AccessFact| matches!(fact, AccessFact::RecordingSealed { .. });
        let sealed = self
            .ca
            .wait_for(self.running.session, "recording", sealed)
            .await;
        let checking = tokio::task::spawn_blocking(move || {
            let recorded = self.recorded(recording, &sealed);
            self.compare(&printed, &recorded)
        });
        checking.await.unwrap()
    }

    /// The recording; nothing where not even its first entry is whole.
    fn recording(&self) -> Option<Recording<File>> {
        Recording::open(File::open(&self.path).ok()?).ok()
    }

    /// Everything in a recording that is what its bastion and the trail say.
    fn recorded(&self, mut recording: Recording<File>, sealed: &AccessFact) -> Recorded {
        let AccessFact::RecordingSealed { manifest, cut, .. } = sealed else {
            panic!("{sealed:?}");
        };
        assert!(*cut, "{}", self.name);
        let heads = heads(&self.ca, self.running.session);
        let identities = [review_key()];
        let evidence = Evidence {
            bastions: std::slice::from_ref(&self.bastion),
            identities: &identities,
            trail: Some(*manifest),
            heads: &heads,
        };
        let verdict = verify(&mut recording, evidence).unwrap();
        assert!(verdict.holds(), "{}: {:?}", self.name, verdict.faults);
        assert!(verdict.proved.contains(&Proved::InTrail), "{}", self.name);
        assert!(verdict.unproved.contains(&Unproved::Cut), "{}", self.name);
        let mut recorded = Recorded::default();
        for event in recording.events(&identities) {
            match event.unwrap().kind {
                Kind::Input(bytes) => recorded.input.extend(bytes),
                Kind::Output(bytes) => recorded.output.extend(bytes),
                Kind::File(operation) => recorded.files.push(operation),
                _ => {}
            }
        }
        recorded
    }

    /// Compares what passed with what is recorded.
    fn compare(&self, printed: &Printed, recorded: &Recorded) -> Found {
        let Running { deed, mode, .. } = self.running;
        let mut found = Found::one(&format!("{mode:?} {deed:?}"));
        let there = self.running.there();
        match deed {
            Deed::Bursts | Deed::Flood => {
                self.is_text("output", &recorded.output);
                self.nothing_is_lost("output", &printed.bytes, &recorded.output, &mut found);
                self.lost_for_moments_only(printed, recorded.output.len(), &mut found);
            }
            Deed::Echo => {
                self.is_text("input", &recorded.input);
                self.is_text("output", &recorded.output);
                self.nothing_is_lost("output", &printed.bytes, &recorded.output, &mut found);
                self.lost_for_moments_only(printed, recorded.output.len(), &mut found);
                self.nothing_is_lost("input", &there, &recorded.input, &mut found);
            }
            Deed::Get => {
                self.is_text("file", &self.running.here());
                let seen = self.running.tapped();
                self.nothing_is_lost("output", &seen, &recorded.output, &mut found);
            }
            Deed::Put => {
                // Behind a line with mode, size and name.
                let line = recorded.input.iter().position(|byte| *byte == b'\n');
                let content = line.map_or(&[][..], |end| &recorded.input[end + 1..]);
                let content = &content[..content.len().min(FILE)];
                self.is_text("input", content);
                self.nothing_is_lost("input", &there, content, &mut found);
            }
        }
        for file in &recorded.files {
            let Some(content) = &file.content else {
                continue;
            };
            // A file that was cut has no end, and what has none is claimed by no digest.
            assert_eq!(
                (content.digest, content.remark.as_deref()),
                (Some(Digest::of(&TEXT[..FILE])), None),
                "{}: {file:?}",
                self.name
            );
            found.add(Found::one("whole files"));
        }
        found
    }

    fn is_text(&self, what: &str, bytes: &[u8]) {
        let is_so = TEXT.starts_with(bytes);
        assert!(is_so, "{}: {what} is not what was written", self.name);
    }

    /// That what passed is recorded as far as the mode promises.
    fn nothing_is_lost(&self, what: &str, passed: &[u8], recorded: &[u8], found: &mut Found) {
        let name = &self.name;
        let both = passed.len().min(recorded.len());
        assert!(passed[..both] == recorded[..both], "{name}: other {what}");
        let lost = passed.len() - both;
        let most = match self.running.mode {
            RecordingMode::Strict => 0,
            RecordingMode::Standard => MOST_BYTES,
        };
        assert!(
            lost <= most,
            "{name}: {lost} bytes of {} of {what} are lost",
            passed.len()
        );
        found.most_bytes = found.most_bytes.max(lost);
    }

    /// That what was printed and is not recorded was printed just before the end.
    fn lost_for_moments_only(&self, printed: &Printed, recorded: usize, found: &mut Found) {
        if recorded > 0 && self.running.deed != Deed::Flood {
            found.add(Found::one(&format!("{:?} kept in time", self.running.mode)));
        }
        let first = printed.arrived.first();
        let printed_for =
            first.map(|(_, arrived)| self.killed_at.saturating_duration_since(*arrived));
        if self.running.mode == RecordingMode::Standard && printed_for >= Some(LONG) {
            found.add(Found::one(LONG_ONES));
            if recorded > 0 {
                found.add(Found::one(LONG_ONES_KEPT));
            }
        }
        let lost = printed
            .arrived
            .iter()
            .find(|(so_far, _)| *so_far > recorded);
        if let Some((_, arrived)) = lost {
            let lost = self.killed_at.saturating_duration_since(*arrived);
            assert!(lost <= MOST_TIME, "{}: {lost:?} are lost", self.name);
            found.most_time = found.most_time.max(lost);
        }
    }
}

impl Found {
    fn one(what: &str) -> Self {
        Self {
            count: BTreeMap::from([(what.to_owned(), 1)]),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (what, count) in other.count {
            *self.count.entry(what).or_default() += count;
        }
        self.most_bytes = self.most_bytes.max(other.most_bytes);
        self.most_time = self.most_time.max(other.most_time);
    }

    /// Whether most of what was killed had something to lose in both modes, and recordings of little output were on disk
    /// before their segment was full.
    pub(super) fn are_enough(&self, kills: u64) -> bool {
        let count = |what: &str| self.count.get(what).copied().unwrap_or_default();
        let are_in_time = count(LONG_ONES_KEPT) * 2 >= count(LONG_ONES);
        are_in_time
            && [RecordingMode::Strict, RecordingMode::Standard]
                .map(|mode| format!("{mode:?}"))
                .iter()
                .all(|mode| {
                    let of_mode = |what: &str| what.starts_with(mode) && !what.ends_with("in time");
                    let killed = self.count.iter().filter(|(what, _)| of_mode(what));
                    let killed: u64 = killed.map(|(_, count)| count).sum();
                    let kept = self.count.get(&format!("{mode} kept in time"));
                    killed > kills * 3 / 4 && kept.is_some_and(|kept| *kept > kills / 20)
                })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            most_bytes,
            most_time,
        } = self;
        write!(
            f,
            "{count:?}, at most {most_bytes} bytes and {most_time:?} lost"
        )
    }
}
