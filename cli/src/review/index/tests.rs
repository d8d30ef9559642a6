use std::os::unix::fs::PermissionsExt as _;

use portreeve_recording::event::Channel;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::moment::{Begun, End, Found, Kind, Moment};

use super::find::{Exit, Hit, Selection};
use super::query::Terms;
use super::write::{Stamp, State};
use super::*;

fn info(number: u32) -> SessionInfo {
    let example = include_str!("../../../../tests/vectors/recording/session.json");
    let mut info: serde_json::Value = serde_json::from_str(example).unwrap();
    let name = if number.is_multiple_of(2) {
        "alice@example.com"
    } else {
        "bob@example.com"
    };
    info["session"] = format!("0190b8a2-7c1e-7000-8000-{number:012x}").into();
    info["pair"]["human"]["subject"] = format!("u{number}").into();
    info["pair"]["human"]["name"] = name.into();
    info["task"]["ticket"] = format!("INC-{number}").into();
    info["host"] = format!("prod-{number}.example.com").into();
    info["started_at"] = format!("2026-01-{:02}T12:00:00Z", number % 28 + 1).into();
    serde_json::from_value(info).unwrap()
}

fn stamp(number: u32) -> Stamp {
    Stamp {
        file: format!("/recordings/{number}.tar"),
        size: 1,
        changed_us: 1,
    }
}

fn begun(program: u32, line: &str) -> Found {
    Found::Begun(Begun {
        program,
        at_us: 0,
        channel: Channel(program + 1),
        line: line.into(),
        words: line.split(' ').map(str::to_owned).collect(),
    })
}

fn moment(at_us: u64, kind: Kind, program: Option<u32>, text: &str) -> Found {
    Found::Moment(Moment {
        at_us,
        channel: Channel(program.map_or(0, |program| program + 1)),
        kind,
        program,
        text: text.into(),
        paths: (kind == Kind::File)
            .then(|| text.to_owned())
            .into_iter()
            .collect(),
    })
}

/// A session in which one program fails and one does not.
fn put(index: &mut Index, number: u32, said: &str) {
    let mut writing = index.begin(&info(number), &stamp(number)).unwrap();
    for found in [
        begun(0, "cat /etc/nginx/nginx.conf"),
        moment(1, Kind::Command, Some(0), "cat /etc/nginx/nginx.conf"),
        moment(2, Kind::Output, Some(0), "worker_processes auto\nlisten 80"),
        Found::Ended {
            program: 0,
            end: End::Status(0),
        },
        begun(1, "nc -l"),
        moment(3, Kind::Command, Some(1), "nc -l"),
        moment(4, Kind::Output, Some(1), said),
        Found::Ended {
            program: 1,
            end: End::Status(7),
        },
        moment(5, Kind::File, None, "/etc/passwd"),
        moment(5, Kind::File, None, "notes"),
        moment(5, Kind::Refused, None, "direct-tcpip: not offered"),
    ] {
        writing.add(&found).unwrap();
    }
    writing.finish(State::Whole).unwrap();
}

fn some(count: u32) -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let mut index = Index::create(&folder.path().join("index")).unwrap();
    for number in 0..count {
        put(
            &mut index,
            number,
            &format!("Connection {number} refused\nand Connection again"),
        );
    }
    (folder, index)
}

fn asked(terms: &[&str]) -> Selection {
    let terms: Vec<_> = terms.iter().map(|term| (*term).to_owned()).collect();
    Selection {
        terms: Terms::new(&terms, false).unwrap(),
        limit: 100,
        ..Selection::default()
    }
}

fn lines(index: &Index, selection: &Selection) -> Vec<(String, String)> {
    let hits = index.find(selection).unwrap().hits.into_iter();
    hits.map(|hit| (hit.ticket, hit.line)).collect()
}

/// The tickets of the sessions that were found, each as often as it was.
fn tickets(index: &Index, selection: &Selection) -> Vec<String> {
    lines(index, selection)
        .into_iter()
        .map(|(ticket, _)| ticket)
        .collect()
}

#[test]
fn moments_are_found_newest_first() {
    let (_folder, index) = some(3);
    assert_eq!(
        lines(&index, &asked(&["connection", "refused"])),
        [
            ("INC-2", "Connection 2 refused"),
            ("INC-1", "Connection 1 refused"),
            ("INC-0", "Connection 0 refused")
        ]
        .map(|(ticket, line)| (ticket.to_owned(), line.to_owned()))
    );
    assert_eq!(lines(&index, &asked(&["again", "refused"])), []);
    let page = index
        .find(&Selection {
            limit: 2,
            ..asked(&["nection"])
        })
        .unwrap();
    assert!(page.hits.len() == 2 && page.more);
    let hit = &page.hits[0];
    assert_eq!(
        (hit.more_lines, hit.spans[0].clone(), hit.channel, hit.exit),
        (1, 3..10, 2, Some(Exit::Status(7)))
    );
    assert_eq!(hit.at.to_string(), "2026-01-03T12:00:00.000004Z");
    assert_eq!(hit.command.as_deref(), Some("nc -l"));
}

#[test]
fn options_select() {
    // More sessions than are looked through one by one.
    let (_folder, index) = some(100);
    let count = |selection: Selection| index.find(&selection).unwrap().hits.len();
    let base = || asked(&["connection"]);
    assert_eq!(count(base()), 100);
    for (selection, expected) in [
        (
            Selection {
                human: Some("Alice@example.com".into()),
                ..base()
            },
            50,
        ),
        (
            Selection {
                human: Some("u7".into()),
                ..base()
            },
            1,
        ),
        (
            Selection {
                agent: Some("forensics".into()),
                ..base()
            },
            100,
        ),
        (
            Selection {
                agent: Some("soc/forensics".into()),
                ..base()
            },
            100,
        ),
        (
            Selection {
                agent: Some("soc".into()),
                ..base()
            },
            0,
        ),
        (
            Selection {
                host: Some("prod-7".into()),
                ..base()
            },
            1,
        ),
        (
            Selection {
                host: Some("PROD-7.example.com".into()),
                ..base()
            },
            1,
        ),
        (
            Selection {
                ticket: Some("inc-9".into()),
                ..base()
            },
            1,
        ),
        (
            Selection {
                argv: vec!["nc".into()],
                ..base()
            },
            100,
        ),
        (
            Selection {
                argv: vec!["nc".into(), "-l".into()],
                ..base()
            },
            100,
        ),
        (
            Selection {
                argv: vec!["nc".into(), "cat".into()],
                ..base()
            },
            0,
        ),
        (
            Selection {
                argv: vec!["cat".into()],
                ..base()
            },
            0,
        ),
        (
            Selection {
                exit: Some(Exit::Status(7)),
                ..base()
            },
            100,
        ),
        (
            Selection {
                exit: Some(Exit::Failed),
                ..base()
            },
            100,
        ),
        (
            Selection {
                exit: Some(Exit::Status(0)),
                ..base()
            },
            0,
        ),
        (
            Selection {
                exit: Some(Exit::Signal),
                ..base()
            },
            0,
        ),
        (
            Selection {
                exit: Some(Exit::None),
                ..base()
            },
            0,
        ),
        (
            Selection {
                kinds: vec![Kind::Output, Kind::Note],
                ..base()
            },
            100,
        ),
        (
            Selection {
                kinds: vec![Kind::Command],
                ..base()
            },
            0,
        ),
        (
            Selection {
                kinds: vec![Kind::Refused],
                ..asked(&["offered"])
            },
            100,
        ),
        (
            Selection {
                path: Some("/etc/nginx".into()),
                ..asked(&["listen"])
            },
            100,
        ),
        (
            Selection {
                path: Some("/etc/ngin".into()),
                ..asked(&["listen"])
            },
            0,
        ),
        (
            Selection {
                path: Some("nginx.conf".into()),
                ..asked(&["listen"])
            },
            100,
        ),
        (
            Selection {
                since: Some("2026-01-28T00:00:00Z".parse().unwrap()),
                ..base()
            },
            3,
        ),
        (
            Selection {
                until: Some("2026-01-01T12:00:00.000004Z".parse().unwrap()),
                ..base()
            },
            0,
        ),
        (
            Selection {
                until: Some("2026-01-01T12:00:00.000005Z".parse().unwrap()),
                ..base()
            },
            4,
        ),
    ] {
        let words = format!("{selection:?}");
        assert_eq!(count(selection), expected, "{words}");
    }
}

#[test]
fn without_terms_the_options_alone_select() {
    let (_folder, index) = some(3);
    let none = || Selection {
        limit: 100,
        ..Selection::default()
    };
    let kinds = |selection: Selection| -> Vec<Kind> {
        index
            .find(&selection)
            .unwrap()
            .hits
            .iter()
            .map(|hit| hit.kind)
            .collect()
    };
    assert_eq!(kinds(none()), [Kind::Session; 3]);
    assert_eq!(
        kinds(Selection {
            host: Some("prod-1".into()),
            ..none()
        }),
        [Kind::Session]
    );
    assert_eq!(
        kinds(Selection {
            argv: vec!["nc".into()],
            ..none()
        }),
        [Kind::Command; 3]
    );
    assert_eq!(
        kinds(Selection {
            exit: Some(Exit::Failed),
            ..none()
        }),
        [Kind::Command; 3]
    );
    let of_path = |path: &str| {
        kinds(Selection {
            path: Some(path.into()),
            session: Some(info(1).session.to_string()),
            ..none()
        })
    };
    assert_eq!(of_path("/etc"), [Kind::File, Kind::Command]);
    assert_eq!(of_path("/etc/passwd/"), [Kind::File]);
    assert_eq!(of_path("notes"), [Kind::File]);
    assert_eq!(of_path("/et"), []);
    assert_eq!(
        kinds(Selection {
            kinds: vec![Kind::Refused],
            ..none()
        }),
        [Kind::Refused; 3]
    );
    assert_eq!(
        tickets(&index, &asked(&["reverse shell"])),
        ["INC-2", "INC-1", "INC-0"]
    );
}

#[test]
fn a_session_is_there_once_however_often_it_is_read() {
    let (_folder, mut index) = some(2);
    put(&mut index, 0, "something else");
    assert_eq!(tickets(&index, &asked(&["connection"])), ["INC-1"]);
    assert_eq!(tickets(&index, &asked(&["something"])), ["INC-0"]);
    assert_eq!(index.known().unwrap().len(), 2);
}

#[test]
fn what_was_not_finished_is_not_there() {
    let (_folder, mut index) = some(1);
    let mut writing = index.begin(&info(1), &stamp(1)).unwrap();
    writing
        .add(&moment(1, Kind::Note, None, "half of it"))
        .unwrap();
    drop(writing);
    assert_eq!(tickets(&index, &asked(&["half"])), [""; 0]);
    assert_eq!(index.known().unwrap().len(), 1);
}

#[test]
fn what_is_removed_is_gone_from_the_file() {
    let (_folder, mut index) = some(2);
    put(&mut index, 2, "an unmistakable sentence of some length");
    index.tidy().unwrap();
    let holds = |index: &Index| {
        let bytes = fs::read(index.path()).unwrap();
        bytes.windows(12).any(|window| window == b"unmistakable")
    };
    assert!(holds(&index));
    assert!(index.remove(info(2).session).unwrap());
    assert!(!index.remove(info(2).session).unwrap());
    index.tidy().unwrap();
    assert!(!holds(&index));
    assert_eq!(tickets(&index, &asked(&["connection"])), ["INC-1", "INC-0"]);
    assert_eq!(tickets(&index, &asked(&["unmistakable"])), [""; 0]);
}

#[test]
fn sessions_that_began_together_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut index = Index::create(folder.path()).unwrap();
    for number in 0..40 {
        // The same second for all of them.
        put(&mut index, number * 28, &format!("I am {number}."));
    }
    let hits: Vec<Hit> = index.find(&asked(&["I am"])).unwrap().hits;
    assert_eq!(hits.len(), 40);
    assert!(
        hits.iter().all(
            |hit| hit.line == format!("I am {}.", hit.ticket[4..].parse::<u32>().unwrap() / 28)
        )
    );
}

#[test]
fn the_index_is_closed_to_others_and_knows_its_own() {
    let (folder, index) = some(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(index.path()), 0o600);
    assert_eq!(mode(index.path().parent().unwrap()), 0o700);
    assert!(Index::open(&folder.path().join("none")).unwrap().is_none());
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(
        foreign.join(FILE),
        "no database at all, but long enough to be looked at",
    )
    .unwrap();
    assert!(matches!(Index::open(&foreign), Err(IndexError::Foreign(_))));
    index.db.pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(
        Index::open(&folder.path().join("index")),
        Err(IndexError::Version { version: 9, .. })
    ));
}
