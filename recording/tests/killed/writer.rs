//! The writer: sessions one after the other, each with several channels at once, until somebody kills it.

use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::End;
use portreeve_recording::write::{PoolOptions, Position, Recorder, RecorderPool};

use super::common::{DURABLE, HEAD, PASSED, SESSION, bastion};
use super::dice::Dice;

const CHANNELS: u32 = 3;
/// How long a writer that nobody kills goes on.
const LONGEST: Duration = Duration::from_secs(60);

pub(crate) fn run(folder: &Path, is_strict: bool, seed: u64) {
    let counter = AtomicU64::new(seed);
    let entropy = move |bytes: &mut [u8]| {
        let mut dice = Dice::new(counter.fetch_add(1, Ordering::Relaxed));
        bytes.fill_with(|| dice.roll() as u8);
    };
    // Small and young segments, so that there are many moments between them.
    let options = PoolOptions {
        segment_bytes: 8 * 1024,
        segment_age: Duration::from_millis(5),
        ..PoolOptions::default()
    };
    let pool = RecorderPool::start(options, Arc::new(bastion()), Arc::new(entropy)).unwrap();
    let began = Instant::now();
    let mut dice = Dice::new(seed);
    for number in 0.. {
        if began.elapsed() > LONGEST {
            return;
        }
        session(&pool, folder, number, is_strict, &mut dice);
    }
}

/// What the threads of a session share.
struct Tap {
    recorder: Recorder,
    is_strict: bool,
    began: Instant,
    /// Held while an event is recorded, so that times do not go back.
    order: Mutex<()>,
    pipe: Mutex<()>,
}

fn session(pool: &RecorderPool, folder: &Path, number: u32, is_strict: bool, dice: &mut Dice) {
    let info = info(number);
    let tap = Tap {
        is_strict,
        began: Instant::now(),
        order: Mutex::default(),
        pipe: Mutex::default(),
        recorder: {
            say(SESSION, 0, info.session.to_string().as_bytes());
            pool.begin(folder.to_owned(), info)
        },
    };
    block_on(tap.recorder.flush_through(Position::BEGINNING)).unwrap();
    let rounds = 5 + dice.below(40);
    std::thread::scope(|scope| {
        for channel in 1..=CHANNELS {
            let (tap, seed) = (&tap, dice.roll());
            scope.spawn(move || carry(tap, channel, rounds, seed));
        }
    });
    let end = End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1_769_860_900),
    };
    block_on(tap.recorder.finish(end)).unwrap();
}

/// One direction of one channel.
fn carry(tap: &Tap, channel: u32, rounds: u64, seed: u64) {
    let mut dice = Dice::new(seed);
    for _ in 0..rounds {
        let size = 1 + match dice.below(20) {
            0 => dice.below(20_000),
            _ => dice.below(500),
        };
        let bytes: Bytes = (0..size).map(|_| dice.roll() as u8).collect();
        let kind = match channel {
            1 => Kind::Input(bytes.clone()),
            _ => Kind::Output(bytes.clone()),
        };
        let position = tap.record(channel, kind);
        if tap.is_strict {
            block_on(tap.recorder.flush_through(position)).unwrap();
        }
        tap.pass_on(channel, &bytes);
        if dice.below(3) == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(2000)));
        }
    }
}

impl Tap {
    fn record(&self, channel: u32, kind: Kind) -> Position {
        let _order = self.order.lock().unwrap();
        let event = Event {
            at_us: u64::try_from(self.began.elapsed().as_micros()).unwrap(),
            channel: Channel(channel),
            kind,
        };
        self.recorder.try_record(&event).unwrap()
    }

    fn pass_on(&self, channel: u32, bytes: &[u8]) {
        let _pipe = self.pipe.lock().unwrap();
        say(PASSED, channel, bytes);
        if let Some(position) = self.recorder.durable_up_to() {
            say(DURABLE, 0, &position.events().to_be_bytes());
        }
        if let Some(head) = self.recorder.head() {
            let content = [head.digest.as_bytes().as_slice(), &head.bytes.to_be_bytes()].concat();
            say(HEAD, head.segments, &content);
        }
    }
}

fn say(what: u8, channel: u32, content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap();
    let head = [&[what], &channel.to_be_bytes()[..], &length.to_be_bytes()].concat();
    let mut pipe = std::io::stderr().lock();
    pipe.write_all(&[head, content.to_vec()].concat()).unwrap();
}

fn info(number: u32) -> SessionInfo {
    let example = include_bytes!("../../../tests/vectors/recording/session.json");
    let session = format!("0190b8a2-7c1e-7000-8000-0000{number:08x}");
    SessionInfo {
        session: session.parse().unwrap(),
        ..SessionInfo::from_json(example).unwrap()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(30)),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
