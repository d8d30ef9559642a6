//! `evidence`: one file about a session, made or verified.

use std::fs::File;

use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::id::SessionId;
use portreeve_recording::file_name;
use portreeve_recording::read::Recording;

use crate::args::review::{Evidence, EvidenceAct, MakeEvidence};
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::command::verify;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{FileError, WholeFile};
use crate::output::Printer;
use crate::review::course::Told;
use crate::review::evidence;
use crate::review::exhibit::{self, Exhibit};
use crate::review::fetch::Temporary;
use crate::settings::Settings;
use crate::variables;

/// Makes a file of evidence, or verifies some.
///
/// # Errors
/// When something cannot be had, read or written, or does not verify.
pub async fn run(
    args: &Evidence,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    match &args.act {
        Some(EvidenceAct::Verify(args)) => verify::run(args, settings, printer).await,
        None => make(&args.make, settings, printer).await,
    }
}

async fn make(
    args: &MakeEvidence,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let (Some(session), Some(output)) = (args.session, &args.output) else {
        return Err(
            Failure::usage("evidence is of a session, and is written into a file")
                .next("portreeve evidence SESSION --output FILE"),
        );
    };
    let keys = verify::keys(&args.keys)?;
    let path = args
        .recording
        .clone()
        .unwrap_or_else(|| args.recordings.join(file_name::of(session)));
    let fetched = if args.recording.is_none() && !path.exists() && settings.ca().is_ok() {
        Some(Temporary::fetch(session, keys.log_key(), settings, printer).await?)
    } else {
        None
    };
    let path = fetched.as_ref().map_or(path, Temporary::path);
    let mut file = File::open(&path).map_err(|error| {
        Failure::from(FileError::Read(path.clone(), error)).next(format!(
            "give it with --recording, or point {} to the folder of recordings",
            variables::RECORDINGS
        ))
    })?;
    let mut recording = Recording::open(&file).map_err(|error| {
        Failure::failed(format!("`{}` is no recording", path.display())).because(&error)
    })?;
    if recording.info().session != session {
        return Err(Failure::failed(format!(
            "`{}` is the recording of session {}",
            path.display(),
            recording.info().session
        )));
    }
    let trail = match &args.trail {
        Some(path) => exhibit::trail(path)?,
        None => trail_from_ca(session, settings).await?,
    };
    let material = evidence::make(&mut recording, &trail, &keys)
        .map_err(|error| Failure::failed(no_evidence(session)).because(&error))?;
    let mut out = WholeFile::create(output)?;
    evidence::write(&material, &mut file, &mut out)
        .map_err(|error| Failure::failed(no_evidence(session)).because(&error))?;
    out.commit()?;
    printer.say(&format!("written: {}", output.display()));
    if !output.is_file() {
        return Ok(Exit::Done);
    }
    // Whoever hands evidence over wants to know before what is wrong with it.
    let report = Exhibit::read(output)?.verify(&keys, &Told::default())?;
    verify::told(&[report], printer)
}

async fn trail_from_ca(session: SessionId, settings: &Settings) -> Result<Trail, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::caller(&ca, settings).await?;
    Ok(trail_of(&ca, &caller, session).await?)
}

fn no_evidence(session: SessionId) -> String {
    format!("no evidence of {session} can be made")
}
