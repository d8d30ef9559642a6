use std::io::Cursor;
use std::sync::Arc;

use portreeve_protocol::digest::Digest;

use super::support::*;
use crate::container::{END, Name, frame};
use crate::event::Event;
use crate::manifest::{Manifest, ManifestSigner, SegmentEntry, Totals};
use crate::read::Recording;
use crate::verify::{Evidence, Fault, Verdict, verify};

/// The parts of a recording, to be put together differently.
#[derive(Clone)]
struct Parts {
    session: Vec<u8>,
    segments: Vec<Vec<u8>>,
    manifest: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn of(batches: &[Vec<Event>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut recording = open(&write(folder.path(), batches).path);
        let count = recording.segment_count();
        Self {
            session: recording.info().to_json().unwrap().into_bytes(),
            segments: (0..count)
                .map(|number| recording.sealed_segment(number).unwrap().unwrap())
                .collect(),
            manifest: recording.manifest_bytes().unwrap().unwrap(),
            signature: recording.signature().unwrap().unwrap().into_bytes(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = frame(Name::Session, &self.session, 7);
        for (number, segment) in (0..).zip(&self.segments) {
            bytes.extend(frame(Name::Segment(number), segment, 7));
        }
        bytes.extend(frame(Name::Manifest, &self.manifest, 7));
        bytes.extend(frame(Name::Signature, &self.signature, 7));
        bytes.extend(END);
        bytes
    }

    /// Writes the manifest anew and signs it with the bastion's own key, so that only the content
    /// can tell.
    fn resigned(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        let mut manifest = Manifest::from_json(&self.manifest).unwrap();
        manifest.session_file = Digest::of(&self.session);
        manifest.segments = (0..)
            .zip(&self.segments)
            .map(|(number, sealed)| SegmentEntry {
                digest: Digest::of(sealed),
                size: sealed.len() as u64,
                ..manifest
                    .segments
                    .get::<usize>(number)
                    .copied()
                    .unwrap_or(manifest.segments[0])
            })
            .collect();
        manifest.totals = Totals::of(&manifest.segments);
        change(&mut manifest);
        self.manifest = manifest.to_json().unwrap().into_bytes();
        self.signature = ManifestSigner::sign(&bastion(), &self.manifest)
            .unwrap()
            .into_bytes();
        self
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.bytes()).unwrap()
    }
}

/// The verdict with every key, or nothing when the file is refused outright.
fn verdict(bytes: &[u8]) -> Option<Verdict> {
    let mut recording = Recording::open(Cursor::new(bytes)).ok()?;
    let (bastions, identities) = ([bastion_public()], [reviewer()]);
    verify(
        &mut recording,
        Evidence {
            bastions: &bastions,
            identities: &identities,
            trail: None,
            heads: &[],
        },
    )
    .ok()
}

#[test]
fn the_untouched_parts_verify() {
    let parts = Parts::of(&example_batches());
    assert!(parts.verdict().is_signed_and_whole());
    assert!(
        parts
            .clone()
            .resigned(|_| {})
            .verdict()
            .is_signed_and_whole()
    );
}

#[test]
fn no_altered_byte_goes_unseen() {
    let bytes = Parts::of(&example_batches()[..1]).bytes();
    let bastions = [bastion_public()];
    for at in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let verdict = Recording::open(Cursor::new(&altered))
            .ok()
            .and_then(|mut recording| {
                verify(
                    &mut recording,
                    Evidence {
                        bastions: &bastions,
                        ..Evidence::default()
                    },
                )
                .ok()
            });
        assert!(
            !verdict.is_some_and(|verdict| verdict.is_signed_and_whole()),
            "byte {at}"
        );
    }
}

#[test]
fn whatever_is_done_to_segments_is_seen_by_the_manifest() {
    let parts = Parts::of(&example_batches());
    let other = Parts::of(&example_batches()[1..]);
    type Change = fn(&mut Vec<Vec<u8>>, Vec<u8>);
    let cases: &[(&str, Change, Fault)] = &[
        (
            "last dropped",
            |s, _| drop(s.pop()),
            Fault::SegmentCount {
                stated: 3,
                found: 2,
            },
        ),
        ("first dropped", |s, _| drop(s.remove(0)), Fault::Segment(0)),
        ("swapped", |s, _| s.swap(1, 2), Fault::Segment(1)),
        (
            "doubled",
            |s, _| s.push(s[2].clone()),
            Fault::SegmentCount {
                stated: 3,
                found: 4,
            },
        ),
        ("replaced", |s, other| s[0] = other, Fault::Segment(0)),
        ("byte flipped", |s, _| s[1][300] ^= 1, Fault::Segment(1)),
        ("cut short", |s, _| s[1].truncate(300), Fault::Segment(1)),
    ];
    for (name, change, expected) in cases {
        let mut altered = parts.clone();
        change(&mut altered.segments, other.segments[0].clone());
        let verdict = altered.verdict();
        assert!(
            verdict.faults.contains(expected),
            "{name}: {:?}",
            verdict.faults
        );
        assert!(!verdict.is_signed_and_whole(), "{name}");
    }
}

#[test]
fn segments_moved_by_somebody_who_can_sign_do_not_follow_one_another() {
    let parts = Parts::of(&example_batches());
    let other = Parts::of(&example_batches()[1..]);
    type Change = fn(&mut Vec<Vec<u8>>, Vec<u8>);
    let cases: &[(&str, Change)] = &[
        ("first dropped", |s, _| drop(s.remove(0))),
        ("middle dropped", |s, _| drop(s.remove(1))),
        ("swapped", |s, _| s.swap(1, 2)),
        ("doubled", |s, _| s.push(s[2].clone())),
        ("from another recording", |s, other| s[0] = other),
    ];
    for (name, change) in cases {
        let mut altered = parts.clone();
        change(&mut altered.segments, other.segments[0].clone());
        let verdict = altered.resigned(|_| {}).verdict();
        let is_caught = verdict
            .faults
            .iter()
            .any(|fault| matches!(fault, Fault::Content { .. } | Fault::Run(_)));
        assert!(is_caught, "{name}: {:?}", verdict.faults);
    }
}

#[test]
fn a_session_file_changed_by_somebody_who_can_sign_breaks_the_first_segment() {
    let mut parts = Parts::of(&example_batches());
    let text = String::from_utf8(parts.session)
        .unwrap()
        .replace("INC-4711", "INC-4712");
    parts.session = text.into_bytes();
    assert!(parts.verdict().faults.contains(&Fault::SessionFile));
    let faults = parts.resigned(|_| {}).verdict().faults;
    assert!(
        matches!(faults.as_slice(), [Fault::Content { number: 0, .. }]),
        "{faults:?}"
    );
}

#[test]
fn a_manifest_that_lies_about_the_content_is_caught_with_a_review_key() {
    let parts = Parts::of(&example_batches());
    let faults = |change: fn(&mut Manifest)| parts.clone().resigned(change).verdict().faults;
    assert_eq!(
        faults(|manifest| {
            manifest.segments[1].events = Some(99);
            manifest.totals = Totals::of(&manifest.segments);
        }),
        [Fault::Run(1)]
    );
    assert_eq!(
        faults(|manifest| manifest.totals.bytes += 1),
        [Fault::Totals]
    );
    assert_eq!(faults(|manifest| manifest.cut = true), [Fault::End]);
    assert_eq!(faults(|manifest| manifest.cause = None), [Fault::End]);
}

#[test]
fn another_bastions_signature_and_another_trail_are_refused() {
    let parts = Parts::of(&example_batches()[..1]);
    let bytes = parts.bytes();
    let stranger = ssh_key::PrivateKey::new(
        ssh_key::private::KeypairData::Ed25519(ssh_key::private::Ed25519Keypair::from_seed(
            &[9; 32],
        )),
        "",
    )
    .unwrap();
    let stranger =
        [
            portreeve_protocol::key::PublicKey::new(stranger.public_key().key_data().clone())
                .unwrap(),
        ];
    let mut recording = Recording::open(Cursor::new(&bytes)).unwrap();
    let evidence = Evidence {
        bastions: &stranger,
        identities: &[],
        trail: Some(Digest::of(b"other")),
        heads: &[],
    };
    let verdict = verify(&mut recording, evidence).unwrap();
    assert_eq!(verdict.faults, [Fault::Signature, Fault::OtherInTrail]);
}

#[test]
fn a_clock_that_runs_backwards_is_reported() {
    let mut earlier = example_batches();
    earlier[1][3].at_us = 1;
    let mut swapped = example_batches();
    swapped.swap(0, 1);
    for batches in [earlier, swapped] {
        let faults = Parts::of(&batches).verdict().faults;
        // Where one segment ends and the next begins depends on how fast the disk takes them.
        assert!(
            matches!(faults[..], [Fault::TimeWentBack(1..)]),
            "{faults:?}"
        );
    }
}

#[test]
fn a_review_key_that_does_not_fit_proves_nothing_and_faults_nothing() {
    let bytes = Parts::of(&example_batches()).bytes();
    let stranger = [portreeve_protocol::age::Identity::from_secret_bytes(
        &[9; 32],
    )];
    let mut recording = Recording::open(Cursor::new(&bytes)).unwrap();
    let verdict = verify(
        &mut recording,
        Evidence {
            identities: &stranger,
            ..Evidence::default()
        },
    )
    .unwrap();
    assert!(
        verdict.holds()
            && verdict
                .unproved
                .contains(&crate::verify::Unproved::NoReviewKey)
    );
}

#[test]
fn bytes_after_the_end_and_between_entries_are_refused() {
    let bytes = Parts::of(&example_batches()[..1]).bytes();
    assert!(verdict(&[bytes.as_slice(), &[0; 512]].concat()).is_none());
    assert!(verdict(&[bytes.as_slice(), &bytes].concat()).is_none());
    let in_padding = 512 + Parts::of(&[]).session.len() + 1;
    let mut altered = bytes.clone();
    altered[in_padding] = 1;
    assert!(verdict(&altered).is_none());
}

#[test]
fn signatures_are_made_where_the_trait_says() {
    let signer: Arc<dyn ManifestSigner> = Arc::new(bastion());
    let signature = signer.sign(b"{}").unwrap();
    assert!(crate::manifest::is_signed_by(
        b"{}",
        &signature,
        &bastion_public()
    ));
    assert!(!crate::manifest::is_signed_by(
        b"{ }",
        &signature,
        &bastion_public()
    ));
}
