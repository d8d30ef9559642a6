//! Looking at this host for the CA: one order, one look at a time, one signed answer.
//!
//! Looking reads what lies in homes and what tools say, which the daemon keeps out of its own
//! process: it starts this program again (`portreeve-host discover --signed`), within a time and a
//! size, and ends it when the bastion goes away. A look makes nothing on this host but the number of
//! the inventory and the moment of the last order.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portreeve_protocol::control::{FromBastion, FromHost, MAX_LINE, OrderRefusal};
use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::look::LookOrder;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accept::{AcceptedLook, LookCircumstances, NoLook, accept_look};
use crate::clock;
use crate::file::{self, ReadError};
use crate::host::Host;
use crate::log;
use crate::run;
use crate::talk::{Broken, Talk};
use crate::uid;

/// How long a look may take: what it allows itself, and its slowest tool. The bastion waits longer.
const PATIENCE: Duration = Duration::from_secs(640);
/// How long what has said everything may take to end.
const ENDING: Duration = Duration::from_secs(5);
/// How often it is looked whether the daemon is asked to end.
const STRIDE: Duration = Duration::from_millis(500);
/// How much it may say: what fits into a line, with room for what stands around it.
const MOST: usize = MAX_LINE - 1024;
/// The largest file with a moment.
const MAX_BYTES: u64 = 1024;

/// What this host knows of looks: when the last order was given, and whether one is being obeyed.
#[derive(Debug)]
pub(crate) struct Looks {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Timestamp,
    is_busy: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Durable {
    issued_at: Timestamp,
}

/// The one look; it is over when this is dropped.
#[derive(Debug)]
struct Turn<'a>(&'a Looks);

/// Why there is no answer.
#[derive(Debug)]
struct Refused {
    refusal: OrderRefusal,
    detail: String,
}

/// What may end a look.
enum Over {
    /// The bastion is gone: there is nobody to tell.
    Broken(Broken),
    /// Something else.
    Refused(Refused),
}

impl Looks {
    /// Reads what an earlier daemon left. What cannot be read stands for every order that was given
    /// until now.
    pub(crate) fn load(path: PathBuf, now: Timestamp, skew: Duration) -> Self {
        let last = match file::read_trusted(&path, MAX_BYTES) {
            Ok(text) => serde_json::from_str::<Durable>(&text)
                .map(|durable| durable.issued_at)
                .map_err(|error| error.to_string()),
            Err(ReadError::Missing(_)) => Ok(Timestamp::from_micros(0)),
            Err(error) => Err(error.to_string()),
        };
        let last = last.unwrap_or_else(|error| {
            let path = path.display();
            log::warning!("`{path}`: {error}: look orders given before now are not obeyed");
            now.plus(skew)
        });
        let is_busy = false;
        Self {
            path,
            state: Mutex::new(State { last, is_busy }),
        }
    }

    /// Whether this host looks at itself now.
    pub(crate) fn is_busy(&self) -> bool {
        self.state().is_busy
    }

    /// Takes the turn for an order that is obeyed, which is on disk before anything is looked at.
    fn take(
        &self,
        accept: impl FnOnce(&State) -> Result<AcceptedLook, NoLook>,
    ) -> Result<(Turn<'_>, AcceptedLook), Refused> {
        let mut state = self.state();
        let accepted = accept(&state).map_err(|error| Refused {
            refusal: error.refusal(),
            detail: error.to_string(),
        })?;
        let durable = Durable {
            issued_at: accepted.issued_at(),
        };
        let kept = serde_json::to_vec(&durable)
            .map_err(io::Error::from)
            .and_then(|text| file::replace(&self.path, &text, 0o600));
        kept.map_err(|error| not_looked(format!("`{}`: {error}", self.path.display())))?;
        state.last = accepted.issued_at();
        state.is_busy = true;
        Ok((Turn(self), accepted))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is guarded is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().is_busy = false;
    }
}

/// Obeys a look order, or says why not.
pub(crate) fn serve(host: &Host, talk: &mut Talk, order: &Signed<LookOrder>) -> Result<(), Broken> {
    match look(host, talk, order) {
        Ok(statement) => talk.say(&FromHost::Inventory { statement }),
        Err(Over::Broken(broken)) => Err(broken),
        Err(Over::Refused(Refused { refusal, detail })) => {
            let told = format!("a look order is refused: {refusal}: {detail}");
            if refusal == OrderRefusal::NotLooked {
                host.complain(&told);
            } else {
                log::warning!("{told}");
            }
            talk.say(&FromHost::Refused { refusal, detail })
        }
    }
}

fn look(
    host: &Host,
    talk: &mut Talk,
    order: &Signed<LookOrder>,
) -> Result<Signed<Inventory>, Over> {
    let (turn, accepted) = host.looks.take(|state| {
        let now = clock::now();
        let circumstances = LookCircumstances {
            trust: &host.trust,
            now: now.wall,
            clock_floor: host.counter().clock_floor(),
            skew: host.config.clock_skew,
            last: state.last,
            looks: state.is_busy,
            room: host.takes_orders(now),
        };
        accept_look(order, &circumstances)
    })?;
    // A copy of this host's disk on another machine does not speak for it.
    uid::on_this_machine(host).map_err(|error| not_looked(error.to_string()))?;
    log::info!("looks at this host for the CA: order {}", accepted.id());
    let said = Looker::start(accepted.id())
        .map_err(|error| not_looked(format!("cannot start: {error}")))?
        .hear(host, talk)?;
    drop(turn);
    let statement: Signed<Inventory> = serde_json::from_slice(&said)
        .map_err(|error| not_looked(format!("what was found is not understood: {error}")))?;
    Ok(statement)
}

/// This program in another process, looking.
#[derive(Debug)]
struct Looker {
    child: Child,
    pipe: File,
}

impl Looker {
    /// It has our rights and none of our memory; what it complains of goes where our log goes.
    fn start(order: OrderId) -> io::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .args(["discover", "--signed", "--look", &order.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let pipe = child.stdout.take().map(OwnedFd::from);
        let looker = Self {
            child,
            pipe: File::from(pipe.ok_or(io::ErrorKind::BrokenPipe)?),
        };
        rustix::io::ioctl_fionbio(&looker.pipe, true)?;
        Ok(looker)
    }

    /// All that it says, unless something ends it first.
    fn hear(mut self, host: &Host, talk: &mut Talk) -> Result<Vec<u8>, Over> {
        let by = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while !self.take(&mut heard)? {
            if host.is_stopping() {
                return Err(not_looked("the daemon was told to end").into());
            }
            if Instant::now() >= by {
                let limit = PATIENCE.as_secs();
                return Err(not_looked(format!("it took longer than {limit} s")).into());
            }
            talk.wait(None, &[self.pipe.as_fd()], STRIDE)?;
            while let Some(message) = talk.message()? {
                match message {
                    // A bastion that is eager to renew does no harm.
                    FromBastion::Renew => {}
                    FromBastion::Order { .. }
                    | FromBastion::Look { .. }
                    | FromBastion::End { .. }
                    | FromBastion::Acknowledge { .. } => return Err(Broken::Ended.into()),
                }
            }
        }
        let ended = run::ends_within(&mut self.child, ENDING);
        match ended {
            Ok(Some(status)) if status.success() => Ok(heard),
            Ok(Some(status)) => {
                let detail = format!("it failed ({status}); the daemon's log says why");
                Err(not_looked(detail).into())
            }
            Ok(None) => Err(not_looked("it did not end").into()),
            Err(error) => Err(not_looked(error).into()),
        }
    }

    /// Takes what it has said by now. Says whether that was all.
    fn take(&mut self, heard: &mut Vec<u8>) -> Result<bool, Refused> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.pipe.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(read) => heard.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(not_looked(error)),
            }
            if heard.len() > MOST {
                return Err(not_looked(format!("it says more than {MOST} bytes")));
            }
        }
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = run::ends_within(&mut self.child, ENDING);
    }
}

fn not_looked(detail: impl ToString) -> Refused {
    Refused {
        refusal: OrderRefusal::NotLooked,
        detail: detail.to_string(),
    }
}

impl From<Refused> for Over {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Broken> for Over {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
    const SKEW: Duration = Duration::from_secs(30);

    #[test]
    fn what_was_obeyed_is_remembered_by_the_next_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("look.json");
        let load = || Looks::load(path.clone(), NOW, SKEW);
        assert_eq!(load().state().last, Timestamp::from_micros(0));
        let looks = load();
        let (turn, _) = looks.take(|_| Ok(AcceptedLook::for_test(NOW))).unwrap();
        assert!(looks.is_busy());
        assert_eq!(load().state().last, NOW);
        drop(turn);
        assert!(!looks.is_busy());
    }

    #[test]
    fn a_memory_that_is_damaged_obeys_nothing_that_was_given_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("look.json");
        for damaged in [
            "",
            "{}",
            r#"{"issued_at":7}"#,
            r#"{"issued_at":"2026-01-01T00:00:00Z","x":1}"#,
        ] {
            std::fs::write(&path, damaged).unwrap();
            let looks = Looks::load(path.clone(), NOW, SKEW);
            assert_eq!(looks.state().last, NOW.plus(SKEW), "{damaged}");
        }
    }

    #[test]
    fn nothing_is_looked_at_when_the_order_cannot_be_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gone").join("look.json");
        let looks = Looks::load(path, NOW, SKEW);
        let refused = looks.take(|_| Ok(AcceptedLook::for_test(NOW))).unwrap_err();
        assert_eq!(refused.refusal, OrderRefusal::NotLooked);
        assert!(!looks.is_busy());
        assert_eq!(looks.state().last, Timestamp::from_micros(0));
    }
}
