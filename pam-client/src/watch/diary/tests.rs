use super::*;

use portreeve_protocol::attest::HostEvent;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::MAX_EVENT;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::signed::Signed;

use crate::journal::{Record, encode};

/// The journal takes everything.
const ROOM: u64 = u64::MAX;

fn now(seconds: u64) -> Moment {
    Moment {
        wall: Timestamp::from_seconds(1_790_000_000).plus(Duration::from_secs(seconds)),
        boot: Duration::from_secs(100 + seconds),
    }
}

fn seen(pid: i32, what: What) -> Seen {
    Seen {
        at: Duration::from_secs(99),
        group: 1,
        pid,
        is_outside: false,
        what,
    }
}

fn start(pid: i32, arguments: &[u8]) -> Seen {
    let started = Started {
        parent: 1,
        uid: 7,
        program: b"/bin/sh".to_vec(),
        directory: Some(b"/tmp".to_vec()),
        arguments: arguments.to_vec(),
        is_cut: false,
        file: None,
    };
    seen(pid, What::Started(started))
}

fn datagram(pid: i32, to: &str) -> Seen {
    let to = to.parse().unwrap();
    seen(pid, What::Connected { protocol: 17, to })
}

fn sightings(facts: Vec<HostFact>) -> Vec<Sighting> {
    let seen = facts.into_iter().flat_map(|fact| {
        let HostFact::Watched { seen } = fact else {
            panic!("{fact:?}");
        };
        seen
    });
    seen.collect()
}

fn argv(bytes: &[u8]) -> Vec<String> {
    let mut diary = Diary::new(now(0));
    let told = sightings(diary.tell(vec![start(2, bytes)], Lost::default(), ROOM, now(0)));
    match told.as_slice() {
        [Sighting::ProcessStarted { argv, .. }] => argv.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_is_told_from_its_start_to_its_end() {
    let mut diary = Diary::new(now(0));
    let told = diary.tell(
        vec![
            start(2, b"sh\0-c\0ls\0"),
            seen(2, What::Ended { status: 3 << 8 }),
            start(3, b"sleep\0"),
            seen(3, What::Ended { status: 9 }),
        ],
        Lost::default(),
        ROOM,
        now(0),
    );
    assert_eq!(told.len(), 1, "one event tells of all of it");
    let told = sightings(told);
    let at = now(0).wall.minus(Duration::from_secs(1));
    let ended = |pid, status, signal| Sighting::ProcessEnded {
        at,
        pid,
        status,
        signal,
    };
    assert_eq!(
        told[0],
        Sighting::ProcessStarted {
            at,
            pid: 2,
            ppid: 1,
            uid: 7,
            program: "/bin/sh".into(),
            argv: vec!["sh".into(), "-c".into(), "ls".into()],
            cwd: Some("/tmp".into()),
            file: None,
            outside: false,
        }
    );
    assert_eq!(told[1], ended(2, Some(3), None));
    assert_eq!(told[3], ended(3, None, Some(9)));
}

#[test]
fn the_end_of_what_never_began_is_not_told() {
    let mut diary = Diary::new(now(0));
    let end = || seen(5, What::Ended { status: 0 });
    assert_eq!(diary.tell(vec![end()], Lost::default(), ROOM, now(0)), []);
    // Two threads that end at once may both take themselves for the last one.
    let told = diary.tell(
        vec![start(5, b"x\0"), end(), end()],
        Lost::default(),
        ROOM,
        now(0),
    );
    assert_eq!(sightings(told).len(), 2);
}

#[test]
fn arguments_are_shortened_and_say_so() {
    assert_eq!(argv(b""), Vec::<String>::new());
    assert_eq!(argv(b"a\0\0b\0"), ["a", "", "b"]);
    assert_eq!(argv(b"\0"), [""]);
    assert_eq!(argv(b"\xff\0"), ["\u{fffd}"]);
    let many = argv(&b"x\0".repeat(65));
    assert_eq!((many.len(), many[64].as_str()), (65, "…"));
    assert_eq!(argv(&b"x\0".repeat(64)).len(), 64);
    let long = argv(&[b"y".repeat(2000), vec![0]].concat());
    assert_eq!(long[0].chars().count(), 1025);
    assert!(long[0].ends_with('…'));
}

#[test]
fn a_datagram_is_told_once_for_each_target_and_a_connection_always() {
    let mut diary = Diary::new(now(0));
    let to = "192.0.2.1:443".parse().unwrap();
    let tcp = || seen(2, What::Connected { protocol: 6, to });
    let told = diary.tell(
        vec![
            datagram(2, "192.0.2.1:53"),
            datagram(2, "192.0.2.1:53"),
            datagram(2, "192.0.2.2:53"),
            datagram(3, "192.0.2.1:53"),
            tcp(),
            tcp(),
        ],
        Lost::default(),
        ROOM,
        now(0),
    );
    assert_eq!(sightings(told).len(), 5);
}

#[test]
fn what_the_kernel_lost_is_told_and_soon_again_only_when_there_is_more() {
    let mut diary = Diary::new(now(0));
    let lost = |processes| Lost {
        processes,
        ..Lost::default()
    };
    let mut counts = |count, at| {
        let told = sightings(diary.tell(Vec::new(), lost(count), ROOM, now(at)));
        let counts = told.into_iter().map(|told| {
            let Sighting::EventsLost {
                processes,
                cause: LossCause::Overrun,
                ..
            } = told
            else {
                panic!("{told:?}");
            };
            processes.unwrap()
        });
        counts.collect::<Vec<_>>()
    };
    let none: [u64; 0] = [];
    assert_eq!(counts(0, 0), none);
    assert_eq!(counts(4, 1), [4]);
    assert_eq!(counts(9, 2), none);
    assert_eq!(counts(9, 7), [5]);
    assert_eq!(counts(9, 100), none);
}

#[test]
fn a_loss_that_nobody_counted_has_no_number() {
    let lost = Lost {
        processes: 3,
        uncounted: 1,
        ..Lost::default()
    };
    let told = sightings(Diary::new(now(0)).tell(Vec::new(), lost, ROOM, now(1)));
    assert!(matches!(
        told.as_slice(),
        [Sighting::EventsLost {
            processes: None,
            ..
        }]
    ));
}

#[test]
fn a_loss_is_told_at_the_end_at_the_latest() {
    let mut diary = Diary::new(now(0));
    let lost = |processes| Lost {
        processes,
        connections: 1,
        uncounted: 0,
    };
    let first = diary.tell(Vec::new(), lost(1), ROOM, now(1));
    let last = diary.close(Vec::new(), lost(3), ROOM, now(2));
    assert_eq!((sightings(first).len(), sightings(last).len()), (1, 1));
}

/// Whatever a session does, what is told of it stays within its allowance, and what is left out is
/// counted.
#[test]
fn more_than_one_session_may_tell_is_counted() {
    let allowance = Allowance {
        rate: Rate {
            burst: 100_000,
            each_second: 10_000,
        },
        whole: 200_000,
        each_event: 0,
    };
    let mut diary = Diary::within(allowance, now(0));
    let line = [b"z".repeat(850), vec![0]].concat();
    let mut told = 0;
    let mut left_out = 0;
    let mut count = |sightings: Vec<Sighting>| {
        for sighting in sightings {
            if let Sighting::EventsLost {
                processes, cause, ..
            } = sighting
            {
                assert_eq!(cause, LossCause::Allowance);
                left_out += processes.unwrap();
            } else {
                told += 1;
            }
        }
        (told, left_out)
    };
    let mut each_second = Vec::new();
    for second in 0..20 {
        let seen = (0..150).map(|pid| start(pid, &line)).collect();
        each_second.push(count(sightings(diary.tell(
            seen,
            Lost::default(),
            ROOM,
            now(second),
        ))));
    }
    // A thousand bytes each: first what is allowed at once, then a trickle, then nothing more.
    let told_by = |second: usize| each_second[second].0;
    assert!((90..=100).contains(&told_by(0)), "{}", told_by(0));
    assert!(
        (9..=11).contains(&(told_by(1) - told_by(0))),
        "{each_second:?}"
    );
    assert!((180..=200).contains(&told_by(19)), "{each_second:?}");
    assert_eq!(told_by(19), told_by(18));
    let rest = sightings(diary.close(Vec::new(), Lost::default(), ROOM, now(20)));
    let (told, left_out) = count(rest);
    assert_eq!(told + left_out, 20 * 150);
}

/// What no bastion has taken fills the session's share and nothing more; what has room again is told.
#[test]
fn what_the_journal_has_no_room_for_is_counted() {
    let mut diary = Diary::new(now(0));
    let line = [b"z".repeat(850), vec![0]].concat();
    let mut tell = |room, at| {
        let seen = (0..100).map(|pid| start(pid, &line)).collect();
        let told = sightings(diary.tell(seen, Lost::default(), room, now(at)));
        let lost = told.iter().filter_map(|told| {
            if let Sighting::EventsLost {
                processes,
                cause: LossCause::Allowance,
                ..
            } = told
            {
                *processes
            } else {
                None
            }
        });
        let lost: u64 = lost.sum();
        (told.len() - usize::from(lost > 0), lost)
    };
    let (told, lost) = tell(MOST_EVENT + 50_000, 0);
    assert!((40..=50).contains(&told), "{told}");
    assert_eq!(told + usize::try_from(lost).unwrap(), 100);
    assert_eq!(tell(0, 1), (0, 0), "the loss is told later");
    assert_eq!(tell(ROOM, 10), (100, 100));
}

/// What the journal keeps of an event is not more than what the allowance counts.
#[test]
fn no_event_costs_more_room_than_is_counted() {
    let large = [vec![b'"'; 127], vec![0]].concat().repeat(64);
    for (count, arguments) in [(1, b"true\0".as_slice()), (2000, b"true\0"), (40, &large)] {
        let mut diary = Diary::new(now(0));
        let seen = (0..count).map(|pid| start(pid, arguments)).collect();
        let facts = diary.tell(seen, Lost::default(), ROOM, now(0));
        assert!(!facts.is_empty());
        let kept = facts.into_iter().map(journal_of).sum::<usize>();
        let counted = usize::try_from(diary.told).unwrap();
        assert!(kept <= counted, "{count}: {kept} of {counted}");
    }
}

/// A fact as it is reported, by a host of the longest name.
fn signed(fact: HostFact) -> Signed<HostEvent> {
    let session = SessionId::new(Timestamp::from_seconds(1), [0; 10]);
    let event = HostEvent {
        host: "h".repeat(63).parse().unwrap(),
        session,
        account: session.account(),
        seq: u64::MAX,
        previous: Digest::of(b"e"),
        at: now(0).wall,
        fact,
    };
    let payload = Signed::payload_of(&event).unwrap();
    Signed::assemble(payload, "s".repeat(400))
}

/// How many bytes a journal keeps of a fact, the record that a bastion has it counted.
fn journal_of(fact: HostFact) -> usize {
    let event = signed(fact);
    let reports = vec![event.digest()];
    let records = [Record::Event { event }, Record::Acknowledged { reports }];
    let lines = records.iter().map(|record| encode(record).unwrap().len());
    lines.sum()
}

#[test]
fn a_loss_is_told_less_often_once_nothing_else_is_told() {
    let allowance = Allowance {
        whole: 1024,
        ..ALLOWANCE
    };
    let mut diary = Diary::within(allowance, now(0));
    let events = (0..600).map(|second| {
        let seen = vec![start(1, b"true\0"); 10];
        diary.tell(seen, Lost::default(), ROOM, now(second)).len()
    });
    assert_eq!(events.sum::<usize>(), 10);
}

/// Whatever a session does, each event is signed and finds its way into the trail.
#[test]
fn no_process_makes_an_event_too_large() {
    for byte in [b'a', b'"', b'\\', 1, 0xff] {
        let arguments = [vec![byte; 127], vec![0]].concat().repeat(64);
        let mut start = start(2, &arguments);
        if let What::Started(started) = &mut start.what {
            started.program = vec![byte; 512];
            started.directory = Some(vec![byte; 5000]);
            started.is_cut = true;
        }
        let mut diary = Diary::new(now(0));
        let facts = diary.tell(
            vec![start.clone(), start.clone(), start],
            Lost::default(),
            ROOM,
            now(0),
        );
        assert!(!facts.is_empty());
        for fact in facts {
            let report = serde_json::to_string(&signed(fact)).unwrap();
            assert!(
                report.len() < MAX_EVENT - 8 * 1024,
                "{byte}: {}",
                report.len()
            );
        }
    }
}

/// Whatever is seen, in whatever order: a process ends at most as often as it starts, and what is
/// told keeps the order.
#[test]
fn what_is_told_keeps_the_order_and_no_process_ends_more_often_than_it_starts() {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut diary = Diary::new(now(0));
    let (mut begun, mut over) = (0_i64, 0_i64);
    for round in 0..100 {
        let mut records: Vec<_> = (0..next() % 50)
            .map(|_| {
                let pid = i32::try_from(next() % 9).unwrap();
                match next() % 3 {
                    0 => start(pid, b"x\0"),
                    1 => datagram(pid, "192.0.2.1:53"),
                    _ => seen(pid, What::Ended { status: 0 }),
                }
            })
            .collect();
        for (place, record) in records.iter_mut().enumerate() {
            record.at = Duration::from_micros(u64::try_from(round * 50 + place).unwrap());
        }
        let told = sightings(diary.tell(records, Lost::default(), ROOM, now(1)));
        let mut last = None;
        for sighting in told {
            let at = match sighting {
                Sighting::ProcessStarted { at, .. } => {
                    begun += 1;
                    at
                }
                Sighting::ProcessEnded { at, .. } => {
                    over += 1;
                    at
                }
                Sighting::ConnectionOpened { at, .. } => at,
                Sighting::EventsLost { .. } => panic!("nothing is lost"),
            };
            assert!(last <= Some(at) && over <= begun);
            last = Some(at);
        }
    }
    assert!(over > 0);
}
