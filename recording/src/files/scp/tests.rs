use bytes::Bytes;
use portreeve_protocol::digest::Digest;

use super::{Scp, ScpCommand};
use crate::event::FileOperation;
use crate::files::{Breach, Piece};

fn scp(command: &'static str) -> Scp {
    Scp::new(ScpCommand::of(&command.into()).unwrap(), None)
}

enum Said {
    Agent(&'static str),
    Host(&'static str),
}
use Said::{Agent, Host};

/// Lets both sides speak, in pieces of at most `piece` bytes; what is held comes when it may.
fn speak(scp: &mut Scp, said: &[Said], piece: usize) -> Result<(Vec<String>, Vec<u8>), Breach> {
    let (mut operations, mut to_host, mut held) = (Vec::new(), Vec::new(), Bytes::new());
    for said in said {
        match said {
            Agent(text) => {
                let mut sent = Bytes::from([&held, text.as_bytes()].concat());
                while !sent.is_empty() {
                    let mut part = sent.split_to(piece.min(sent.len()));
                    let passed = scp.agent_sent(&mut part)?;
                    operations.extend(passed.operations);
                    to_host.extend_from_slice(&passed.bytes);
                    if !part.is_empty() {
                        sent = [part, sent].concat().into();
                        break;
                    }
                }
                held = sent;
            }
            Host(text) => {
                for part in text.as_bytes().chunks(piece) {
                    let passed = scp.host_sent(Bytes::copy_from_slice(part))?;
                    operations.extend(passed.operations);
                }
                let passed = scp.agent_sent(&mut held)?;
                operations.extend(passed.operations);
                to_host.extend_from_slice(&passed.bytes);
            }
        }
    }
    operations.extend(scp.finish());
    Ok((
        operations.iter().map(FileOperation::line).collect(),
        to_host,
    ))
}

fn lines(command: &'static str, said: &[Said]) -> Vec<String> {
    let (whole, _) = speak(&mut scp(command), said, usize::MAX).unwrap();
    let (pieces, _) = speak(&mut scp(command), said, 1).unwrap();
    assert_eq!(pieces, whole);
    whole
}

#[test]
fn a_file_that_is_sent_has_its_digest() {
    let digest = Digest::of(b"hello");
    assert_eq!(
        lines(
            "scp -t /tmp/x",
            &[
                Host("\0"),
                Agent("T1 0 1 0\n"),
                Host("\0"),
                Agent("C0644 5 x\n"),
                Host("\0"),
                Agent("hello\0"),
                Host("\0"),
            ],
        ),
        [format!("put /tmp/x -> x 5 bytes {digest}")]
    );
    assert_eq!(
        lines(
            "scp -f /tmp/x",
            &[
                Agent("\0"),
                Host("C0644 5 x\n"),
                Agent("\0"),
                Host("hello\0"),
                Agent("\0"),
            ],
        ),
        [format!("get /tmp/x -> x 5 bytes {digest}")]
    );
}

#[test]
fn directories_are_part_of_the_names_in_them() {
    let empty = Digest::of(b"");
    assert_eq!(
        lines(
            "scp -r -t /srv",
            &[
                Host("\0"),
                Agent("D0750 0 a\n"),
                Host("\0"),
                Agent("C0600 0 b\n"),
                Host("\0"),
                Agent("\0"),
                Host("\0"),
                Agent("D0700 0 c\n"),
                Host("\u{1}scp: c: No\n"),
                Agent("E\n"),
                Host("\0"),
                Agent("C0600 0 d\n"),
                Host("\0"),
                Agent("\0"),
                Host("\0"),
            ],
        ),
        [
            "mkdir /srv -> a (mode 0750)".to_owned(),
            format!("put /srv -> a/b 0 bytes {empty}"),
            "mkdir /srv -> a/c (scp: c: No) FAILED: failure".to_owned(),
            format!("put /srv -> d 0 bytes {empty}"),
        ]
    );
}

#[test]
fn what_was_refused_or_broke_off_has_no_digest_or_says_so() {
    for (said, expected) in [
        (
            vec![Host("\u{1}scp: no such directory\n")],
            "open /t (scp: no such directory) FAILED: failure",
        ),
        (
            vec![Host("\0"), Agent("\u{1}scp: x: gone\n")],
            "open /t (scp: x: gone) FAILED: failure",
        ),
        (
            vec![Host("\0"), Agent("C0644 5 x\n"), Host("\u{1}no\n")],
            "put /t -> x (no) FAILED: failure",
        ),
        (
            vec![Host("\0"), Agent("C0644 5 x\n")],
            "put /t -> x (mode 0644) (no answer)",
        ),
        (
            vec![
                Host("\0"),
                Agent("C0644 2 x\n"),
                Host("\0"),
                Agent("ab\0"),
                Host("\u{1}full\n"),
            ],
            "put /t -> x 2 bytes (the host did not take all of it) FAILED: failure",
        ),
        (
            vec![
                Host("\0"),
                Agent("C0644 2 x\n"),
                Host("\0"),
                Agent("ab\u{1}bad\n"),
                Host("\0"),
            ],
            "put /t -> x 2 bytes (the sender could not read all of it)",
        ),
    ] {
        assert_eq!(lines("scp -t /t", &said), [expected]);
    }
    let broken = lines(
        "scp -t /t",
        &[Host("\0"), Agent("C0644 5 x\n"), Host("\0"), Agent("ab")],
    );
    let digest = Digest::of(b"ab");
    let remark = "the channel ended before it was closed";
    assert_eq!(
        broken,
        [format!(
            "put /t -> x 2 bytes {digest} ({remark}) (no answer)"
        )]
    );
}

#[test]
fn an_agent_that_does_not_wait_is_made_to() {
    // The file is not taken, so what follows is not its content, whatever the agent believes.
    let all = "C0644 9 x\nC0600 0 y\n\0E\n";
    let said = [
        Agent(all),
        Host("\0"),
        Host("\u{1}no\n"),
        Host("\0"),
        Host("\0"),
    ];
    let mut impatient = scp("scp -t /t");
    assert_eq!(
        speak(&mut impatient, &said, usize::MAX).unwrap_err(),
        Breach::NotScp
    );
    let said = [Agent("C0644 2 x\nab\0"), Host("\0"), Host("\0"), Host("\0")];
    let (lines, to_host) = speak(&mut scp("scp -t /t"), &said, usize::MAX).unwrap();
    assert_eq!(to_host, b"C0644 2 x\nab\0");
    assert_eq!(
        lines,
        [format!("put /t -> x 2 bytes {}", Digest::of(b"ab"))]
    );
    // One that says yes to everything before it was asked.
    let said = [Agent("\0\0\0"), Host("C0644 2 x\n"), Host("ab\0")];
    let (lines, _) = speak(&mut scp("scp -f /t"), &said, usize::MAX).unwrap();
    assert_eq!(
        lines,
        [format!("get /t -> x 2 bytes {}", Digest::of(b"ab"))]
    );
}

#[test]
fn what_is_not_the_protocol_is_refused() {
    let long: &'static str = "x".repeat(9000).leak();
    for (said, expected) in [
        (vec![Host("\0\0")], Breach::NotAsked),
        (vec![Host("\0"), Agent("hello\n")], Breach::NotScp),
        (vec![Host("\0"), Agent(long)], Breach::LineTooLong),
        (vec![Host(long)], Breach::LineTooLong),
        (vec![Host("\0"), Agent("E\n")], Breach::NotScp),
        (
            vec![Host("\0"), Agent("\u{2}over\nC0644 1 x\n")],
            Breach::AfterTheEnd,
        ),
    ] {
        let broken = speak(&mut scp("scp -t /t"), &said, usize::MAX);
        assert_eq!(broken.unwrap_err(), expected);
    }
    let mut deep = scp("scp -r -t /t");
    let mut said = vec![Host("\0")];
    said.extend((0..300).flat_map(|_| [Agent("D0755 0 d\n"), Host("\0")]));
    assert_eq!(speak(&mut deep, &said, 100).unwrap_err(), Breach::TooDeep);
}

#[test]
fn content_beyond_the_limit_is_left_out_of_the_recording() {
    let command = ScpCommand::of(&"scp -t /t".into()).unwrap();
    let mut scp = Scp::new(command, Some(2));
    let _ = scp.host_sent(Bytes::from_static(b"\0")).unwrap();
    let _ = scp.agent_sent(&mut "C0644 5 x\n".into()).unwrap();
    let _ = scp.host_sent(Bytes::from_static(b"\0")).unwrap();
    let passed = scp.agent_sent(&mut "hello\0".into()).unwrap();
    assert_eq!(passed.bytes, "hello\0");
    assert_eq!(
        passed.recorded,
        [
            Piece::Kept("he".into()),
            Piece::Omitted {
                bytes: 3,
                digest: Digest::of(b"llo")
            },
            Piece::Kept("\0".into()),
        ]
    );
}
