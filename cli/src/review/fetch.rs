//! Getting a recording from the store, through the CA: all of it, verified, or nothing under its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body};
use portreeve_protocol::id::SessionId;
use portreeve_recording::read::{Recording, Tail};
use portreeve_recording::verify::{Evidence, verify};

use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{FileError, UnnamedFile};
use crate::identity::caller::Caller;
use crate::keys::LogKey;
use crate::output::Printer;
use crate::review::judge;
use crate::review::known::{Keys, Known};
use crate::settings::Settings;

/// How much comes between two lines of progress.
const TELL_EVERY: u64 = 16 * 1024 * 1024;

/// Fetches the recording of a session into `path`, and says how many bytes it has. What an earlier try left in
/// `PATH.partial` is gone on with; only what is whole and the recording that the trail names gets the name.
///
/// # Errors
/// When the CA refuses, the connection breaks, or what came is not that recording.
pub async fn into_file(
    session: SessionId,
    path: &Path,
    log: Option<LogKey>,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<u64, Failure> {
    let source = Source::of(session, log, settings).await?;
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
    let goes_on = format!(
        "what came is kept in `{}`; the same command goes on there",
        partial.display()
    );
    let not_it = |fault: String| {
        not_it(fault).next(format!(
            "it is kept in `{}`; tell whoever answers for the recording store",
            partial.display()
        ))
    };
    let came = source.rest(&mut file, &partial, had, printer).await;
    came.map_err(|failure| failure.or_next(goes_on.as_str()))?;
    if let Err(fault) = source.check(&file) {
        if had == 0 {
            return Err(not_it(fault));
        }
        // What was there may have been something else.
        printer.say("what an earlier try left does not fit; fetching it again from its beginning");
        file.set_len(0).map_err(failed)?;
        let came = source.rest(&mut file, &partial, 0, printer).await;
        came.map_err(|failure| failure.or_next(goes_on))?;
        source.check(&file).map_err(not_it)?;
    }
    file.sync_all().map_err(failed)?;
    fs::rename(&partial, path).map_err(|error| FileError::Write(path.to_owned(), error))?;
    let data = file.metadata().map_err(failed)?;
    Ok(data.len())
}

/// A recording that is here for as long as this value is. It has no name, so nothing of it is left whatever ends
/// the process.
#[derive(Debug)]
pub struct Temporary(UnnamedFile);

impl Temporary {
    /// Fetches the recording of a session.
    ///
    /// # Errors
    /// As for [`into_file`].
    pub async fn fetch(
        session: SessionId,
        log: Option<LogKey>,
        settings: &Settings,
        printer: &mut Printer,
    ) -> Result<Self, Failure> {
        let keeps =
            format!("`portreeve recording fetch {session}` keeps what comes, and goes on there");
        let source = Source::of(session, log, settings).await?;
        let mut here = UnnamedFile::new()?;
        let place = std::env::temp_dir();
        let came = source.rest(here.file(), &place, 0, printer).await;
        came.map_err(|failure| failure.or_next(keeps.as_str()))?;
        source.check(here.file()).map_err(|fault| {
            not_it(fault).next(format!(
                "tell whoever answers for the recording store; {keeps}"
            ))
        })?;
        Ok(Self(here))
    }

    /// A path that opens it, in this process only.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }
}

/// A recording that can be fetched.
struct Source {
    ca: Ca,
    caller: Caller,
    session: SessionId,
    /// The digest of its manifest, as the trail has it.
    manifest: Digest,
}

impl Source {
    async fn of(
        session: SessionId,
        log: Option<LogKey>,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let ca = Ca::new(settings)?;
        let caller = exchange::person(settings)?;
        let manifest = manifest_in_trail(&ca, &caller, session, log).await?;
        Ok(Self {
            ca,
            caller,
            session,
            manifest,
        })
    }

    /// Appends everything from the byte `had` on to a file, which is at `place`.
    async fn rest(
        &self,
        file: &mut File,
        place: &Path,
        had: u64,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let path = format!("/v1/sessions/{}/recording?from={had}", self.session);
        let mut answer = self.ca.stream(&self.caller, &path).await?;
        let whole = answer.content_length().map(|rest| rest.saturating_add(had));
        let tells = io::stderr().is_terminal() && !printer.json();
        let (mut have, mut told) = (had, had);
        while let Some(chunk) = answer.chunk().await.map_err(|error| broke_off(&error))? {
            file.write_all(&chunk)
                .map_err(|error| FileError::Write(place.to_owned(), error))?;
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

    /// Whether a file is, from its first byte to its last, the recording of this session that the trail names.
    fn check(&self, file: &File) -> Result<(), String> {
        let mut recording = Recording::open(file).map_err(|error| error.to_string())?;
        if recording.info().session != self.session {
            return Err(format!("it is of session {}", recording.info().session));
        }
        if recording.tail() != Tail::Ended {
            return Err("it has no end".into());
        }
        let evidence = Evidence {
            trail: Some(self.manifest),
            ..Evidence::default()
        };
        let verdict = verify(&mut recording, evidence).map_err(|error| error.to_string())?;
        verdict
            .faults
            .first()
            .map_or(Ok(()), |fault| Err(fault.to_string()))
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
            Failure::new(Exit::VerificationFailed, "the trail does not verify")
                .reason(fault)
                .next("nothing was fetched; check the log's key with whoever runs the CA, and tell whoever answers for the audit log"),
        );
    }
    if !judged.findings.unread.is_empty() {
        return Err(Failure::outdated(
            "the trail has events that this version does not know; nothing was fetched",
        ));
    }
    let sealed = judged.told.events.iter().rev().find_map(|event| {
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

fn not_it(fault: String) -> Failure {
    Failure::new(
        Exit::VerificationFailed,
        "what the CA sent is not the recording that the trail names",
    )
    .reason(fault)
}

fn broke_off(error: &reqwest::Error) -> Failure {
    Failure::new(Exit::Unavailable, "the recording broke off").because(error)
}
