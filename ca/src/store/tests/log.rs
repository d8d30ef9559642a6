//! The log's part: what is acknowledged is there, once, and in order.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn events_of_many_callers_are_all_logged_each_in_a_place_of_its_own() {
    let home = Home::new().await;
    let callers: Vec<_> = (0..60_u64)
        .map(|caller| {
            let store = home.store.clone();
            tokio::spawn(async move {
                let mut places = Vec::new();
                for batch in 0..3 {
                    let events = (0..4)
                        .map(|n| event(caller * 100 + batch * 10 + n))
                        .collect();
                    let committed = store.commit(Vec::new(), events).await.unwrap();
                    places.extend(committed.events);
                }
                places
            })
        })
        .collect();
    let mut places = BTreeSet::new();
    for caller in callers {
        let own: Vec<_> = caller
            .await
            .unwrap()
            .into_iter()
            .map(|outcome| match outcome {
                EventOutcome::Logged(place) => place,
                other @ (EventOutcome::Known
                | EventOutcome::Conflicting(_)
                | EventOutcome::Full(_)) => panic!("{other:?}"),
            })
            .collect();
        assert!(own.is_sorted(), "a caller's events keep their order");
        places.extend(own);
    }
    assert_eq!(places, (0..720).collect());
    assert_eq!(home.store.watch_log().borrow().size(), 720);
}

#[tokio::test]
async fn a_delivery_can_be_repeated_and_nothing_is_overwritten() {
    let home = Home::new().await;
    let batch = vec![event(1), event(2)];
    let logged = home.store.commit(Vec::new(), batch.clone()).await.unwrap();
    assert_eq!(
        logged.events,
        [EventOutcome::Logged(0), EventOutcome::Logged(1)]
    );
    let mut altered = event(2);
    altered.at = after(1);
    let again = vec![batch[0].clone(), altered.clone(), event(3), event(3)];
    let known = home.store.commit(Vec::new(), again).await.unwrap();
    assert_eq!(
        known.events,
        [
            EventOutcome::Known,
            EventOutcome::Conflicting(altered.id),
            EventOutcome::Logged(2),
            EventOutcome::Known
        ]
    );
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_crash() {
    let home = Home::new().await;
    for number in 0..50 {
        home.store
            .commit(Vec::new(), vec![event(number)])
            .await
            .unwrap();
    }
    let frontier = home.store.watch_log().borrow().clone();
    // The files as a dead process leaves them: nothing closed, nothing checkpointed.
    let crashed = tempfile::tempdir().unwrap();
    for file in ["ca.db", "ca.db-wal"] {
        std::fs::copy(home.path().with_file_name(file), crashed.path().join(file)).unwrap();
    }
    let clock = home.clock.clone();
    let store = Store::open(&crashed.path().join("ca.db"), clock)
        .await
        .unwrap();
    assert_eq!(*store.watch_log().borrow(), frontier);
    let next = store
        .commit(Vec::new(), vec![event(0), event(50)])
        .await
        .unwrap();
    assert_eq!(next.events, [EventOutcome::Known, EventOutcome::Logged(50)]);
}

#[tokio::test]
async fn nothing_is_logged_when_the_clock_is_before_the_last_event() {
    let home = Home::new().await;
    home.store.commit(Vec::new(), vec![event(1)]).await.unwrap();
    home.clock.set(NOW.minus(Duration::from_secs(1)));
    home.store.commit(Vec::new(), vec![event(2)]).await.unwrap();
    home.clock.set(NOW.minus(Duration::from_secs(3)));
    let refused = home.store.commit(Vec::new(), vec![event(3)]).await;
    assert!(
        matches!(refused, Err(CommitError::ClockBehind { .. })),
        "{refused:?}"
    );
    let home = home.reopened().await;
    let refused = home.change(Change::Sweep { at: NOW }).await;
    assert!(
        matches!(refused, Err(CommitError::ClockBehind { .. })),
        "{refused:?}"
    );
    home.clock.set(NOW);
    home.store.commit(Vec::new(), vec![event(3)]).await.unwrap();
}

#[tokio::test]
async fn an_event_and_the_change_it_describes_are_stored_together_or_not() {
    let home = Home::new().await;
    let nonce = |nonce: &str| Change::UseOnce {
        nonce: nonce.into(),
        until: after(60),
    };
    home.change(nonce("used")).await.unwrap();
    let changes = vec![nonce("fresh"), nonce("used")];
    let refused = home.store.commit(changes, vec![event(1)]).await;
    assert!(matches!(
        refused,
        Err(CommitError::Refused(Refusal::Replayed))
    ));
    assert_eq!(home.store.watch_log().borrow().size(), 0);
    // The first of the two was taken back.
    home.store
        .commit(vec![nonce("fresh")], vec![event(1)])
        .await
        .unwrap();
    assert_eq!(home.store.watch_log().borrow().size(), 1);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_before_anything_is_done() {
    let home = Home::new().await;
    let mut large = event(1);
    large.body = Body::Machine {
        fact: MachineFact::Alarm {
            detail: "x".repeat(200 * 1024),
        },
    };
    let refused = home.store.commit(Vec::new(), vec![large]).await;
    assert!(matches!(refused, Err(CommitError::Event(_))));
}

#[tokio::test]
async fn one_process_serves_a_database_and_others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new().await;
    let second = Store::open(&home.path(), home.clock.clone()).await;
    assert!(second.unwrap_err().to_string().contains("another process"));
    home.store.commit(Vec::new(), vec![event(1)]).await.unwrap();
    for file in ["ca.db", "ca.db-wal", "ca.lock"] {
        let metadata = std::fs::metadata(home.path().with_file_name(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_begun_again() {
    let home = Home::new().await;
    let gone = home.path().with_file_name("gone.db");
    let refused = Store::open(&gone, home.clock.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("it is not there"));
    assert!(!gone.exists());
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let home = Home::new().await;
    home.store.close().await;
    let refused = home.store.commit(Vec::new(), vec![event(1)]).await;
    assert!(matches!(
        refused,
        Err(CommitError::Store(StoreError::Closed))
    ));
    assert!(matches!(home.store.policy().await, Err(StoreError::Closed)));
}

mod property {
    use super::*;
    use proptest::prelude::*;

    /// What a run does: deliver some events, perhaps again, or start anew.
    #[derive(Debug, Clone)]
    enum Step {
        Deliver(Vec<u64>),
        Reopen,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let deliver = prop::collection::vec(0..40_u64, 0..12).prop_map(Step::Deliver);
        prop::collection::vec(prop_oneof![6 => deliver, 1 => Just(Step::Reopen)], 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// However deliveries are cut, repeated and interrupted, each event is logged once, in the
        /// order in which it first came, and the tree is the one over exactly these events.
        #[test]
        fn the_log_is_the_first_delivery_of_every_event(steps in steps()) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let mut home = Home::new().await;
                let mut expected: Vec<u64> = Vec::new();
                for step in steps {
                    match step {
                        Step::Reopen => home = home.reopened().await,
                        Step::Deliver(numbers) => {
                            let events = numbers.iter().copied().map(event).collect();
                            let outcomes = home.store.commit(Vec::new(), events).await.unwrap().events;
                            for (number, outcome) in numbers.into_iter().zip(outcomes) {
                                if expected.contains(&number) {
                                    assert_eq!(outcome, EventOutcome::Known);
                                } else {
                                    assert_eq!(outcome, EventOutcome::Logged(expected.len() as u64));
                                    expected.push(number);
                                }
                            }
                        }
                    }
                }
                let mut tree = Frontier::default();
                for number in expected {
                    let text = portreeve_protocol::canonical::to_string(&event(number)).unwrap();
                    tree.append(portreeve_protocol::checkpoint::leaf_hash(text.as_bytes()));
                }
                assert_eq!(*home.store.watch_log().borrow(), tree);
            });
        }
    }
}

/// What is not in the log must not happen, whoever takes an id that the log has.
#[tokio::test]
async fn nothing_follows_from_an_event_whose_id_the_log_has() {
    let home = Home::new().await;
    let once = |nonce: &str| Change::UseOnce {
        nonce: nonce.to_owned(),
        until: after(60),
    };
    let reported = |event, nonce, alarm| Reported {
        event,
        change: Some(once(nonce)),
        spends: None,
        alarm: Some(Alarm {
            event: alarm,
            spends: None,
        }),
    };
    let first = home.store.report(vec![reported(event(1), "a", event(2))]);
    assert_eq!(first.await.unwrap().events, [EventOutcome::Logged(0)]);
    let mut other = event(1);
    other.at = after(1);
    // The same event would be refused if its change were applied again.
    let batch = vec![
        reported(event(1), "a", event(3)),
        reported(other.clone(), "b", event(4)),
        reported(event(5), "c", event(6)),
        reported(event(5), "c", event(7)),
    ];
    assert_eq!(
        home.store.report(batch).await.unwrap().events,
        [
            EventOutcome::Known,
            EventOutcome::Conflicting(other.id),
            EventOutcome::Logged(2),
            EventOutcome::Known
        ]
    );
    home.change(once("b")).await.unwrap();
    assert_eq!(home.refusal(once("c")).await, Refusal::Replayed);
    assert_eq!(home.store.watch_log().borrow().size(), 4);
}

/// A batch of which one change is refused leaves nothing, and the log goes on where it was.
#[tokio::test]
async fn a_report_that_is_refused_leaves_the_log_as_it_was() {
    let home = Home::new().await;
    let reported = |number, nonce: &str| Reported {
        event: event(number),
        change: Some(Change::UseOnce {
            nonce: nonce.to_owned(),
            until: after(60),
        }),
        spends: None,
        alarm: None,
    };
    let batch = vec![reported(1, "a"), reported(2, "b"), reported(3, "a")];
    let refused = home.store.report(batch).await;
    assert!(
        matches!(refused, Err(CommitError::Refused(Refusal::Replayed))),
        "{refused:?}"
    );
    assert_eq!(home.store.watch_log().borrow().size(), 0);
    let next = home.store.report(vec![reported(4, "a"), reported(1, "b")]);
    assert_eq!(
        next.await.unwrap().events,
        [EventOutcome::Logged(0), EventOutcome::Logged(1)]
    );
    let frontier = home.store.watch_log().borrow().clone();
    let home = home.reopened().await;
    assert_eq!(*home.store.watch_log().borrow(), frontier);
}
