use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::review::findings::Findings;

pub(crate) fn seeds() -> Seeds {
    let counter = AtomicU64::new(1);
    Seeds {
        keys: [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]],
        entropy: Arc::new(move |bytes: &mut [u8]| {
            for byte in bytes {
                let n = counter
                    .fetch_add(1, Ordering::Relaxed)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *byte = n.to_be_bytes()[0];
            }
        }),
    }
}

pub(crate) async fn made(seeds: &Seeds) -> Specimen {
    let folder = tempfile::tempdir().unwrap();
    specimen(seeds, folder.path()).await.unwrap()
}

#[tokio::test]
async fn every_alteration_is_noticed() {
    let seeds = seeds();
    let specimen = made(&seeds).await;
    let tries = alterations(&specimen, &seeds, Effort::Sample(2));
    let outcome = run(&specimen, &judged, tries, || false).unwrap();
    let missed: Vec<_> = outcome
        .kinds
        .iter()
        .filter(|tally| tally.noticed != tally.tried)
        .map(|tally| (tally.part.words(), &tally.kind, &tally.missed))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(outcome.is_complete && outcome.all_noticed());
    let tried: u64 = outcome.kinds.iter().map(|tally| tally.tried).sum();
    assert!(tried > 400, "{tried}");

    // What it takes is part of what the canary says.
    let needs: BTreeMap<_, _> = outcome
        .kinds
        .iter()
        .map(|tally| ((tally.part, tally.kind.as_str()), tally.needs.unwrap()))
        .collect();
    for (part, kind, need) in [
        (
            Part::Recording,
            "manifest signed by another key",
            Need::BastionKey,
        ),
        (Part::Recording, "sealed anew", Need::File),
        (
            Part::Recording,
            "sealed anew, and its manifest left out",
            Need::File,
        ),
        (
            Part::Recording,
            "signed anew with the bastion's key",
            Need::Trail,
        ),
        (Part::Recording, "segment dropped", Need::File),
        (Part::Trail, "one bit of an event", Need::File),
        (
            Part::Trail,
            "the log made anew by another key",
            Need::LogKey,
        ),
        (
            Part::Trail,
            "log signed anew with another event",
            Need::Everything,
        ),
        (
            Part::Evidence,
            "recording and key replaced together",
            Need::File,
        ),
        (
            Part::Evidence,
            "trail and key replaced together",
            Need::Everything,
        ),
    ] {
        assert_eq!(needs.get(&(part, kind)), Some(&need), "{part:?} {kind}");
    }
}

#[tokio::test]
async fn a_judge_who_sees_nothing_is_found_out() {
    let seeds = seeds();
    let specimen = made(&seeds).await;
    let blind = |_: &Thing, _: Need, _: &Specimen| Some(Findings::default());
    let tries = alterations(&specimen, &seeds, Effort::Sample(1));
    let outcome = run(&specimen, &blind, tries, || false).unwrap();
    assert!(!outcome.all_noticed());
    assert!(outcome.kinds.iter().all(|tally| tally.noticed == 0));
    assert!(outcome.kinds.iter().all(|tally| !tally.missed.is_empty()));
}

#[tokio::test]
async fn one_who_sees_no_trails_is_found_out_by_what_needs_one() {
    let seeds = seeds();
    let specimen = made(&seeds).await;
    let without = |thing: &Thing, need: Need, specimen: &Specimen| match (thing, need) {
        (Thing::Recording(_), Need::Everything) => judged(thing, Need::BastionKey, specimen),
        _ => judged(thing, need, specimen),
    };
    let tries = alterations(&specimen, &seeds, Effort::Sample(1))
        .filter(|alteration| alteration.kind.starts_with("signed anew"));
    let outcome = run(&specimen, &without, tries, || false).unwrap();
    let missed: Vec<_> = outcome
        .kinds
        .iter()
        .filter(|tally| tally.noticed != tally.tried)
        .map(|tally| tally.kind.as_str())
        .collect();
    assert!(
        missed.contains(&"signed anew with the bastion's key"),
        "{missed:?}"
    );
}

#[tokio::test]
async fn what_is_ill_already_is_not_altered() {
    let seeds = seeds();
    let mut specimen = made(&seeds).await;
    specimen.trail.events.pop();
    specimen.trail.events.swap(0, 1);
    let outcome = run(&specimen, &judged, std::iter::empty(), || false);
    assert!(
        matches!(outcome, Err(NoCanary::Ill("recording" | "trail", _))),
        "{outcome:?}"
    );
}

/// What is missing could be in what is not read, so an alteration could go unnoticed.
#[tokio::test]
async fn what_is_of_a_newer_version_is_not_altered() {
    let seeds = seeds();
    let mut specimen = made(&seeds).await;
    let Makers { log, places, .. } = specimen.makers.as_mut().unwrap();
    places.push(log.leaves.len());
    log.leaves.push(
        r#"{"at":"2026-01-01T00:00:09.000000Z","body":{"kind":"weighing"},"id":"0190b8a2-7c1e-7000-8000-0000000000ff","source":"ca"}"#.into(),
    );
    specimen.trail = log.trail(places).unwrap();
    let outcome = run(&specimen, &judged, std::iter::empty(), || false);
    assert_eq!(outcome, Err(NoCanary::Unread("trail")));
}

#[tokio::test]
async fn little_time_is_spent_on_every_kind_once() {
    let seeds = seeds();
    let specimen = made(&seeds).await;
    let tries = || alterations(&specimen, &seeds, Effort::Sample(2));
    let kinds: std::collections::BTreeSet<_> = tries()
        .map(|alteration| (alteration.part, alteration.kind))
        .collect();
    let outcome = run(&specimen, &judged, tries(), || true).unwrap();
    assert!(!outcome.is_complete);
    assert_eq!(outcome.kinds.len(), kinds.len());
    assert!(outcome.kinds.iter().all(|tally| tally.tried == 1));
}
