//! Recordings and files of evidence, cut and put together differently.

use super::{Alteration, Thing, Tries};
use crate::canary::archive::{Entry, archive, entries, regions, without_end};
use crate::canary::specimen::Seeds;
use crate::canary::{Part, Specimen, forge};

fn recording(kind: &'static str, what: String, bytes: Vec<u8>) -> Alteration {
    Alteration {
        part: Part::Recording,
        kind,
        what,
        thing: Thing::Recording(bytes),
    }
}

fn evidence(kind: &'static str, what: String, bytes: Vec<u8>) -> Alteration {
    Alteration {
        part: Part::Evidence,
        kind,
        what,
        thing: Thing::Evidence(bytes),
    }
}

pub(super) fn of_recording<'a>(specimen: &'a Specimen, seeds: &'a Seeds) -> Vec<Tries<'a>> {
    let whole = entries(&specimen.recording);
    let other = specimen
        .other
        .as_ref()
        .map(|other| entries(&other.recording))
        .unwrap_or_default();
    vec![
        Box::new(cuts(&specimen.recording).map(|(what, bytes)| recording("cut", what, bytes))),
        Box::new(ended_early(whole.clone())),
        Box::new(segments(&whole)),
        Box::new(
            replaced(whole.clone(), other)
                .map(|(what, bytes)| recording("replaced by another session's", what, bytes)),
        ),
        Box::new(sealed_anew(specimen, seeds, whole)),
    ]
}

pub(super) fn of_evidence(specimen: &Specimen) -> Vec<Tries<'_>> {
    let whole = entries(&specimen.evidence);
    let other = specimen
        .other
        .as_ref()
        .map(|other| entries(&other.evidence))
        .unwrap_or_default();
    let moved = whole.clone();
    vec![
        Box::new(cuts(&specimen.evidence).map(|(what, bytes)| evidence("cut", what, bytes))),
        Box::new(
            replaced(whole.clone(), other)
                .map(|(what, bytes)| evidence("replaced by another session's", what, bytes)),
        ),
        Box::new((0..whole.len()).map(move |at| {
            let mut left = whole.clone();
            let dropped = left.remove(at);
            evidence("entry dropped", dropped.name, archive(&left))
        })),
        Box::new((1..moved.len()).map(move |at| {
            let mut swapped = moved.clone();
            swapped.swap(at - 1, at);
            evidence("entries swapped", format!("entry {at}"), archive(&swapped))
        })),
    ]
}

/// The file as it would be had it ended at an entry's header, content or padding, or within.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    regions(bytes).into_iter().flat_map(move |region| {
        let middle = usize::midpoint(region.bytes.start, region.bytes.end);
        [region.bytes.start, middle]
            .into_iter()
            .filter_map(move |at| {
                let cut = bytes.get(..at)?.to_vec();
                Some((format!("at byte {at}, in `{}`", region.name), cut))
            })
    })
}

/// Later entries left out, and the file ended as if it were whole; or as if the bastion had died.
fn ended_early(whole: Vec<Entry>) -> impl Iterator<Item = Alteration> {
    (1..whole.len()).flat_map(move |count| {
        let kept = whole.get(..count).unwrap_or_default();
        let what = format!("after {count} entries");
        [
            recording("cut, with a new end", what.clone(), archive(kept)),
            recording("cut between entries", what, without_end(kept)),
        ]
    })
}

/// Segments dropped, doubled, swapped; the ones behind them are renamed, so that names fit.
fn segments(whole: &[Entry]) -> impl Iterator<Item = Alteration> + use<> {
    let (segments, rest): (Vec<_>, Vec<_>) = whole
        .iter()
        .cloned()
        .partition(|entry| entry.name.starts_with("segments/"));
    (0..segments.len()).flat_map(move |at| {
        let made = |kind, changed: Vec<Entry>| {
            let mut changed = changed;
            for (entry, number) in changed.iter_mut().zip(0..) {
                entry.name = format!("segments/{number:06}.age");
            }
            let (head, tail) = rest.split_at(1.min(rest.len()));
            let entries = [head, &changed, tail].concat();
            recording(kind, format!("segment {at}"), archive(&entries))
        };
        let (mut dropped, mut doubled, mut swapped) =
            (segments.clone(), segments.clone(), segments.clone());
        let taken = dropped.remove(at);
        doubled.insert(at, taken);
        let neighbour = if at + 1 < segments.len() { at + 1 } else { 0 };
        swapped.swap(at, neighbour);
        let mut all = vec![
            made("segment dropped", dropped),
            made("segment doubled", doubled),
        ];
        if segments.len() > 1 {
            all.push(made("segments swapped", swapped));
        }
        all
    })
}

/// Each entry that differs, by the one of the same name in another session's file.
fn replaced(whole: Vec<Entry>, other: Vec<Entry>) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..whole.len()).filter_map(move |at| {
        let mut changed = whole.clone();
        let entry = changed.get_mut(at)?;
        let by = other
            .iter()
            .find(|other| other.name == entry.name && other.content != entry.content)?;
        entry.content.clone_from(&by.content);
        Some((entry.name.clone(), archive(&changed)))
    })
}

/// Whoever has the recipients can seal: age authenticates no writer. With the chain as it was; with
/// the chain made to fit; and so that no manifest contradicts.
fn sealed_anew<'a>(
    specimen: &'a Specimen,
    seeds: &'a Seeds,
    whole: Vec<Entry>,
) -> impl Iterator<Item = Alteration> + 'a {
    let count = whole
        .iter()
        .filter(|entry| entry.name.starts_with("segments/"))
        .count();
    (0..count).flat_map(move |first| {
        let mut entropy = |bytes: &mut [u8]| (seeds.entropy)(bytes);
        let forged = forge::sealed_anew(specimen, whole.clone(), first, &mut entropy);
        let what = format!("from segment {first} on");
        let mut all = Vec::new();
        if let Some(forged) = forged {
            let unsigned = forged.get(..=count).unwrap_or_default();
            all.push(recording(
                "sealed anew, and its manifest left out",
                what.clone(),
                without_end(unsigned),
            ));
            all.push(recording("sealed anew", what, archive(&forged)));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::archive::RegionKind;

    #[test]
    fn a_file_is_cut_at_and_within_every_region() {
        let bytes = include_bytes!("../../../../tests/vectors/recording/recording.tar");
        let count = regions(bytes).len();
        assert_eq!(cuts(bytes).count(), 2 * count);
        assert!(
            regions(bytes)
                .iter()
                .any(|region| region.kind == RegionKind::End)
        );
    }
}
