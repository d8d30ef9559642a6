use bytes::Bytes;
use portreeve_recording::event::{ExitSignal, Started};
use serde_json::json;

use super::*;

fn event(at_us: u64, channel: u32, kind: Kind) -> Event {
    Event {
        at_us,
        channel: Channel(channel),
        kind,
    }
}

fn exec(command: &'static str) -> Kind {
    Kind::Started(Started {
        program: Program::Exec(Bytes::from_static(command.as_bytes())),
        environment: vec![],
        terminal: None,
        decision: None,
    })
}

fn sudo(allowed: bool, argv: &[&str]) -> Kind {
    let event = json!({
        "host": "prod-1", "session": "01890a5d-ac96-774b-8123-456789abcdef", "account": "pr-0123456789abcdef",
        "seq": 0, "previous": portreeve_protocol::digest::Digest::of(b""), "at": "2026-01-01T00:00:01Z",
        "fact": {
            "fact": "sudo", "allowed": allowed, "command": argv[0], "argv": argv, "run_as": "root", "cwd": "/",
        },
    });
    Kind::HostEvent(event.to_string())
}

fn marks(secrets: Secrets, events: &[Event]) -> Marks {
    let mut marks = Marks::new(secrets);
    events.iter().for_each(|event| marks.add(event));
    marks
}

fn session() -> Marks {
    let killed = ExitSignal {
        name: "KILL".into(),
        core_dumped: false,
        message: String::new(),
    };
    marks(
        Secrets::Redacted,
        &[
            event(10, 1, exec("ss -tnp")),
            event(11, 1, Kind::ExitStatus(0)),
            event(12, 1, Kind::Closed),
            event(20, 2, exec("sudo -u root /usr/bin/ss -tnp")),
            event(21, 0, sudo(true, &["/usr/bin/ss", "-tnp"])),
            event(22, 2, Kind::ExitStatus(1)),
            event(30, 3, exec("LANG=C cat /etc/shadow")),
            event(31, 0, sudo(false, &["/usr/bin/cat", "/etc/shadow"])),
            event(32, 3, Kind::ExitSignal(killed)),
            event(
                40,
                4,
                Kind::Refused {
                    what: "direct-tcpip".into(),
                    reason: "not offered\x1b".into(),
                },
            ),
            event(50, 5, exec("/bin/cat x")),
            event(51, 5, Kind::Closed),
        ],
    )
}

fn times(marks: &Marks, sought: Sought) -> Vec<u64> {
    let all = marks.all().iter().filter(|mark| mark.is(sought));
    all.map(|mark| mark.at_us).collect()
}

#[test]
fn each_kind_of_mark_is_found() {
    let marks = session();
    for (sought, expected) in [
        (Sought::Command, &[10, 20, 30, 50][..]),
        (Sought::Privileged, &[20, 21, 31]),
        (Sought::Denied, &[31, 40]),
        (Sought::Failed, &[20, 30]),
        (Sought::FirstSeen, &[10, 30]),
    ] {
        assert_eq!(times(&marks, sought), expected, "{sought:?}");
    }
}

#[test]
fn the_next_and_the_last_are_beside_a_moment() {
    let marks = session();
    let at = |mark: Option<&Mark>| mark.map(|mark| mark.at_us);
    assert_eq!(at(marks.next(0, Sought::Command)), Some(10));
    assert_eq!(at(marks.next(10, Sought::Command)), Some(20));
    assert_eq!(at(marks.next(50, Sought::Command)), None);
    assert_eq!(at(marks.last(50, Sought::Failed)), Some(30));
    assert_eq!(at(marks.last(30, Sought::Failed)), Some(20));
    assert_eq!(at(marks.last(10, Sought::Command)), None);
}

#[test]
fn lines_are_safe_short_and_without_secrets() {
    let long = Kind::Started(Started {
        program: Program::Exec(vec![b'x'; 100_000].into()),
        environment: vec![],
        terminal: None,
        decision: None,
    });
    let secret = "mysql --password=hunter2secret -e 'x\x1b[2J'";
    let events = [
        event(1, 1, exec(secret)),
        event(2, 2, long),
        event(
            3,
            3,
            Kind::Refused {
                what: "a\nb".into(),
                reason: "\u{202e}".into(),
            },
        ),
    ];
    let shown = marks(Secrets::Redacted, &events);
    let lines: Vec<_> = shown.all().iter().map(|mark| mark.line.as_str()).collect();
    assert!(!lines[0].contains("hunter2secret"), "{}", lines[0]);
    assert!(lines[0].contains("\\x1b[2J"), "{}", lines[0]);
    assert_eq!(lines[1].chars().count(), MAX_LINE);
    assert_eq!(lines[2], "a\\nb: \\u{202e}");
    let shown = marks(Secrets::Shown, &events);
    assert!(shown.all()[0].line.contains("hunter2secret"));
}

#[test]
fn a_program_is_named_by_what_sudo_runs() {
    for (command, privileged, name) in [
        ("sudo ss -tnp", true, "ss"),
        ("sudo -n -u root -- /usr/sbin/ss", true, "ss"),
        ("sudo", true, "sudo"),
        ("A=1 /usr/bin/sudo B=2 id", true, "id"),
        ("su -c id", true, "su"),
        ("echo sudo", false, "echo"),
        ("'/bin/my prog'", false, "my"),
    ] {
        let program = Program::Exec(Bytes::from_static(command.as_bytes()));
        assert_eq!(
            what_runs(&program),
            (privileged, Some(name.to_owned())),
            "{command}"
        );
    }
    assert_eq!(what_runs(&Program::Exec(Bytes::new())), (false, None));
}
