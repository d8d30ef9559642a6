//! What passes on channels that carry files: `portreeve-recording`, SFTP and scp.

use bytes::Bytes;
use portreeve_recording::event::{FileOperation, Program};
use portreeve_recording::files::{Breach, Passed, Piece, Rights, Tracker};

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "sftp",
        feed: |bytes| conversation(bytes, &Program::Sftp),
        seeds: sftp_seeds,
    },
    Target {
        name: "scp",
        feed: scp,
        seeds: scp_seeds,
    },
];

/// How much each file may have in the recording.
const LIMIT: u64 = 3;

/// Lets both sides say what `bytes` has: who, how much, and that; the first byte is what is permitted.
/// Says whether all of it was understood.
fn conversation(bytes: &[u8], program: &Program) -> bool {
    let Some((first, said)) = bytes.split_first() else {
        return false;
    };
    let rights = Rights {
        read: first & 1 == 0,
        write: first & 2 == 0,
    };
    let limit = (first & 4 != 0).then_some(LIMIT);
    let hear = |piece| {
        let mut tracker = Tracker::of(program, rights, limit)?;
        Some(listen(&mut tracker, said, piece))
    };
    let (Some(whole), Some(pieces)) = (hear(usize::MAX), hear(1)) else {
        return false;
    };
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.operations, pieces.operations);
            assert_eq!(whole.to_host, pieces.to_host);
            for operation in whole.operations {
                assert!(!operation.line().chars().any(char::is_control));
            }
            true
        }
        // A piece may be understood before the next one is not.
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[derive(Default)]
struct Heard {
    operations: Vec<FileOperation>,
    to_host: Vec<u8>,
}

fn listen(tracker: &mut Tracker, said: &[u8], piece: usize) -> Result<Heard, Breach> {
    let mut heard = Heard::default();
    let mut held = Bytes::new();
    let mut rest = said;
    while let Some((head, after)) = rest.split_first_chunk::<2>() {
        let [who, length] = *head;
        let length = usize::from(length).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        for part in bytes.chunks(piece) {
            if who & 1 == 0 {
                held = [&held, part].concat().into();
            } else {
                let passed = tracker.host_sent(Bytes::copy_from_slice(part))?;
                check(&passed, passed.bytes.len());
                heard.operations.extend(passed.operations);
            }
            // What is held may pass now, whoever spoke.
            let before = held.len();
            let passed = tracker.agent_sent(&mut held)?;
            check(&passed, before - held.len());
            heard.to_host.extend_from_slice(&passed.bytes);
            heard.operations.extend(passed.operations);
        }
    }
    let _ = tracker.answers();
    heard.operations.extend(tracker.finish());
    Ok(heard)
}

/// Everything that was taken is in the recording, or counted there.
fn check(passed: &Passed, taken: usize) {
    let recorded: u64 = passed
        .recorded
        .iter()
        .map(|piece| match piece {
            Piece::Kept(bytes) => bytes.len() as u64,
            Piece::Omitted { bytes, .. } => *bytes,
        })
        .sum();
    assert_eq!(recorded, taken as u64);
}

/// A command, a zero byte, and a conversation.
fn scp(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().position(|byte| *byte == 0) else {
        return false;
    };
    let (command, rest) = bytes.split_at(end);
    let command = Program::Exec(Bytes::copy_from_slice(command));
    conversation(rest.get(1..).unwrap_or_default(), &command)
}

fn agent(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    [&[0, length], bytes].concat()
}

fn host(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    [&[1, length], bytes].concat()
}

/// A packet: its type, a number, and what follows.
fn packet(kind: u8, number: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let length = u8::try_from(rest.len() + 5).unwrap();
    [&[0, 0, 0, length, kind, 0, 0, 0, number][..], &rest].concat()
}

fn sftp_seeds() -> Vec<Vec<u8>> {
    let versions = [agent(&packet(1, 3, &[])), host(&packet(2, 3, &[]))].concat();
    let a_path = b"\0\0\0\x02/f";
    let a_handle = b"\0\0\0\x01h";
    let zeroes = [0; 8];
    let ok = |id| host(&packet(101, id, &[&[0; 12]]));
    let close = agent(&packet(4, 9, &[a_handle]));
    let put = [
        agent(&packet(
            3,
            1,
            &[a_path, b"\0\0\0\x1a", b"\0\0\0\x04\0\0\x01\xa4"],
        )),
        host(&packet(102, 1, &[a_handle])),
        agent(&packet(6, 2, &[a_handle, &zeroes, b"\0\0\0\x05hello"])),
        ok(2),
        close.clone(),
        ok(9),
    ]
    .concat();
    let get = [
        agent(&packet(3, 1, &[a_path, b"\0\0\0\x01", b"\0\0\0\0"])),
        host(&packet(102, 1, &[a_handle])),
        agent(&packet(5, 2, &[a_handle, &zeroes, b"\0\0\x80\0"])),
        host(&packet(103, 2, &[b"\0\0\0\x05hello"])),
        close,
        ok(9),
    ]
    .concat();
    let extension = b"\0\0\0\x18posix-rename@openssh.com";
    let rename = [
        agent(&packet(200, 1, &[extension, a_path, a_path])),
        ok(1),
        agent(&packet(16, 2, &[a_path])),
        host(&packet(104, 2, &[b"\0\0\0\0"])),
    ]
    .concat();
    [0, 2, 4]
        .into_iter()
        .map(|first| [&[first][..], &versions, &get].concat())
        .chain([
            [&[4][..], &versions, &put].concat(),
            [&[0][..], &versions, &rename].concat(),
        ])
        .collect()
}

fn scp_seeds() -> Vec<Vec<u8>> {
    let taken = [
        host(b"\0"),
        agent(b"T1 0 1 0\nD0755 0 d\n"),
        host(b"\0"),
        host(b"\0"),
        agent(b"C0644 5 x\nhello\0E\n"),
        host(b"\0"),
        host(b"\0"),
        host(b"\0"),
    ]
    .concat();
    let sent = [
        agent(b"\0"),
        host(b"\x01scp: y: no\nC0644 5 x\n"),
        agent(b"\0"),
        host(b"hello\0"),
        agent(b"\0"),
    ]
    .concat();
    vec![
        [&b"scp -r -t /srv\0\x04"[..], &taken].concat(),
        [&b"scp -f /etc/hosts\0\0"[..], &sent].concat(),
    ]
}
