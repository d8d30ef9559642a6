//! Whether a recording and a trail tell of the same session. Pure.
//!
//! Two witnesses: the bastion signed the recording, and the log has the trail. Whoever forges one
//! must forge the other to match, channel by channel.

use std::collections::BTreeSet;

use portreeve_protocol::event::ChannelRequest;
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::MAX_CONTENT;
use portreeve_recording::info::SessionInfo;

use super::course::{Closed, Course};
use super::findings::Findings;
use super::seen::{Seen, SeenChannel, SeenProgram, SeenStart};

/// A recording, as far as it is compared.
#[derive(Debug)]
pub struct Compared<'a> {
    /// Whose it is.
    pub info: &'a SessionInfo,
    /// How many bytes the file has.
    pub size: u64,
    /// Whether it has everything up to the session's end.
    pub is_whole: bool,
    /// What it holds, if it could be opened.
    pub seen: Option<&'a Seen>,
}

/// Compares everything that both tell.
#[must_use]
pub fn compare(recording: &Compared<'_>, course: &Course<'_>) -> Findings {
    let session = recording.info.session;
    let mut findings = Findings::default();
    compare_head(recording, course, &mut findings);
    match recording.seen {
        None => findings.unproved(format!(
            "{session}: that the channels are those that the trail tells of: name a review key that opens the recording"
        )),
        Some(seen) if seen.is_too_much => findings.unproved(format!(
            "{session}: that the channels are those that the trail tells of: the recording has more than are compared"
        )),
        Some(seen) => {
            let compared = Channels {
                session,
                is_whole: recording.is_whole,
                seen,
                course,
            };
            compared.check(&mut findings);
            compared.check_host_events(&mut findings);
        }
    }
    findings
}

/// `session.json` with what was decided, signed for, claimed and attested.
fn compare_head(recording: &Compared<'_>, course: &Course<'_>, findings: &mut Findings) {
    let info = recording.info;
    let session = info.session;
    let before = findings.faults.len();
    let mut must = |agrees: bool, what: &str| {
        if !agrees {
            findings.fault(format!(
                "{session}: `session.json` and the trail name different {what}"
            ));
        }
    };
    must(course.pairs.iter().all(|pair| **pair == info.pair), "pairs");
    must(course.tasks.iter().all(|task| **task == info.task), "tasks");
    if let Some((host, account, bundle)) = course.intended {
        must(*host == info.host, "hosts");
        must(*account == info.account, "accounts");
        must(*bundle == info.bundle, "bundles");
    }
    if let Some(bastion) = course.claimed {
        must(*bastion == info.bastion, "bastions");
    }
    let is_told = course.intended.is_some() && course.claimed.is_some();
    if findings.faults.len() == before && is_told {
        findings.proved(format!(
            "{session}: `session.json` names the pair, task, host, account, bundle and bastion that the trail names"
        ));
    }
    match course.sealed {
        Some((_, bytes)) if bytes != recording.size => findings.fault(format!(
            "{session}: the trail says that the recording has {bytes} bytes, and it has {}",
            recording.size
        )),
        Some(_) => {}
        None if recording.is_whole => findings.unproved(format!(
            "{session}: that this is the recording that was logged: the trail ends before the recording was sealed; fetch it again"
        )),
        None => {}
    }
}

struct Channels<'a> {
    session: SessionId,
    is_whole: bool,
    seen: &'a Seen,
    course: &'a Course<'a>,
}

impl Channels<'_> {
    fn check(&self, findings: &mut Findings) {
        let before = (findings.faults.len(), findings.unproved.len());
        let mut open = 0_u64;
        for (number, channel) in &self.seen.channels {
            self.channel(*number, channel, findings);
        }
        for (number, closed) in &self.course.closed {
            match self.seen.channels.get(number) {
                Some(channel) if channel.started.is_some() => {
                    self.ended(*number, closed, channel, findings);
                }
                _ if self.is_whole => findings.fault(format!(
                    "{}: the trail tells how channel {number} ended, and the recording has no program on it",
                    self.session
                )),
                _ => open += 1,
            }
        }
        open += self
            .seen
            .channels
            .iter()
            .filter(|(number, channel)| {
                channel.started.is_some() && !self.course.closed.contains_key(*number)
            })
            .count() as u64;
        let programs = self
            .seen
            .channels
            .values()
            .filter(|channel| channel.started.is_some())
            .count();
        if (findings.faults.len(), findings.unproved.len()) == before {
            findings.proved(format!(
                "{}: each of the {programs} programs in the recording was permitted by a decision in the trail, as what it was",
                self.session
            ));
            if open == 0 {
                findings.proved(format!(
                    "{}: what passed on each channel, and how it ended, is what the trail counts",
                    self.session
                ));
            } else {
                findings.unproved(format!(
                    "{}: how {open} channels ended: only one of trail and recording tells",
                    self.session
                ));
            }
        }
    }

    fn channel(&self, number: u32, channel: &SeenChannel, findings: &mut Findings) {
        let session = self.session;
        if channel.is_started_twice {
            findings.fault(format!(
                "{session}: channel {number} has two programs in the recording"
            ));
        }
        let Some(decided) = self.course.decisions.get(&number) else {
            let is_told = !channel.is_refused || self.course.turned_down.contains(&number);
            if channel.started.is_some() || !is_told {
                findings.lacks(
                    self.course.has_unread,
                    format!(
                        "{session}: channel {number} is in the recording, and no decision on it is in the trail"
                    ),
                );
            }
            return;
        };
        match &channel.started {
            Some(started) => {
                let permits = self.course.permits(number);
                if !started.decision.is_some_and(|id| permits.contains(&id)) {
                    // Only a file transfer is decided in parts, of which one may be what was not read.
                    let is_known = |id| decided.iter().any(|(decision, _)| decision.id == id);
                    let may_be_unread = started.program == SeenProgram::Sftp
                        && started.decision.is_some_and(|id| !is_known(id));
                    findings.lacks(
                        self.course.has_unread && may_be_unread,
                        format!(
                            "{session}: the program on channel {number} names a decision that does not permit it"
                        ),
                    );
                }
                if !decided
                    .iter()
                    .any(|(_, asked)| is_what_was_asked(started, asked))
                {
                    findings.fault(format!(
                        "{session}: the program on channel {number} is another one than was decided"
                    ));
                }
            }
            None if channel.bytes_in > 0 || channel.bytes_out > 0 => findings.fault(format!(
                "{session}: something passed on channel {number} without a program"
            )),
            None => {}
        }
    }

    fn ended(
        &self,
        number: u32,
        closed: &Closed<'_>,
        channel: &SeenChannel,
        findings: &mut Findings,
    ) {
        let session = self.session;
        // The bastion records a piece before it counts it, and the session may end in between; a
        // program that ended by itself has said everything before.
        let has_end = closed.exit_status.is_some() || closed.exit_signal.is_some();
        let counts = |counted: u64, recorded: u64, is_exact: bool| {
            counted == recorded
                || (!is_exact && counted < recorded && recorded - counted <= MAX_CONTENT as u64)
        };
        let are_counted = counts(closed.bytes_in, channel.bytes_in, false)
            && counts(closed.bytes_out, channel.bytes_out, has_end);
        let is_same_end = closed
            .exit_status
            .is_none_or(|status| channel.exit_status == Some(status))
            && closed
                .exit_signal
                .is_none_or(|signal| channel.exit_signal.as_deref() == Some(signal));
        if !self.is_whole && !channel.is_closed {
            return;
        }
        if !are_counted {
            findings.fault(format!(
                "{session}: on channel {number} the trail counts {} bytes in and {} out, and the recording has {} and {}",
                closed.bytes_in, closed.bytes_out, channel.bytes_in, channel.bytes_out
            ));
        }
        if !is_same_end {
            findings.fault(format!(
                "{session}: on channel {number} trail and recording tell of different ends"
            ));
        }
    }

    /// The host's events stand in both, word for word. Those from before the recording began or
    /// after it ended are in the trail only.
    fn check_host_events(&self, findings: &mut Findings) {
        let session = self.session;
        let logged = &self.course.host_events;
        let known: BTreeSet<_> = logged.values().collect();
        let strange = self
            .seen
            .host_events
            .iter()
            .filter(|digest| !known.contains(digest))
            .count();
        if strange > 0 {
            findings.lacks(
                self.course.has_unread,
                format!(
                    "{session}: {strange} of the host's events in the recording are not in the trail"
                ),
            );
            return;
        }
        let is_recorded = |digest| self.seen.host_events.contains(digest);
        let recorded: Vec<u64> = logged
            .iter()
            .filter(|(_, digest)| is_recorded(*digest))
            .map(|(seq, _)| *seq)
            .collect();
        if let (Some(first), Some(last)) = (recorded.first(), recorded.last()) {
            let between = logged.range(first..=last).count();
            if between > recorded.len() {
                findings.fault(format!(
                    "{session}: {} of the host's events in the trail are missing in the recording",
                    between - recorded.len()
                ));
                return;
            }
        }
        if !recorded.is_empty() {
            findings.proved(format!(
                "{session}: {} of the host's events are in recording and trail alike",
                recorded.len()
            ));
        }
    }
}

fn is_what_was_asked(started: &SeenStart, asked: &ChannelRequest) -> bool {
    match asked {
        ChannelRequest::Shell { pty } => {
            started.program == SeenProgram::Shell && started.pty == *pty
        }
        ChannelRequest::Exec { command, pty } => {
            started.program == SeenProgram::exec(command) && started.pty == *pty
        }
        ChannelRequest::Sftp => started.program == SeenProgram::Sftp,
        ChannelRequest::Subsystem { .. } | ChannelRequest::Forward { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use portreeve_protocol::digest::Digest;
    use portreeve_protocol::event::DecisionNote;

    use super::*;

    const SESSION: &str = "0190b8a2-7c1e-7000-8000-00000000002a";
    const LOGGED: &str = "0190b8a2-7c1e-7000-8000-0000000000d1";
    const OTHER: &str = "0190b8a2-7c1e-7000-8000-0000000000d2";

    /// What is found of a program on channel 0 that names a decision, when the trail has `LOGGED` on it and something
    /// of the session is not read.
    fn found(
        program: SeenProgram,
        named: Option<&str>,
        permitted: bool,
        asked: &ChannelRequest,
    ) -> Findings {
        let note = DecisionNote {
            id: LOGGED.parse().unwrap(),
            permitted,
            policy: Digest::of(b"policy"),
            determining: Vec::new(),
            record: serde_json::Value::Null,
        };
        let mut course = Course::default();
        course.decisions.insert(0, vec![(&note, asked)]);
        course.has_unread = true;
        let channel = SeenChannel {
            started: Some(SeenStart {
                decision: named.map(|id| id.parse().unwrap()),
                program,
                pty: false,
            }),
            ..SeenChannel::default()
        };
        let seen = Seen {
            channels: BTreeMap::from([(0, channel)]),
            ..Seen::default()
        };
        let compared = Channels {
            session: SESSION.parse().unwrap(),
            is_whole: true,
            seen: &seen,
            course: &course,
        };
        let mut findings = Findings::default();
        compared.check(&mut findings);
        findings
    }

    #[test]
    fn what_is_not_read_excuses_no_program_that_a_decision_in_the_trail_contradicts() {
        let shell = ChannelRequest::Shell { pty: false };
        let sftp = ChannelRequest::Sftp;
        let (is_shell, is_sftp) = (SeenProgram::Shell, SeenProgram::Sftp);
        for (program, named, permitted, asked, holds) in [
            (is_shell, Some(LOGGED), true, &shell, true),
            (is_shell, Some(LOGGED), false, &shell, false),
            (is_shell, Some(OTHER), true, &shell, false),
            (is_shell, None, true, &shell, false),
            (is_shell, Some(LOGGED), true, &sftp, false),
            (is_sftp, Some(LOGGED), true, &sftp, true),
            (is_sftp, Some(LOGGED), false, &sftp, false),
            (is_sftp, None, true, &sftp, false),
            // The other half of what was decided may be what was not read.
            (is_sftp, Some(OTHER), false, &sftp, true),
            (is_sftp, Some(OTHER), true, &shell, false),
        ] {
            let findings = found(program, named, permitted, asked);
            let row = (program, named, permitted, asked);
            assert_eq!(findings.holds(), holds, "{row:?}: {findings:?}");
        }
    }
}
