//! Replay of hostile recordings, printed and in a real terminal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::Signal;
use portreeve_cli::review::replay::tty::Tty;
use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use portreeve_recording::manifest::End;
use portreeve_recording::write::{PoolOptions, RecorderPool};

use crate::keys;
use crate::program::{User, path};
use crate::pty::Pty;

const SECOND: u64 = 1_000_000;

/// What a host may write to drive whoever looks at it.
const HOSTILE: [&str; 14] = [
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "\x1bP+q544e\x1b\\\x1bP$qm\x1b\\",
    "\x1b[6n\x1b[c\x1b[>c\x1b[5n\x1b[?15n\x1b[21t",
    "\u{9b}31m\u{9d}0;c1\u{9c}\u{90}x\u{9c}",
    "\x1b[?1049h\x1b[?47h\x1b[?1000h\x1b[?2004h\x1b[?1006h",
    "\x1b[99999999999;99999999999H\x1b[8;9999;9999t",
    "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m",
    "\x1b]8;;http://example.com/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\",
    "\x1b[5i\x1b[4i\x1b[2 q\x1b[!p\x1bc\x1b#8\x1b[3J",
    "\u{202e}gnp.exe\u{2066}x\u{200b}\u{e0041}",
    "\x1b(0\x0e\x0f\x05\x07\x0b\x0c\x7f",
    "\x1b[?25l\x1b[?5h\x1b]1337;File=:AAAA\x07\x1b]777;notify;a;b\x07",
];

fn identity_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/recording/review-key.txt")
}

fn event(at_us: u64, channel: u32, kind: Kind) -> Event {
    Event {
        at_us,
        channel: Channel(channel),
        kind,
    }
}

fn started(at_us: u64, channel: u32, command: &str, terminal: bool) -> Event {
    let size = WindowSize {
        columns: 60,
        rows: 8,
        pixel_width: 0,
        pixel_height: 0,
    };
    let started = Started {
        program: Program::Exec(command.as_bytes().to_vec().into()),
        environment: vec![],
        terminal: terminal.then(|| Terminal {
            term: "xterm".into(),
            size,
            modes: vec![],
        }),
        decision: None,
    };
    event(at_us, channel, Kind::Started(started))
}

/// A terminal and a command without, both hostile in every way; then one that fails.
fn hostile() -> Vec<Event> {
    let all = HOSTILE.concat();
    let mut raw = all.clone().into_bytes();
    raw.extend_from_slice(b"\x9b6n\x9d52;c;eA==\x9c\xff\xfe");
    vec![
        started(SECOND, 1, &format!("cat {all}"), true),
        event(SECOND + 1, 1, Kind::Output(raw.clone().into())),
        event(
            SECOND + 2,
            1,
            Kind::Output("\x1bc\x1b[2J\x1b[Hafter the storm\r\n".into()),
        ),
        started(10 * SECOND, 2, "sudo cat trap", false),
        event(10 * SECOND + 1, 2, Kind::Output(raw.clone().into())),
        event(10 * SECOND + 2, 2, Kind::ErrorOutput(raw.into())),
        event(
            10 * SECOND + 3,
            2,
            Kind::Output("\npassword: --password=hunter2hunter2\n".into()),
        ),
        event(10 * SECOND + 4, 2, Kind::ExitStatus(7)),
        event(20 * SECOND, 0, Kind::Note(all.clone())),
        event(
            20 * SECOND,
            3,
            Kind::Refused {
                what: all.clone(),
                reason: all,
            },
        ),
        event(30 * SECOND, 1, Kind::Output("the end".into())),
    ]
}

/// Writes a recording into the user's home.
fn record(user: &User, events: &[Event]) -> PathBuf {
    let text = std::fs::read_to_string(identity_file()).unwrap();
    let recipient = Identity::all_in(&text).unwrap()[0].recipient();
    let info = serde_json::from_value(serde_json::json!({
        "format": 1,
        "session": "0190b8a2-7c1e-7000-8000-00000000002a",
        "pair": {
            "human": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" },
            "agent": "soc/forensics",
        },
        "task": { "id": "0190b8a2-7c1e-7000-8000-000000000001", "ticket": "INC-1", "purpose": "look" },
        "host": "prod-1.example.com",
        "account": "pr-800000000000002a",
        "bundle": { "name": "forensic", "digest": format!("sha256:{}", "0".repeat(64)) },
        "bastion": "bastion-1",
        "started_at": "2026-01-05T10:00:00Z",
        "recording": "standard",
        "recipients": [recipient],
    }));
    let pool = RecorderPool::start(
        PoolOptions::default(),
        Arc::new(keys::private(5)),
        Arc::new(|bytes: &mut [u8]| bytes.fill(9)),
    );
    let pool = pool.unwrap();
    let recorder = pool.begin(user.home().to_owned(), info.unwrap());
    for event in events {
        recorder.try_record(event).unwrap();
    }
    let end = End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1_767_607_300),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let finished = runtime.block_on(recorder.finish(end)).unwrap();
    pool.close();
    finished.path
}

fn reviewer() -> User {
    let key = identity_file();
    User::new().set("PORTREEVE_REVIEW_KEY", key.to_str().unwrap())
}

/// A player of a recording, in a terminal.
fn player(user: &User, recording: &Path, options: &[&str]) -> Pty {
    let mut command = user.command(&path());
    command.arg("replay").arg(recording).args(options);
    Pty::run(&command, 80, 24)
}

/// Every control sequence in what was written, without its numbers; and everything that is none and
/// no printable text.
fn sequences(written: &[u8]) -> BTreeSet<String> {
    let text = match std::str::from_utf8(written) {
        // The end of what was read can be in the middle of a character.
        Err(error) if error.error_len().is_none() => &written[..error.valid_up_to()],
        _ => written,
    };
    let text = std::str::from_utf8(text).unwrap();
    let mut found = BTreeSet::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            if portreeve_protocol::unseen::is_unseen(character) {
                found.insert(format!("{character:?}"));
            }
            continue;
        }
        let mut sequence = String::new();
        if characters.next_if_eq(&'[').is_some() {
            sequence.push('[');
            while let Some(inner) = characters.next_if(|c| matches!(c, ' '..='?')) {
                if !matches!(inner, '0'..='9' | ';') || sequence.starts_with("[?") {
                    sequence.push(inner);
                }
            }
        }
        sequence.extend(characters.next());
        found.insert(sequence);
    }
    found
}

/// All that a player may write besides text: it moves, colours, clears, and takes the screen.
const ALLOWED: [&str; 7] = ["[H", "[m", "[J", "[?1049h", "[?1049l", "[?25l", "[?25h"];

fn only_what_is_allowed(written: &[u8]) {
    let hostile = sequences(HOSTILE.concat().as_bytes());
    assert!(hostile.len() > 30, "{hostile:?}");
    let others: Vec<_> = sequences(written)
        .into_iter()
        .filter(|sequence| !ALLOWED.contains(&sequence.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(!String::from_utf8_lossy(written).contains("hunter2"));
}

#[test]
fn a_hostile_recording_cannot_drive_the_terminal_of_a_player() {
    let user = reviewer();
    let recording = record(&user, &hostile());
    let mut pty = player(&user, &recording, &[]);
    let window = (80, 24);
    pty.sees(window, "sudo cat trap");
    pty.press("\x1b[B\x1b[B\x1b[A");
    pty.press("\r");
    pty.sees(window, "exit 7");
    pty.press("a");
    pty.sees(window, "after the storm");
    // Every moment, every jump, every view.
    for keys in [
        "n", "d", "f", "u", "s", "S", "D", "0", ".", ".", ".", ".", ",", "\t", "?", "?", "c", "q",
    ] {
        pty.press(keys);
    }
    pty.press("9 ");
    pty.sees(window, "00:30 / 00:30");
    pty.resize(40, 10);
    pty.press("g");
    pty.sees((40, 10), "go to:");
    pty.press("0:10\r");
    pty.sees((40, 10), "00:10");
    pty.press("q");
    assert!(pty.end().success());
    only_what_is_allowed(&pty.is_as_before());
}

#[test]
fn a_terminal_is_given_back_after_a_signal() {
    let user = reviewer();
    let recording = record(&user, &hostile());
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut pty = player(&user, &recording, &["--at", "50%"]);
        pty.sees((80, 24), "00:15");
        pty.signal(signal);
        assert_eq!(pty.end().code(), Some(130), "{signal}");
        only_what_is_allowed(&pty.is_as_before());
    }
}

/// Runs in the terminal that the test below makes, and not otherwise.
#[test]
fn fails_inside_of_a_player() -> Result<(), &'static str> {
    let Some(how) = std::env::var_os("FAILS_INSIDE_OF_A_PLAYER") else {
        return Ok(());
    };
    let mut tty = Tty::take().unwrap();
    tty.paint(|mut canvas| {
        canvas.line(0, 0, "inside", ratatui_core::style::Style::new());
    })
    .unwrap();
    assert_ne!(how, "panic", "the reason of the panic");
    Err("the reason of the error")
}

#[test]
fn a_terminal_is_given_back_after_an_error_and_after_a_panic() {
    for how in ["panic", "error"] {
        let mut command = User::new().command(&std::env::current_exe().unwrap());
        command
            .args(["--exact", "replay::fails_inside_of_a_player", "--nocapture"])
            .env("FAILS_INSIDE_OF_A_PLAYER", how);
        let mut pty = Pty::run(&command, 80, 24);
        assert!(!pty.end().success());
        let lines = pty.sees((80, 24), "the reason of the");
        assert!(lines.iter().any(|line| line.contains(how)), "{lines:?}");
        pty.is_as_before();
    }
}

#[test]
fn a_recording_without_its_end_is_not_taken_for_a_whole_one() {
    let user = reviewer();
    let recording = record(&user, &hostile());
    let bytes = std::fs::read(&recording).unwrap();
    // After the first segment: `session.json` and it, each with its header.
    let first = bytes
        .windows(15)
        .rposition(|name| name == b"segments/000000")
        .unwrap();
    let size = &bytes[first + 124..first + 135];
    let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 8).unwrap();
    let cut = user.home().join("cut.tar");
    std::fs::write(&cut, &bytes[..first + 512 + size.next_multiple_of(512)]).unwrap();
    for (file, is_cut) in [(&recording, false), (&cut, true)] {
        let file = file.to_str().unwrap();
        for command in [
            &["replay", file, "--no-wait"][..],
            &["replay", file, "--commands"],
            &["export", file, "--format", "jsonl"],
        ] {
            let said = user.run(command).ok();
            let is_told = said.err.contains("THE END OF THIS RECORDING IS MISSING");
            assert_eq!(is_told, is_cut, "{command:?}: {}", said.err);
        }
        for command in [
            &["replay", file, "--json"][..],
            &["replay", file, "--commands", "--json"],
        ] {
            assert_eq!(user.run(command).ok().json()["cut"], is_cut, "{command:?}");
        }
        let mut pty = player(&user, Path::new(file), &["--at", "100%"]);
        // The length, what is said of the end, and the time.
        let status = if is_cut {
            " NO END  2026-"
        } else {
            "00:30 / 00:30  2026-"
        };
        pty.sees((80, 24), status);
        pty.press("q");
        assert!(pty.end().success());
    }
}

#[test]
fn printed_it_can_begin_and_end_anywhere_and_hides_secrets() {
    let user = reviewer();
    let recording = record(&user, &hostile());
    let recording = recording.to_str().unwrap();
    let run = |options: &[&str]| {
        let args = [&["replay", "--no-wait", recording], options].concat();
        user.run(&args).ok()
    };
    let whole = run(&[]);
    assert!(sequences(whole.out.replace(['\n', '\t'], "").as_bytes()).is_empty());
    assert!(whole.out.contains("sudo cat trap") && whole.out.contains("after the storm"));
    assert!(!whole.out.contains("hunter2"));
    let shown = run(&["--unredacted"]);
    assert!(shown.out.contains("hunter2") && shown.err.contains("secrets are shown"));
    let part = run(&["--at", "0:15", "--until", "2026-01-05T10:00:25Z"]);
    let lines: Vec<_> = part.out.lines().collect();
    assert!(lines[0].contains("channel 1: runs: cat "), "{lines:?}");
    assert!(part.out.contains("REFUSED") && !part.out.contains("the end"));
    let listed = run(&["--commands", "--json", "--at", "5"]);
    let listed = listed.json();
    assert_eq!(listed["entries"][0]["text"], "sudo cat trap");
    let wrong = user.run(&["replay", recording, "--at", "+5"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("a moment is wanted"), "{}", wrong.err);
}
