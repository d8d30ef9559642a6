use std::path::PathBuf;

use portreeve_protocol::event::{Body, Machine, MachineFact};
use portreeve_protocol::id::EventId;
use portreeve_protocol::time::Timestamp;

use super::*;

const ROOMY: Limits = Limits {
    soft: 1 << 20,
    hard: 2 << 20,
};

fn event(number: u8) -> Event {
    let at = Timestamp::from_seconds(1_790_000_000);
    Event {
        id: EventId::new(at, [number; 10]),
        at,
        source: Machine::Bastion("bastion-1".parse().unwrap()),
        body: Body::Machine {
            fact: MachineFact::Alarm {
                detail: format!("event {number}"),
            },
        },
    }
}

fn read(reader: &mut Reader, end: u64, most: usize) -> (Batch, Vec<EventId>) {
    let batch = reader.read(end, most, 1 << 20).unwrap();
    let ids = batch
        .payloads()
        .iter()
        .map(|json| serde_json::from_slice::<Event>(json).unwrap().id)
        .collect();
    (batch, ids)
}

fn ids(numbers: impl IntoIterator<Item = u8>) -> Vec<EventId> {
    numbers.into_iter().map(|number| event(number).id).collect()
}

async fn fill(spool: &Spool, numbers: std::ops::Range<u8>) {
    let mut last = None;
    for number in numbers {
        last = Some(spool.append(&event(number), Rank::Own).unwrap());
    }
    let _recorded = spool.durable(last.unwrap()).await.unwrap();
}

fn only_file(folder: &tempfile::TempDir) -> PathBuf {
    let files = std::fs::read_dir(folder.path()).unwrap();
    files
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "events"))
        .unwrap()
}

#[tokio::test]
async fn events_are_read_in_order_and_only_once_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut reader) = Spool::open(folder.path(), ROOMY).unwrap();
    fill(&spool, 0..5).await;
    let (first, read_ids) = read(&mut reader, 5, 3);
    assert_eq!(read_ids, ids(0..3));
    spool.delivered(&first);
    let (_, read_ids) = read(&mut reader, 5, 3);
    assert_eq!(read_ids, ids(3..5));
    fill(&spool, 5..6).await;
    drop(spool);
    // The thread notes what was delivered after what was appended.
    let noted = || std::fs::read_to_string(folder.path().join("delivered")).ok();
    while noted().as_deref() != Some("3") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    // What was not delivered comes again; what was, does not.
    let (spool, mut reader) = Spool::open(folder.path(), ROOMY).unwrap();
    assert_eq!(reader.next(), 3);
    assert_eq!(
        read(&mut reader, *spool.written().borrow(), 10).1,
        ids(3..6)
    );
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path(), ROOMY).unwrap();
    fill(&spool, 0..3).await;
    drop(spool);
    let file = only_file(&folder);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();

    let (spool, mut reader) = Spool::open(folder.path(), ROOMY).unwrap();
    fill(&spool, 7..8).await;
    assert_eq!(
        read(&mut reader, *spool.written().borrow(), 10).1,
        ids([0, 1, 7])
    );
}

#[tokio::test]
async fn a_full_spool_says_so_and_keeps_room_for_ends() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        soft: 600,
        hard: 1200,
    };
    let (spool, mut reader) = Spool::open(folder.path(), limits).unwrap();
    let mut count = 0;
    while *spool.health().borrow() == Health::Good {
        spool.append(&event(count), Rank::Own).unwrap();
        count += 1;
    }
    let last = spool.append(&event(count), Rank::Own).unwrap();
    let refused = (0..20).find_map(|number| spool.append(&event(100 + number), Rank::Own).err());
    assert_eq!(refused, Some(SpoolError::Full));

    let _recorded = spool.durable(last).await.unwrap();
    let total = *spool.written().borrow();
    let (batch, _) = read(&mut reader, total, 100);
    spool.delivered(&batch);
    assert_eq!(*spool.health().borrow(), Health::Good);
}

#[tokio::test]
async fn what_nobody_says_again_finds_room_when_the_rest_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        soft: 4000,
        hard: 8000,
    };
    let (spool, _) = Spool::open(folder.path(), limits).unwrap();
    for (rank, health) in [
        (Rank::Earlier, Health::Good),
        (Rank::Host, Health::Full),
        (Rank::Own, Health::Full),
    ] {
        let refused = (0..200).find_map(|number| spool.append(&event(number), rank).err());
        assert_eq!(refused, Some(SpoolError::Full), "{rank:?}");
        assert_eq!(*spool.health().borrow(), health, "{rank:?}");
        assert!(spool.waiting() <= rank.limit(limits));
    }
    assert_eq!(spool.takes(Rank::Own), Err(SpoolError::Full));
    assert_eq!(spool.takes(Rank::Deletion), Ok(()));
    let last = spool.append(&event(201), Rank::Deletion).unwrap();
    let _recorded = spool.durable(last).await.unwrap();
}

#[tokio::test]
async fn a_spool_is_full_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path(), ROOMY).unwrap();
    fill(&spool, 0..10).await;
    drop(spool);
    let (spool, _) = Spool::open(
        folder.path(),
        Limits {
            soft: 100,
            hard: 200,
        },
    )
    .unwrap();
    assert_eq!(*spool.health().borrow(), Health::Full);
}

#[tokio::test]
async fn files_follow_each_other_and_go_once_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        soft: 1 << 30,
        hard: 1 << 30,
    };
    let (spool, mut reader) = Spool::open(folder.path(), limits).unwrap();
    let mut large = event(1);
    large.body = Body::Machine {
        fact: MachineFact::Alarm {
            detail: "x".repeat(100_000),
        },
    };
    let total = 100;
    for _ in 0..total {
        let ticket = spool.append(&large, Rank::Own).unwrap();
        let _recorded = spool.durable(ticket).await.unwrap();
    }
    let mut seen = 0;
    let mut last = None;
    while reader.next() < total {
        let batch = reader.read(total, 7, 3 << 20).unwrap();
        seen += batch.payloads().len() as u64;
        spool.delivered(&batch);
        last = Some(batch);
    }
    assert_eq!(seen, total);
    drop((spool, last));
    // The thread ends once it has done everything; opening again waits for nothing else.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (_, reader) = Spool::open(folder.path(), limits).unwrap();
    assert_eq!(reader.next(), total);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(files <= 2, "{files} files are left");
}

#[tokio::test]
async fn a_file_that_goes_while_its_end_is_being_read_is_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        soft: 1 << 30,
        hard: 1 << 30,
    };
    let (spool, mut reader) = Spool::open(folder.path(), limits).unwrap();
    let mut large = event(1);
    large.body = Body::Machine {
        fact: MachineFact::Alarm {
            detail: "x".repeat(100_000),
        },
    };
    let first = only_file(&folder);
    let mut count = 0;
    while std::fs::metadata(&first).unwrap().len() < 4 << 20 {
        let ticket = spool.append(&large, Rank::Own).unwrap();
        let _recorded = spool.durable(ticket).await.unwrap();
        count += 1;
    }
    // All of the file is on its way to the CA when the next event begins another one.
    let batch = reader.read(count, 500, usize::MAX).unwrap();
    let ticket = spool.append(&event(2), Rank::Own).unwrap();
    let _recorded = spool.durable(ticket).await.unwrap();
    spool.delivered(&batch);
    while first.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(read(&mut reader, count + 1, 500).1, ids(2..3));
}
