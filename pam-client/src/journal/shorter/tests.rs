use portreeve_protocol::attest::EndCause;
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Timestamp;

use super::*;
use crate::book::Book;
use crate::chain::Chain;
use crate::plan::tests::example;
use crate::spool::Story;
use crate::trust::Identity;

fn host() -> HostName {
    "prod-1".parse().unwrap()
}

/// A journal with a plan and so many events, and what each is acknowledged by.
fn written(path: &Path, events: i32) -> Vec<Digest> {
    let plan = example();
    let journal = Journal::create(path.to_owned(), &plan).unwrap();
    let (session, account) = (plan.session, plan.account.name.clone());
    let chain = Chain::new(host(), session, account, plan.order_digest);
    let mut book = Book::reopen(journal, chain);
    let identity = Identity::from_seed(&[1; 32]).unwrap();
    let mut digests = Vec::new();
    for number in 0..events {
        let fact = HostFact::Sudo {
            allowed: number % 2 == 0,
            command: "/usr/bin/ss".into(),
            argv: vec!["ss".into(), number.to_string()],
            run_as: "root".into(),
            cwd: "/".into(),
            reason: None,
            rule: None,
            comment: None,
        };
        book.enter(fact, Timestamp::from_seconds(9), &identity)
            .unwrap();
        digests.push(book.tally().last);
    }
    digests
}

fn story(path: &Path) -> Story {
    Story::of(Journal::read(path).unwrap()).unwrap()
}

/// What the chain would go on from, and what a bastion would get.
fn told(story: &Story) -> (crate::chain::Tally, Vec<Digest>, Vec<String>) {
    let waiting = story.unacknowledged().map(|report| match report {
        portreeve_protocol::control::HostReport::Event(event) => event.digest(),
        portreeve_protocol::control::HostReport::Receipt(receipt) => receipt.digest(),
    });
    let waiting = waiting.collect();
    let chain = story.chain(&host());
    let ran = chain.ran().clone().into_commands().commands;
    let ran = ran.into_iter().map(|ran| ran.argv.join(" ")).collect();
    (chain.tally(), waiting, ran)
}

#[test]
fn a_shorter_journal_tells_the_same_story() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    for acknowledged in 0..=6 {
        let digests = written(&path, 6);
        let (mut journal, _) = Journal::open(&path).unwrap();
        let reports = digests[..acknowledged].to_vec();
        journal.append(&Record::Acknowledged { reports }).unwrap();
        let (before, long) = (told(&story(&path)), journal.length());
        // Also when it was made shorter before, or had nothing to lose.
        for _ in 0..2 {
            journal.shorten().unwrap();
            assert_eq!(told(&story(&path)), before, "{acknowledged} of 6");
        }
        assert_eq!(before.1, digests[acknowledged..]);
        if acknowledged > 1 {
            assert!(journal.length() < long, "{acknowledged} of 6");
        }
        // What follows is appended to the shorter one, and found after a restart.
        let at = Timestamp::from_seconds(10);
        let cause = EndCause::Asked;
        journal
            .append(&Record::Ending {
                cause,
                at,
                missing: Vec::new(),
            })
            .unwrap();
        drop(journal);
        let (journal, records) = Journal::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), journal.length());
        assert_eq!(Story::of(records).unwrap().cause, Some(EndCause::Asked));
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_a_bastion_lacks_and_everything_after_it_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let digests = written(&path, 5);
    let (mut journal, _) = Journal::open(&path).unwrap();
    let reports = vec![digests[0], digests[2], digests[3]];
    journal.append(&Record::Acknowledged { reports }).unwrap();
    let before = told(&story(&path));
    journal.shorten().unwrap();
    assert_eq!(told(&story(&path)), before);
    assert_eq!(before.1, [digests[1], digests[4]]);
    let records = Journal::read(&path).unwrap();
    let events = records
        .iter()
        .filter(|record| matches!(record, Record::Event { .. }));
    assert_eq!(events.count(), 4);
}

#[test]
fn a_journal_that_cannot_be_made_shorter_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let reports = written(&path, 3);
    let (mut journal, _) = Journal::open(&path).unwrap();
    journal.append(&Record::Acknowledged { reports }).unwrap();
    // Something that is no file is in the way.
    fs::create_dir(path.with_extension(UNFINISHED)).unwrap();
    let before = fs::read(&path).unwrap();
    journal.shorten().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    let at = Timestamp::from_seconds(10);
    let cause = EndCause::Asked;
    journal
        .append(&Record::Ending {
            cause,
            at,
            missing: Vec::new(),
        })
        .unwrap();
    assert_eq!(story(&path).cause, Some(EndCause::Asked));
}
