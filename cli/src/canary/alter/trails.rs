//! Trails: bits, and events dropped, doubled, moved and replaced.

use portreeve_protocol::checkpoint::{LoggedEvent, Trail};

use super::{Alteration, Effort, Thing, Tries};
use crate::canary::specimen::Seeds;
use crate::canary::{Part, Specimen, forge};

fn altered(kind: &'static str, what: String, trail: Trail) -> Alteration {
    Alteration {
        part: Part::Trail,
        kind,
        what,
        thing: Thing::Trail(Box::new(trail)),
    }
}

pub(super) fn of<'a>(specimen: &'a Specimen, seeds: &'a Seeds, effort: Effort) -> Vec<Tries<'a>> {
    let trail = &specimen.trail;
    let mut kinds: Vec<Tries<'a>> = vec![
        Box::new(each_event(trail).flat_map(move |(at, _)| bits_of_event(trail, at, effort))),
        Box::new(each_event(trail).flat_map(move |(at, _)| bits_of_proof(trail, at, effort))),
        Box::new(bits_of_note(trail, effort)),
        Box::new(each_event(trail).flat_map(move |(at, name)| moved(trail, at, &name))),
    ];
    if let Some(other) = &specimen.other {
        kinds.push(Box::new(each_event(trail).filter_map(move |(at, name)| {
            let by = other.trail.events.get(at)?;
            let mut changed = trail.clone();
            changed.events.get_mut(at)?.event.clone_from(&by.event);
            Some(altered(
                "event replaced by another session's",
                name,
                changed,
            ))
        })));
        kinds.push(Box::new(std::iter::once_with(move || {
            let mut changed = trail.clone();
            changed.checkpoint.clone_from(&other.trail.checkpoint);
            let what = "by the checkpoint of another log".to_owned();
            altered("checkpoint replaced", what, changed)
        })));
    }
    if let Some(makers) = &specimen.makers {
        let [.., another] = seeds.keys;
        kinds.push(Box::new(std::iter::once_with(move || {
            let key = ed25519_dalek::SigningKey::from_bytes(&another);
            let trail = forge::of_another_log(makers, key).unwrap_or_else(|| trail.clone());
            altered("the log made anew by another key", String::new(), trail)
        })));
    }
    kinds
}

/// The places of all events, with what to call each.
fn each_event(trail: &Trail) -> impl Iterator<Item = (usize, String)> + '_ {
    trail
        .events
        .iter()
        .enumerate()
        .map(|(at, logged)| (at, format!("event {}", logged.index)))
}

fn bits_of_event(
    trail: &Trail,
    at: usize,
    effort: Effort,
) -> impl Iterator<Item = Alteration> + '_ {
    let len = trail.events.get(at).map_or(0, |logged| logged.event.len());
    let places = effort.places(len).into_iter();
    places.filter_map(move |place| {
        changed(trail, at, |logged| {
            flip(&logged.event, place).map(|text| logged.event = text)
        })
        .map(|trail| {
            altered(
                "one bit of an event",
                format!("event {at}, byte {place}"),
                trail,
            )
        })
    })
}

fn bits_of_proof(
    trail: &Trail,
    at: usize,
    effort: Effort,
) -> impl Iterator<Item = Alteration> + '_ {
    let proof = trail.events.get(at).map_or(&[][..], |logged| &logged.proof);
    proof.iter().enumerate().flat_map(move |(step, hash)| {
        let places = match effort {
            Effort::Sample(_) => Effort::Sample(1).places(hash.len()),
            Effort::Thorough => effort.places(hash.len()),
        };
        places.into_iter().filter_map(move |place| {
            let trail = changed(trail, at, |logged| {
                let hash = logged.proof.get_mut(step)?;
                *hash = flip(hash, place)?;
                Some(())
            })?;
            let what = format!("event {at}, step {step}, byte {place}");
            Some(altered("one bit of a proof", what, trail))
        })
    })
}

fn bits_of_note(trail: &Trail, effort: Effort) -> impl Iterator<Item = Alteration> + '_ {
    let of = move |text: &str| effort.places(text.len()).into_iter();
    let note = of(&trail.checkpoint).filter_map(|place| {
        let checkpoint = flip(&trail.checkpoint, place)?;
        let trail = Trail {
            checkpoint,
            ..trail.clone()
        };
        Some(altered(
            "one bit of the checkpoint",
            format!("byte {place}"),
            trail,
        ))
    });
    let key = of(&trail.log_key).filter_map(|place| {
        let log_key = flip(&trail.log_key, place)?;
        let trail = Trail {
            log_key,
            ..trail.clone()
        };
        Some(altered(
            "one bit of the log's key",
            format!("byte {place}"),
            trail,
        ))
    });
    note.chain(key)
}

fn moved(trail: &Trail, at: usize, name: &str) -> Vec<Alteration> {
    let mut all = Vec::new();
    let mut push = |kind, change: &dyn Fn(&mut Vec<LoggedEvent>)| {
        let mut changed = trail.clone();
        change(&mut changed.events);
        all.push(altered(kind, name.to_owned(), changed));
    };
    push("event dropped", &|events| drop(events.remove(at)));
    push("event doubled", &|events| {
        if let Some(event) = events.get(at).cloned() {
            events.insert(at, event);
        }
    });
    if at > 0 {
        push("events swapped", &|events| events.swap(at - 1, at));
        push("places of events swapped", &|events| {
            if let [a, b, ..] = events.get_mut(at - 1..).unwrap_or_default() {
                std::mem::swap(&mut a.event, &mut b.event);
            }
        });
    }
    push("event at another place", &|events| {
        if let Some(event) = events.get_mut(at) {
            event.index += 1;
        }
    });
    push("proof of an event cut", &|events| {
        if let Some(event) = events.get_mut(at) {
            event.proof.pop();
        }
    });
    all
}

fn changed(
    trail: &Trail,
    at: usize,
    change: impl FnOnce(&mut LoggedEvent) -> Option<()>,
) -> Option<Trail> {
    let mut changed = trail.clone();
    change(changed.events.get_mut(at)?)?;
    Some(changed)
}

/// Another bit, and still text: the lowest one of an ASCII character. Of others there is nothing.
fn flip(text: &str, place: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    *bytes.get_mut(place).filter(|byte| byte.is_ascii())? ^= 1;
    String::from_utf8(bytes).ok()
}
