//! Bytes to send.

use serde::{Deserialize, Serialize};

/// The size of a block, which is sent again and again: further apart than a compressor looks back.
const BLOCK: usize = 8 * 1024 * 1024;

/// What the bytes are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Data {
    /// Incompressible.
    Random,
    /// Lines of a log.
    Text,
}

impl Data {
    /// A block of such bytes; the same in every run.
    pub(crate) fn block(self) -> Vec<u8> {
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice
        };
        let mut block = Vec::with_capacity(BLOCK + 256);
        while block.len() < BLOCK {
            match self {
                Self::Random => block.extend_from_slice(&next().to_le_bytes()),
                Self::Text => {
                    let (time, id, ms) = (next() % 86_400, next() % 100_000, next() % 900);
                    let line = format!(
                        "2026-01-31T{:02}:{:02}:{:02}Z app[{id:05}]: GET /orders/{} 200 in {ms} ms for 192.0.2.{}\n",
                        time / 3600,
                        time / 60 % 60,
                        time % 60,
                        next() % 1_000_000,
                        next() % 256,
                    );
                    block.extend_from_slice(line.as_bytes());
                }
            }
        }
        block.truncate(BLOCK);
        block
    }
}
