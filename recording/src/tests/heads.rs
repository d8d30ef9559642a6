//! What a bastion that was taken over can do to a recording: it has the file and the key that signs, and not the CA's log.

use std::path::Path;

use portreeve_protocol::age::Identity;

use super::support::*;
use crate::event::Event;
use crate::head::Head;
use crate::info::SessionInfo;
use crate::recover::recover;
use crate::verify::{Evidence, Fault, Proved, Verdict, verify};
use crate::write::Position;

/// A recording in a folder of its own, and its heads as they came into the log.
fn recorded(
    folder: &Path,
    info: SessionInfo,
    batches: &[Vec<Event>],
) -> (std::path::PathBuf, Vec<Head>) {
    let pool = pool(patient());
    let recorder = pool.begin(folder.to_owned(), info);
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    let mut heads = Vec::new();
    for batch in batches {
        let last = batch
            .iter()
            .map(|event| recorder.try_record(event).unwrap())
            .last()
            .unwrap();
        block_on(recorder.flush_through(last)).unwrap();
        heads.push(recorder.head().unwrap());
    }
    (block_on(recorder.finish(end())).unwrap().path, heads)
}

/// What everybody who has the trail finds, without a review key.
fn verdict(path: &Path, heads: &[Head], identities: &[Identity]) -> Verdict {
    let bastions = [bastion_public()];
    let evidence = Evidence {
        bastions: &bastions,
        identities,
        trail: None,
        heads,
    };
    verify(&mut open(path), evidence).unwrap()
}

/// The file cut behind its first segments, closed and signed by the bastion's own key.
fn cut_and_signed(path: &Path, segments: usize) {
    let end = open(path).segment_spans()[segments - 1].next_entry();
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..place(end)]).unwrap();
    recover(path, &bastion()).unwrap();
}

#[test]
fn a_file_that_is_what_the_trail_says_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (path, heads) = recorded(folder.path(), info(), &example_batches());
    for logged in [&heads[..], &heads[..1], &heads[2..]] {
        let verdict = verdict(&path, logged, &[]);
        assert!(verdict.holds(), "{:?}", verdict.faults);
        let most = logged.last().unwrap().segments;
        assert!(verdict.proved.contains(&Proved::Logged(most)));
    }
    // A crash after the second: what is missing was never logged.
    cut_and_signed(&path, 2);
    assert!(verdict(&path, &heads[..2], &[]).holds());
}

#[test]
fn a_file_that_was_cut_below_a_logged_head_is_noticed_though_the_bastion_signed_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, heads) = recorded(folder.path(), info(), &example_batches());
    cut_and_signed(&path, 2);
    assert!(verdict(&path, &[], &[reviewer()]).holds());
    let faults = verdict(&path, &heads, &[]).faults;
    assert_eq!(
        faults,
        [Fault::CutBelowTrail {
            stated: 3,
            found: 2
        }]
    );
    // A bastion may add heads to the log afterwards, and takes none back.
    let forged = open(&path).heads().last().unwrap().unwrap();
    let added = [heads.clone(), vec![forged]].concat();
    assert!(!verdict(&path, &added, &[]).holds());
}

#[test]
fn an_exchanged_segment_is_noticed_without_a_review_key() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, heads) = recorded(folder.path(), info(), &example_batches());
    for (changed, first) in (0..3).zip(1..) {
        let mut batches = example_batches();
        batches[changed].pop();
        let (path, _) = recorded(other.path(), info(), &batches);
        assert!(verdict(&path, &[], &[reviewer()]).holds());
        let faults = verdict(&path, &heads, &[]).faults;
        assert_eq!(faults, [Fault::OtherThanLogged(first)]);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn each_segment_and_the_session_file_are_bound_by_the_last_head_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, heads) = recorded(folder.path(), info(), &example_batches());
    let bytes = std::fs::read(&path).unwrap();
    let (last, recording) = (&heads[2..], open(&path));
    let mut spans = recording.segment_spans().to_vec();
    spans.push(recording.session_span());
    for span in spans {
        let mut bytes = bytes.clone();
        let content = &mut bytes[place(span.offset)..place(span.offset + span.size)];
        // Still JSON where it is JSON.
        let at = content
            .windows(12)
            .position(|window| window == b"Find the rev")
            .unwrap_or(content.len() - 1);
        content[at] ^= 1;
        let path = altered(folder.path(), &bytes);
        let faults = verdict(&path, last, &[]).faults;
        assert!(faults.contains(&Fault::OtherThanLogged(3)), "{faults:?}");
    }
}

#[test]
fn another_sessions_file_is_noticed() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, heads) = recorded(folder.path(), info(), &example_batches());
    let mut told = info();
    told.started_at = portreeve_protocol::time::Timestamp::from_seconds(1_769_860_801);
    let (path, _) = recorded(other.path(), told, &[]);
    let faults = verdict(&path, &heads, &[]).faults;
    assert_eq!(
        faults,
        [Fault::CutBelowTrail {
            stated: 3,
            found: 0
        }]
    );
}
