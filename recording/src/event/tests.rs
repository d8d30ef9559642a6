use proptest::collection::vec;
use proptest::prelude::*;

use portreeve_protocol::digest::Digest;

use super::standing::{Display, Running, Shown, Standing};
use super::*;
use crate::cbor::Reader;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn size() -> impl Strategy<Value = WindowSize> {
    any::<[u32; 4]>().prop_map(|[columns, rows, pixel_width, pixel_height]| WindowSize {
        columns,
        rows,
        pixel_width,
        pixel_height,
    })
}

fn terminal() -> impl Strategy<Value = Terminal> {
    (bytes(), size(), vec(any::<(u8, u32)>(), 0..5)).prop_map(|(term, size, modes)| Terminal {
        term,
        size,
        modes,
    })
}

fn started() -> impl Strategy<Value = Started> {
    let program = prop_oneof![
        Just(Program::Shell),
        Just(Program::Sftp),
        bytes().prop_map(Program::Exec)
    ];
    let decision = any::<bool>()
        .prop_map(|there| there.then(|| "0190b8a2-7c1e-7000-8000-0000000000aa".parse().unwrap()));
    (
        program,
        vec((bytes(), bytes()), 0..4),
        proptest::option::of(terminal()),
        decision,
    )
        .prop_map(|(program, environment, terminal, decision)| Started {
            program,
            environment,
            terminal,
            decision,
        })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn operation() -> impl Strategy<Value = FileOperation> {
    use proptest::option::of;
    let moved = (any::<u64>(), any::<u64>(), of(digest()), of(".{0,20}")).prop_map(
        |(read, written, digest, remark)| Moved {
            read,
            written,
            digest,
            remark,
        },
    );
    (
        prop::sample::select(FileAct::ALL.to_vec()),
        bytes(),
        of(bytes()),
        of(".{0,20}"),
        of(any::<u32>()),
        of(moved),
    )
        .prop_map(
            |(act, path, other, detail, result, content)| FileOperation {
                act,
                path,
                other,
                detail,
                result,
                content,
            },
        )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        started().prop_map(Kind::Started),
        bytes().prop_map(Kind::Input),
        bytes().prop_map(Kind::Output),
        bytes().prop_map(Kind::ErrorOutput),
        size().prop_map(Kind::Window),
        ".{0,20}".prop_map(Kind::Signal),
        Just(Kind::EndOfInput),
        Just(Kind::EndOfOutput),
        any::<u32>().prop_map(Kind::ExitStatus),
        (".{0,20}", any::<bool>(), ".{0,20}").prop_map(|(name, core_dumped, message)| {
            Kind::ExitSignal(ExitSignal {
                name,
                core_dumped,
                message,
            })
        }),
        Just(Kind::Closed),
        (".{0,20}", ".{0,20}").prop_map(|(what, reason)| Kind::Refused { what, reason }),
        ".{0,20}".prop_map(Kind::Note),
        ".{0,20}".prop_map(Kind::HostEvent),
        operation().prop_map(Kind::File),
        (any::<bool>(), any::<u64>(), digest()).prop_map(|(is_output, bytes, digest)| {
            Kind::Omitted(Omitted {
                is_output,
                bytes,
                digest,
            })
        }),
    ]
}

/// Any event that the format can hold.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), any::<u32>(), kind()).prop_map(|(at_us, channel, kind)| Event {
        at_us,
        channel: Channel(channel),
        kind,
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    let shown = prop_oneof![
        bytes().prop_map(Shown::Drawing),
        any::<u64>().prop_map(Shown::NotSince),
    ];
    let display = (any::<[u32; 2]>(), shown).prop_map(|([columns, rows], shown)| Display {
        columns,
        rows,
        shown,
    });
    let program = (any::<(u32, u64, u32)>(), proptest::option::of(display)).prop_map(
        |((channel, started_us, segment), display)| Running {
            channel: Channel(channel),
            started_us,
            segment,
            display,
        },
    );
    (any::<u64>(), vec(program, 0..4)).prop_map(|(at_us, programs)| Standing { at_us, programs })
}

fn items(bytes: Vec<u8>) -> Result<Vec<Item>, DecodeError> {
    let mut reader = Reader::new(bytes.into());
    std::iter::from_fn(|| decode_next(&mut reader).transpose()).collect()
}

fn decode_all(bytes: Vec<u8>) -> Result<Vec<Event>, DecodeError> {
    let events = items(bytes)?.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(event),
        Item::Standing(_) => None,
    });
    Ok(events.collect())
}

proptest! {
    #[test]
    fn events_read_back_as_they_were_written(events in vec(event(), 0..6)) {
        let mut out = Vec::new();
        for event in &events {
            let before = out.len();
            encode(event, &mut out);
            prop_assert!(out.len() - before <= encoded_bound(event));
        }
        prop_assert_eq!(decode_all(out).unwrap(), events);
    }

    #[test]
    fn where_programs_stand_reads_back_as_it_was_written(standing in standing()) {
        let mut out = Vec::new();
        encode_standing(&standing, &mut out);
        prop_assert_eq!(items(out).unwrap(), vec![Item::Standing(standing)]);
    }

    #[test]
    fn another_cbor_reader_sees_an_array_that_begins_with_tag_time_and_channel(event in event()) {
        let mut out = Vec::new();
        encode(&event, &mut out);
        let value: ciborium::Value = ciborium::from_reader(out.as_slice()).unwrap();
        let items = value.as_array().unwrap();
        prop_assert_eq!(items[1].as_integer().unwrap(), event.at_us.into());
        prop_assert_eq!(items[2].as_integer().unwrap(), event.channel.0.into());
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode_all(bytes);
    }

    #[test]
    fn a_cut_event_is_refused(event in event(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        encode(&event, &mut out);
        out.truncate(1 + cut.index(out.len() - 1));
        if let Ok(events) = decode_all(out) {
            prop_assert_eq!(events, vec![event]);
        }
    }
}

#[test]
fn what_the_format_does_not_have_is_refused() {
    for (bytes, expected) in [
        (&[0x83, 17, 0, 0][..], DecodeError::UnknownTag(17)),
        (&[0x83, 0x19, 1, 0, 0, 0], DecodeError::UnknownTag(256)),
        (&[0x84, 16, 0, 1, 0x80], DecodeError::Field("channel")),
        (
            &[0x84, 16, 0, 0, 0x81, 0x80],
            DecodeError::Field("program that runs"),
        ),
        (
            &[0x84, 16, 0, 0, 0x81, 0x84, 1, 0, 0, 0x80],
            DecodeError::Field("terminal"),
        ),
        (&[0x84, 10, 0, 0, 0], DecodeError::FieldCount(10)),
        (&[0x83, 2, 0, 0], DecodeError::FieldCount(2)),
        (
            &[0x88, 0, 0, 0, 1, 0xf6, 0x80, 0xf6, 0xf6],
            DecodeError::Field("program"),
        ),
        (
            &[0x88, 0, 0, 0, 0, 0xf6, 0x81, 0x40, 0xf6, 0xf6],
            DecodeError::Field("environment"),
        ),
        (
            &[0x88, 0, 0, 0, 0, 0xf6, 0x80, 0x80, 0xf6],
            DecodeError::Field("terminal"),
        ),
        (
            &[0x88, 0, 0, 0, 0, 0xf6, 0x80, 0xf6, 0x61, b'x'],
            DecodeError::Field("decision id"),
        ),
        (
            &[0x89, 14, 0, 0, 0x61, b'x', 0x40, 0xf6, 0xf6, 0xf6, 0xf6],
            DecodeError::Field("file operation"),
        ),
        (
            &[0x86, 15, 0, 0, 0xf4, 0, 0x41, 0],
            DecodeError::Field("digest"),
        ),
    ] {
        assert_eq!(
            decode_all(bytes.to_vec()).unwrap_err(),
            expected,
            "{bytes:x?}"
        );
    }
}

#[test]
fn the_stored_items_of_where_programs_stand_are_read_and_written_so() {
    let stored = include_bytes!("../../../tests/vectors/recording/standing.cbor");
    let running = |channel, started_us, segment, display| Running {
        channel: Channel(channel),
        started_us,
        segment,
        display,
    };
    let display = |columns, rows, shown| {
        Some(Display {
            columns,
            rows,
            shown,
        })
    };
    let drawing = Bytes::from_static(b"\x1b[2J\x1b[1;1H\x1b[31mroot@prod-1\x1b[0m# \x1b[");
    let expected = [
        Standing {
            at_us: 2_400_000,
            programs: vec![],
        },
        Standing {
            at_us: 61_000_000,
            programs: vec![
                running(1, 2_000, 0, None),
                running(2, 1_500_000, 1, display(120, 40, Shown::Drawing(drawing))),
                running(
                    3,
                    7_000_000,
                    12,
                    display(500, 300, Shown::NotSince(59_800_000)),
                ),
            ],
        },
    ];
    let mut written = Vec::new();
    for standing in &expected {
        encode_standing(standing, &mut written);
    }
    assert_eq!(written, stored);
    assert_eq!(
        items(stored.to_vec()).unwrap(),
        expected.map(Item::Standing)
    );
}
