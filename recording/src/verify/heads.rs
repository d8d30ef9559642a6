//! Whether a file is what its trail said while it grew.

use std::io::{self, Read, Seek};

use super::{Fault, Proved, Verdict};
use crate::head::Head;
use crate::read::Recording;

/// Every head counts, in whatever order they came: a bastion that was taken over may add some, and takes none back.
pub(super) fn check<R: Read + Seek>(
    recording: &mut Recording<R>,
    stated: &[Head],
    verdict: &mut Verdict,
) -> io::Result<()> {
    let Some(most) = stated.iter().map(|head| head.segments).max() else {
        return Ok(());
    };
    let found = recording.segment_count();
    if most > found {
        let stated = most;
        verdict.faults.push(Fault::CutBelowTrail { stated, found });
    }
    let mut stated: Vec<_> = stated
        .iter()
        .filter(|head| head.segments <= found)
        .collect();
    stated.sort_unstable_by_key(|head| head.segments);
    let mut stated = stated.into_iter().peekable();
    for head in recording.heads() {
        let head = head?;
        while let Some(logged) = stated.next_if(|logged| logged.segments == head.segments) {
            if *logged != head {
                // Whatever comes after differs as well.
                verdict.faults.push(Fault::OtherThanLogged(head.segments));
                return Ok(());
            }
        }
        if stated.peek().is_none() {
            break;
        }
    }
    if most <= found {
        verdict.proved.push(Proved::Logged(most));
    }
    Ok(())
}
