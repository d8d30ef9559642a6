use super::*;

fn uid() -> SessionUid {
    SessionUid::for_test(2_010_000_077)
}

fn member(inbox: &Arc<Inbox>) -> Member {
    Member {
        inbox: Arc::clone(inbox),
        is_outside: false,
    }
}

fn table() -> (Table, Arc<Inbox>) {
    let inbox = Arc::new(Inbox {
        uid: uid(),
        waker: Waker::new().unwrap(),
        waiting: Mutex::default(),
    });
    let mut table = Table::default();
    table
        .sessions
        .insert(b"pr-nobody".to_vec(), Arc::clone(&inbox));
    (table, inbox)
}

#[test]
fn children_are_of_the_session_of_their_parents_and_what_is_gone_is_counted() {
    let (mut table, inbox) = table();
    // No process has such a number, so nothing can be looked at.
    let (first, second, stranger) = (i32::MAX, i32::MAX - 1, i32::MAX - 2);
    table.members.insert(first, member(&inbox));
    table.hear(Message::Forked {
        parent: first,
        child: second,
    });
    table.hear(Message::Began(second));
    table.hear(Message::Began(stranger));
    let ended = |pid| Message::Ended { pid, status: 0 };
    table.hear(ended(second));
    table.hear(ended(second));
    table.hear(ended(stranger));
    let (seen, lost) = locked(&inbox.waiting).clone();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].pid, lost.processes), (second, 1));
}

/// This test's own process stands for one that a schedule started for the account.
#[test]
fn a_process_with_the_ids_of_an_account_is_its_session_s_and_outside() {
    let own = i32::try_from(std::process::id()).unwrap();
    let mine = nix::unistd::getuid().as_raw();
    let (mut table, _) = table();
    assert!(table.session_of(own).is_none());
    let inbox = Arc::new(Inbox {
        uid: SessionUid::for_test(mine),
        waker: Waker::new().unwrap(),
        waiting: Mutex::default(),
    });
    table
        .sessions
        .insert(b"pr-own".to_vec(), Arc::clone(&inbox));
    table.hear(Message::Began(own));
    let (seen, _) = locked(&inbox.waiting).clone();
    assert!(seen[0].is_outside, "{seen:?}");
    // One that was let into the group is not, however it came there.
    table.members.insert(own, member(&inbox));
    table.hear(Message::Began(own));
    assert!(!locked(&inbox.waiting).0[1].is_outside);
}

#[test]
fn what_waits_is_bounded_and_what_was_not_heard_is_known_to_be() {
    let (mut table, inbox) = table();
    for _ in 0..=MOST_WAITING {
        table.members.insert(7, member(&inbox));
        table.hear(Message::Ended { pid: 7, status: 0 });
    }
    table.miss();
    let (seen, lost) = locked(&inbox.waiting).clone();
    assert_eq!(seen.len(), MOST_WAITING);
    assert_eq!((lost.processes, lost.uncounted), (1, 1));
}

/// Only the first namespaces of a host have a connector, and only root is told.
#[test]
fn a_program_is_told_from_its_start_to_its_end_where_there_is_a_connector() {
    let Ok(connector) = Connector::start() else {
        return;
    };
    let mut feed = connector.follow(Path::new("/pr-nobody"), uid()).unwrap();
    // As if this process had been let into the session.
    let own = i32::try_from(std::process::id()).unwrap();
    locked(&connector.table)
        .members
        .insert(own, member(&feed.inbox));
    let mut child = std::process::Command::new("/bin/sleep")
        .arg("1000")
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut until = |is_it: &dyn Fn(&What) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !feed
            .take()
            .iter()
            .any(|seen| seen.pid == pid && is_it(&seen.what))
        {
            assert!(Instant::now() < deadline, "it is not told");
            thread::sleep(Duration::from_millis(5));
        }
    };
    until(
        &|what| matches!(what, What::Started(started) if started.arguments == b"/bin/sleep\x001000\0"),
    );
    child.kill().unwrap();
    child.wait().unwrap();
    until(&|what| matches!(what, What::Ended { status: 9 }));
}
