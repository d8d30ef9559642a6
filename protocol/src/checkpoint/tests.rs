use super::*;
use ed25519_dalek::{Signer as _, SigningKey};

/// The leaves and roots of the Certificate Transparency project's own test of RFC 6962.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOT_OF_8: &str = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";

/// RFC 6962, section 2.1, word by word: slow and plainly right.
fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// RFC 6962, section 2.1.1, word by word.
fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        let mut proof = path(index, left);
        proof.push(root(right));
        proof
    } else {
        let mut proof = path(index - left.len(), right);
        proof.push(root(left));
        proof
    }
}

/// The largest power of two below `size`.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

#[test]
fn known_leaves_have_the_known_root() {
    let leaves: Vec<_> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(root(&leaves).hex(), ROOT_OF_8);
}

#[test]
fn every_place_in_every_small_tree_is_proved_and_no_other() {
    let all: Vec<_> = (0..35_u8).map(|n| leaf_hash(&[n])).collect();
    for size in 1..all.len() {
        let leaves = &all[..size];
        let root = root(leaves);
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = path(index, leaves);
            let to =
                |at: usize, proof: &[Digest]| root_from_proof(leaf, at as u64, size as u64, proof);
            assert_eq!(to(index, &proof), Some(root), "{index} of {size}");
            // Another place, a longer or a shorter proof lead elsewhere or nowhere.
            for other in (0..size).filter(|other| *other != index) {
                assert_ne!(
                    to(other, &proof),
                    Some(root),
                    "{index} as {other} of {size}"
                );
            }
            assert_ne!(
                to(index, &proof[..proof.len().saturating_sub(1)]),
                Some(root).filter(|_| size > 1)
            );
            let longer: Vec<_> = proof.iter().copied().chain([root]).collect();
            assert_eq!(to(index, &longer), None);
        }
        assert_eq!(
            root_from_proof(&all[0], size as u64, size as u64, &[]),
            None
        );
    }
    assert_eq!(root_from_proof(&all[0], 0, 0, &[]), None);
}

/// A log of three events, signed.
fn trail() -> (Trail, VerifierKey) {
    trail_of(["a", "b", "c"].map(|name| {
        format!(
            r#"{{"at":"2026-01-01T00:00:00.000000Z","body":{{"fact":{{"detail":"{name}","fact":"alarm"}},"kind":"machine"}},"id":"01890000-0000-7000-8000-00000000000{name}","source":"ca"}}"#
        )
    }))
}

/// A log of these events, signed.
fn trail_of<const N: usize>(events: [String; N]) -> (Trail, VerifierKey) {
    let leaves: Vec<_> = events.iter().map(|e| leaf_hash(e.as_bytes())).collect();
    let signing = SigningKey::from_bytes(&[7; 32]);
    let key = VerifierKey::new("log.example.com", signing.verifying_key().as_bytes()).unwrap();
    let head = Checkpoint {
        origin: key.name().to_owned(),
        size: N as u64,
        root: root(&leaves),
    };
    let signature = signing.sign(head.text().as_bytes()).to_bytes();
    let events = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| LoggedEvent {
            index: index as u64,
            event,
            proof: path(index, &leaves).iter().map(encode_hash).collect(),
        });
    let trail = Trail {
        events: events.collect(),
        checkpoint: head.signed(&key, &signature),
        log_key: key.to_string(),
    };
    (trail, key)
}

#[test]
fn a_trail_verifies_and_so_does_a_part_of_it() {
    let (mut trail, key) = trail();
    assert_eq!(trail.verify(&key).unwrap().events().len(), 3);
    trail.events.remove(1);
    assert_eq!(trail.verify(&key).unwrap().checkpoint().size, 3);
}

/// The proofs of every choice of events of a small tree, and of the same with one step altered.
#[test]
fn neighbours_are_proved_together_exactly_if_each_is_proved_alone() {
    let all: Vec<_> = (0..9_u8).map(|n| leaf_hash(&[n])).collect();
    for size in 1..all.len() {
        let leaves = &all[..size];
        let checkpoint = Checkpoint {
            origin: "log.example.com".into(),
            size: size as u64,
            root: root(leaves),
        };
        let proofs: Vec<Vec<_>> = (0..size)
            .map(|index| path(index, leaves).iter().map(encode_hash).collect())
            .collect();
        for choice in 1_u32..1 << size {
            let chosen = || (0..size).filter(move |index| choice >> index & 1 == 1);
            let mut way = Way::to(&checkpoint);
            for index in chosen() {
                assert!(way.leads_from(&leaves[index], index as u64, &proofs[index]));
            }
            let Some(last) = chosen().next_back() else {
                continue;
            };
            for step in 0..proofs[last].len() {
                let mut altered = proofs[last].clone();
                altered[step] = encode_hash(&leaf_hash(b"another"));
                let mut way = Way::to(&checkpoint);
                for index in chosen().filter(|index| *index != last) {
                    assert!(way.leads_from(&leaves[index], index as u64, &proofs[index]));
                }
                assert!(!way.leads_from(&leaves[last], last as u64, &altered));
            }
        }
    }
}

#[test]
fn an_altered_trail_does_not_verify() {
    let (good, key) = trail();
    let altered = |alter: &dyn Fn(&mut Trail)| {
        let mut trail = good.clone();
        alter(&mut trail);
        trail.verify(&key).unwrap_err()
    };
    assert_eq!(
        altered(&|t| t.events[1].event = t.events[1].event.replace("\"b\"", "\"x\"")),
        NotProved::Inclusion(1)
    );
    assert_eq!(altered(&|t| t.events.swap(0, 1)), NotProved::Order(0));
    assert_eq!(altered(&|t| t.events[2].index = 9), NotProved::Inclusion(9));
    assert_eq!(
        altered(&|t| t.events[0].proof.clear()),
        NotProved::Inclusion(0)
    );
    assert_eq!(
        altered(&|t| t.events[0].proof = vec![t.events[0].proof[0].clone(); 65]),
        NotProved::Inclusion(0)
    );
    // The step that it shares with the event before.
    assert_eq!(
        altered(&|t| t.events[1].proof[1] = encode_hash(&leaf_hash(b"another"))),
        NotProved::Inclusion(1)
    );
    assert_eq!(
        altered(&|t| t.checkpoint = t.checkpoint.replace("\n3\n", "\n03\n")),
        NotProved::Checkpoint(NotACheckpoint::Signature)
    );
    let other = VerifierKey::new(
        "log.example.com",
        SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes(),
    );
    assert_eq!(
        good.verify(&other.unwrap()),
        Err(NotProved::Checkpoint(NotACheckpoint::OtherKey))
    );
}

/// The second event of [`trail`], as another version of this program would have written it.
fn trail_with(second: &str) -> (Trail, VerifierKey) {
    let (trail, _) = trail();
    let [first, _, third] = [0, 1, 2].map(|index: usize| trail.events[index].event.clone());
    trail_of([first, second.to_owned(), third])
}

const NEWER: &str = r#"{"at":"2026-01-01T00:00:00.000000Z","body":{"fact":{"fact":"weighed","grams":7},"kind":"access","session":"01890a5d-ac96-774b-8123-456789abcdef"},"id":"01890000-0000-7000-8000-00000000000b","source":"ca","weight":7}"#;

#[test]
fn an_event_of_a_newer_version_is_proved_and_told_apart() {
    let (trail, key) = trail_with(NEWER);
    let verified = trail.verify(&key).unwrap();
    let places: Vec<_> = verified.events().iter().map(|(index, _)| *index).collect();
    assert_eq!(places, [0, 2]);
    assert_eq!(verified.unread().len(), 1);
    let unread = &verified.unread()[0];
    assert_eq!((unread.index, unread.text.as_str()), (1, NEWER));
    assert_eq!(
        unread.session.map(|session| session.to_string()).as_deref(),
        Some("01890a5d-ac96-774b-8123-456789abcdef")
    );
    assert!(self::trail().0.verify(&key).unwrap().unread().is_empty());
}

/// Nothing that is wrong with another event is covered by one that is not known.
#[test]
fn a_forged_trail_with_an_event_of_a_newer_version_is_a_forged_trail() {
    let (good, key) = trail_with(NEWER);
    let altered = |alter: &dyn Fn(&mut Trail)| {
        let mut trail = good.clone();
        alter(&mut trail);
        trail.verify(&key).unwrap_err()
    };
    assert_eq!(
        altered(&|t| t.events[2].event = t.events[2].event.replace("\"c\"", "\"x\"")),
        NotProved::Inclusion(2)
    );
    assert_eq!(
        altered(&|t| t.events[1].event = t.events[1].event.replace('7', "8")),
        NotProved::Inclusion(1)
    );
    assert_eq!(altered(&|t| t.events.swap(1, 2)), NotProved::Order(1));
    // Known before, and made to look like one that is not.
    let (mut trail, key) = trail();
    trail.events[1].event = NEWER.into();
    assert_eq!(trail.verify(&key), Err(NotProved::Inclusion(1)));
}

#[test]
fn what_is_no_event_of_any_version_proves_nothing() {
    for text in [
        "",
        "{}",
        "[]",
        "not JSON",
        &NEWER.replace("\"kind\"", "\"sort\""),
        &NEWER.replace("\"source\"", "\"from\""),
        &NEWER.replace("01890a5d-ac96", "no session"),
        &NEWER.replace("2026-01-01", "yesterday"),
    ] {
        let (trail, key) = trail_with(text);
        assert_eq!(trail.verify(&key), Err(NotProved::Content(1)), "{text}");
    }
}

/// The same trail and key in a file, for other implementations.
#[test]
fn the_published_vector_is_this_trail_and_verifies() {
    #[derive(serde::Deserialize)]
    struct Vector {
        log_key: String,
        trail: Trail,
    }
    let vector = include_str!("../../../tests/vectors/trail/three-events.json");
    let vector: Vector = serde_json::from_str(vector).unwrap();
    let (expected, key) = trail();
    assert_eq!(vector.trail, expected);
    assert_eq!(vector.log_key.parse(), Ok(key.clone()));
    assert_eq!(vector.trail.verify(&key).unwrap().events().len(), 3);
}
