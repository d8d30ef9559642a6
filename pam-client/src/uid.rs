//! A UID for a session, or why this host has none.
//!
//! The counter says which is next (`counter.rs`); here is everything else that must be so before a
//! number is handed out: nobody else may hand it out too, and this is the machine that counted.

use portreeve_protocol::digest::Digest;

use crate::counter::{self, Counter, CounterError, Installation, SessionUid};
use crate::file;
use crate::host::Host;
use crate::log;
use crate::observe;
use crate::owners::NotKnown;
use crate::paths::Paths;
use crate::range::{self, Claim, Range};

/// The most of `/etc/machine-id` that is read.
const MAX_MACHINE_ID: u64 = 256;

/// Why there is no UID.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoUid {
    /// Somebody else may hand them out.
    #[error("{0}")]
    Claimed(Claim),
    /// Nobody knows which were used.
    #[error(transparent)]
    Owners(#[from] NotKnown),
    /// The counter has none.
    #[error(transparent)]
    Counter(#[from] CounterError),
}

/// The next UID, from `floor` on.
///
/// # Errors
/// When there is none that was never used and will never be somebody else's.
pub(crate) fn next(host: &Host, floor: Option<u32>) -> Result<SessionUid, NoUid> {
    unclaimed(host.config.uids(), &host.paths)?;
    if let Some(highest) = host.owners().late()? {
        host.counter().rise_above(highest);
    }
    let installation = installation(host);
    {
        let mut counter = host.counter();
        if let Some(floor) = floor
            && counter.forgot(floor)
        {
            log::warning!(
                "the CA knows UIDs up to {floor} that this host has forgotten: was its state \
                 restored from a backup? It goes on above them"
            );
        }
        counter.bind(&installation)?;
    }
    // The daemon's main loop takes the counter too, and must not wait for a name service.
    Ok(counter::next(|| host.counter(), floor, observe::is_taken)?)
}

/// The UID that [`next`] would hand out, for whoever only looks.
///
/// # Errors
/// As [`next`].
pub(crate) fn peek(
    counter: &Counter,
    range: Range,
    paths: &Paths,
    floor: Option<u32>,
) -> Result<SessionUid, NoUid> {
    unclaimed(range, paths)?;
    Ok(counter.peek(floor, observe::is_taken)?)
}

fn unclaimed(range: Range, paths: &Paths) -> Result<(), NoUid> {
    let claims = range::claims(range, &observe::sources(paths));
    match claims.into_iter().find(Claim::forbids_sessions) {
        Some(claim) => Err(NoUid::Claimed(claim)),
        None => Ok(()),
    }
}

/// Says at the start what keeps sessions away, or may: whoever enrols this host should not have to
/// wait for the first session to hear of it.
pub(crate) fn say_what_is_wrong(host: &Host) {
    for claim in range::claims(host.config.uids(), &observe::sources(&host.paths)) {
        host.complain(&claim.to_string());
    }
    if let Some(uid) = observe::stranger(host.config.uids()) {
        host.complain(&format!(
            "a name service knows UID {uid}, which is of the reserved range: give `host.toml` a \
             range of which it hands out nothing"
        ));
    }
    if let Err(error) = on_this_machine(host) {
        host.complain(&error.to_string());
    }
}

/// Says whether this is the machine that counted: a copy of its disk speaks for nobody.
///
/// # Errors
/// When it is another machine, or that cannot be written down.
pub(crate) fn on_this_machine(host: &Host) -> Result<(), CounterError> {
    let installation = installation(host);
    host.counter().bind(&installation)
}

fn installation(host: &Host) -> Installation {
    let machine = file::read_trusted(&host.paths.machine_id(), MAX_MACHINE_ID).ok();
    Installation {
        // The id itself is to be kept from whoever may read our state (machine-id(5)).
        machine: machine
            .filter(|id| id.trim().len() == 32)
            .map(|id| Digest::of(format!("portreeve machine {}", id.trim()).as_bytes())),
        identity: host.identity.public().fingerprint(),
    }
}
