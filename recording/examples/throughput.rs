//! How fast one recorder thread takes bulk output: `throughput FOLDER [zeroes|log|random|terminal] [MIB]`;
//! `terminal` is `log` written to a terminal.
//!
//! Run it in release. It hands over packets of 32 KiB as fast as they are taken and waits for room when they are not.

#![expect(clippy::print_stdout, reason = "a measurement prints its result")]
#![expect(clippy::expect_used, reason = "a measurement that cannot run stops")]

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::End;
use portreeve_recording::write::{PoolOptions, RecorderPool, Refused};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

const PACKET: usize = 32 * 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .expect("usage: throughput FOLDER [zeroes|log|random|terminal] [MIB]");
    let content = arguments.next().unwrap_or_else(|| "log".into());
    let mib: u64 = arguments
        .next()
        .map_or(1024, |text| text.parse().expect("MIB is a number"));

    let key = PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])),
        "",
    )
    .expect("a key");
    let options = PoolOptions {
        threads: NonZeroUsize::MIN,
        ..PoolOptions::default()
    };
    let pool =
        RecorderPool::start(options, Arc::new(key), Arc::new(noise)).expect("the thread starts");
    let recorder = pool.begin(folder.into(), info());
    let packets = packets(&content);
    let count = mib * 1024 * 1024 / PACKET as u64;

    let started = Instant::now();
    recorder
        .try_record(&start(content == "terminal"))
        .expect("the first event has room");
    let (mut waits, mut at_us) = (0, 0);
    for packet in packets
        .iter()
        .cycle()
        .take(usize::try_from(count).expect("a sensible size"))
    {
        at_us += 1;
        let event = Event {
            at_us,
            channel: Channel(1),
            kind: Kind::Output(packet.clone()),
        };
        while let Err(refused) = recorder.try_record(&event) {
            assert!(matches!(refused, Refused::Full), "{refused}");
            waits += 1;
            block_on(recorder.room()).expect("the recording goes on");
        }
    }
    let end = End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1),
    };
    let finished = block_on(recorder.finish(end)).expect("the recording ends");
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = mib as f64 / seconds;
    println!(
        "{content}: {mib} MiB in {seconds:.2} s, {rate:.0} MiB/s, {waits} waits, {} bytes on disk",
        finished.bytes
    );
    pool.close();
}

fn start(terminal: bool) -> Event {
    let size = WindowSize {
        columns: 120,
        rows: 40,
        pixel_width: 0,
        pixel_height: 0,
    };
    let started = Started {
        program: Program::Shell,
        environment: Vec::new(),
        terminal: terminal.then(|| Terminal {
            term: "xterm".into(),
            size,
            modes: Vec::new(),
        }),
        decision: None,
    };
    Event {
        at_us: 0,
        channel: Channel(1),
        kind: Kind::Started(started),
    }
}

fn info() -> SessionInfo {
    let example = include_bytes!("../../tests/vectors/recording/session.json");
    SessionInfo::from_json(example).expect("metadata")
}

fn packets(content: &str) -> Vec<Bytes> {
    (0..64)
        .map(|number| {
            let mut packet = vec![0; PACKET];
            match content {
                "zeroes" => {}
                "random" => noise(&mut packet),
                _ => {
                    let text: String = (0..PACKET / 64)
                        .map(|line| {
                            format!(
                                "Jan 31 12:00:{:02} prod-1 sshd[{}]: Accepted publickey\n",
                                line % 60,
                                line * number
                            )
                        })
                        .collect();
                    packet = text.into_bytes();
                    packet.resize(PACKET, b'\n');
                }
            }
            packet.into()
        })
        .collect()
}

/// Quick bytes for a measurement: no secret depends on them.
fn noise(bytes: &mut [u8]) {
    use std::hash::{BuildHasher as _, RandomState};
    let state = RandomState::new();
    for (number, chunk) in bytes.chunks_mut(8).enumerate() {
        chunk
            .iter_mut()
            .zip(state.hash_one(number).to_ne_bytes())
            .for_each(|(to, from)| *to = from);
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
