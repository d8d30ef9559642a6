//! Sessions that nobody had, for what works over many recordings. The command line's tests write a
//! few of them with the same code.
//!
//! Each is sealed as a bastion seals it: commands with arguments, output of words that are common
//! and words that are rare, as many words to a line as logs have, ends of both kinds.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::End;
use portreeve_recording::write::{PoolOptions, RecorderPool};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use crate::dice::Dice;

/// The start of the first session; each further one begins a minute later.
const FIRST: i64 = 1_767_225_600;
/// Commands of one session.
const COMMANDS: u32 = 20;
/// Different words of output; word n is about n times rarer than the first.
const WORDS: u64 = 20_000;
/// A word that every hundredth session has once.
pub(crate) const RARE: &str = "zyxomma";
/// The line on which it stands, with a colour code within the word.
const RARE_SEEN: &str = "\x1b[31mzyx\x1b[0momma seen\n";
/// A word of every session.
pub(crate) const COMMON: &str = "connection";
/// A password in every session.
pub(crate) const SECRET: &str = "correct-horse-battery";

/// The key that opens them.
pub(crate) fn review_key() -> Identity {
    Identity::from_secret_bytes(&[7; 32])
}

/// Writes `count` sessions into `folder`, and into `plain` the same as plain text, a file each.
pub(crate) async fn write(count: u32, folder: &Path, plain: Option<&Path>) -> io::Result<()> {
    let key = PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])),
        "",
    )
    .map_err(io::Error::other)?;
    let pool = RecorderPool::start(PoolOptions::default(), Arc::new(key), Arc::new(noise))?;
    for number in 0..count {
        let info = info(number)?;
        let (name, started_at) = (info.session.to_string(), info.started_at);
        let mut text = String::new();
        let recorder = pool.begin(folder.to_path_buf(), info);
        for event in events(number) {
            describe(&event, &mut text);
            while recorder.try_record(&event).is_err() {
                recorder.room().await.map_err(io::Error::other)?;
            }
        }
        let end = End {
            cause: EndCause::Asked,
            at: Timestamp::from_micros(started_at.as_micros() + 60_000_000),
        };
        recorder.finish(end).await.map_err(io::Error::other)?;
        if let Some(plain) = plain {
            fs::write(plain.join(format!("{name}.txt")), text)?;
        }
    }
    pool.close();
    Ok(())
}

fn info(number: u32) -> io::Result<SessionInfo> {
    let started = Timestamp::from_seconds(FIRST + 60 * i64::from(number));
    let millis = started.as_micros() / 1000;
    serde_json::from_value(serde_json::json!({
        "format": 1,
        "session": format!("{:08x}-{:04x}-7000-8000-{number:012x}", millis >> 16, millis & 0xffff),
        "pair": {
            "human": {
                "issuer": "https://idp.example.com",
                "subject": format!("u{}", number % 40),
                "name": format!("person-{}@example.com", number % 40),
            },
            "agent": format!("team/agent-{}", number % 7),
        },
        "task": {
            "id": format!("{:08x}-{:04x}-7000-8000-{:012x}", millis >> 16, millis & 0xffff, number / 3),
            "ticket": format!("INC-{}", number / 3),
            "purpose": "look at what the service says",
        },
        "host": format!("host-{}.example.com", number % 200),
        "account": format!("pr-{number:016x}"),
        "bundle": { "name": "look", "digest": format!("sha256:{}", "0".repeat(64)) },
        "bastion": "bastion-1",
        "started_at": started,
        "recording": "standard",
        "recipients": [review_key().recipient()],
    }))
    .map_err(io::Error::other)
}

/// What passed in a session.
fn events(number: u32) -> Vec<Event> {
    let mut dice = Dice::new(number.into());
    let mut events = Vec::new();
    let mut at_us = 0;
    for command in 1..=COMMANDS {
        let channel = Channel(command);
        let mut event = |kind| {
            at_us += 100_000;
            events.push(Event {
                at_us,
                channel,
                kind,
            });
        };
        event(Kind::Started(Started {
            program: Program::Exec(command_line(number, command, &mut dice).into()),
            environment: Vec::new(),
            terminal: None,
            decision: None,
        }));
        event(Kind::Output(output(number, command, &mut dice)));
        let failed = dice.below(4) == 0;
        event(Kind::ExitStatus(if failed { 1 } else { 0 }));
        event(Kind::Closed);
    }
    events
}

fn command_line(number: u32, command: u32, dice: &mut Dice) -> String {
    match dice.below(5) {
        0 => format!("sudo journalctl -u unit-{} -n 200", dice.below(300)),
        1 => format!("ss -tnp sport = :{}", 1024 + dice.below(60_000)),
        2 => format!("cat /var/log/service-{}/current.log", dice.below(300)),
        3 => format!(
            "curl -u admin:{SECRET} https://host-{}.example.com/status",
            number % 200
        ),
        _ => format!("grep -r word{} /etc/service-{command}", word(dice)),
    }
}

fn output(number: u32, command: u32, dice: &mut Dice) -> Bytes {
    let mut text = String::new();
    for line in 0..dice.below(24) + 1 {
        // Writing to a string cannot fail.
        let _ = write!(text, "2026-01-01T00:00:{:02}Z {COMMON} ", line % 60);
        for _ in 0..8 {
            let _ = write!(text, "word{} ", word(dice));
        }
        text.push_str(if dice.below(3) == 0 {
            "failed\n"
        } else {
            "done\n"
        });
    }
    if command == COMMANDS / 2 {
        let _ = writeln!(text, "password: {SECRET}");
        if number.is_multiple_of(100) {
            text.push_str(RARE_SEEN);
        }
    }
    text.into()
}

fn describe(event: &Event, text: &mut String) {
    if let Kind::Started(started) = &event.kind {
        text.push_str(&started.program.line());
        text.push('\n');
    } else if let Kind::Output(bytes) = &event.kind {
        text.push_str(&String::from_utf8_lossy(bytes));
    } else if let Kind::ExitStatus(status) = &event.kind {
        text.push_str(&format!("exit {status}\n"));
    }
}

/// A word's number: the smaller, the more often.
fn word(dice: &mut Dice) -> u64 {
    let wide = dice.below(WORDS) + 1;
    dice.below(wide)
}

/// Bytes that differ from call to call, for keys that nobody depends on.
fn noise(bytes: &mut [u8]) {
    use std::hash::{BuildHasher as _, RandomState};
    let state = RandomState::new();
    for (number, chunk) in bytes.chunks_mut(8).enumerate() {
        let hash = state.hash_one(number).to_ne_bytes();
        chunk.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    }
}
