//! What sudo writes, and what becomes of it.

use super::*;
use crate::chain::Chain;
use crate::trust::Identity;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::MAX_EVENT;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::HostName;

const LOG: &[u8] = include_bytes!("../../tests/sudo-1.9.13.json.log");

fn read(bytes: &[u8], chunk: usize) -> Vec<SudoEvent> {
    let mut log = SudoLog::default();
    let end = usize::try_from(readable(bytes.len() as u64, bytes)).unwrap();
    let mut events = Vec::new();
    for piece in bytes[..end].chunks(chunk) {
        log.push(piece);
        events.extend(log.take());
    }
    events
}

fn sudo(event: &SudoEvent) -> (bool, &str, &[String], &str, &str, Option<&str>) {
    match &event.fact {
        HostFact::Sudo {
            allowed,
            command,
            argv,
            run_as,
            cwd,
            reason,
            ..
        } => (*allowed, command, argv, run_as, cwd, reason.as_deref()),
        HostFact::Login { .. } | HostFact::Watched { .. } => panic!("sudo only"),
    }
}

#[test]
fn what_sudo_wrote_is_read() {
    let events = read(LOG, LOG.len());
    let seen: Vec<_> = events.iter().map(sudo).collect();
    assert_eq!(
        seen,
        [
            (
                true,
                "/usr/bin/id",
                &["id".to_owned()][..],
                "root",
                "/",
                None
            ),
            (
                false,
                "/usr/bin/cat",
                &["cat".to_owned(), "/etc/shadow".to_owned()],
                "root",
                "/",
                Some("command not allowed")
            ),
            (
                true,
                "/usr/bin/id",
                &[
                    "/usr/bin/id".to_owned(),
                    "a".to_owned(),
                    "b\u{FFFD}\n\"c".to_owned()
                ],
                "root",
                "/tmp",
                None
            ),
        ]
    );
    assert_eq!(events[0].at.unwrap().as_micros(), 1_795_317_845_056_161);
}

#[test]
fn a_group_and_another_directory_are_told() {
    let text = String::from_utf8_lossy(LOG)
        .replacen(
            "\"runuser\": \"root\",",
            "\"runuser\": \"postgres\",\n        \"rungroup\": \"adm\",",
            1,
        )
        .replacen("\"runcwd\": \"/\"", "\"runcwd\": \"/var/lib\"", 1);
    let events = read(text.as_bytes(), text.len());
    let (_, _, _, run_as, cwd, _) = sudo(&events[0]);
    assert_eq!((run_as, cwd), ("postgres:adm", "/var/lib"));
}

#[test]
fn it_does_not_matter_how_the_bytes_arrive() {
    let whole = read(LOG, LOG.len());
    for chunk in 1..80 {
        assert_eq!(read(LOG, chunk), whole, "{chunk}");
    }
}

/// The file as it is after each event, one reader that follows it.
#[test]
fn a_growing_log_is_followed_over_its_trailer() {
    let text = String::from_utf8_lossy(LOG).into_owned();
    let ends: Vec<_> = text
        .match_indices("\n    },\n")
        .map(|(at, _)| at + 6)
        .collect();
    assert_eq!(ends.len(), 2);
    let mut states: Vec<Vec<u8>> = ends
        .iter()
        .map(|&end| [&text.as_bytes()[..end], TRAILER].concat())
        .collect();
    states.push(text.clone().into_bytes());
    let (mut log, mut at, mut counts) = (SudoLog::default(), 0, Vec::new());
    for state in states {
        let end = usize::try_from(readable(state.len() as u64, &state)).unwrap();
        log.push(&state[at..end]);
        at = end;
        counts.push(log.take().len());
    }
    assert_eq!(counts, [1, 1, 1]);
}

#[test]
fn a_cut_event_is_reported_as_far_as_it_was_written() {
    let text = String::from_utf8_lossy(LOG).into_owned();
    let cut = text.find("\"runenv\"").unwrap();
    let mut log = SudoLog::default();
    log.push(&text.as_bytes()[..cut]);
    assert_eq!(log.take(), []);
    let events = log.finish();
    assert_eq!(
        sudo(&events[0]),
        (
            true,
            "/usr/bin/id",
            &["id".to_owned()][..],
            "root",
            "/",
            None
        )
    );
}

#[test]
fn after_a_cut_event_the_next_one_is_read() {
    let text = String::from_utf8_lossy(LOG).into_owned();
    let second = text.find("    \"reject\"").unwrap();
    for cut in [120, 300, 700, 900] {
        let mut log = SudoLog::default();
        log.push(&text.as_bytes()[..cut]);
        log.push(b"\n,\n");
        log.push(&text.as_bytes()[second..]);
        let events = log.take();
        let last: Vec<_> = events
            .iter()
            .rev()
            .take(2)
            .map(|event| sudo(event).1)
            .collect();
        assert_eq!(last, ["/usr/bin/id", "/usr/bin/cat"], "cut at {cut}");
    }
}

#[test]
fn an_argument_cannot_begin_an_event() {
    let hostile = r#"x", "accept": {"#;
    let line = format!("            {},\n", serde_json::to_string(hostile).unwrap());
    let mut log = SudoLog::default();
    log.push(b"{\n    \"reject\": {\n        \"command\": \"/bin/x\",\n        \"runargv\": [\n");
    log.push(line.as_bytes());
    log.push(b"            \"\\\"accept\\\": {\"\n        ]\n    }\n");
    let events = log.take();
    assert_eq!(events.len(), 1);
    assert_eq!(sudo(&events[0]).2, [hostile, "\"accept\": {"]);
}

#[test]
fn everything_is_bounded() {
    let mut log = SudoLog::default();
    log.push(b"{\n    \"accept\": {\n        \"command\": \"/bin/x\",\n        \"runargv\": [\n");
    for _ in 0..1000 {
        log.push(b"            \"");
        log.push(&vec![b'a'; 128 * 1024]);
        log.push(b"\",\n");
    }
    log.push(b"        ]\n    }\n");
    let events = log.take();
    let argv = sudo(&events[0]).2;
    let text: usize = argv.iter().map(String::len).sum();
    assert!(text <= MOST_ARGUMENTS_TEXT + '…'.len_utf8(), "{text}");
    assert_eq!(argv.last().unwrap(), "…");
    assert!(
        argv.iter()
            .all(|argument| argument.len() <= MOST_TEXT + '…'.len_utf8())
    );
    assert!(log.line.capacity() <= 2 * MOST_LINE);
    log.push(b"\"accept\": {\n\"command\": \"/bin/x\",\n\"runargv\": [\n");
    (0..1000).for_each(|_| log.push(b"\"a\",\n"));
    log.push(b"]\n}\n");
    assert_eq!(sudo(&log.take()[0]).2.len(), MOST_ARGUMENTS + 1);
}

/// Whatever a session asks of sudo is signed and finds its way into the trail.
#[test]
fn no_argument_makes_an_event_too_large() {
    for text in ["a", "\"", "\\", "\u{1}", "\u{fffd}"] {
        let text = serde_json::to_string(&text.repeat(MOST_TEXT / text.len())).unwrap();
        let mut log = SudoLog::default();
        log.push(b"\"reject\": {\n");
        for key in ["command", "runuser", "rungroup", "submitcwd", "reason"] {
            log.push(format!("\"{key}\": {text},\n").as_bytes());
        }
        log.push(b"\"runargv\": [\n");
        (0..64).for_each(|_| log.push(format!("{text},\n").as_bytes()));
        log.push(b"]\n}\n");
        let host: HostName = "prod-1".parse().unwrap();
        let session = SessionId::new(Timestamp::from_seconds(1), [0; 10]);
        let identity = Identity::from_seed(&[1; 32]).unwrap();
        let mut fact = log.take().remove(0).fact;
        if let HostFact::Sudo { rule, comment, .. } = &mut fact {
            // As long as a bundle may write them.
            *rule = Some("x".repeat(80));
            *comment = Some("\u{10000}".repeat(1000));
        }
        let event = Chain::new(host, session, session.account(), Digest::of(b"")).sign(
            fact,
            Timestamp::from_seconds(1),
            &identity,
        );
        let report = serde_json::to_string(&event.unwrap()).unwrap();
        // An event has the pair and the task beside it.
        assert!(
            report.len() < MAX_EVENT - 8 * 1024,
            "{text:.9}: {}",
            report.len()
        );
    }
}

#[test]
fn rubbish_is_no_event() {
    for rubbish in [
        "",
        "}\n}\n}\n",
        "]]]\n\n,\n",
        "\"accept\": {\n}\n",
        "\u{0}\n\"x\": [\n[\n[\n",
    ] {
        let mut log = SudoLog::default();
        log.push(rubbish.as_bytes());
        assert_eq!(log.finish(), [], "{rubbish:?}");
    }
}
