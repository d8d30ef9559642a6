//! Every alteration that is tried: bits, cuts, and parts dropped, doubled, moved and replaced.

mod archives;
mod bits;
mod insiders;
mod trails;

use portreeve_protocol::checkpoint::Trail;

use super::Part;
use super::specimen::{Seeds, Specimen};

/// One alteration, done.
#[derive(Debug, Clone)]
pub struct Alteration {
    /// What was altered.
    pub part: Part,
    /// How, as it is counted.
    pub kind: &'static str,
    /// Where and what exactly.
    pub what: String,
    /// What came of it.
    pub thing: Thing,
}

/// What is judged.
#[derive(Debug, Clone)]
pub enum Thing {
    /// The bytes of a recording.
    Recording(Vec<u8>),
    /// A trail.
    Trail(Box<Trail>),
    /// The bytes of a file of evidence.
    Evidence(Vec<u8>),
}

/// How many places are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// So many in each region, its first and last byte among them.
    Sample(usize),
    /// Every byte.
    Thorough,
}

impl Effort {
    /// The places that are tried in a region of `len` bytes.
    fn places(self, len: usize) -> Vec<usize> {
        match self {
            Self::Sample(most) if most < len => {
                let last = len.saturating_sub(1);
                let steps = most.saturating_sub(1).max(1);
                let mut places: Vec<_> = (0..most).map(|step| last * step / steps).collect();
                places.dedup();
                places
            }
            Self::Sample(_) | Self::Thorough => (0..len).collect(),
        }
    }
}

/// Alterations one after the other, made when they are asked for.
type Tries<'a> = Box<dyn Iterator<Item = Alteration> + 'a>;

/// All alterations of a specimen. Each kind has its turn before any has its second, so that little
/// time is spent on all of them.
pub fn alterations<'a>(
    specimen: &'a Specimen,
    seeds: &'a Seeds,
    effort: Effort,
) -> impl Iterator<Item = Alteration> + 'a {
    let mut kinds: Vec<Tries<'a>> = Vec::new();
    kinds.extend(archives::of_recording(specimen, seeds));
    kinds.extend(trails::of(specimen, seeds, effort));
    kinds.extend(archives::of_evidence(specimen));
    kinds.extend(insiders::of(specimen, seeds));
    kinds.extend(bits::of(specimen, effort));
    in_turns(kinds)
}

fn in_turns<'a>(kinds: Vec<Tries<'a>>) -> impl Iterator<Item = Alteration> + 'a {
    let mut waiting: std::collections::VecDeque<_> = kinds.into();
    std::iter::from_fn(move || {
        while let Some(mut kind) = waiting.pop_front() {
            if let Some(alteration) = kind.next() {
                waiting.push_back(kind);
                return Some(alteration);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_first_and_the_last_place() {
        assert_eq!(Effort::Sample(3).places(100), [0, 49, 99]);
        assert_eq!(Effort::Sample(3).places(2), [0, 1]);
        assert_eq!(Effort::Sample(1).places(5), [0]);
        assert_eq!(Effort::Thorough.places(3), [0, 1, 2]);
        assert_eq!(Effort::Sample(3).places(0), [] as [usize; 0]);
    }

    #[test]
    fn every_kind_has_its_turn() {
        let one = |kind: &'static str, count: usize| -> Tries<'static> {
            let alteration = Alteration {
                part: Part::Trail,
                kind,
                what: String::new(),
                thing: Thing::Evidence(Vec::new()),
            };
            Box::new(std::iter::repeat_n(alteration, count))
        };
        let order: Vec<_> = in_turns(vec![one("a", 3), one("b", 1), one("c", 2)])
            .map(|alteration| alteration.kind)
            .collect();
        assert_eq!(order, ["a", "b", "c", "a", "c", "a"]);
    }
}
