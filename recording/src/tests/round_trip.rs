use portreeve_protocol::digest::Digest;
use proptest::prelude::*;

use super::support::*;
use crate::event::tests::event as any_event;
use crate::read::Tail;
use crate::verify::{Evidence, Proved, Unproved, verify};

#[test]
fn what_is_recorded_reads_back_and_is_proved() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    assert_eq!(events(&finished.path), example_batches().concat());

    let mut recording = open(&finished.path);
    assert_eq!(
        (
            recording.info(),
            recording.tail(),
            recording.segment_count()
        ),
        (&info(), Tail::Ended, 3)
    );
    assert_eq!(
        finished.bytes,
        std::fs::metadata(&finished.path).unwrap().len()
    );
    let (bastions, identities) = ([bastion_public()], [reviewer()]);
    let evidence = Evidence {
        bastions: &bastions,
        identities: &identities,
        trail: Some(finished.manifest),
        heads: &[],
    };
    let verdict = verify(&mut recording, evidence).unwrap();
    assert_eq!(verdict.faults, []);
    assert_eq!(verdict.unproved, [Unproved::BastionHonest]);
    assert_eq!(
        verdict.proved,
        [
            Proved::Signed(bastion_public().fingerprint()),
            Proved::InTrail,
            Proved::SessionFile,
            Proved::Segments(3),
            Proved::NothingMissing,
            Proved::Content(22),
        ]
    );
    assert!(verdict.is_signed_and_whole());
}

#[test]
fn without_any_key_the_metadata_is_readable_and_nothing_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let mut recording = open(&finished.path);
    let manifest = recording.unverified_manifest().unwrap().unwrap();
    assert_eq!((manifest.cut, manifest.totals.events), (false, Some(22)));
    assert_eq!(manifest.segments[1].first_us, Some(1_500_000));
    assert_eq!(
        manifest.session_file,
        Digest::of(info().to_json().unwrap().as_bytes())
    );
    let verdict = verify(&mut recording, Evidence::default()).unwrap();
    assert!(verdict.holds() && !verdict.is_signed_and_whole());
    assert!(verdict.unproved.contains(&Unproved::NoBastionKey));
    assert!(verdict.unproved.contains(&Unproved::NoReviewKey));
    assert!(recording.events(&[]).next().unwrap().is_err());
}

#[test]
fn the_file_is_its_owners_alone_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    assert_eq!(
        std::fs::metadata(&finished.path)
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    let before = std::fs::read(&finished.path).unwrap();
    let pool = pool(patient());
    let second = pool.begin(folder.path().to_owned(), info());
    let failure = block_on(second.failed());
    assert!(
        matches!(failure.cause(), crate::write::WriteError::Create { .. }),
        "{failure:?}"
    );
    drop(second);
    pool.close();
    assert_eq!(std::fs::read(&finished.path).unwrap(), before);
}

#[test]
fn a_session_without_events_is_a_whole_recording() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &[]);
    assert_eq!(events(&finished.path), []);
    let bastions = [bastion_public()];
    let verdict = verify(
        &mut open(&finished.path),
        Evidence {
            bastions: &bastions,
            ..Evidence::default()
        },
    )
    .unwrap();
    assert!(verdict.is_signed_and_whole());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_events_in_any_segments_read_back(batches in proptest::collection::vec(proptest::collection::vec(any_event(), 1..8), 0..4)) {
        let mut batches = batches;
        let mut times: Vec<u64> = batches.iter().flatten().map(|event| event.at_us).collect();
        times.sort_unstable();
        batches.iter_mut().flatten().zip(times).for_each(|(event, at_us)| event.at_us = at_us);

        let folder = tempfile::tempdir().unwrap();
        let finished = write(folder.path(), &batches);
        prop_assert_eq!(events(&finished.path), batches.concat());
        let (bastions, identities) = ([bastion_public()], [reviewer()]);
        let evidence = Evidence { bastions: &bastions, identities: &identities, trail: None, heads: &[] };
        prop_assert!(verify(&mut open(&finished.path), evidence).unwrap().is_signed_and_whole());
    }
}
