//! What gathers until the thread comes for it, cut into segments as it comes in.
//!
//! Segments stay small however much gathers: each byte of one is passed over five times until it is in the file (encoded,
//! compressed, sealed, hashed, written), and what fits into a processor's own cache is passed over in half the time.

use std::collections::VecDeque;

use crate::event::Event;
use crate::segment::Pending;

/// Buffers for segments that a session under load may still fill. Used ones, because memory that was never touched costs
/// as much as compressing it.
pub(super) type Spares = Vec<Vec<u8>>;

/// The segments of one session that were not taken yet.
#[derive(Default)]
pub(super) struct Gathered {
    whole: VecDeque<Pending>,
    last: Pending,
    bytes: usize,
    spares: Spares,
}

impl Gathered {
    /// Adds an event to the last segment, or to a new one when that one holds `segment_bytes`.
    pub(super) fn push(&mut self, event: &Event, segment_bytes: usize) {
        if self.last.len() >= segment_bytes {
            let next = self.spares.pop().unwrap_or_default();
            self.whole.push_back(self.last.replace(next));
        }
        let before = self.last.len();
        self.last.push(event);
        self.bytes += self.last.len() - before;
    }

    /// How many bytes have gathered.
    pub(super) const fn len(&self) -> usize {
        self.bytes
    }

    /// Takes everything out. Leaves `spares` for what comes next and brings back what was not needed of the last ones.
    pub(super) fn take(&mut self, mut spares: Spares) -> (VecDeque<Pending>, Spares) {
        self.bytes = 0;
        let mut all = std::mem::take(&mut self.whole);
        let last = self.last.replace(spares.pop().unwrap_or_default());
        if !last.is_empty() {
            all.push_back(last);
        }
        (all, std::mem::replace(&mut self.spares, spares))
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let spares: usize = self.spares.iter().map(Vec::capacity).sum();
        let whole: usize = self.whole.iter().map(Pending::capacity).sum();
        self.last.capacity() + whole + spares
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Kind;
    use crate::tests::support::event;

    #[test]
    fn what_gathers_is_cut_into_segments_and_nothing_is_lost() {
        let mut gathered = Gathered::default();
        for _ in 0..100 {
            gathered.push(&event(1, 1, Kind::Output(Bytes::from(vec![7; 300]))), 1000);
        }
        let bytes = gathered.len();
        let (segments, _) = gathered.take(Spares::new());
        assert_eq!(segments.iter().map(Pending::len).sum::<usize>(), bytes);
        assert!(segments.iter().all(|segment| segment.len() < 1500));
        assert_eq!(segments.len(), 34);
        assert_eq!(gathered.len(), 0);
    }

    #[test]
    fn spare_buffers_are_used_and_come_back() {
        let mut gathered = Gathered::default();
        let spares = (0..3).map(|_| Vec::with_capacity(5000)).collect();
        gathered.take(spares);
        gathered.push(&event(1, 1, Kind::EndOfInput), 1000);
        let (segments, left) = gathered.take(Spares::new());
        assert!(segments.iter().all(|segment| segment.capacity() >= 5000));
        assert_eq!(left.len(), 2);
        assert_eq!(gathered.capacity(), 0);
    }
}
