//! What a bastion does at its start about sessions that its predecessor could not close.
//!
//! Their hosts have ended them by themselves: the control connection was the lease. Here their recordings are closed as
//! cut, and their trails.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording::file_name;
use portreeve_recording::head::Head;
use portreeve_recording::manifest::{Manifest, ManifestSigner};
use portreeve_recording::read::Recording;
use portreeve_recording::recover::{Dropped, RecoverError, Recovered, recover_folder};
use portreeve_recording::write::Finished;

use crate::drive::World;
use crate::live;
use crate::report::{About, Reporter};

/// How long a recording that failed waits for its disk before it is tried to close it, and between two attempts.
const AGAIN: Duration = Duration::from_secs(15);

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
    let mut whole = HashSet::new();
    for (path, recovered) in recovered {
        if matches!(recovered, Ok(Recovered::Whole)) {
            whole.insert(path);
        } else {
            report(&path, recovered, logged(&path, live), reporter)?;
        }
    }
    let left =
        live::left_behind(live).with_context(|| format!("`{}` cannot be read", live.display()))?;
    for about in left {
        tracing::warn!(session = %about.session, "a session of before the crash is closed");
        let recording = recordings.join(file_name::of(about.session));
        if live::noted_head(live, about.session).is_some() && !recording.exists() {
            alarm(&recording, "is gone, and the audit log knows it", reporter)?;
        }
        // Closed right before the crash: whether the log was told is not known here, and it may be told twice.
        if whole.contains(&recording) {
            report_whole(&recording, logged(&recording, live), reporter)?;
        }
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

/// Closes the recording of a session that ended because it could not be written, as soon as its disk takes something
/// again. A program that stops before leaves that to its next start. `logged` is the last head of it in the trail, which
/// is closed before long, and its notes with it.
pub async fn close_when_possible(world: Arc<World>, session: SessionId, logged: Option<Head>) {
    let path = world.recordings.join(file_name::of(session));
    loop {
        tokio::time::sleep(AGAIN).await;
        let (its_world, its_path) = (Arc::clone(&world), path.clone());
        let closing = tokio::task::spawn_blocking(move || {
            // One that could not even be begun was taken away.
            its_path
                .exists()
                .then(|| its_world.recorders.close_failed(&its_path))
        });
        match closing.await {
            Ok(Some(Err(error @ (RecoverError::Io { .. } | RecoverError::Close { .. })))) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a recording is not closed yet"
                );
            }
            Ok(Some(recovered)) => {
                let reported = report(&path, recovered, logged, &world.reporter);
                if let Err(error) = reported {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "a closed recording is not reported"
                    );
                }
                return;
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// The last head of a recording in the trail, if one was noted.
fn logged(recording: &Path, live: &Path) -> Option<Head> {
    live::noted_head(live, file_name::session(recording)?)
}

/// Tells what became of one file, of which the trail has the head `logged`.
fn report(
    path: &Path,
    recovered: Result<Recovered, RecoverError>,
    logged: Option<Head>,
    reporter: &Reporter,
) -> anyhow::Result<()> {
    match recovered {
        Ok(Recovered::Whole) => {}
        Ok(Recovered::Completed(finished)) => {
            tracing::warn!(path = %path.display(), "a recording was closed that had lost its end");
            report_sealed(&finished, false, None, logged, reporter)?;
        }
        Ok(Recovered::Cut { finished, dropped }) => {
            let path = path.display();
            match &dropped {
                Some(dropped) => tracing::warn!(
                    %path,
                    %dropped,
                    "a recording was closed as cut, without what is behind its last whole segment"
                ),
                None => {
                    tracing::warn!(%path, "a recording was closed as cut; nothing in it was torn")
                }
            }
            report_sealed(&finished, true, dropped.as_ref(), logged, reporter)?;
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a recording stays as it is"
            );
        }
    }
    Ok(())
}

/// Tells of a recording that was closed already what its own manifest says.
fn report_whole(path: &Path, logged: Option<Head>, reporter: &Reporter) -> anyhow::Result<()> {
    let mut recording = Recording::open(File::open(path)?)?;
    let bytes = recording.size();
    let json = recording.manifest_bytes()?.unwrap_or_default();
    let Ok(manifest) = Manifest::from_json(&json) else {
        return alarm(
            path,
            "has an end and no manifest that can be read",
            reporter,
        );
    };
    let finished = Finished {
        path: path.to_owned(),
        manifest: Digest::of(&json),
        bytes,
    };
    report_sealed(&finished, manifest.cut, None, logged, reporter)
}

fn report_sealed(
    finished: &Finished,
    cut: bool,
    dropped: Option<&Dropped>,
    logged: Option<Head>,
    reporter: &Reporter,
) -> anyhow::Result<()> {
    let file = File::open(&finished.path)?;
    let mut recording = Recording::open(&file)?;
    let info = recording.info();
    let about = About {
        pair: info.pair.clone(),
        task: info.task.clone(),
        session: info.session,
    };
    if let Some(logged) = logged {
        let place = usize::try_from(logged.segments)?;
        let found = recording.heads().nth(place).transpose()?;
        if found != Some(logged) {
            let there = recording.segment_count();
            let wrong = disagreement(logged, found.is_some(), there, dropped);
            alarm(&finished.path, &wrong, reporter)?;
        }
    }
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

/// What a recording has that is not as in the audit log. A crash never does this: what is logged was on the disk.
fn disagreement(logged: Head, has_as_many: bool, there: u32, dropped: Option<&Dropped>) -> String {
    let logged = logged.segments;
    if has_as_many {
        return format!("is not what the audit log says of its first {logged} segments");
    }
    let gone = dropped.map_or_else(String::new, |dropped| format!("; gone: {dropped}"));
    format!("ends after {there} of the {logged} segments that the audit log knows{gone}")
}

fn alarm(recording: &Path, wrong: &str, reporter: &Reporter) -> anyhow::Result<()> {
    let detail = format!(
        "the recording `{}` {wrong}: it was changed while the bastion was down, or its recording had failed, or its disk lost what it had kept",
        recording.display()
    );
    tracing::error!(detail, "somebody should look at this");
    reporter.machine(MachineFact::Alarm { detail })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use portreeve_protocol::event::{Body, Event};
    use portreeve_recording::recover::{Torn, recover};

    use super::*;
    use crate::accept::tests::mint;
    use crate::clock::Clock;
    use crate::spool::{Limits, Spool};

    const RECORDING: &[u8] = include_bytes!("../../tests/vectors/recording/recording.tar");

    /// What is reported of the recording of the vectors, of which the disk has all but the last two segments, when the
    /// trail has a head of so many segments.
    async fn reported(logged: usize) -> Vec<Body> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording.tar");
        std::fs::write(&path, RECORDING).unwrap();
        let mut recording = Recording::open(File::open(&path).unwrap()).unwrap();
        let heads: Vec<_> = recording.heads().map(Result::unwrap).collect();
        let kept = usize::try_from(heads[1].bytes).unwrap();
        std::fs::write(&path, &RECORDING[..kept + 700]).unwrap();

        let (spool, mut reader) =
            Spool::open(&folder.path().join("spool"), Limits::default()).unwrap();
        let reporter = Reporter {
            name: "bastion-1".parse().unwrap(),
            clock: Clock::start(),
            spool: spool.clone(),
        };
        let recovered = recover(&path, &mint::key(1));
        report(&path, recovered, Some(heads[logged]), &reporter).unwrap();
        let last = reporter.machine(MachineFact::Stopped).unwrap();
        let recorded = spool.durable(last).await.unwrap();
        drop(recorded);
        let end = *spool.written().borrow();
        let batch = reader.read(end, 10, 1 << 20).unwrap();
        let events = batch.payloads().iter();
        let bodies = events.map(|json| serde_json::from_slice::<Event>(json).unwrap().body);
        bodies.collect()
    }

    #[tokio::test]
    async fn a_recording_that_has_what_was_logged_raises_no_alarm() {
        let reported = reported(1).await;
        let [Body::Access { fact, .. }, Body::Machine { .. }] = &reported[..] else {
            panic!("{reported:?}");
        };
        assert!(matches!(
            fact,
            AccessFact::RecordingSealed { cut: true, .. }
        ));
    }

    #[tokio::test]
    async fn a_recording_that_lost_what_was_logged_raises_an_alarm_with_the_numbers() {
        let reported = reported(3).await;
        let [Body::Machine { fact }, Body::Access { .. }, _] = &reported[..] else {
            panic!("{reported:?}");
        };
        let MachineFact::Alarm { detail } = fact else {
            panic!("{fact:?}");
        };
        let told = "ends after 1 of the 3 segments that the audit log knows; gone: segment 1 and what follows it (700 bytes): its entry is not whole";
        assert!(detail.contains(told), "{detail}");
    }

    #[test]
    fn what_is_gone_is_told_by_its_numbers() {
        let logged = Head {
            segments: 4,
            digest: Digest::of(b"four"),
            bytes: 9000,
        };
        let dropped = Dropped {
            bytes: 700,
            what: Torn::Segments(2..=5),
        };
        for (has_as_many, dropped, told) in [
            (
                true,
                None,
                "is not what the audit log says of its first 4 segments",
            ),
            (
                false,
                None,
                "ends after 2 of the 4 segments that the audit log knows",
            ),
            (
                false,
                Some(&dropped),
                "ends after 2 of the 4 segments that the audit log knows; gone: segments 2 to 5 (700 bytes): the disk never had all of the first",
            ),
        ] {
            assert_eq!(disagreement(logged, has_as_many, 2, dropped), told);
        }
    }
}
