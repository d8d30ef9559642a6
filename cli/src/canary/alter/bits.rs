//! One bit in every region of recording, evidence and trail.

use super::{Alteration, Effort, Thing, Tries};
use crate::canary::archive::{Region, RegionKind, regions};
use crate::canary::{Part, Specimen};

pub(super) fn of(specimen: &Specimen, effort: Effort) -> Vec<Tries<'_>> {
    let mut kinds: Vec<Tries<'_>> = Vec::new();
    for (part, bytes) in [
        (Part::Recording, &specimen.recording),
        (Part::Evidence, &specimen.evidence),
    ] {
        for kind in [
            RegionKind::Header,
            RegionKind::Content,
            RegionKind::Padding,
            RegionKind::End,
        ] {
            let regions = regions(bytes)
                .into_iter()
                .filter(move |region| region.kind == kind);
            // What is inside the recording is altered as a recording; here a sample will do.
            let inner = match (part, effort) {
                (Part::Evidence, Effort::Thorough) => Effort::Sample(1024),
                _ => effort,
            };
            kinds.push(Box::new(regions.flat_map(move |region| {
                let effort = if region.name == "recording.tar" {
                    inner
                } else {
                    effort
                };
                flipped(part, bytes, region, effort)
            })));
        }
    }
    kinds
}

fn flipped(
    part: Part,
    bytes: &[u8],
    region: Region,
    effort: Effort,
) -> impl Iterator<Item = Alteration> + '_ {
    let places = effort.places(region.bytes.len());
    places.into_iter().filter_map(move |place| {
        let at = region.bytes.start + place;
        let mut altered = bytes.to_vec();
        *altered.get_mut(at)? ^= 1 << (at % 8);
        Some(Alteration {
            part,
            kind: region.kind.words(),
            what: format!("byte {at}, bit {}, in `{}`", at % 8, region.name),
            thing: match part {
                Part::Evidence => Thing::Evidence(altered),
                Part::Recording | Part::Trail => Thing::Recording(altered),
            },
        })
    })
}
