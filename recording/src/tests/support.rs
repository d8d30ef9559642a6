//! A small recording and what is needed to make and read it.

use std::fs::File;
use std::future::Future;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use bytes::Bytes;
use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::time::Timestamp;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use crate::event::{
    Channel, Event, ExitSignal, FileAct, FileOperation, Kind, Moved, Omitted, Program, Started,
    Terminal, WindowSize,
};
use crate::info::SessionInfo;
use crate::info::tests::example;
use crate::manifest::End;
use crate::read::Recording;
use crate::write::{Entropy, Finished, PoolOptions, Position, RecorderPool};

pub(crate) fn bastion() -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])),
        "bastion-1",
    )
    .unwrap()
}

pub(crate) fn bastion_public() -> PublicKey {
    PublicKey::new(bastion().public_key().key_data().clone()).unwrap()
}

pub(crate) fn reviewer() -> Identity {
    Identity::from_secret_bytes(&[2; 32])
}

pub(crate) fn info() -> SessionInfo {
    example(vec![reviewer().recipient()])
}

/// Different bytes at each call.
pub(crate) fn entropy() -> Entropy {
    let counter = AtomicU64::new(1);
    Arc::new(move |bytes: &mut [u8]| {
        for byte in bytes {
            let n = counter
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = n.to_be_bytes()[0];
        }
    })
}

/// One thread, and segments that close only when they are asked to.
pub(crate) fn patient() -> PoolOptions {
    PoolOptions {
        threads: NonZeroUsize::MIN,
        segment_age: Duration::from_secs(3600),
        ..PoolOptions::default()
    }
}

pub(crate) fn pool(options: PoolOptions) -> RecorderPool {
    RecorderPool::start(options, Arc::new(bastion()), entropy()).unwrap()
}

pub(crate) fn end() -> End {
    End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1_769_860_900),
    }
}

/// Writes a recording with one segment for each batch.
pub(crate) fn write(folder: &Path, batches: &[Vec<Event>]) -> Finished {
    let pool = pool(patient());
    let recorder = pool.begin(folder.to_owned(), info());
    // The visit that makes the file would take what was recorded by then.
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    for batch in batches {
        let last = batch
            .iter()
            .map(|event| recorder.try_record(event).unwrap())
            .last()
            .unwrap();
        block_on(recorder.flush_through(last)).unwrap();
    }
    let finished = block_on(recorder.finish(end())).unwrap();
    pool.close();
    finished
}

pub(crate) fn open(path: &Path) -> Recording<File> {
    Recording::open(File::open(path).unwrap()).unwrap()
}

pub(crate) fn events(path: &Path) -> Vec<Event> {
    open(path)
        .events(&[reviewer()])
        .collect::<Result<_, _>>()
        .unwrap()
}

pub(crate) fn event(at_us: u64, channel: u32, kind: Kind) -> Event {
    Event {
        at_us,
        channel: Channel(channel),
        kind,
    }
}

fn output(text: &'static str) -> Kind {
    Kind::Output(Bytes::from_static(text.as_bytes()))
}

/// Every kind of event, in three segments.
pub(crate) fn example_batches() -> Vec<Vec<Event>> {
    let size = |columns, rows| WindowSize {
        columns,
        rows,
        pixel_width: 0,
        pixel_height: 0,
    };
    let shell = Started {
        program: Program::Shell,
        environment: vec![(Bytes::from_static(b"LANG"), Bytes::from_static(b"C.UTF-8"))],
        terminal: Some(Terminal {
            term: Bytes::from_static(b"xterm-256color"),
            size: size(120, 40),
            modes: vec![(53, 1)],
        }),
        decision: Some("0190b8a2-7c1e-7000-8000-0000000000d1".parse().unwrap()),
    };
    let exec = Started {
        program: Program::Exec(Bytes::from_static(b"sudo ss -tnp")),
        environment: vec![],
        terminal: None,
        decision: Some("0190b8a2-7c1e-7000-8000-0000000000d2".parse().unwrap()),
    };
    let sftp = Started {
        program: Program::Sftp,
        environment: vec![],
        terminal: None,
        decision: None,
    };
    vec![
        vec![
            event(1_000, 0, Kind::Note("host ready".into())),
            event(2_000, 1, Kind::Started(exec)),
            event(3_000, 1, Kind::EndOfInput),
            event(
                40_000,
                1,
                output(
                    "ESTAB 0 0 192.0.2.7:41414 198.51.100.9:4444 users:((\"nc\",pid=99,fd=3))\n",
                ),
            ),
            event(
                40_500,
                1,
                Kind::ErrorOutput(Bytes::from_static(b"\xff warning\n")),
            ),
            event(41_000, 1, Kind::EndOfOutput),
            event(41_000, 1, Kind::ExitStatus(0)),
            event(41_500, 1, Kind::Closed),
        ],
        vec![
            event(1_500_000, 2, Kind::Started(shell)),
            event(1_600_000, 2, output("$ ")),
            event(1_700_000, 2, Kind::Window(size(100, 30))),
            event(
                1_800_000,
                2,
                Kind::Input(Bytes::from_static(b"sudo cat /etc/shadow\r")),
            ),
            event(1_900_000, 2, output("sudo: a password is required\r\n$ ")),
            event(
                1_950_000,
                0,
                Kind::HostEvent("{\"type\":\"sudo_refused\"}".into()),
            ),
        ],
        vec![
            event(
                2_500_000,
                3,
                Kind::Refused {
                    what: "direct-tcpip".into(),
                    reason: "forwarding is not offered".into(),
                },
            ),
            event(2_600_000, 4, Kind::Started(sftp)),
            event(
                2_700_000,
                4,
                Kind::Input(Bytes::from_static(b"\x00\x00\x00\x05\x01\x00\x00\x00\x03")),
            ),
            event(
                2_750_000,
                4,
                Kind::File(FileOperation {
                    act: FileAct::Put,
                    path: Bytes::from_static(b"/tmp/gr\xc3\xbc\xc3\x9fe"),
                    other: None,
                    detail: Some("for writing".into()),
                    result: Some(0),
                    content: Some(Moved {
                        read: 0,
                        written: 3_000_000,
                        digest: Some(Digest::of(b"whole")),
                        remark: None,
                    }),
                }),
            ),
            event(
                2_760_000,
                4,
                Kind::Omitted(Omitted {
                    is_output: false,
                    bytes: 2_000_000,
                    digest: Digest::of(b"left out"),
                }),
            ),
            event(2_800_000, 2, Kind::Signal("INT".into())),
            event(
                2_900_000,
                2,
                Kind::ExitSignal(ExitSignal {
                    name: "KILL".into(),
                    core_dumped: false,
                    message: "killed".into(),
                }),
            ),
            event(2_950_000, 2, Kind::Closed),
        ],
    ]
}

/// Waits on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(30)),
        }
    }
}

/// An offset in a file as one in memory.
pub(crate) fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// Asks once.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A copy of a recording, changed.
pub(crate) fn altered(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("altered.tar");
    std::fs::write(&path, bytes).unwrap();
    path
}
