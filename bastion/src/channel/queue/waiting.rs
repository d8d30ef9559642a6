//! What waits in a queue, in order. Pure.
//!
//! Bytes that come a few at a time are joined with those that wait before them, so that what they take is their number:
//! an agent that is held sends two of them, again and again, for as long as its program does not read.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::FromAgent;

/// How many bytes are joined. More at a time are as good apart.
const JOINED: usize = 4 * 1024;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<FromAgent>);

impl Waiting {
    /// How much more an item would take that takes `alone` by itself.
    pub(super) fn cost(&self, item: &FromAgent, alone: usize) -> usize {
        match data_of(item) {
            Some(bytes) if self.joins(bytes) => bytes.len(),
            Some(_) | None => alone,
        }
    }

    /// Puts an item at the end. Says whether there is one more than before.
    pub(super) fn push(&mut self, item: FromAgent) -> bool {
        if let Some(bytes) = data_of(&item)
            && self.joins(bytes)
            && let Some(FromAgent::Data(last)) = self.0.back_mut()
        {
            *last = joined(std::mem::take(last), bytes);
            return false;
        }
        self.0.push_back(item);
        true
    }

    /// Takes the first item.
    pub(super) fn pop(&mut self) -> Option<FromAgent> {
        self.0.pop_front()
    }

    fn joins(&self, bytes: &Bytes) -> bool {
        let last = self.0.back().and_then(data_of);
        last.is_some_and(|last| last.len() + bytes.len() <= JOINED)
    }
}

/// The bytes for the program, if the item is such.
pub(super) fn data_of(item: &FromAgent) -> Option<&Bytes> {
    if let FromAgent::Data(bytes) = item {
        Some(bytes)
    } else {
        None
    }
}

fn joined(first: Bytes, second: &Bytes) -> Bytes {
    // Nobody else has what was joined before, so it grows where it is.
    let mut all = first
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    all.extend_from_slice(second);
    all.freeze()
}

#[cfg(test)]
mod tests {
    use portreeve_recording::event::WindowSize;

    use super::*;

    fn data(bytes: &[u8]) -> FromAgent {
        FromAgent::Data(Bytes::copy_from_slice(bytes))
    }

    /// What comes out: data by its length, everything else as nothing.
    fn lengths(waiting: &mut Waiting) -> Vec<Option<usize>> {
        let items = std::iter::from_fn(|| waiting.pop());
        let lengths = items.map(|item| data_of(&item).map(Bytes::len));
        lengths.collect()
    }

    #[test]
    fn only_bytes_next_to_each_other_are_joined_and_only_few() {
        let mut waiting = Waiting::default();
        let window = WindowSize {
            columns: 80,
            rows: 24,
            pixel_width: 0,
            pixel_height: 0,
        };
        for (item, is_new) in [
            (data(&[1; 2]), true),
            (data(&[2; JOINED - 2]), false),
            (data(&[3; 1]), true),
            (data(&[4; 2]), false),
            (FromAgent::Window(window), true),
            (data(&[5; 2]), true),
            (data(&[6; JOINED]), true),
            (FromAgent::EndOfInput, true),
        ] {
            let cost = waiting.cost(&item, 10_000);
            assert_eq!(cost == 10_000, is_new, "{item:?}");
            assert_eq!(waiting.push(item.clone()), is_new, "{item:?}");
        }
        let expected = [Some(JOINED), Some(3), None, Some(2), Some(JOINED), None];
        assert_eq!(lengths(&mut waiting), expected);
    }

    #[test]
    fn joined_bytes_are_those_that_came_whoever_else_has_them() {
        let mut waiting = Waiting::default();
        let packet = Bytes::from_static(b"a packet that is still read elsewhere");
        let expected: Vec<u8> = (0..500).flat_map(|_| packet.slice(2..5).to_vec()).collect();
        for _ in 0..500 {
            waiting.push(FromAgent::Data(packet.slice(2..5)));
        }
        let first = waiting.pop().unwrap();
        assert_eq!(data_of(&first).unwrap(), &expected);
        assert!(waiting.pop().is_none());
    }
}
