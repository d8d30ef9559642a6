//! Getting a recording from the store, through the CA: all of it, verified, or nothing under its name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body};
use portreeve_protocol::id::SessionId;
use portreeve_recording::read::{Recording, Tail};
use portreeve_recording::verify::{Evidence, verify};

use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::FileError;
use crate::identity::caller::Caller;
use crate::keys::LogKey;
use crate::output::Printer;
use crate::review::judge;
use crate::review::known::{Keys, Known};
use crate::settings::Settings;

/// How much comes between two lines of progress.
const TELL_EVERY: u64 = 16 * 1024 * 1024;

/// Fetches the recording of a session into `path`. What an earlier try left in `PATH.partial` is gone on with;
/// only what is whole and the recording that the trail names gets the name.
///
/// # Errors
/// When the CA refuses, the connection breaks, or what came is not that recording.
pub async fn into_file(
    session: SessionId,
    path: &Path,
    log: Option<LogKey>,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let manifest = manifest_in_trail(&ca, &caller, session, log).await?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let failed = |error| Failure::from(FileError::Write(partial.clone(), error));
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&partial)
        .map_err(failed)?;
    let had = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let source = Source {
        ca: &ca,
        caller: &caller,
        session,
    };
    source
        .rest(&mut file, had, printer)
        .await
        .map_err(|failure| {
            failure.or_next(format!(
                "what came is kept in `{}`; the same command goes on there",
                partial.display()
            ))
        })?;
    if let Err(fault) = check(&file, session, manifest) {
        if had == 0 {
            return Err(not_it(&partial, &fault));
        }
        // What was there may have been something else.
        printer.say("what an earlier try left does not fit; fetching it again from its beginning");
        file.set_len(0).map_err(failed)?;
        source.rest(&mut file, 0, printer).await?;
        check(&file, session, manifest).map_err(|fault| not_it(&partial, &fault))?;
    }
    file.sync_all().map_err(failed)?;
    fs::rename(&partial, path).map_err(|error| FileError::Write(path.to_owned(), error).into())
}

/// A recording that is here for as long as this value is.
#[derive(Debug)]
pub struct Temporary {
    folder: PathBuf,
    /// Its file.
    pub path: PathBuf,
}

impl Temporary {
    /// Fetches the recording of a session into a folder that goes with the value.
    ///
    /// # Errors
    /// As for [`into_file`].
    pub async fn fetch(
        session: SessionId,
        settings: &Settings,
        printer: &mut Printer,
    ) -> Result<Self, Failure> {
        let unique = clock::random()?;
        let name = format!("portreeve-{:032x}", u128::from_be_bytes(unique));
        let folder = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| FileError::Write(folder.clone(), error))?;
        let path = folder.join(format!("{session}.tar"));
        let fetched = Self { folder, path };
        // What came goes with the folder, so what to do next is not what it is for a file that stays.
        into_file(session, &fetched.path, None, settings, printer)
            .await
            .map_err(|failure| {
                failure.next(format!(
                    "`portreeve recording fetch {session}` keeps what came, and goes on there"
                ))
            })?;
        Ok(fetched)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is sealed, and in a folder of its owner's.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where a recording comes from.
struct Source<'a> {
    ca: &'a Ca,
    caller: &'a Caller,
    session: SessionId,
}

impl Source<'_> {
    /// Appends everything from the byte `had` on.
    async fn rest(&self, file: &mut File, had: u64, printer: &mut Printer) -> Result<(), Failure> {
        let path = format!("/v1/sessions/{}/recording?from={had}", self.session);
        let mut answer = self.ca.stream(self.caller, &path).await?;
        let whole = answer.content_length().map(|rest| rest.saturating_add(had));
        let tells = io::stderr().is_terminal() && !printer.json();
        let (mut have, mut told) = (had, had);
        while let Some(chunk) = answer.chunk().await.map_err(|error| broke_off(&error))? {
            file.write_all(&chunk).map_err(|error| {
                Failure::failed("the recording cannot be written").because(&error)
            })?;
            have = have.saturating_add(chunk.len() as u64);
            if tells && have.saturating_sub(told) >= TELL_EVERY {
                told = have;
                let of = whole.map_or_else(String::new, |whole| format!(" of {}", whole >> 20));
                printer.say(&format!("fetched {}{of} MiB", have >> 20));
            }
        }
        match whole {
            Some(whole) if whole != have => Err(Failure::new(
                Exit::Unavailable,
                format!("the recording broke off after {have} of {whole} bytes"),
            )),
            _ => Ok(()),
        }
    }
}

/// The digest of the manifest that the trail names last.
async fn manifest_in_trail(
    ca: &Ca,
    caller: &Caller,
    session: SessionId,
    log: Option<LogKey>,
) -> Result<Digest, Failure> {
    let trail = trail_of(ca, caller, session).await.map_err(|error| {
        Failure::from(error)
            .within("the trail cannot be read, against which a recording is verified")
    })?;
    let keys = Keys {
        log: log.map(Known::brought),
        ..Keys::default()
    };
    let judged = judge::trail(&trail, &keys);
    if let Some(fault) = judged.findings.faults.into_iter().next() {
        return Err(
            Failure::new(Exit::VerificationFailed, "the trail does not verify").reason(fault),
        );
    }
    let sealed = judged.events.iter().rev().find_map(|event| {
        if let Body::Access {
            session: Some(whose),
            fact: AccessFact::RecordingSealed { manifest, .. },
            ..
        } = &event.body
            && *whose == session
        {
            Some(*manifest)
        } else {
            None
        }
    });
    sealed.ok_or_else(|| {
        Failure::failed("the trail names no recording of this session")
            .next("a session that runs has none yet; `portreeve recording list` says how it stands")
    })
}

/// Whether the file is, from its first byte to its last, the recording of this session that the trail names.
fn check(file: &File, session: SessionId, manifest: Digest) -> Result<(), String> {
    let mut recording = Recording::open(file).map_err(|error| error.to_string())?;
    if recording.info().session != session {
        return Err(format!("it is of session {}", recording.info().session));
    }
    if recording.tail() != Tail::Ended {
        return Err("it has no end".into());
    }
    let evidence = Evidence {
        trail: Some(manifest),
        ..Evidence::default()
    };
    let verdict = verify(&mut recording, evidence).map_err(|error| error.to_string())?;
    verdict
        .faults
        .first()
        .map_or(Ok(()), |fault| Err(fault.to_string()))
}

fn not_it(partial: &Path, fault: &str) -> Failure {
    Failure::new(
        Exit::VerificationFailed,
        "what the CA sent is not the recording that the trail names",
    )
    .reason(fault)
    .next(format!(
        "it is kept in `{}`; tell whoever answers for the recording store",
        partial.display()
    ))
}

fn broke_off(error: &reqwest::Error) -> Failure {
    Failure::new(Exit::Unavailable, "the recording broke off").because(error)
}
