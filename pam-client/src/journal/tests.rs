//! What a journal holds, and what a crash or a bad disk makes of it.

use super::*;
use crate::plan::tests::example;

fn records() -> Vec<Record> {
    vec![
        Record::Plan {
            plan: Box::new(example()),
        },
        Record::Ready {
            attestation: Signed::assemble("{\"a\":1}\n".into(), "sig\n".into()),
        },
        Record::Event {
            event: Signed::assemble("{}".into(), "sig".into()),
        },
        Record::Acknowledged {
            reports: vec![Digest::of(b"x")],
        },
        Record::Ending {
            cause: EndCause::Expired,
            at: Timestamp::from_seconds(9),
            missing: vec!["home".into()],
        },
        Record::Gone {
            receipt: Signed::assemble("{}".into(), "sig".into()),
            again: false,
            once: vec!["home".into()],
        },
    ]
}

fn text(records: &[Record]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| encode(record).unwrap())
        .collect()
}

#[test]
fn records_read_back() {
    let bytes = text(&records());
    assert_eq!(decode(&bytes).unwrap(), (records(), bytes.len()));
}

/// A crash can cut the file anywhere: what was whole stays, and nothing else appears.
#[test]
fn a_cut_at_any_byte_loses_only_the_record_that_it_cuts() {
    let records = records();
    let bytes = text(&records);
    let ends: Vec<_> = records
        .iter()
        .scan(0, |end, record| {
            *end += encode(record).unwrap().len();
            Some(*end)
        })
        .collect();
    for cut in 0..=bytes.len() {
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let (read, good) = decode(&bytes[..cut]).unwrap();
        assert_eq!(read, records[..whole], "cut at {cut}");
        let end = whole.checked_sub(1).map_or(0, |last| ends[last]);
        assert_eq!(good, end, "cut at {cut}");
    }
}

#[test]
fn one_flipped_bit_hides_its_line_and_what_follows() {
    let bytes = text(&records()[3..5]);
    let first = encode(&records()[3]).unwrap().len();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let (read, good) = decode(&altered).unwrap();
        let expected = if at < first { 0 } else { 1 };
        assert_eq!(
            (read.len(), good),
            (expected, expected * first),
            "byte {at}"
        );
    }
}

#[test]
fn a_uid_is_read_whatever_another_version_says_beside_it() {
    let line = |json: &str| format!("{} {json}\n", check_of(json.as_bytes()));
    let plan = r#"{"record":"plan","new":1,"plan":{"from":"the future","account":{"uid":2010000007,"x":[]}}}"#;
    let journal = line(plan) + &line(r#"{"record":"unheard_of"}"#);
    assert!(decode(journal.as_bytes()).is_err());
    assert_eq!(
        uid_in(journal.as_bytes()),
        Some(SessionUid::for_test(2_010_000_007))
    );
    assert_eq!(uid_in(&text(&records())), Some(example().account.uid));
    let damaged = journal.replace("2010000007", "2010000008");
    for none in ["", &damaged, &line(r#"{"record":"undone","at":1}"#)] {
        assert_eq!(uid_in(none.as_bytes()), None);
    }
}

#[test]
fn what_a_crash_cut_is_gone_before_anything_is_appended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    drop(Journal::create(path.clone(), &example()).unwrap());
    let whole = std::fs::read(&path).unwrap();
    for cut in [1, 17, 40] {
        let half = encode(&records()[4]).unwrap();
        std::fs::write(&path, [&whole[..], &half[..cut]].concat()).unwrap();
        let (mut journal, read) = Journal::open(&path).unwrap();
        assert_eq!(read, records()[..1]);
        journal.append(&records()[3]).unwrap();
        let (_, read) = Journal::open(&path).unwrap();
        assert_eq!(read, [records()[0].clone(), records()[3].clone()]);
    }
}

#[test]
fn a_plan_that_is_damaged_is_kept_and_one_that_was_cut_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    drop(Journal::create(path.clone(), &example()).unwrap());
    let whole = std::fs::read(&path).unwrap();
    let later = encode(&records()[4]).unwrap();
    for at in [0, CHECK, CHECK + 1, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        for bytes in [flipped.clone(), [&flipped[..], &later[..]].concat()] {
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(
                Journal::open(&path),
                Err(JournalError::Damaged(_))
            ));
            assert!(matches!(
                Journal::read(&path),
                Err(JournalError::Damaged(_))
            ));
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "byte {at}");
        }
    }
    for cut in [0, 1, CHECK, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1, [], "cut at {cut}");
    }
    // What lies behind a session's own records is not its plan.
    std::fs::write(&path, &later).unwrap();
    assert!(matches!(
        Journal::open(&path),
        Err(JournalError::Damaged(_))
    ));
}

#[test]
fn a_session_has_one_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let _first = Journal::create(path.clone(), &example()).unwrap();
    assert!(matches!(
        Journal::create(path.clone(), &example()),
        Err(JournalError::Io(..))
    ));
    assert!(path.exists(), "the first one is still there");
}
