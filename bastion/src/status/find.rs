//! Looks at a bastion from outside: its configuration, its socket, its disks. Blocking.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use portreeve_protocol::time::Timestamp;
use portreeve_recording::file_name;

use super::{ConfigFound, DiskFound, Found, Recordings, Running, Said, Unheard, tell};
use crate::config::{Config, File};
use crate::live;
use crate::room::{self, Reserve};
use crate::serve::{LIVE, RECORDINGS, SPOOL};

/// How long the program, or a disk, may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read: some thousand sessions.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// Looks at the bastion with this configuration.
///
/// # Errors
/// When the configuration has no form, or the program's socket is not for this user.
pub fn find(config: &Path, now: Timestamp) -> Result<Found> {
    let file = File::read(config)?;
    let state = config.parent().unwrap_or(Path::new(".")).join(&file.state);
    let socket = tell::socket(&state);
    let running = ask(socket.clone(), PATIENCE).with_context(|| {
        let socket = socket.display();
        format!("the bastion at `{socket}` does not answer; run this as root")
    })?;
    // A disk that hangs holds up whoever asks it; whoever is called at night learns the rest all the same.
    let (recordings, disks) =
        in_time(PATIENCE, move || look(&state, file.reserve, now)).unwrap_or_default();
    let found = Found {
        bastion: file.name,
        config: settled(config),
        running,
        recordings,
        disks,
        look: Vec::new(),
    };
    Ok(found.judged(now))
}

/// What the running program says. An error is one of permission: everything else says something of the bastion.
///
/// All of it is limited, as even connecting waits where nobody takes connections.
fn ask(socket: PathBuf, patience: Duration) -> io::Result<Result<Running, Unheard>> {
    in_time(patience, move || hear(&socket)).unwrap_or(Ok(Err(Unheard::Silent)))
}

fn hear(socket: &Path) -> io::Result<Result<Running, Unheard>> {
    let stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(Unheard::NoSocket));
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Ok(Err(Unheard::NobodyListens));
        }
        Err(error) => return Ok(Err(Unheard::CannotBeAsked(error.to_string()))),
    };
    Ok(match read(stream) {
        Ok(Said::Running(running)) => Ok(*running),
        Ok(Said::Starting(since)) => Err(Unheard::Starting(since)),
        Err(error) => Err(Unheard::NotUnderstood(error.to_string())),
    })
}

fn read(stream: UnixStream) -> io::Result<Said> {
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

fn settled(path: &Path) -> ConfigFound {
    // The store's credential may be in the environment of the service, which is not this one's.
    let read = Config::read_with(path, |name| {
        std::env::var(name).ok().or_else(|| Some("-".into()))
    });
    let (wrong, certificate) = match read {
        Ok(config) => (None, config.host_certificate),
        Err(error) => (Some(format!("{:#}", anyhow::Error::from(error))), None),
    };
    let ends = certificate.map(|certificate| certificate.valid_before());
    ConfigFound {
        path: path.to_owned(),
        wrong,
        certificate_ends: ends
            .and_then(|seconds| i64::try_from(seconds).ok())
            .map(Timestamp::from_seconds),
    }
}

/// What is found in time. What takes longer is left behind, until this process ends.
fn in_time<T: Send + 'static>(
    patience: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, found) = mpsc::channel();
    std::thread::spawn(move || sender.send(look()));
    found.recv_timeout(patience).ok()
}

fn look(
    state: &Path,
    reserve: Option<Reserve>,
    now: Timestamp,
) -> (Option<Recordings>, Vec<DiskFound>) {
    let mut seen = HashSet::new();
    let disks = [RECORDINGS, SPOOL].into_iter().filter_map(|name| {
        let folder = state.join(name);
        let is_another = seen.insert(fs::metadata(&folder).ok()?.dev());
        let disk = room::look_at(&folder).ok()?;
        is_another.then(|| DiskFound {
            folder,
            size: disk.size,
            left: disk.left,
            reserve: Reserve::or_default(reserve, disk.size),
        })
    });
    (recordings(state, now).ok(), disks.collect())
}

fn recordings(state: &Path, now: Timestamp) -> io::Result<Recordings> {
    let folder = state.join(RECORDINGS);
    if !folder.try_exists()? {
        // It never served.
        return Ok(Recordings::default());
    }
    let live: HashSet<_> = live::left_behind(&state.join(LIVE))?
        .into_iter()
        .map(|about| about.session)
        .collect();
    let mut all = Recordings::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(session) = file_name::session(&entry.path()) else {
            continue;
        };
        // It may be stored and gone by now.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        all.count += 1;
        all.bytes = all.bytes.saturating_add(metadata.len());
        if live.contains(&session) {
            continue;
        }
        all.ended += 1;
        let age = metadata
            .modified()
            .ok()
            .and_then(|modified| age(modified, now));
        all.oldest = all.oldest.max(age);
    }
    Ok(all)
}

/// For how many seconds a file is as it is.
fn age(modified: std::time::SystemTime, now: Timestamp) -> Option<u64> {
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    Some(now.since(Timestamp::from_seconds(seconds)).as_secs())
}

#[cfg(test)]
mod tests;
