//! `index`: recordings into the index of searches.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Identity;
use portreeve_protocol::id::SessionId;
use portreeve_recording::file_name;
use portreeve_recording::moment::Moments;
use portreeve_recording::read::{ReadError, Recording};
use serde::Serialize;

use crate::args::search::Index as Args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::FileError;
use crate::output::Printer;
use crate::review::index::Index;
use crate::review::index::write::{Known, Stamp, State};
use crate::review::{recordings, sealed, words};
use crate::safe;
use crate::settings::Settings;

/// What one run did.
#[derive(Debug, Default, Serialize)]
struct Done {
    /// How many recordings were read.
    indexed: u64,
    /// How many were in the index as they are.
    unchanged: u64,
    /// How many sessions were removed.
    removed: u64,
    /// How many moments were written.
    moments: u64,
    /// Recordings of which no key opens anything.
    sealed: Vec<PathBuf>,
    /// Recordings that break off, and why.
    broken: Vec<Broken>,
    /// Files that are no recordings.
    foreign: Vec<PathBuf>,
    /// Recordings with more moments than the index takes of one.
    incomplete: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Broken {
    file: PathBuf,
    why: String,
}

/// Brings the index up to date, or takes a session out.
///
/// # Errors
/// When the index or the folder cannot be used, a key was given that does not open everything, or a
/// file is no recording.
pub fn run(args: &Args, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let folder = args.index.as_ref().unwrap_or(&settings.places().index);
    let mut index = Index::create(folder)?;
    if let Some(session) = args.remove {
        return remove(&mut index, session, printer);
    }
    let identities = match &args.identity {
        Some(file) => recordings::identities(file)?,
        None => Vec::new(),
    };
    let mut done = Done::default();
    let files = files(args)?;
    let known = index.known()?;
    for (number, file) in files.iter().enumerate() {
        printer.progress(&format!("{number} of {} recordings", files.len()));
        one(file, &known, &identities, &mut index, &mut done)?;
    }
    if args.files.is_empty() {
        if files.is_empty() && !known.is_empty() {
            return Err(Failure::failed(format!(
                "there is no recording in `{}`, and the index has {}",
                args.recordings.display(),
                known.len()
            ))
            .next("is it mounted? `--remove SESSION` takes one out of the index"));
        }
        remove_gone(&files, &known, &mut index, &mut done)?;
    }
    printer.progress("");
    // What was removed is gone only after this; and a search is as fast as it can be.
    if done.removed > 0 || done.indexed.saturating_mul(8) > done.unchanged {
        index.tidy()?;
    } else {
        index.settle_log()?;
    }
    printer.data(&done, || in_words(&done))?;
    if args.identity.is_none() && !done.sealed.is_empty() {
        printer.say(&format!(
            "without a review key nothing that passed is found in {} of them; give --identity or set {}, and run it again",
            done.sealed.len(),
            crate::variables::REVIEW_KEY
        ));
    }
    outcome(&done, args.identity.is_some())
}

fn remove(index: &mut Index, session: SessionId, printer: &mut Printer) -> Result<Exit, Failure> {
    if !index.remove(session)? {
        return Err(Failure::failed(format!(
            "the index has no session `{session}`"
        )));
    }
    index.tidy()?;
    let done = Done {
        removed: 1,
        ..Done::default()
    };
    printer.data(&done, || in_words(&done))?;
    Ok(Exit::Done)
}

/// The files to read, by name: recordings are named by session, and so by when they began.
fn files(args: &Args) -> Result<Vec<PathBuf>, Failure> {
    if !args.files.is_empty() {
        return Ok(args.files.clone());
    }
    let failed = |error| {
        Failure::from(FileError::Read(args.recordings.clone(), error)).next(format!(
            "name files, or give --recordings or {}",
            crate::variables::RECORDINGS
        ))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(&args.recordings).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if file_name::session(&path).is_some() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file, unless it is in the index as it is.
fn one(
    path: &Path,
    known: &std::collections::BTreeMap<SessionId, Known>,
    identities: &[Identity],
    index: &mut Index,
    done: &mut Done,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::from(FileError::Read(path.into(), error));
    let file = File::open(path).map_err(failed)?;
    let stamp = stamp(path, &file).map_err(failed)?;
    let mut recording = match Recording::open(file) {
        Ok(recording) => recording,
        Err(_) => {
            done.foreign.push(path.into());
            return Ok(());
        }
    };
    let info = recording.info().clone();
    let state = known
        .get(&info.session)
        .filter(|known| known.stamp == stamp)
        .map(|known| known.state);
    match state {
        Some(State::Whole | State::Broken) => {
            done.unchanged += 1;
            return Ok(());
        }
        Some(State::Sealed) if identities.is_empty() => {
            done.unchanged += 1;
            done.sealed.push(path.into());
            return Ok(());
        }
        Some(State::Sealed) | None => {}
    }
    let mut writing = index.begin(&info, &stamp)?;
    let mut moments = Moments::new(words::reported);
    let mut found = Vec::new();
    let mut ended = Ok(());
    for event in recording.events(identities) {
        match event {
            Ok(event) => moments.add(&event, &mut found),
            Err(error) => ended = Err(error),
        }
        for one in found.drain(..) {
            writing.add(&one)?;
        }
    }
    moments.finish(&mut found);
    for one in &found {
        writing.add(one)?;
    }
    let state = match ended {
        Ok(()) => State::Whole,
        Err(error) if sealed::is_sealed(&error) => {
            done.sealed.push(path.into());
            State::Sealed
        }
        Err(error) => {
            done.broken.push(Broken {
                file: path.into(),
                why: reason(&error),
            });
            State::Broken
        }
    };
    let (count, left_out) = writing.finish(state)?;
    done.indexed += 1;
    done.moments += count;
    if left_out > 0 {
        done.incomplete.push(path.into());
    }
    Ok(())
}

fn stamp(path: &Path, file: &File) -> io::Result<Stamp> {
    let data = file.metadata()?;
    let file = std::path::absolute(path)?;
    Ok(Stamp {
        file: file.to_string_lossy().into_owned(),
        size: data.len(),
        changed_us: data
            .mtime()
            .saturating_mul(1_000_000)
            .saturating_add(data.mtime_nsec() / 1000),
    })
}

fn reason(error: &ReadError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Removes the sessions whose recordings were in the folder and are no more.
fn remove_gone(
    files: &[PathBuf],
    known: &std::collections::BTreeMap<SessionId, Known>,
    index: &mut Index,
    done: &mut Done,
) -> Result<(), Failure> {
    let there: BTreeSet<SessionId> = files
        .iter()
        .filter_map(|path| file_name::session(path))
        .collect();
    for (session, known) in known {
        let is_gone = || !Path::new(&known.stamp.file).exists();
        if !there.contains(session) && is_gone() && index.remove(*session)? {
            done.removed += 1;
        }
    }
    Ok(())
}

fn in_words(done: &Done) -> String {
    let mut text = format!(
        "{} read, {} unchanged, {} removed; {} moments written\n",
        done.indexed, done.unchanged, done.removed, done.moments
    );
    let mut list = |what: &str, files: &[PathBuf]| {
        for file in files {
            text.push_str(&format!(
                "{what}: {}\n",
                safe::line(&file.display().to_string())
            ));
        }
    };
    list(
        "sealed, only who, where, when and why is known",
        &done.sealed,
    );
    list("no recording", &done.foreign);
    list("more than the index takes of one session", &done.incomplete);
    for Broken { file, why } in &done.broken {
        let file = safe::line(&file.display().to_string());
        text.push_str(&format!("breaks off: {file}: {}\n", safe::line(why)));
    }
    text
}

/// What is wrong with a recording decides before what only another key is missing for.
fn outcome(done: &Done, has_key: bool) -> Result<Exit, Failure> {
    if !done.foreign.is_empty() {
        return Err(Failure::failed(format!(
            "{} files are no recordings",
            done.foreign.len()
        )));
    }
    if !done.broken.is_empty() {
        return Err(Failure::failed(format!(
            "{} recordings break off; they are in the index as far as they go",
            done.broken.len()
        ))
        .next("`portreeve verify` says what is wrong with them"));
    }
    if has_key && !done.sealed.is_empty() {
        return Err(Failure::new(Exit::Sealed, format!(
            "the keys given open nothing of {} recordings; what `session.json` says of them is in the index",
            done.sealed.len()
        ))
        .next("give --identity with the review key that they are sealed to; the next run tries again"));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_decides_before_what_is_sealed() {
        let path = || PathBuf::from("recording.tar");
        let sealed = || Done {
            sealed: vec![path()],
            ..Done::default()
        };
        let broken = Broken {
            file: path(),
            why: "it ends in the middle".into(),
        };
        let cases = [
            (Done::default(), true, Exit::Done),
            (sealed(), false, Exit::Done),
            (sealed(), true, Exit::Sealed),
            (
                Done {
                    broken: vec![broken],
                    ..sealed()
                },
                true,
                Exit::Failed,
            ),
            (
                Done {
                    foreign: vec![path()],
                    ..sealed()
                },
                true,
                Exit::Failed,
            ),
        ];
        for (done, has_key, expected) in cases {
            let exit = outcome(&done, has_key).unwrap_or_else(|failure| failure.exit());
            assert_eq!(exit, expected, "{done:?}");
        }
    }
}
