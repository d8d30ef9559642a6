//! Replay: how quickly any moment of a long recording is found and drawn.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use portreeve_protocol::age::Identity;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind, Program, Started, Terminal, WindowSize};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::End;
use portreeve_recording::read::Recording;
use portreeve_recording::read::seek::Begin;
use portreeve_recording::screen::{Screen, Size};
use portreeve_recording::write::{PoolOptions, Recorder, RecorderPool, Refused};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::Disk;

/// What each second of a session has, in bytes.
#[derive(Clone, Copy)]
struct Load {
    /// Output of a command, which does not compress.
    output: usize,
    /// Coloured lines on a terminal.
    text: usize,
}

const BUSY: Load = Load {
    output: 512 * 1024,
    text: 32 * 1024,
};
const FLOODED: Load = Load {
    output: 0,
    text: 4 * 1024 * 1024,
};
const PACKET: usize = 32 * 1024;
const SECOND: u64 = 1_000_000;
const SHELL: Channel = Channel(1);
const COMMAND: Channel = Channel(2);
const WINDOW: WindowSize = WindowSize {
    columns: 200,
    rows: 50,
    pixel_width: 0,
    pixel_height: 0,
};

pub(super) fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let disk = Disk::new("seek")?;
    let bytes = scale.bytes.saturating_mul(4);
    let seconds = bytes / BUSY.output as u64;
    let whole = record(disk.path(), seconds, BUSY)?;
    let cut = disk.path().join("cut.tar");
    let size = without_end(&whole, &cut)?;
    let flooded_seconds = bytes / FLOODED.text as u64;
    let flooded = disk.path().join("flooded");
    std::fs::create_dir(&flooded)?;
    let flooded = record(&flooded, flooded_seconds, FLOODED)?;
    let mut figure = Figure::new(
        "seek",
        format!(
            "from opening a recording of {} MiB to a moment drawn",
            size >> 20
        ),
        "ms",
    );
    let before = resident()?;
    for (what, path, seconds) in [
        ("any moment", &whole, seconds),
        ("any moment, cut, without its manifest", &cut, seconds),
        ("any moment, a flooded terminal", &flooded, flooded_seconds),
    ] {
        let mut samples = Samples::default();
        for moment in moments(seconds).take(usize::try_from(scale.rounds)?.saturating_mul(4)) {
            let begin = Instant::now();
            draw(path, moment)?;
            samples.add(begin.elapsed().as_secs_f64() * 1000.0);
        }
        figure.row(what, &samples, Some(Target::P99AtMost(200.0)));
    }
    let grown = resident()?.saturating_sub(before);
    let begin = Instant::now();
    let mut recording = Recording::open(File::open(&whole)?)?;
    drawn_from(&mut recording, &Begin::FRONT, seconds * SECOND / 2)?;
    let passed: Samples = [begin.elapsed().as_secs_f64() * 1000.0]
        .into_iter()
        .collect();
    figure.row("the middle, read from the front", &passed, None);
    figure.note(format!(
        "{seconds} segments at least; memory grew by {} MiB while moments were drawn; the flooded \
         terminal has {} MiB, {} in each second",
        grown >> 20,
        bytes >> 20,
        FLOODED.text >> 20
    ));
    Ok(vec![figure.judged()])
}

/// Moments all over the session, in no order.
fn moments(seconds: u64) -> impl Iterator<Item = u64> {
    let length = seconds * SECOND;
    (1u64..).map(move |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % length)
}

fn reviewer() -> [Identity; 1] {
    [Identity::from_secret_bytes(&[2; 32])]
}

/// Opens the recording and draws the terminal as it was at a moment.
fn draw(path: &Path, at_us: u64) -> Result<()> {
    let mut recording = Recording::open(File::open(path)?)?;
    let begin = recording.begin_for(&reviewer(), at_us)?;
    drawn_from(&mut recording, &begin, at_us)
}

fn drawn_from(recording: &mut Recording<File>, begin: &Begin, at_us: u64) -> Result<()> {
    let mut screen = Screen::new(Size::of_window(&WINDOW));
    for program in &begin.programs {
        if let Some(display) = &program.display {
            screen = Screen::of_display(display);
        }
    }
    let identities = reviewer();
    for event in recording.events_from(&identities, begin.segment)? {
        let event = event?;
        if event.at_us > at_us {
            break;
        }
        if let (SHELL, Kind::Output(bytes)) = (event.channel, &event.kind) {
            screen.feed(bytes);
        }
    }
    let lines = screen.lines();
    let second = at_us / SECOND;
    let is_there = second == 0
        || lines
            .iter()
            .any(|line| line.contains(&sign(second - 1)) || line.contains(&sign(second)));
    anyhow::ensure!(is_there, "not what was on the terminal in second {second}");
    Ok(())
}

/// What the lines of a second say of it.
fn sign(second: u64) -> String {
    format!("second {second:08} ")
}

/// A recording of so many seconds.
fn record(folder: &Path, seconds: u64, load: Load) -> Result<PathBuf> {
    let pair = Ed25519Keypair::from_seed(&[1; 32]);
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "")?;
    let pool = RecorderPool::start(PoolOptions::default(), Arc::new(key), Arc::new(noise))?;
    let recorder = pool.begin(folder.to_owned(), SessionInfo::from_json(INFO)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let put = |event: Event| runtime.block_on(record_one(&recorder, &event));
    put(started(SHELL, Program::Shell, true))?;
    put(started(COMMAND, Program::Exec("cat disk".into()), false))?;
    let mut packet = vec![0; PACKET];
    for second in 0..seconds {
        let at_us = second * SECOND;
        let line = format!(
            "\x1b[32m{}\x1b[0mAccepted publickey for alice\r\n",
            sign(second)
        );
        let text = bytes::Bytes::from(line.repeat(load.text / line.len()));
        let packets = text.chunks(PACKET).map(|packet| text.slice_ref(packet));
        let apart_us = SECOND / (load.text / PACKET) as u64;
        for (number, packet) in (0..).zip(packets) {
            put(output(at_us + number * apart_us, SHELL, packet))?;
        }
        for _ in 0..load.output / PACKET {
            noise(&mut packet);
            put(output(at_us + 1, COMMAND, packet.clone().into()))?;
        }
    }
    let end = End {
        cause: EndCause::Asked,
        at: Timestamp::from_seconds(1_800_000_000),
    };
    let finished = runtime.block_on(recorder.finish(end))?;
    pool.close();
    Ok(finished.path)
}

async fn record_one(recorder: &Recorder, event: &Event) -> Result<()> {
    loop {
        match recorder.try_record(event) {
            Ok(_) => return Ok(()),
            Err(Refused::Full) => recorder.room().await?,
            Err(refused) => return Err(refused.into()),
        }
    }
}

fn output(at_us: u64, channel: Channel, bytes: bytes::Bytes) -> Event {
    Event {
        at_us,
        channel,
        kind: Kind::Output(bytes),
    }
}

fn started(channel: Channel, program: Program, terminal: bool) -> Event {
    let started = Started {
        program,
        environment: Vec::new(),
        terminal: terminal.then(|| Terminal {
            term: "xterm-256color".into(),
            size: WINDOW,
            modes: Vec::new(),
        }),
        decision: None,
    };
    Event {
        at_us: 0,
        channel,
        kind: Kind::Started(started),
    }
}

/// What the recording is of, for the reviewer of the vectors.
const INFO: &[u8] = include_bytes!("../../../vectors/recording/session.json");

/// The same recording as a crash leaves it: without manifest and end. Says how large it is.
fn without_end(whole: &Path, cut: &Path) -> Result<u64> {
    let mut recording = Recording::open(File::open(whole)?)?;
    let manifest = recording.manifest_bytes()?.context("a manifest")?;
    let size = std::fs::copy(whole, cut)?;
    // What comes last: manifest and signature, each with a header, and the end of the archive.
    let blocks = |bytes: usize| 512 + (bytes as u64).next_multiple_of(512);
    let signature = recording.signature()?.context("a signature")?;
    let end = blocks(manifest.len()) + blocks(signature.len()) + 1024;
    File::options()
        .write(true)
        .open(cut)?
        .set_len(size.saturating_sub(end))?;
    Ok(size)
}

/// How much memory this program has, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no VmRSS")?.trim().parse::<u64>()? << 10)
}

/// Quick bytes that do not compress: no secret depends on them.
fn noise(bytes: &mut [u8]) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATE: AtomicU64 = AtomicU64::new(0x853c_49e6_748f_ea9b);
    for chunk in bytes.chunks_mut(8) {
        let mut state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
        chunk
            .iter_mut()
            .zip(state.to_ne_bytes())
            .for_each(|(to, from)| *to = from);
    }
}
