//! The one place that judges evidence: a trail, a recording, and both together.
//!
//! `verify`, `evidence verify`, `trail` and `canary` all come here. What is proved depends on the
//! keys that are brought along, and every claim that rests on a key from the file says so.

use std::io::{self, Read, Seek};

use portreeve_protocol::checkpoint::{Trail, VerifierKey};
use portreeve_recording::read::{Recording, Tail};
use portreeve_recording::verify::{self, Evidence, Proved, Unproved};

use super::agreement::{self, Compared};
use super::course::{self, Told};
use super::findings::Findings;
use super::host_chain;
use super::known::Keys;
use super::seen::Seen;

/// A trail after it was judged.
#[derive(Debug, Default)]
pub struct JudgedTrail {
    /// What it proves.
    pub findings: Findings,
    /// Its events; none when its proofs do not hold, for then they prove nothing of anything else.
    pub told: Told,
}

/// A recording after it was judged.
#[derive(Debug, Default)]
pub struct JudgedRecording {
    /// What it proves.
    pub findings: Findings,
    /// Whether its end is missing, which `unproved` says too.
    pub is_cut: bool,
}

/// What a trail proves.
#[must_use]
pub fn trail(trail: &Trail, keys: &Keys) -> JudgedTrail {
    let mut judged = JudgedTrail::default();
    let findings = &mut judged.findings;
    // Without a key of the verifier's own the one in the file is taken, which shows that the file
    // is consistent and not whose it is.
    let key = match &keys.log {
        Some(known) => known.key.verifier(&trail.checkpoint),
        None => trail.log_key.parse::<VerifierKey>(),
    };
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            findings.fault(format!("the trail names no log: {error}"));
            return judged;
        }
    };
    let is_own = keys.log.as_ref().is_some_and(|known| !known.is_hint);
    if is_own && trail.log_key.parse::<VerifierKey>().as_ref() != Ok(&key) {
        findings.fault("the trail names another log key than was given");
    }
    let verified = match trail.verify(&key) {
        Ok(verified) => verified,
        Err(error) => {
            findings.fault(error.to_string());
            return judged;
        }
    };
    let checkpoint = verified.checkpoint();
    findings.proved(format!(
        "all {} events are in the log `{}` as it was at {} events",
        verified.events().len() + verified.unread().len(),
        checkpoint.origin,
        checkpoint.size
    ));
    if is_own {
        findings.proved(format!(
            "the checkpoint is signed by the key of `{}` that was given",
            key.name()
        ));
    } else {
        findings
            .unproved("whose log this is: give the log's key, got on another way, with --log-key");
    }
    findings.unproved(
        "that no event of the session was left out at the end of the trail; those of the host are counted in its receipt",
    );
    findings.not_read(verified.unread());
    let events = verified.events().iter();
    judged.told = Told {
        events: events.map(|(_, event)| event.clone()).collect(),
        unread: verified.unread().to_vec(),
    };
    let host = keys.host.as_ref();
    judged
        .findings
        .extend(host_chain::check(&judged.told.events, host));
    for (session, course) in course::sessions(&judged.told) {
        judged.findings.extend(course.check(session));
    }
    judged
}

/// What a recording proves, beside the verified events of its session's trail where there are any.
///
/// # Errors
/// When it cannot be read; every finding is in the verdict.
pub fn recording<R: Read + Seek>(
    recording: &mut Recording<R>,
    keys: &Keys,
    trail: &Told,
) -> io::Result<JudgedRecording> {
    let session = recording.info().session;
    let courses = course::sessions(trail);
    let course = courses.get(&session);
    let bastions: Vec<_> = keys.bastion.iter().map(|known| known.key.clone()).collect();
    let evidence = Evidence {
        bastions: &bastions,
        identities: &keys.identities,
        trail: course.and_then(|course| course.sealed.map(|(manifest, _)| manifest)),
        heads: course.map_or(&[], |course| &course.heads),
    };
    let mut seen = Seen::default();
    let verdict = match verify::verify_and_read(recording, evidence, |event| seen.add(event)) {
        Ok(verdict) => verdict,
        // The file can be read, and has what no recording has.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let mut judged = JudgedRecording::default();
            judged.findings.fault(error.to_string());
            return Ok(judged);
        }
        Err(error) => return Err(error),
    };
    let is_opened = verdict
        .proved
        .iter()
        .any(|proved| matches!(proved, Proved::Content(_)));
    let mut findings = words(&verdict, keys);
    if let Some(course) = course {
        let compared = Compared {
            info: recording.info(),
            size: recording.size(),
            is_whole: recording.tail() == Tail::Ended && !verdict.unproved.contains(&Unproved::Cut),
            seen: is_opened.then_some(&seen),
        };
        findings.extend(agreement::compare(&compared, course));
    } else if !trail.events.is_empty() {
        findings.unproved(format!(
            "{session}: anything by the trail: it is of another session"
        ));
    }
    Ok(JudgedRecording {
        is_cut: verdict.unproved.contains(&Unproved::Cut),
        findings,
    })
}

fn words(verdict: &verify::Verdict, keys: &Keys) -> Findings {
    let mut findings = Findings {
        proved: Vec::new(),
        unproved: texts(&verdict.unproved),
        faults: texts(&verdict.faults),
        unread: Vec::new(),
    };
    for proved in &verdict.proved {
        match (&keys.bastion, proved) {
            (Some(known), Proved::Signed(_)) => {
                findings.proved(format!("{proved}{}", known.caveat()));
            }
            _ => findings.proved(proved.to_string()),
        }
    }
    findings
}

fn texts<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
