use std::error::Error;

use super::support::*;
use crate::manifest::ManifestSigner;
use crate::read::{Recording, Tail};
use crate::recover::{Dropped, Recovered, Torn, recover, recover_folder};
use crate::verify::{Evidence, Fault, Proved, Unproved, verify};

/// Signs at no cost: thousands of recoveries are tried.
struct NoSignature;

impl ManifestSigner for NoSignature {
    fn sign(&self, _: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok("unsigned".into())
    }
}

#[test]
fn cut_at_any_byte_every_whole_segment_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let bytes = std::fs::read(&finished.path).unwrap();
    let mut whole = open(&finished.path);
    let sealed: Vec<_> = (0..3)
        .map(|number| whole.sealed_segment(number).unwrap().unwrap())
        .collect();
    let session_end = whole.session_span().next_entry();
    let ends: Vec<_> = whole
        .segment_spans()
        .iter()
        .map(|span| span.next_entry())
        .collect();
    let signed_end = whole.signature_span().unwrap().next_entry();

    for len in 0..bytes.len() {
        let path = altered(folder.path(), &bytes[..len]);
        let len = len as u64;
        let recovered = recover(&path, &NoSignature);
        if len < session_end {
            assert!(recovered.is_err(), "{len}");
            continue;
        }
        let kept = ends.iter().filter(|end| **end <= len).count();
        match recovered.unwrap() {
            Recovered::Completed(_) => assert!(len >= signed_end, "{len}"),
            Recovered::Cut { dropped, .. } => {
                assert!(len < signed_end, "{len}");
                let kept_len = ends
                    .iter()
                    .copied()
                    .rfind(|end| *end <= len)
                    .unwrap_or(session_end);
                let bytes = len - kept_len;
                let begun = if kept < 3 || bytes < 13 {
                    Torn::Begun(u32::try_from(kept).unwrap())
                } else {
                    Torn::Manifest
                };
                let expected = (bytes > 0).then_some(Dropped { bytes, what: begun });
                assert_eq!(dropped, expected, "{len}");
            }
            Recovered::Whole => panic!("{len}"),
        }
        let mut recording = open(&path);
        assert_eq!(
            (recording.tail(), recording.segment_count() as usize),
            (Tail::Ended, kept),
            "{len}"
        );
        for (number, sealed) in (0..).zip(&sealed[..kept]) {
            assert_eq!(
                recording.sealed_segment(number).unwrap().as_ref(),
                Some(sealed)
            );
        }
        assert_eq!(
            recording.unverified_manifest().unwrap().unwrap().cut,
            len < signed_end
        );
        if len.is_multiple_of(64) {
            assert_eq!(
                recover(&path, &NoSignature).unwrap(),
                Recovered::Whole,
                "a second recovery changes nothing"
            );
        }
    }
}

#[test]
fn a_recovered_recording_is_signed_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let bytes = std::fs::read(&finished.path).unwrap();
    let second_end = open(&finished.path).segment_spans()[1].next_entry();
    let path = altered(folder.path(), &bytes[..place(second_end) + 700]);

    let unsigned = verify(&mut open(&path), Evidence::default()).unwrap();
    assert!(unsigned.unproved.contains(&Unproved::NoManifest));
    let beside_its_trail = Evidence {
        trail: Some(finished.manifest),
        ..Evidence::default()
    };
    let cut_off = verify(&mut open(&path), beside_its_trail).unwrap();
    assert_eq!(cut_off.faults, [Fault::EndRemoved]);
    assert_eq!(
        events(&path),
        example_batches()[..2].concat(),
        "readable before it is recovered"
    );

    let Recovered::Cut { dropped, .. } = recover(&path, &bastion()).unwrap() else {
        panic!("it is not cut");
    };
    assert_eq!(
        dropped.unwrap().to_string(),
        "segment 2 and what follows it (700 bytes): its entry is not whole"
    );
    assert_eq!(events(&path), example_batches()[..2].concat());
    let (bastions, identities) = ([bastion_public()], [reviewer()]);
    let evidence = Evidence {
        bastions: &bastions,
        identities: &identities,
        trail: None,
        heads: &[],
    };
    let verdict = verify(&mut open(&path), evidence).unwrap();
    assert!(
        verdict.holds()
            && verdict.unproved.contains(&Unproved::Cut)
            && !verdict.is_signed_and_whole()
    );
    assert!(
        verdict
            .proved
            .contains(&Proved::Signed(bastion_public().fingerprint()))
    );
    assert!(verdict.proved.contains(&Proved::Content(14)));
}

#[test]
fn a_last_segment_that_the_disk_never_got_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let bytes = std::fs::read(&finished.path).unwrap();
    let mut recording = open(&finished.path);
    let (second, third) = (recording.segment_spans()[1], recording.segment_spans()[2]);
    drop(recording.sealed_segment(0));
    let up_to_third = &bytes[..place(third.next_entry())];
    let zeroed = |from: usize, to: usize| {
        let mut bytes = up_to_third.to_vec();
        bytes[from..to].fill(0);
        bytes
    };
    let (start, end) = (place(third.offset), place(third.next_entry()));
    let last = start + place(third.size);
    let last_block = last - place(third.size) % 512;
    assert!(last - last_block > 16, "the last block is begun");
    for (name, bytes) in [
        ("content", zeroed(start, end)),
        ("first block of the content", zeroed(start, start + 512)),
        ("begun block at the end", zeroed(last_block, last)),
        ("tag", zeroed(last - 16, last)),
        ("header", zeroed(start - 512, start)),
        ("header and content", zeroed(start - 512, end)),
    ] {
        let path = altered(folder.path(), &bytes);
        assert!(
            matches!(recover(&path, &bastion()), Ok(Recovered::Cut { .. })),
            "{name}"
        );
        assert_eq!(open(&path).segment_count(), 2, "{name}");
        assert_eq!(
            std::fs::read(&path).unwrap()[..place(second.next_entry())],
            bytes[..place(second.next_entry())]
        );
    }
}

#[test]
fn a_segment_of_any_length_that_ends_in_zeroes_is_dropped_and_a_good_one_is_not() {
    // Ciphertext may end in a zero or two.
    for (rest, zeroes, is_torn) in [
        (0, 16, true),
        (0, 512, true),
        (1, 1, false),
        (1, 16, true),
        (3, 3, false),
        (4, 4, true),
        (300, 15, false),
        (300, 16, true),
        (300, 300, true),
    ] {
        let mut sealed = [&b"age-encryption.org/v1\n"[..], &[7; 2048]].concat();
        sealed.resize(2048 + rest - zeroes, 7);
        sealed.resize(2048 + rest, 0);
        assert_eq!(crate::recover::is_torn(&sealed), is_torn, "{rest} {zeroes}");
    }
}

#[test]
fn a_segment_that_the_disk_never_got_takes_the_later_ones_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let whole = std::fs::read(&finished.path).unwrap();
    let recording = open(&finished.path);
    let spans = recording.segment_spans().to_vec();
    let (first, second) = (spans[0], spans[1]);
    let (start, end) = (place(second.offset), place(second.next_entry()));
    let up_to_last = place(spans.last().unwrap().next_entry());
    assert!(up_to_last > end, "segments follow it");
    for (name, from, to) in [
        ("content", start, end),
        ("first block of the content", start, start + 512),
        ("header", start - 512, start),
        ("header and content", start - 512, end),
    ] {
        let mut bytes = whole[..up_to_last].to_vec();
        bytes[from..to].fill(0);
        let path = altered(folder.path(), &bytes);
        let Recovered::Cut { dropped, .. } = recover(&path, &bastion()).unwrap() else {
            panic!("{name} is not cut");
        };
        let dropped = dropped.unwrap().to_string();
        let gone = up_to_last - place(first.next_entry());
        let expected = if name.starts_with("header") {
            format!("segment 1 and what follows it ({gone} bytes): its entry is not whole")
        } else {
            format!("segments 1 to 2 ({gone} bytes): the disk never had all of the first")
        };
        assert_eq!(dropped, expected, "{name}");
        assert_eq!(open(&path).segment_count(), 1, "{name}");
        let kept = place(first.next_entry());
        assert_eq!(std::fs::read(&path).unwrap()[..kept], whole[..kept]);
    }
}

#[test]
fn a_manifest_that_the_disk_got_in_part_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let mut bytes = std::fs::read(&finished.path).unwrap();
    let recording = open(&finished.path);
    let signature = recording.signature_span().unwrap();
    bytes.truncate(place(signature.next_entry()));
    bytes[place(signature.offset)..].fill(0);
    let path = altered(folder.path(), &bytes);
    let Recovered::Cut { dropped, .. } = recover(&path, &bastion()).unwrap() else {
        panic!("it is not cut");
    };
    assert_eq!(dropped.unwrap().what, Torn::Manifest);
    let bastions = [bastion_public()];
    let verdict = verify(
        &mut open(&path),
        Evidence {
            bastions: &bastions,
            ..Evidence::default()
        },
    )
    .unwrap();
    assert!(
        verdict.proved.contains(&Proved::Segments(3)) && verdict.unproved.contains(&Unproved::Cut)
    );
}

#[test]
fn a_whole_folder_is_recovered_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let finished = write(folder.path(), &example_batches());
    let bytes = std::fs::read(&finished.path).unwrap();
    altered(folder.path(), &bytes[..3000]);
    std::fs::write(folder.path().join("empty.tar"), b"").unwrap();
    std::fs::write(folder.path().join("other.txt"), b"").unwrap();
    let results = recover_folder(folder.path(), &bastion()).unwrap();
    let summary: Vec<_> = results
        .iter()
        .map(|(path, result)| {
            let is_cut = matches!(result, Ok(Recovered::Cut { .. }));
            (
                path.file_name().unwrap().to_str().unwrap().len(),
                result.is_ok(),
                is_cut,
            )
        })
        .collect();
    assert_eq!(
        summary,
        [
            (40, true, false),
            ("altered.tar".len(), true, true),
            ("empty.tar".len(), false, false)
        ]
    );
}

#[test]
fn a_file_that_is_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [&b"not a recording"[..], &[7; 5000], &[0; 5000]] {
        let path = altered(folder.path(), bytes);
        assert!(recover(&path, &NoSignature).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert!(Recording::open(std::fs::File::open(&path).unwrap()).is_err());
    }
}
