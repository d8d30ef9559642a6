//! A small session that never was: what the bastion records of it, and what the log gets.

use bytes::Bytes;
use portreeve_protocol::attest::{Attestation, HostEvent, Receipt};
use portreeve_protocol::canonical;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::signed::{SignError, Signed};
use portreeve_recording::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use portreeve_recording::file_name;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::write::Finished;
use serde_json::{Value, json};
use ssh_key::PrivateKey;

/// When everything happened.
const BEGAN: &str = "2026-01-01T00:00:00.000000Z";
const EXEC: &str = "0190b8a2-7c1e-7000-8000-0000000000d1";
const SHELL: &str = "0190b8a2-7c1e-7000-8000-0000000000d2";
const FORWARD: &str = "0190b8a2-7c1e-7000-8000-0000000000d3";
const ORDER: &str = "0190b8a2-7c1e-7000-8000-000000000003";
const COMMAND: &str = "sudo ss -tnp";

/// Why no story can be told.
#[derive(Debug, thiserror::Error)]
pub enum NoStory {
    /// A statement cannot be signed.
    #[error("a statement of the canary cannot be signed")]
    Sign(#[from] SignError),
    /// A value is none of the protocol.
    #[error("the canary's session is none of this version")]
    Value(#[from] serde_json::Error),
    /// A value has no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] canonical::NotCanonical),
}

/// What the host says of a session, signed.
#[derive(Debug)]
pub(super) struct HostWords {
    attestation: Signed<Attestation>,
    events: Vec<Signed<HostEvent>>,
    receipt: Signed<Receipt>,
}

fn account(session: SessionId) -> String {
    let text = session.to_string().replace('-', "");
    format!("pr-{}", text.get(16..).unwrap_or_default())
}

fn bundle() -> Value {
    json!({ "name": "look", "digest": Digest::of(b"look") })
}

fn order(session: SessionId) -> Digest {
    Digest::of(session.to_string().as_bytes())
}

pub(super) fn info(session: SessionId, recipients: &Value) -> Result<SessionInfo, NoStory> {
    Ok(serde_json::from_value(json!({
        "format": 1,
        "session": session,
        "pair": pair(),
        "task": task(),
        "host": "prod-1",
        "account": account(session),
        "bundle": bundle(),
        "bastion": "bastion-1",
        "started_at": BEGAN,
        "recording": "standard",
        "recipients": recipients,
    }))?)
}

fn pair() -> Value {
    json!({
        "human": { "issuer": "https://idp.example.com", "subject": "alice", "name": "alice@example.com" },
        "agent": "soc/forensics",
    })
}

fn task() -> Value {
    json!({
        "id": "0190b8a2-7c1e-7000-8000-000000000001",
        "ticket": "INC-4711",
        "purpose": "A canary: nothing of this ever happened",
    })
}

/// What the host signs.
pub(super) fn host_words(session: SessionId, key: &PrivateKey) -> Result<HostWords, NoStory> {
    let account = account(session);
    let attestation: Attestation = serde_json::from_value(json!({
        "host": "prod-1", "order": ORDER, "order_digest": order(session), "session": session,
        "account": account, "uid": 70001, "gid": 70001, "home": "/home/x", "bundle": bundle(),
        "rules_digest": Digest::of(b"rules"), "sudo": "sudo 1.9.13", "cgroup": "/x",
        "ready_at": BEGAN, "expires_at": "2026-01-01T00:15:00Z",
    }))?;
    let attestation = Signed::sign(&attestation, key)?;
    let facts = [
        json!({ "fact": "login", "pid": 812 }),
        sudo(true, COMMAND),
        sudo(false, "sudo cat /etc/shadow"),
    ];
    let mut events: Vec<Signed<HostEvent>> = Vec::new();
    for (fact, seq) in facts.into_iter().zip(0_u64..) {
        let previous = events
            .last()
            .map_or_else(|| attestation.digest(), Signed::digest);
        let event: HostEvent = serde_json::from_value(json!({
            "host": "prod-1", "session": session, "account": account, "seq": seq,
            "previous": previous, "at": BEGAN, "fact": fact,
        }))?;
        events.push(Signed::sign(&event, key)?);
    }
    let last = events
        .last()
        .map_or_else(|| attestation.digest(), Signed::digest);
    let receipt: Receipt = serde_json::from_value(json!({
        "host": "prod-1", "order": ORDER, "order_digest": order(session), "session": session,
        "account": account, "uid": 70001, "cause": "asked", "ending_at": BEGAN, "gone_at": BEGAN,
        "killed": [], "killed_more": 0, "steps": [], "left": [], "sudo_commands": 1,
        "events": events.len(), "last_event": last,
    }))?;
    Ok(HostWords {
        attestation,
        receipt: Signed::sign(&receipt, key)?,
        events,
    })
}

fn sudo(allowed: bool, line: &str) -> Value {
    let argv: Vec<_> = line.split(' ').skip(1).collect();
    json!({
        "fact": "sudo", "allowed": allowed, "command": "/usr/bin/x", "argv": argv, "run_as": "root", "cwd": "/",
    })
}

/// What the bastion records: one segment for each batch.
pub(super) fn batches(words: &HostWords) -> Result<Vec<Vec<Event>>, NoStory> {
    let started = |program, terminal, decision: &str| -> Result<Kind, serde_json::Error> {
        Ok(Kind::Started(Started {
            program,
            environment: Vec::new(),
            terminal,
            decision: Some(serde_json::from_value(decision.into())?),
        }))
    };
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    let exec = Program::Exec(bytes(COMMAND));
    let terminal = Terminal {
        term: bytes("xterm"),
        size: WindowSize {
            columns: 80,
            rows: 24,
            pixel_width: 0,
            pixel_height: 0,
        },
        modes: Vec::new(),
    };
    let mut at_us = 0;
    let mut event = |channel, kind| {
        at_us += 1000;
        Event {
            at_us,
            channel: Channel(channel),
            kind,
        }
    };
    let mut said = words
        .events
        .iter()
        .map(|event| Kind::HostEvent(event.unverified_payload().to_owned()));
    let mut host = || said.next().unwrap_or(Kind::EndOfOutput);
    Ok(vec![
        vec![
            event(1, started(exec, None, EXEC)?),
            event(0, host()),
            event(1, Kind::Input(bytes("yes\n"))),
        ],
        vec![
            event(0, host()),
            event(
                1,
                Kind::Output(bytes("ESTAB 192.0.2.7:41414 198.51.100.9:4444 nc\n")),
            ),
            event(1, Kind::ErrorOutput(bytes("one line was left out\n"))),
            event(1, Kind::ExitStatus(0)),
            event(1, Kind::Closed),
        ],
        vec![
            event(2, started(Program::Shell, Some(terminal), SHELL)?),
            event(2, Kind::Output(bytes("$ "))),
            event(2, Kind::Input(bytes("sudo cat /etc/shadow\r"))),
            event(0, host()),
            event(
                3,
                Kind::Refused {
                    what: "channel 3".into(),
                    reason: "portreeve: refused: not offered".into(),
                },
            ),
        ],
        vec![
            event(2, Kind::Output(bytes("sudo: not allowed\r\n$ "))),
            event(2, Kind::ExitStatus(1)),
            event(2, Kind::Closed),
        ],
    ])
}

/// What the log gets of it.
pub(super) fn logged(
    session: SessionId,
    words: &HostWords,
    finished: &Finished,
) -> Result<Vec<String>, NoStory> {
    let decision = |id: &str, permitted: bool| {
        json!({
            "id": id, "permitted": permitted, "policy": Digest::of(b"policy"),
            "determining": ["forensics"], "record": {},
        })
    };
    let said = |number: usize| {
        let event = words.events.get(number);
        (
            json!({ "host": "prod-1" }),
            json!({ "fact": "host", "event": event }),
        )
    };
    let (ca, bastion) = (json!("ca"), json!({ "bastion": "bastion-1" }));
    let host = json!({ "host": "prod-1" });
    let of = |source: &Value, fact: Value| (source.clone(), fact);
    let facts = [
        of(
            &ca,
            json!({ "fact": "session_decided", "host": "prod-1", "decision": decision("0190b8a2-7c1e-7000-8000-0000000000d0", true) }),
        ),
        of(
            &ca,
            json!({ "fact": "session_intended", "host": "prod-1", "account": account(session), "bundle": bundle(), "expires_at": "2026-01-01T00:15:00Z" }),
        ),
        of(
            &ca,
            json!({ "fact": "session_issued", "access_serial": 1, "session_serial": 2, "control_serial": 3, "order": order(session) }),
        ),
        of(
            &ca,
            json!({ "fact": "session_claimed", "bastion": "bastion-1", "agent_address": "192.0.2.1" }),
        ),
        of(
            &host,
            json!({ "fact": "host_ready", "attestation": words.attestation }),
        ),
        of(
            &bastion,
            json!({ "fact": "channel_decided", "channel": 1, "decision": decision(EXEC, true), "request": { "type": "exec", "command": COMMAND, "pty": false } }),
        ),
        said(0),
        said(1),
        of(
            &bastion,
            json!({ "fact": "channel_closed", "channel": 1, "exit_status": 0, "bytes_in": 4, "bytes_out": 65 }),
        ),
        of(
            &bastion,
            json!({ "fact": "channel_decided", "channel": 2, "decision": decision(SHELL, true), "request": { "type": "shell", "pty": true } }),
        ),
        said(2),
        of(
            &bastion,
            json!({ "fact": "channel_decided", "channel": 3, "decision": decision(FORWARD, false), "request": { "type": "forward", "what": "direct-tcpip" } }),
        ),
        of(
            &bastion,
            json!({ "fact": "channel_closed", "channel": 2, "exit_status": 1, "bytes_in": 21, "bytes_out": 23 }),
        ),
        of(
            &bastion,
            json!({ "fact": "session_ending", "cause": "asked" }),
        ),
        of(
            &host,
            json!({ "fact": "host_gone", "receipt": words.receipt }),
        ),
        of(
            &bastion,
            json!({ "fact": "recording_sealed", "manifest": finished.manifest, "file": file_name::of(session), "bytes": finished.bytes }),
        ),
        of(
            &bastion,
            json!({ "fact": "session_closed", "cause": "asked", "confirmed": true }),
        ),
    ];
    let mut events = Vec::new();
    for ((source, fact), number) in facts.into_iter().zip(1_u32..) {
        let body = json!({
            "kind": "access", "pair": pair(), "task": task(), "session": session, "fact": fact,
        });
        events.push(event(number, &source, &body)?);
    }
    Ok(events)
}

/// An event of no session, which stands between the others in the log.
pub(super) fn between(number: u32) -> Result<String, NoStory> {
    let body =
        json!({ "kind": "machine", "fact": { "fact": "started", "version": number.to_string() } });
    event(1_000_000 + number, &json!("ca"), &body)
}

fn event(number: u32, source: &Value, body: &Value) -> Result<String, NoStory> {
    let event: portreeve_protocol::event::Event = serde_json::from_value(json!({
        "id": format!("01890000-0000-7000-8000-{number:012x}"), "at": BEGAN, "source": source, "body": body,
    }))?;
    Ok(canonical::to_string(&event)?)
}
