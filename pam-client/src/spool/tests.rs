use std::time::Duration;

use portreeve_protocol::attest::{EndCause, HostFact};
use portreeve_protocol::signed::Signed;

use super::*;
use crate::apply::Removed;
use crate::book::Book;
use crate::chain::Chain;
use crate::plan::Reached;
use crate::plan::tests::example;
use crate::receipt::{End, Killed, receipt};
use crate::trust::Identity;

struct Fixture {
    _directory: tempfile::TempDir,
    paths: Paths,
    identity: Identity,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::below(directory.path());
        fs::create_dir_all(paths.journals()).unwrap();
        Self {
            paths,
            _directory: directory,
            identity: Identity::from_seed(&[1; 32]).unwrap(),
        }
    }

    fn open(&self) -> (Spool, Found) {
        Spool::open(self.paths.clone(), 1024 * 1024).unwrap()
    }

    /// A session with some events, ended with a receipt.
    fn run_session(&self, spool: &Spool, events: i32) -> Plan {
        let plan = example();
        let journal = spool.begin(&plan).unwrap();
        let host = "prod-1".parse().unwrap();
        let root = plan.order_digest;
        let chain = Chain::new(host, plan.session, plan.account.name.clone(), root);
        let mut book = Book::reopen(journal, chain);
        for pid in 0..events {
            book.enter(HostFact::Login { pid }, now(), &self.identity)
                .unwrap();
        }
        book.ending(EndCause::Asked, now(), &[]).unwrap();
        let end = End {
            cause: EndCause::Asked,
            ending_at: now(),
            gone_at: now(),
            took: Duration::ZERO,
            killed: Killed::default(),
            found: crate::receipt::Found::default(),
            removed: Removed::default(),
            once: Vec::new(),
        };
        let receipt = receipt(
            &"prod-1".parse().unwrap(),
            &plan,
            book.tally(),
            book.ran().clone(),
            end,
        );
        let receipt = Signed::sign(&receipt, self.identity.key()).unwrap();
        book.gone(&receipt, false, Vec::new()).unwrap();
        spool.over(&plan, false, true);
        plan
    }
}

fn now() -> Timestamp {
    crate::accept::tests::now()
}

fn kinds(reports: &[HostReport]) -> String {
    let kind = |report: &HostReport| match report {
        HostReport::Event(_) => 'e',
        HostReport::Receipt(_) => 'r',
    };
    reports.iter().map(kind).collect()
}

#[test]
fn an_order_is_seen_from_its_journal_on_until_it_could_not_be_fresh() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    let plan = fixture.run_session(&spool, 0);
    assert!(spool.has_seen(plan.order));
    assert!(matches!(spool.begin(&plan), Err(NotBegun::Seen)));
    let (spool, _) = fixture.open();
    assert!(spool.has_seen(plan.order), "also after a restart");

    let mut parcel = spool.take().unwrap();
    let mut digests: Vec<_> = parcel.next(9).iter().map(digest_of).collect();
    assert!(parcel.acknowledged(&mut digests).unwrap());
    drop(parcel);
    assert_eq!(spool.tidy(plan.deliver_by), None);
    assert!(spool.has_seen(plan.order));
    let late = plan.deliver_by.plus(Duration::from_micros(1));
    assert_eq!(spool.tidy(late), Some(plan.deliver_by));
    assert!(!spool.has_seen(plan.order));
    assert!(!fixture.paths.journal(plan.session).exists());
}

#[test]
fn reports_are_delivered_in_order_until_they_are_acknowledged() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    fixture.run_session(&spool, 3);
    let mut parcel = spool.take().unwrap();
    assert!(spool.take().is_none(), "one bastion at a time gets them");
    let first = parcel.next(2);
    assert_eq!((kinds(&first).as_str(), parcel.next(2).len()), ("ee", 0));
    let mut digests = vec![digest_of(&first[0])];
    assert!(!parcel.acknowledged(&mut digests).unwrap());
    assert!(digests.is_empty());
    assert_eq!(kinds(&parcel.next(2)), "e");
    drop(parcel);

    // The link broke: what was not acknowledged comes again, also after a restart.
    for spool in [spool, fixture.open().0] {
        let mut parcel = spool.take().unwrap();
        let rest = parcel.next(9);
        assert_eq!(kinds(&rest), "eer");
        assert_eq!(digest_of(&rest[0]), digest_of(&first[1]));
    }
}

#[test]
fn acknowledgements_of_other_sessions_are_left_alone() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    fixture.run_session(&spool, 1);
    let mut parcel = spool.take().unwrap();
    parcel.next(9);
    let mut digests = vec![Digest::of(b"another session's")];
    assert!(!parcel.acknowledged(&mut digests).unwrap());
    assert_eq!(digests.len(), 1);
}

#[test]
fn an_interrupted_session_is_found_and_not_delivered() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    let plan = example();
    drop(spool.begin(&plan).unwrap());
    drop(spool);
    let (spool, found) = fixture.open();
    assert_eq!(found.unfinished, [plan.session]);
    assert_eq!(found.highest_uid, Some(plan.account.uid));
    assert!(spool.take().is_none());
    let (_, story) = spool.resume(plan.session).unwrap().unwrap();
    let every_step = plan.steps.len();
    assert_eq!(story.plan, plan.reaching(every_step));
}

#[test]
fn a_journal_tells_how_far_its_session_came() {
    let plan = example();
    let first = || Record::Plan {
        plan: Box::new(plan.clone()),
    };
    let ready = Record::Ready {
        attestation: Signed::assemble("{}".into(), "sig".into()),
    };
    let reached = |records| Story::of(records).unwrap().plan.reached;
    assert_eq!(reached(vec![first()]), Reached::Steps(plan.steps.len()));
    let failed = vec![first(), Record::Failed { reached: 1 }];
    assert_eq!(reached(failed), Reached::Steps(1));
    assert_eq!(reached(vec![first(), ready]), Reached::Ready);
}

/// It holds an account to remove, so an older program leaves it for the one that wrote it.
#[test]
fn a_journal_of_another_version_is_neither_read_nor_removed() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    let plan = example();
    drop(spool.begin(&plan).unwrap());
    let path = fixture.paths.journal(plan.session);
    let json = br#"{"record":"plan","plan":{"from":"the future","account":{"uid":2010000055}}}"#;
    let line = [crate::journal::check_of(json).as_bytes(), b" ", json, b"\n"].concat();
    fs::write(&path, &line).unwrap();
    let (_, found) = fixture.open();
    assert_eq!((found.unfinished, fs::read(&path).unwrap()), (vec![], line));
    let unreadable: Vec<_> = found.unreadable.iter().map(|one| one.session).collect();
    assert_eq!(unreadable, [Some(plan.session)]);
    let uid = Some(SessionUid::for_test(2_010_000_055));
    assert_eq!(found.highest_uid, uid, "its number is used all the same");
    let seen = look(&fixture.paths).unwrap();
    assert_eq!((seen.unfinished, seen.highest_uid), (1, uid));
}

/// Nobody knows what its session left, so it is not as if there had been none.
#[test]
fn a_journal_whose_plan_is_damaged_is_neither_cut_nor_removed() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    let plan = example();
    drop(spool.begin(&plan).unwrap());
    let path = fixture.paths.journal(plan.session);
    let mut damaged = fs::read(&path).unwrap();
    damaged[40] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let (spool, found) = fixture.open();
    let unreadable: Vec<_> = found.unreadable.iter().map(|one| one.session).collect();
    assert_eq!(unreadable, [Some(plan.session)]);
    assert_eq!((found.unfinished, found.highest_uid), (vec![], None));
    assert!(spool.resume(plan.session).is_err());
    assert!(spool.begin(&plan).is_err(), "its session is not made again");
    assert_eq!(fs::read(&path).unwrap(), damaged);
    assert_eq!(look(&fixture.paths).unwrap().unfinished, 1);
}

/// A disk that refused once need not refuse again.
#[test]
fn a_journal_that_can_be_read_again_is_gone_on_with() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    let plan = fixture.run_session(&spool, 1);
    let path = fixture.paths.journal(plan.session);
    let away = path.with_extension("away");
    fs::rename(&path, &away).unwrap();
    fs::create_dir(&path).unwrap();
    let (spool, found) = fixture.open();
    assert_eq!((found.unreadable.len(), spool.undelivered()), (1, 0));
    assert!(spool.resume(plan.session).is_err() && !spool.has_seen(plan.order));
    fs::remove_dir(&path).unwrap();
    fs::rename(&away, &path).unwrap();
    let (journal, story) = spool.resume(plan.session).unwrap().unwrap();
    assert!(spool.has_seen(plan.order) && spool.take().is_none());
    drop(journal);
    spool.shelve(&story);
    assert_eq!(kinds(&spool.take().unwrap().next(9)), "er");
}

#[test]
fn a_journal_without_a_plan_is_nothing() {
    let fixture = Fixture::new();
    let path = fixture.paths.journals().join("x.journal");
    fs::write(&path, "half a li").unwrap();
    let (_, found) = fixture.open();
    assert!(found.unfinished.is_empty() && !path.exists());
}

#[test]
fn a_full_spool_has_no_room() {
    let fixture = Fixture::new();
    let (spool, _) = fixture.open();
    assert!(spool.has_room());
    fs::write(fixture.paths.journals().join("big"), vec![0; 1024 * 1024]).unwrap();
    assert!(!spool.has_room());
}
