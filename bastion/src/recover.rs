//! What a bastion does at its start about sessions that its predecessor could not close.
//!
//! Their hosts have ended them by themselves: the control connection was the lease. Here their recordings are closed as
//! cut, and their trails.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::AccessFact;
use portreeve_recording::manifest::ManifestSigner;
use portreeve_recording::read::Recording;
use portreeve_recording::recover::{Recovered, recover_folder};
use portreeve_recording::write::Finished;

use crate::live;
use crate::report::{About, Reporter};

/// Recovers recordings and closes trails.
///
/// # Errors
/// When a folder cannot be read, or the spool keeps no events. A recording that cannot be recovered is left as it is, with
/// a word in the log.
pub fn recover(
    recordings: &Path,
    live: &Path,
    signer: &dyn ManifestSigner,
    reporter: &Reporter,
) -> anyhow::Result<()> {
    let recovered = recover_folder(recordings, signer)
        .with_context(|| format!("`{}` cannot be read", recordings.display()))?;
    for (path, recovered) in recovered {
        match recovered {
            Ok(Recovered::Whole) => {}
            Ok(Recovered::Completed(finished)) => {
                tracing::warn!(path = %path.display(), "a recording was closed after a crash");
                report_sealed(&finished, false, reporter)?;
            }
            Ok(Recovered::Cut { finished, .. }) => {
                tracing::warn!(path = %path.display(), "a recording was closed as cut after a crash");
                report_sealed(&finished, true, reporter)?;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a recording stays as it is"
                );
            }
        }
    }
    let left =
        live::left_behind(live).with_context(|| format!("`{}` cannot be read", live.display()))?;
    for about in left {
        tracing::warn!(session = %about.session, "a session of before the crash is closed");
        let cause = EndCause::LinkLost;
        reporter.access(&about, AccessFact::SessionEnding { cause })?;
        reporter.access(
            &about,
            AccessFact::SessionClosed {
                cause,
                confirmed: false,
            },
        )?;
        live::forget(live, about.session);
    }
    Ok(())
}

fn report_sealed(finished: &Finished, cut: bool, reporter: &Reporter) -> anyhow::Result<()> {
    let file = File::open(&finished.path)?;
    let recording = Recording::open(&file)?;
    let info = recording.info();
    let about = About {
        pair: info.pair.clone(),
        task: info.task.clone(),
        session: info.session,
    };
    let name = finished
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    reporter.access(
        &about,
        AccessFact::RecordingSealed {
            manifest: finished.manifest,
            file: name.unwrap_or_default(),
            bytes: finished.bytes,
            cut,
        },
    )?;
    Ok(())
}
