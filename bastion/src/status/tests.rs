use std::collections::BTreeSet;

use portreeve_protocol::pair::Human;

use super::*;

const NOW: i64 = 1_790_000_000;

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn well() -> Found {
    Found {
        bastion: "bastion-1".parse().unwrap(),
        config: ConfigFound {
            path: "/etc/portreeve-bastion/config.toml".into(),
            wrong: None,
            certificate_ends: Some(Timestamp::from_seconds(NOW + 31 * 86_400)),
        },
        running: Ok(Running {
            version: "0.1.0".into(),
            since: Timestamp::from_seconds(NOW - 60),
            shut: None,
            sessions: Vec::new(),
            max_sessions: 2000,
            ca_heard: Some(1),
            events_waiting: 1,
            events_limit: 192 << 20,
            events_oldest: Some(180),
            store: Some(StoreSaid {
                name: "s3://s3.example.com/recordings".into(),
                away: None,
                given_up: Vec::new(),
            }),
        }),
        recordings: Some(Recordings {
            count: 2,
            bytes: 3 << 20,
            ended: 1,
            oldest: Some(600),
        }),
        disks: vec![DiskFound {
            folder: "/var/lib/portreeve-bastion/recordings".into(),
            size: 4 << 30,
            left: 3 << 30,
            reserve: 512 << 20,
        }],
        look: Vec::new(),
    }
}

fn running(change: impl FnOnce(&mut Running)) -> Found {
    let mut found = well();
    change(found.running.as_mut().unwrap());
    found
}

fn store(change: impl FnOnce(&mut StoreSaid)) -> Found {
    running(|running| change(running.store.as_mut().unwrap()))
}

fn old() -> Option<Recordings> {
    Some(Recordings {
        oldest: Some(601),
        ..Recordings::default()
    })
}

#[test]
fn a_bastion_that_is_well_needs_no_look() {
    let found = well().judged(now());
    assert_eq!((found.exit(), &found.look), (0, &vec![]));
    assert_eq!(
        text(&found),
        "\
bastion     bastion-1
version     0.1.0, runs since 2026-09-21T14:12:20Z
sessions    0 live of 2000 at most, and more begin
ca          heard 1 s ago
events      1 KiB wait for the CA, of 192 MiB at most, the oldest for 3 min
store       s3://s3.example.com/recordings
recordings  2 here, 3 MiB; 1 of sessions that ended, the oldest for 10 min
disk        /var/lib/portreeve-bastion/recordings: 3072 MiB left of 4096, reserve 512 MiB
config      /etc/portreeve-bastion/config.toml is well; the host certificate ends at 2026-10-22T14:13:20Z
"
    );
    // Without a store, recordings are where they belong.
    let mut kept = running(|running| running.store = None);
    kept.recordings = old();
    let kept = kept.judged(now());
    assert_eq!((kept.exit(), &kept.look), (0, &vec![]));
    assert!(text(&kept).contains("store       none: recordings stay here\n"));
}

#[test]
fn what_needs_a_look_is_said_and_shows_in_the_exit_code() {
    let session: SessionId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let away = Away {
        since: Timestamp::from_seconds(NOW - 500),
        why: "the recording store failed: refused".into(),
    };
    let mut wrong = well();
    wrong.config.wrong = Some("`identity`: it must be an Ed25519 key".into());
    let mut ends = well();
    ends.config.certificate_ends = Some(Timestamp::from_seconds(NOW + 29 * 86_400));
    let mut waits = well();
    waits.recordings = old();
    let mut hangs = well();
    hangs.recordings = None;
    let unheard = |unheard| {
        let mut found = well();
        found.running = Err(unheard);
        found
    };
    for (found, exit, told) in [
        (wrong, 3, "the configuration: `identity`: it must be"),
        (ends, 5, "the host certificate ends at 2026-10-20T14:13:20Z"),
        (waits, 5, "a session ended 10 min ago, and its recording"),
        (hangs, 5, "the recordings cannot be looked at: their disk"),
        (
            unheard(Unheard::NoSocket),
            4,
            "it does not run, or is of a version that has no status yet, or begins to start",
        ),
        (
            unheard(Unheard::NobodyListens),
            4,
            "it does not run, or begins to start: `systemctl is-active",
        ),
        (
            unheard(Unheard::Starting(Timestamp::from_seconds(NOW - 500))),
            4,
            "it is starting since 2026-09-21T14:05:00Z: it recovers recordings",
        ),
        (
            unheard(Unheard::Silent),
            5,
            "it runs and does not answer: `journalctl",
        ),
        (
            unheard(Unheard::NotUnderstood("no version".into())),
            5,
            "it runs and does not answer as this version does: no version; ",
        ),
        (
            unheard(Unheard::CannotBeAsked("too long".into())),
            5,
            "it cannot be asked: too long; ",
        ),
        (
            running(|running| running.shut = Some("the feed of the CA is stale".into())),
            5,
            "no session begins: the feed of the CA is stale",
        ),
        (
            store(|store| store.away = Some(away)),
            5,
            "the store takes no recordings since 2026-09-21T14:05:00Z: the recording store failed: refused",
        ),
        (
            store(|store| store.given_up = vec![session]),
            5,
            "the recording of 01890a5d-ac96-774b-bcce-b302099a8057 is not stored before a restart",
        ),
    ] {
        let found = found.judged(now());
        assert_eq!(found.exit(), exit, "{told}");
        let [look] = &found.look[..] else {
            panic!("{told}: {:?}", found.look);
        };
        assert!(look.starts_with(told), "{look}");
        assert!(text(&found).contains(&format!("\nlook        {told}")));
    }
}

#[test]
fn a_live_session_is_named_as_it_is_killed_and_followed() {
    let live = LiveSession {
        session: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
        pair: Pair {
            human: Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse().unwrap(),
            },
            agent: "soc/forensics".parse().unwrap(),
        },
        host: "prod-1".parse().unwrap(),
        expires_at: now(),
    };
    let found = running(|running| running.sessions.push(live));
    assert!(text(&found).contains(
        "            01890a5d-ac96-774b-bcce-b302099a8057 portreeve://soc/forensics/alice@example.com on prod-1 until 2026-09-21T14:13:20Z\n"
    ));
}

#[test]
fn nothing_that_another_process_says_drives_the_terminal() {
    const HOSTILE: &str = "\x1b]0;owned\x07\n\u{9b}2J\u{202e}";
    let mut found = running(|running| {
        running.version = HOSTILE.into();
        running.shut = Some(HOSTILE.into());
        let store = running.store.as_mut().unwrap();
        store.name = HOSTILE.into();
        store.away = Some(Away {
            since: now(),
            why: HOSTILE.into(),
        });
    });
    found.config.path = HOSTILE.into();
    found.disks[0].folder = HOSTILE.into();
    let text = text(&found.judged(now()));
    let shown = "\\x1b]0;owned\\x07\\n\\u{9b}2J\\u{202e}";
    assert_eq!(text.matches(shown).count(), 6, "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");

    let mut found = well();
    found.running = Err(Unheard::NotUnderstood(HOSTILE.into()));
    let text = super::text(&found.judged(now()));
    assert!(text.contains("\nversion     not heard\n"), "{text}");
    assert!(text.contains(shown), "{text}");
}

#[test]
fn a_program_that_is_not_heard_is_null_and_one_that_starts_says_since_when() {
    for (unheard, starting) in [
        (Unheard::Silent, serde_json::Value::Null),
        (Unheard::Starting(now()), serde_json::json!(now())),
    ] {
        let mut found = well();
        found.running = Err(unheard);
        let said = serde_json::to_value(&found).unwrap();
        assert_eq!(said["running"], serde_json::Value::Null);
        assert_eq!(said["starting"], starting);
        assert_eq!(said["recordings"]["count"], 2);
    }
    let mut found = well();
    found.running = Err(Unheard::Starting(now()));
    let text = text(&found);
    assert!(
        text.contains("\nversion     starting since 2026-09-21T14:13:20Z\n"),
        "{text}"
    );
}

#[test]
fn ages_are_told_in_the_unit_that_says_enough() {
    for (seconds, told) in [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
    ] {
        assert_eq!(text::duration(seconds), told);
    }
}

/// Every field's name in a value.
fn fields(value: &serde_json::Value, into: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        into.insert(name.clone());
        fields(value, into);
    }
    for value in value.as_array().into_iter().flatten() {
        fields(value, into);
    }
}

#[test]
fn the_page_of_the_format_names_every_field() {
    let page = include_str!("../../../docs/spec/status.md");
    let found = store(|store| {
        store.away = Some(Away {
            since: now(),
            why: "full".into(),
        });
    });
    let mut said = serde_json::to_value(&found).unwrap();
    said["running"]["sessions"] =
        serde_json::json!([{"session": 0, "pair": 0, "host": 0, "expires_at": 0}]);
    let mut names = BTreeSet::new();
    fields(&said, &mut names);
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
