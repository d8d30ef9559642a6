mod talk;

use bytes::Bytes;
use portreeve_protocol::digest::Digest;
use proptest::prelude::*;

use self::talk::Said::{Agent, Host};
use self::talk::*;
use super::Sftp;
use crate::event::{FileAct, FileOperation, Moved};
use crate::files::{Breach, Piece, Rights};

const READ_ONLY: Rights = Rights {
    read: true,
    write: false,
};
const WRITE_ONLY: Rights = Rights {
    read: false,
    write: true,
};
/// Flags of OPEN: reading, writing with all that clients usually add, appending.
const READ: u32 = 0x01;
const WRITE: u32 = 0x1a;
const APPEND: u32 = 0x0e;

fn lines(seen: &Seen) -> Vec<String> {
    seen.operations.iter().map(FileOperation::line).collect()
}

fn get(content: &[u8], remark: Option<&str>) -> Moved {
    Moved {
        read: content.len() as u64,
        written: 0,
        digest: Some(Digest::of(content)),
        remark: remark.map(str::to_owned),
    }
}

#[test]
fn a_file_that_is_read_to_its_end_has_its_digest() {
    let seen = spoken(
        Rights::ALL,
        &[
            Agent(open(1, "/etc/hosts", READ)),
            Host(handle(1, "h")),
            Agent([read(2, "h", 0), read(3, "h", 4), read(4, "h", 8)].concat()),
            Host([data(2, b"abcd"), data(3, b"ef"), status(4, 1)].concat()),
            Agent(read(5, "h", 6)),
            Host(status(5, 1)),
            Agent(close(6, "h")),
            Host(status(6, 0)),
        ],
    );
    let expected = FileOperation {
        act: FileAct::Get,
        path: Bytes::from_static(b"/etc/hosts"),
        other: None,
        detail: Some("for reading".into()),
        result: Some(0),
        content: Some(get(b"abcdef", None)),
    };
    assert_eq!(seen.operations, [expected]);
}

#[test]
fn a_digest_says_what_it_does_not_know() {
    let opened = || [Agent(open(1, "f", READ)), Host(handle(1, "h"))];
    let first = || [Agent(read(2, "h", 0)), Host(data(2, b"abcd"))];
    let closed = || [Agent(close(9, "h")), Host(status(9, 0))];
    let all = |parts: [Vec<Said>; 3]| parts.into_iter().flatten().collect::<Vec<_>>();
    let content = |said: &[Said]| spoken(Rights::ALL, said).operations[0].content.clone();

    let part = all([opened().into(), first().into(), closed().into()]);
    assert_eq!(
        content(&part),
        Some(get(b"abcd", Some("its end was not read")))
    );
    let unclosed = all([opened().into(), first().into(), vec![]]);
    let remark = "the channel ended before it was closed";
    assert_eq!(content(&unclosed), Some(get(b"abcd", Some(remark))));
    let later = [Agent(read(2, "h", 7)), Host(data(2, b"abcd"))];
    let later = all([opened().into(), later.into(), closed().into()]);
    let moved = content(&later).unwrap();
    assert_eq!(
        (moved.read, moved.digest, moved.remark.as_deref()),
        (4, None, Some("parts of it did not pass"))
    );
}

#[test]
fn a_file_that_is_written_has_its_digest_once_the_host_took_it() {
    for (code, digest, remark) in [
        (0, Some(Digest::of(b"abcdef")), None),
        (4, None, Some("the host did not take all of it")),
    ] {
        let seen = spoken(
            Rights::ALL,
            &[
                Agent(open(1, "/tmp/x", WRITE)),
                Host(handle(1, "h")),
                Agent([write(2, "h", 3, b"def"), write(3, "h", 0, b"abc")].concat()),
                Host([status(2, code), status(3, 0)].concat()),
                Agent(close(4, "h")),
                Host(status(4, 0)),
            ],
        );
        let operation = &seen.operations[0];
        let moved = operation.content.as_ref().unwrap();
        assert_eq!(operation.act, FileAct::Put);
        assert_eq!((moved.digest, moved.remark.as_deref()), (digest, remark));
        assert_eq!(moved.written, if code == 0 { 6 } else { 3 });
        assert!(seen.refused.is_empty());
    }
}

#[test]
fn what_a_file_held_before_is_gone_only_when_the_host_says_so() {
    const KEPT: Option<&str> = Some("what the file may have held before was not removed");
    // WRITE, CREATE, TRUNCATE and NEW as flags; the size that is set, and what the host says to it.
    let size = |size: u64| [&number(1)[..], &size.to_be_bytes()].concat();
    for (flags, resized, remark) in [
        (0x02, None, KEPT),
        (0x0a, None, KEPT),
        (0x12, None, None),
        (0x2a, None, None),
        (0x22, None, KEPT),
        (0x0a, Some((3, 0)), None),
        (0x0a, Some((3, 4)), KEPT),
        (0x0a, Some((0, 4)), KEPT),
    ] {
        let mut said = vec![Agent(open(1, "f", flags)), Host(handle(1, "h"))];
        said.extend([Agent(write(2, "h", 0, b"abc")), Host(status(2, 0))]);
        if let Some((wanted, code)) = resized {
            let ask = ask(10, 3, &[&string(b"h"), &size(wanted)]);
            said.extend([Agent(ask), Host(status(3, code))]);
        }
        said.extend([Agent(close(9, "h")), Host(status(9, 0))]);
        let seen = spoken(Rights::ALL, &said);
        let content = seen.operations.last().unwrap().content.clone().unwrap();
        assert_eq!(content.digest, Some(Digest::of(b"abc")));
        assert_eq!(content.remark.as_deref(), remark, "{flags:#x} {resized:?}");
    }
}

#[test]
fn an_empty_file_is_written_and_an_appended_one_has_no_digest() {
    let finished = |flags, content: Vec<Said>| {
        let mut said = vec![Agent(open(1, "f", flags)), Host(handle(1, "h"))];
        said.extend(content);
        said.extend([Agent(close(9, "h")), Host(status(9, 0))]);
        lines(&spoken(Rights::ALL, &said)).remove(0)
    };
    assert_eq!(
        finished(WRITE, vec![]),
        format!("put f 0 bytes {}", Digest::of(b""))
    );
    assert_eq!(finished(READ, vec![]), "open f (for reading)");
    assert_eq!(
        finished(
            APPEND,
            vec![Agent(write(2, "h", 0, b"x")), Host(status(2, 0))]
        ),
        "put f 1 bytes (it was appended to a file)"
    );
}

#[test]
fn every_other_operation_is_one_event_with_its_result() {
    let path = |text: &str| string(text.as_bytes());
    let mode = [number(4), number(0o104_755)].concat();
    let extended = |id, name: &str, fields: &[u8]| ask(200, id, &[&path(name), fields]);
    let two = |one: &str, other: &str| [path(one), path(other)].concat();
    let cases: Vec<(Vec<u8>, u8, &str)> = vec![
        (ask(17, 1, &[&path("a")]), 105, "stat a"),
        (ask(7, 1, &[&path("a")]), 105, "lstat a"),
        (
            ask(9, 1, &[&path("a"), &mode]),
            101,
            "setstat a (mode 4755)",
        ),
        (ask(13, 1, &[&path("a")]), 101, "remove a"),
        (ask(14, 1, &[&path("a"), &mode]), 101, "mkdir a (mode 4755)"),
        (ask(15, 1, &[&path("a")]), 101, "rmdir a"),
        (ask(16, 1, &[&path(".")]), 104, "realpath ."),
        (ask(18, 1, &[&two("a", "b")]), 101, "rename a -> b"),
        (ask(19, 1, &[&path("a")]), 104, "readlink a"),
        (ask(20, 1, &[&two("a", "b")]), 101, "symlink a -> b"),
        (
            extended(1, "posix-rename@openssh.com", &two("a", "b")),
            101,
            "rename a -> b",
        ),
        (
            extended(1, "hardlink@openssh.com", &two("a", "b")),
            101,
            "link a -> b",
        ),
        (
            extended(1, "statvfs@openssh.com", &path("a")),
            201,
            "statvfs a",
        ),
        (
            extended(
                1,
                "lsetstat@openssh.com",
                &[path("a"), mode.clone()].concat(),
            ),
            101,
            "lsetstat a (mode 4755)",
        ),
        (extended(1, "limits@openssh.com", b""), 201, "limits"),
        (
            extended(1, "expand-path@openssh.com", &path("~")),
            104,
            "realpath ~",
        ),
        (extended(1, "home-directory", &path("me")), 104, "home (me)"),
        (
            extended(1, "users-groups-by-id@openssh.com", &two("", "")),
            201,
            "names",
        ),
    ];
    for (request, kind, line) in cases {
        let answer = match kind {
            101 => status(1, 0),
            other => ask(other, 1, &[&number(0)]),
        };
        let said = [Agent(request.clone()), Host(answer)];
        assert_eq!(lines(&spoken(Rights::ALL, &said)), [line]);
        let said = [Agent(request.clone()), Host(status(1, 2))];
        let failed = format!("{line} FAILED: no such file");
        assert_eq!(lines(&spoken(Rights::ALL, &said)), [failed]);
        let said = [Agent(request)];
        assert_eq!(
            lines(&spoken(Rights::ALL, &said)),
            [format!("{line} (no answer)")]
        );
    }
}

#[test]
fn operations_on_handles_name_the_path_that_was_opened() {
    let size = |size: u64| [number(1), size.to_be_bytes().to_vec()].concat();
    let h = string(b"h");
    let seen = spoken(
        Rights::ALL,
        &[
            Agent([open(1, "f", WRITE), open(2, "g", READ)].concat()),
            Host([handle(1, "h"), handle(2, "i")].concat()),
            Agent(write(3, "h", 0, b"ab")),
            Host(status(3, 0)),
            Agent([ask(8, 4, &[&h]), ask(10, 5, &[&h, &size(1)])].concat()),
            Host([ask(105, 4, &[&number(0)]), status(5, 0)].concat()),
            Agent(ask(
                200,
                6,
                &[&string(b"copy-data"), &string(b"i"), &[0; 16], &h, &[0; 8]],
            )),
            Host(status(6, 0)),
            Agent(ask(200, 7, &[&string(b"fsync@openssh.com"), &h])),
            Host(status(7, 0)),
            Agent(ask(11, 8, &[&string(b"d")])),
            Host(handle(8, "j")),
            Agent([ask(12, 9, &[&string(b"j")]), ask(12, 10, &[&string(b"j")])].concat()),
            Host([ask(104, 9, &[&number(0)]), status(10, 1)].concat()),
            Agent([close(11, "h"), close(12, "i"), close(13, "j")].concat()),
            Host([status(11, 0), status(12, 0), status(13, 0)].concat()),
        ],
    );
    assert_eq!(
        lines(&seen),
        [
            "stat f",
            "setstat f (size 1)",
            "copy g -> f",
            "sync f",
            "put f 2 bytes (its size was set meanwhile)",
            "open g (for reading)",
            "list d",
        ]
    );
}

#[test]
fn what_policy_does_not_permit_never_reaches_the_host() {
    let path = string(b"p");
    let none = number(0);
    let writing = [
        open(1, "p", WRITE),
        open(1, "p", READ | WRITE),
        open(1, "p", READ | 0x10),
        ask(9, 1, &[&path, &none]),
        ask(13, 1, &[&path]),
        ask(14, 1, &[&path, &none]),
        ask(15, 1, &[&path]),
        ask(18, 1, &[&path, &path]),
        ask(20, 1, &[&path, &path]),
        ask(
            200,
            1,
            &[&string(b"posix-rename@openssh.com"), &path, &path],
        ),
        ask(200, 1, &[&string(b"hardlink@openssh.com"), &path, &path]),
        ask(200, 1, &[&string(b"lsetstat@openssh.com"), &path, &none]),
    ];
    let reading = [
        open(1, "p", READ),
        open(1, "p", 0),
        ask(11, 1, &[&path]),
        ask(19, 1, &[&path]),
    ];
    let cases = [(READ_ONLY, &writing[..]), (WRITE_ONLY, &reading[..])];
    for (rights, requests) in cases {
        for request in requests {
            let seen = spoken(rights, &[Agent(request.clone())]);
            assert_eq!(
                (seen.to_host.len(), seen.refused.len()),
                (0, 1),
                "{request:x?}"
            );
            assert_eq!(seen.operations[0].result, Some(3));
            // Length, type, id, code.
            assert_eq!(seen.to_agent[4..13], [101, 0, 0, 0, 1, 0, 0, 0, 3]);
        }
    }
    for request in reading {
        assert_eq!(spoken(READ_ONLY, &[Agent(request)]).refused.len(), 0);
    }
    for request in writing {
        let is_both = request == open(1, "p", READ | WRITE) || request == open(1, "p", READ | 0x10);
        let seen = spoken(WRITE_ONLY, &[Agent(request)]);
        assert_eq!(seen.refused.len(), usize::from(is_both));
    }
    // Attributes through a handle are a change too.
    let seen = spoken(
        READ_ONLY,
        &[
            Agent(open(1, "p", READ)),
            Host(handle(1, "h")),
            Agent(ask(10, 2, &[&string(b"h"), &none])),
        ],
    );
    assert_eq!(seen.refused, ["setstat p"]);
}

#[test]
fn what_names_no_open_file_is_answered_here_and_its_content_does_not_pass() {
    let after = ask(17, 3, &[&string(b"a")]);
    let seen = spoken(
        Rights::ALL,
        &[Agent(
            [
                write(1, "guess", 0, &[7; 100]),
                close(2, "guess"),
                after.clone(),
            ]
            .concat(),
        )],
    );
    assert_eq!(seen.to_host, after);
    assert_eq!(seen.refused, ["put", "open"]);
    let results: Vec<_> = seen.operations.iter().map(|done| done.result).collect();
    assert_eq!(results, [Some(4), Some(4), None]);
    let seen = spoken(
        Rights::ALL,
        &[Agent(ask(
            200,
            1,
            &[&string(b"run@example.com"), b"anything"],
        ))],
    );
    assert_eq!(
        (seen.to_host.len(), seen.operations[0].result),
        (0, Some(8))
    );
    assert_eq!(seen.refused, ["extended (run@example.com)"]);
}

#[test]
fn an_answer_from_here_never_splits_one_of_the_host() {
    for split in 0..40 {
        let mut sftp = agreed(READ_ONLY, None);
        let _ = sftp.agent_sent(open(1, "f", READ).into()).unwrap();
        let _ = sftp.host_sent(handle(1, "h").into()).unwrap();
        let _ = sftp.agent_sent(read(2, "h", 0).into()).unwrap();
        let content = data(2, b"0123456789");
        let split = split.min(content.len());
        let (before, after) = content.split_at(split);
        let first = sftp.host_sent(Bytes::copy_from_slice(before)).unwrap();
        assert_eq!(first.bytes, before);
        let _ = sftp.agent_sent(open(3, "f", WRITE).into()).unwrap();
        let mut agent = first.bytes.to_vec();
        agent.extend(sftp.answers().unwrap_or_default());
        let second = sftp.host_sent(Bytes::copy_from_slice(after)).unwrap();
        agent.extend_from_slice(&second.bytes);
        let recorded: Vec<u8> = second.recorded.iter().flat_map(kept).copied().collect();
        assert_eq!(recorded, second.bytes);
        agent.extend(sftp.answers().unwrap_or_default());
        let answer = super::answer::status(
            3,
            3,
            "portreeve: the policy does not permit writing files in this session",
        );
        let either = [
            [content.clone(), answer.clone()].concat(),
            [answer, content].concat(),
        ];
        assert!(either.contains(&agent), "{split}");
    }
}

fn kept(piece: &Piece) -> &[u8] {
    match piece {
        Piece::Kept(bytes) => bytes,
        Piece::Omitted { .. } => &[],
    }
}

#[test]
fn content_beyond_the_limit_is_left_out_of_the_recording_and_still_passes() {
    let mut sftp = agreed(Rights::ALL, Some(4));
    let _ = sftp.agent_sent(open(1, "f", WRITE).into()).unwrap();
    let _ = sftp.host_sent(handle(1, "h").into()).unwrap();
    let sent = [write(2, "h", 0, b"abcdef"), write(3, "h", 6, b"gh")].concat();
    let passed = sftp.agent_sent(sent.clone().into()).unwrap();
    assert_eq!(passed.bytes, sent);
    let omitted: Vec<_> = passed
        .recorded
        .iter()
        .filter_map(|piece| match piece {
            Piece::Kept(_) => None,
            Piece::Omitted { bytes, digest } => Some((*bytes, *digest)),
        })
        .collect();
    assert_eq!(omitted, [(2, Digest::of(b"ef")), (2, Digest::of(b"gh"))]);
    let kept: Vec<u8> = passed.recorded.iter().flat_map(kept).copied().collect();
    assert_eq!(kept.len(), sent.len() - 4);
}

#[test]
fn what_is_not_the_protocol_is_refused() {
    let long = "x".repeat(4097);
    for (said, expected) in [
        (
            vec![Agent(vec![0, 16, 0, 0, 6])],
            Breach::PacketTooLong(1 << 20),
        ),
        (vec![Agent(vec![0, 0, 0, 0])], Breach::Malformed(0)),
        (vec![Agent(ask(99, 1, &[]))], Breach::UnknownRequest(99)),
        (
            vec![Agent(ask(17, 1, &[&number(9)]))],
            Breach::Malformed(17),
        ),
        (
            vec![Agent(ask(17, 1, &[&string(b"a"), b"more"]))],
            Breach::Malformed(17),
        ),
        (vec![Agent(open(1, &long, READ))], Breach::PathTooLong(4097)),
        (
            vec![Agent(close(1, &long[..257]))],
            Breach::HandleTooLong(257),
        ),
        (
            vec![Agent(write(1, &long[..257], 0, b""))],
            Breach::HandleTooLong(257),
        ),
        (
            vec![Agent([open(1, "a", READ), open(1, "b", READ)].concat())],
            Breach::IdInUse(1),
        ),
        (vec![Agent(packet(1, &[&number(3)]))], Breach::NotFirst),
        (vec![Host(packet(2, &[&number(3)]))], Breach::NotFirst),
        (vec![Host(status(1, 0))], Breach::NotAsked),
        (
            vec![Host(b"Welcome to prod-1".to_vec())],
            Breach::PacketTooLong(0x5765_6c63),
        ),
        (vec![Host(ask(7, 1, &[]))], Breach::UnknownAnswer(7)),
        (
            vec![Agent(open(1, "a", READ)), Host(data(1, b"x"))],
            Breach::OtherAnswer(103),
        ),
        (
            vec![
                Agent([open(1, "a", READ), open(2, "a", READ)].concat()),
                Host([handle(1, "h"), handle(2, "h")].concat()),
            ],
            Breach::HandleInUse,
        ),
        (
            vec![
                Agent((0..1025).flat_map(|id| open(id, "a", READ)).collect()),
                Host(
                    (0..1025)
                        .flat_map(|id| handle(id, &id.to_string()))
                        .collect(),
                ),
            ],
            Breach::TooManyFiles,
        ),
        (
            vec![Agent(
                (0..65_537)
                    .flat_map(|id| ask(16, id, &[&string(b"")]))
                    .collect(),
            )],
            Breach::TooManyRequests,
        ),
        (
            vec![Agent(
                (0..1100)
                    .flat_map(|id| ask(16, id, &[&string(&[b'x'; 4096])]))
                    .collect(),
            )],
            Breach::TooManyRequests,
        ),
    ] {
        assert_eq!(breach(&said), expected);
    }
    let mut sftp = Sftp::new(Rights::ALL, None);
    let early = sftp.agent_sent(open(1, "a", READ).into());
    assert_eq!(early.unwrap_err(), Breach::NotFirst);
    let mut sftp = Sftp::new(Rights::ALL, None);
    let _ = sftp.agent_sent(packet(1, &[&number(6)]).into()).unwrap();
    let other = sftp.host_sent(packet(2, &[&number(6)]).into());
    assert_eq!(other.unwrap_err(), Breach::Version(6));
}

proptest! {
    #[test]
    fn bytes_in_any_pieces_pass_whole_and_mean_the_same(
        cuts in proptest::collection::vec(1_usize..60, 1..30),
        content in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let requests = [
            open(1, "f", WRITE), open(2, "g", READ),
        ].concat();
        let writes: Vec<u8> = content
            .chunks(50)
            .enumerate()
            .flat_map(|(number, part)| write(10 + number as u32, "h", 50 * number as u64, part))
            .collect();
        let mut sftp = agreed(Rights::ALL, None);
        let mut seen = Seen::default();
        let mut speak = |sftp: &mut Sftp, bytes: &[u8]| {
            let (mut rest, mut cut) = (bytes, cuts.iter().cycle());
            while !rest.is_empty() {
                let length = cut.next().unwrap().min(&rest.len()).to_owned();
                let (piece, after) = rest.split_at(length);
                seen.add(sftp.agent_sent(Bytes::copy_from_slice(piece)).unwrap(), false);
                rest = after;
            }
        };
        speak(&mut sftp, &requests);
        let _ = sftp.host_sent([handle(1, "h"), handle(2, "i")].concat().into()).unwrap();
        speak(&mut sftp, &writes);
        prop_assert_eq!(seen.to_host, [requests, writes].concat());
        let finished = sftp.finish();
        let moved = finished[0].content.clone().unwrap();
        prop_assert_eq!(moved.digest, Some(Digest::of(&content)));
    }

    #[test]
    fn no_bytes_bring_it_down(agent in proptest::collection::vec(any::<u8>(), 0..100), host in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut sftp = agreed(Rights::ALL, Some(3));
        let _ = sftp.agent_sent(agent.into());
        let _ = sftp.host_sent(host.into());
        let _ = sftp.finish();
    }
}
