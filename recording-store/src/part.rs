//! Parts: their names, and what a listing of them says.

use std::ops::Range;

/// The name of the part with this number.
pub(crate) fn name(number: u32) -> String {
    format!("part-{number:06}")
}

/// The number of the part with this name; nothing for a name that [`name`] does not make.
pub(crate) fn number(text: &str) -> Option<u32> {
    let found = text.strip_prefix("part-")?.parse().ok()?;
    (name(found) == text).then_some(found)
}

/// Whether a file of this name is a part that was being put into a folder: it gets its name when it is whole.
pub(crate) fn is_unfinished(text: &str) -> bool {
    let Some((name, count)) = text.split_once('#') else {
        return false;
    };
    let is_count = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    number(name).is_some() && is_count
}

/// The parts of one recording, in order and without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    sizes: Vec<u64>,
}

/// A part is missing between others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap(pub(crate) u32);

impl Parts {
    /// From the numbers and sizes of a listing, in whatever order.
    pub(crate) fn of(mut listed: Vec<(u32, u64)>) -> Result<Self, Gap> {
        listed.sort_unstable();
        for (expected, (number, _)) in (0..).zip(&listed) {
            if *number != expected {
                return Err(Gap(expected));
            }
        }
        let sizes = listed.into_iter().map(|(_, size)| size).collect();
        Ok(Self { sizes })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap_or(u32::MAX)
    }

    /// How many bytes they have together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sizes
            .iter()
            .fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// Each part with the bytes of the recording that it holds.
    pub fn ranges(&self) -> impl Iterator<Item = (u32, Range<u64>)> + '_ {
        (0..).zip(&self.sizes).scan(0_u64, |at, (number, size)| {
            let from = *at;
            *at = at.saturating_add(*size);
            Some((number, from..*at))
        })
    }

    /// What is to be read for everything from `from` on: the parts, each with the range within it.
    pub(crate) fn from(&self, from: u64) -> Vec<(u32, Range<u64>)> {
        self.ranges()
            .filter(|(_, range)| range.end > from)
            .map(|(number, range)| {
                let skipped = from.saturating_sub(range.start);
                (number, skipped..range.end.saturating_sub(range.start))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_and_nothing_else() {
        for (number_is, text) in [
            (0, "part-000000"),
            (12, "part-000012"),
            (1_000_000, "part-1000000"),
        ] {
            assert_eq!(name(number_is), text);
            assert_eq!(number(text), Some(number_is));
        }
        for other in [
            "part-",
            "part-1",
            "part-0000001",
            "part-+00001",
            "part-000001.tmp",
            "000001",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn an_unfinished_part_has_the_name_of_a_part_and_a_count() {
        for (text, expected) in [
            ("part-000000#1", true),
            ("part-1000000#12", true),
            ("part-000000", false),
            ("part-000000#", false),
            ("part-000000#1#2", false),
            ("part-1#1", false),
            ("notes#1", false),
        ] {
            assert_eq!(is_unfinished(text), expected, "{text}");
        }
    }

    #[test]
    fn parts_begin_at_nothing_and_have_no_gap() {
        assert_eq!(Parts::of(vec![]).unwrap().bytes(), 0);
        let parts = Parts::of(vec![(2, 30), (0, 10), (1, 20)]).unwrap();
        assert_eq!((parts.count(), parts.bytes()), (3, 60));
        assert_eq!(
            parts.ranges().collect::<Vec<_>>(),
            [(0, 0..10), (1, 10..30), (2, 30..60)]
        );
        assert_eq!(Parts::of(vec![(1, 10)]), Err(Gap(0)));
        assert_eq!(Parts::of(vec![(0, 10), (2, 10)]), Err(Gap(1)));
    }

    #[test]
    fn a_reader_goes_on_in_the_middle_of_a_part() {
        let parts = Parts::of(vec![(0, 10), (1, 20), (2, 30)]).unwrap();
        for (from, expected) in [
            (0, vec![(0, 0..10), (1, 0..20), (2, 0..30)]),
            (9, vec![(0, 9..10), (1, 0..20), (2, 0..30)]),
            (10, vec![(1, 0..20), (2, 0..30)]),
            (45, vec![(2, 15..30)]),
            (60, vec![]),
            (u64::MAX, vec![]),
        ] {
            assert_eq!(parts.from(from), expected, "{from}");
        }
    }
}
