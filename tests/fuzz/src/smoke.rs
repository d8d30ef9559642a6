//! The targets as an ordinary test: seeds, kept vectors, and spoiled copies of both.
//!
//! The same bytes in every run, so a failure can be repeated; finding new paths is the work of
//! `cargo xtask fuzz`.

#[path = "../../harness/dice.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod dice;

use std::fs;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use dice::Dice;

use crate::target::Target;

/// Where bytes are kept that once brought a target down.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/decoders");
/// What decoders look for. Spoiling with these gets further than with any byte.
const TOKENS: [&[u8]; 16] = [
    b"\0",
    b"\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b".",
    b"-",
    b"=",
    b"\xff\xff\xff\xff",
    b"\xf0\x9f\x92\xa9",
    b"18446744073709551616",
];

/// Feeds each target with its seeds, which must be understood, its vectors, and `spoiled` spoiled
/// copies of them.
pub(crate) fn feed(targets: &[Target], spoiled: usize) {
    for target in targets {
        let seeds = (target.seeds)();
        for (number, seed) in seeds.iter().enumerate() {
            assert!(
                feed_one(target, seed),
                "`{}` does not understand its seed {number}",
                target.name
            );
        }
        let mut known = seeds;
        known.extend(vectors(target.name));
        for bytes in &known {
            feed_one(target, bytes);
        }
        let mut dice = dice_of(target.name);
        for _ in 0..spoiled {
            let bytes = spoil(&known, &mut dice);
            feed_one(target, &bytes);
        }
    }
}

/// Feeds bytes, and shows them when the target goes down.
fn feed_one(target: &Target, bytes: &[u8]) -> bool {
    match panic::catch_unwind(AssertUnwindSafe(|| (target.feed)(bytes))) {
        Ok(understood) => understood,
        Err(cause) => {
            let kept = std::env::temp_dir().join(format!("portreeve-{}.crash", target.name));
            let _ = fs::write(&kept, bytes);
            // Past the capture of the test's output, which may not survive what comes next.
            let _ = writeln!(
                std::io::stderr(),
                "`{}` fails on {}, which begins `{:.200}`",
                target.name,
                kept.display(),
                bytes.escape_ascii().to_string()
            );
            panic::resume_unwind(cause)
        }
    }
}

fn vectors(target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(Path::new(VECTORS).join(target)) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

/// One of the known inputs with a few things done to it; now and then nothing but noise.
fn spoil(known: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let Some(begin) = known.get(dice.below(known.len() + known.len() / 8)) else {
        let length = dice.below(64);
        return (0..length).map(|_| noise(dice)).collect();
    };
    let mut bytes = begin.clone();
    for _ in 0..=dice.below(4) {
        let (from, to) = range(dice, bytes.len());
        match dice.below(7) {
            0 => bytes
                .iter_mut()
                .skip(from)
                .take(1)
                .for_each(|byte| *byte ^= 1 << dice.below(8)),
            1 => bytes
                .iter_mut()
                .skip(from)
                .take(1)
                .for_each(|byte| *byte = noise(dice)),
            2 => bytes.truncate(from),
            3 => drop(bytes.drain(from..to)),
            4 => {
                let again = bytes.get(from..to).unwrap_or_default().to_vec();
                bytes.splice(from..from, again);
            }
            5 => {
                let token = TOKENS
                    .get(dice.below(TOKENS.len()))
                    .copied()
                    .unwrap_or_default();
                bytes.splice(from..to.min(from + token.len()), token.iter().copied());
            }
            _ => {
                let other = known
                    .get(dice.below(known.len()))
                    .map_or(&[][..], Vec::as_slice);
                let (first, last) = range(dice, other.len());
                let piece = other.get(first..last).unwrap_or_default().to_vec();
                bytes.splice(from..to, piece);
            }
        }
    }
    bytes
}

/// The choices for a target.
fn dice_of(name: &str) -> Dice {
    Dice::new(name.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

fn noise(dice: &mut Dice) -> u8 {
    let [byte, ..] = dice.roll().to_be_bytes();
    byte
}

/// A part of something of this length, often a short one.
fn range(dice: &mut Dice, length: usize) -> (usize, usize) {
    let from = dice.below(length + 1);
    let longest = if dice.below(4) == 0 {
        length - from
    } else {
        (length - from).min(16)
    };
    (from, from + dice.below(longest + 1))
}
