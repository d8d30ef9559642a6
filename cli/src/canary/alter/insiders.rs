//! What somebody does who has a key: the bastion's, the log's, or a key of their own and everything
//! else made to fit.

use portreeve_protocol::attest::EndCause;
use portreeve_recording::info::SessionInfo;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use super::{Alteration, Thing, Tries};
use crate::canary::archive::{Entry, archive, entries};
use crate::canary::specimen::{Makers, Seeds};
use crate::canary::{Part, Specimen, forge};

fn recording(kind: &'static str, what: &str, bytes: Vec<u8>) -> Alteration {
    Alteration {
        part: Part::Recording,
        kind,
        what: what.to_owned(),
        thing: Thing::Recording(bytes),
    }
}

pub(super) fn of<'a>(specimen: &'a Specimen, seeds: &'a Seeds) -> Vec<Tries<'a>> {
    let mut kinds: Vec<Tries<'a>> = vec![Box::new(
        std::iter::once_with(move || strangers(specimen, seeds)).flatten(),
    )];
    if let Some(makers) = &specimen.makers {
        kinds.push(Box::new(
            std::iter::once_with(move || by_the_bastion(specimen, makers)).flatten(),
        ));
        kinds.push(Box::new(
            (0..makers.places.len()).flat_map(move |at| by_the_log(makers, at)),
        ));
    }
    kinds
}

/// Signed by a key that nobody knows, alone and with a file of evidence that names it.
fn strangers(specimen: &Specimen, seeds: &Seeds) -> Vec<Alteration> {
    let [.., seed] = &seeds.keys;
    let mut all = Vec::new();
    let key = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(seed)), "");
    let forged = key
        .ok()
        .and_then(|key| forge::by_a_stranger(&specimen.recording, &key));
    let Some(forged) = forged else {
        return all;
    };
    if let Some(file) = forge::evidence(&forged, &specimen.trail) {
        all.push(Alteration {
            part: Part::Evidence,
            kind: "recording and key replaced together",
            what: "the bastion's".into(),
            thing: Thing::Evidence(file),
        });
    }
    if let Some(makers) = &specimen.makers {
        let log = forge::of_another_log(makers, ed25519_dalek::SigningKey::from_bytes(seed));
        let file = log.and_then(|log| forge::evidence(&specimen.recording, &log));
        if let Some(file) = file {
            all.push(Alteration {
                part: Part::Evidence,
                kind: "trail and key replaced together",
                what: "the log's".into(),
                thing: Thing::Evidence(file),
            });
        }
    }
    all.push(recording("manifest signed by another key", "", forged));
    all
}

/// Another content, signed with the bastion's own key: nothing but the trail can tell.
fn by_the_bastion(specimen: &Specimen, makers: &Makers) -> Vec<Alteration> {
    const KIND: &str = "signed anew with the bastion's key";
    let key = &makers.bastion;
    let whole = entries(&specimen.recording);
    let with_head = |change: &dyn Fn(&mut SessionInfo)| -> Option<Vec<Entry>> {
        let mut changed = whole.clone();
        let head = changed.first_mut()?;
        let mut info = SessionInfo::from_json(&head.content).ok()?;
        change(&mut info);
        head.content = info.to_json().ok()?.into_bytes();
        forge::signed_anew(changed, key, |_| ())
    };
    let without_last = || {
        let mut changed = whole.clone();
        let last = changed
            .iter()
            .rposition(|entry| entry.name.starts_with("segments/"))?;
        changed.remove(last);
        forge::signed_anew(changed, key, |_| ())
    };
    let forged = [
        (
            "another cause",
            forge::signed_anew(whole.clone(), key, |manifest| {
                manifest.cause = Some(EndCause::Expired);
            }),
        ),
        (
            "as if it were cut",
            forge::signed_anew(whole.clone(), key, |manifest| {
                (manifest.cut, manifest.cause, manifest.ended_at) = (true, None, None);
            }),
        ),
        (
            "another agent",
            with_head(&|info| {
                if let Ok(agent) = "soc/another".parse() {
                    info.pair.agent = agent;
                }
            }),
        ),
        (
            "another host",
            with_head(&|info| {
                if let Ok(host) = "prod-2".parse() {
                    info.host = host;
                }
            }),
        ),
        ("without the last segment", without_last()),
    ];
    forged
        .into_iter()
        .filter_map(|(what, entries)| Some(recording(KIND, what, archive(&entries?))))
        .collect()
}

/// The log made anew with its own key, without one event or with one that says something else:
/// what was signed elsewhere and what stands in the recording can tell.
fn by_the_log(makers: &Makers, at: usize) -> Vec<Alteration> {
    let Some(place) = makers.places.get(at).copied() else {
        return Vec::new();
    };
    let left_out = forge::rewritten(makers, |leaves, places| {
        leaves.remove(place);
        places.remove(at);
        for place in places.iter_mut().skip(at) {
            *place -= 1;
        }
    });
    let mut all = vec![("log signed anew without an event", left_out)];
    let event = makers.log.leaves.get(place).cloned().unwrap_or_default();
    for (from, to) in [
        ("\"bytes_out\":65", "\"bytes_out\":64"),
        ("\"exit_status\":1", "\"exit_status\":0"),
        ("\"permitted\":true", "\"permitted\":false"),
        ("sudo ss -tnp\",\"pty", "sudo ss -tn\",\"pty"),
        ("soc/forensics", "soc/another"),
    ] {
        if event.contains(from) {
            let changed = event.replacen(from, to, 1);
            let trail = forge::rewritten(makers, |leaves, _| {
                if let Some(leaf) = leaves.get_mut(place) {
                    *leaf = changed;
                }
            });
            all.push(("log signed anew with another event", trail));
        }
    }
    all.into_iter()
        .filter_map(|(kind, trail)| {
            Some(Alteration {
                part: Part::Trail,
                kind,
                what: format!("event {place}"),
                thing: Thing::Trail(Box::new(trail?)),
            })
        })
        .collect()
}
