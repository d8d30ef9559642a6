//! What events of a newer version do to a verdict, and what they must not do.

use std::io::Cursor;

use super::*;
use crate::canary::tests::{made, seeds};
use crate::canary::{Makers, Specimen};

const SESSION: &str = "0190b8a2-7c1e-7000-8000-00000000002a";
const OTHER: &str = "0190b8a2-7c1e-7000-8000-00000000002b";

/// An event that no version of today knows.
fn newer(session: &str) -> String {
    format!(
        r#"{{"at":"2026-01-01T00:00:09.000000Z","body":{{"fact":{{"fact":"weighed"}},"kind":"access","session":"{session}"}},"id":"0190b8a2-7c1e-7000-8000-0000000000ff","source":"ca"}}"#
    )
}

/// The trail of a session in whose log such an event is, and from which others were left out.
fn trail_with(specimen: &Specimen, event: &str, left_out: &str) -> Trail {
    let Makers { log, places, .. } = specimen.makers.as_ref().unwrap();
    let mut log = log.clone();
    let mut places: Vec<_> = places
        .iter()
        .copied()
        .filter(|place| left_out.is_empty() || !log.leaves[*place].contains(left_out))
        .collect();
    places.push(log.leaves.len());
    log.leaves.push(event.into());
    log.trail(&places).unwrap()
}

fn beside(specimen: &Specimen, told: &Told, bytes: &[u8]) -> Findings {
    let mut opened = Recording::open(Cursor::new(bytes)).unwrap();
    recording(&mut opened, &specimen.keys, told)
        .unwrap()
        .findings
}

#[tokio::test]
async fn an_event_of_a_newer_version_is_no_fault_and_takes_nothing_from_the_others() {
    let specimen = made(&seeds()).await;
    for session in [SESSION, OTHER] {
        let judged = trail(&trail_with(&specimen, &newer(session), ""), &specimen.keys);
        let findings = &judged.findings;
        assert!(findings.holds(), "{findings:?}");
        assert_eq!(findings.unread.len(), 1, "{findings:?}");
        assert!(findings.unread[0].contains("does not know what it says"));
        let of_recording = beside(&specimen, &judged.told, &specimen.recording);
        assert!(of_recording.holds(), "{of_recording:?}");
        assert!(
            of_recording
                .proved
                .iter()
                .any(|text| text.contains("was permitted by a decision")),
            "{of_recording:?}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_may_be_in_an_event_of_the_session_that_is_not_read_and_nowhere_else() {
    let specimen = made(&seeds()).await;
    for left_out in ["session_issued", "channel_decided"] {
        let of = |session| trail_with(&specimen, &newer(session), left_out);
        let judged = trail(&of(SESSION), &specimen.keys);
        let mut findings = judged.findings;
        findings.extend(beside(&specimen, &judged.told, &specimen.recording));
        assert!(findings.holds(), "{left_out}: {findings:?}");
        assert!(
            findings
                .unproved
                .iter()
                .any(|text| text.contains("or it is in what this version does not know")),
            "{left_out}: {findings:?}"
        );
        let claims = |text: &String| text.contains("what must have come before each event");
        assert!(!findings.proved.iter().any(claims), "{findings:?}");

        // That of another session explains nothing.
        let judged = trail(&of(OTHER), &specimen.keys);
        let mut findings = judged.findings;
        findings.extend(beside(&specimen, &judged.told, &specimen.recording));
        assert!(!findings.holds(), "{left_out}: {findings:?}");
    }
}

#[tokio::test]
async fn what_contradicts_itself_is_a_fault_beside_an_event_that_is_not_read() {
    let specimen = made(&seeds()).await;
    let good = trail_with(&specimen, &newer(SESSION), "");
    let told = trail(&good, &specimen.keys).told;
    let cut = &specimen.recording[..specimen.recording.len() - 1024];
    assert!(!beside(&specimen, &told, cut).holds());

    // A trail that is forged is not believed in anything, and is not merely newer.
    let mut forged = good;
    forged.events[1].event = forged.events[1].event.replace("prod-1", "prod-2");
    let judged = trail(&forged, &specimen.keys);
    assert!(!judged.findings.holds() && judged.findings.unread.is_empty());
    assert!(judged.told.events.is_empty() && judged.told.unread.is_empty());
}
