//! What was found, for people.

use std::fmt::Write as _;

use portreeve_protocol::time::Timestamp;

use super::{ConfigFound, Found, Recordings, Running, StoreSaid};

const MIB: u64 = 1024 * 1024;

/// The status for people.
#[must_use]
pub fn text(found: &Found) -> String {
    let mut text = format!("bastion     {}\n", found.bastion);
    // Writing to a string cannot fail.
    if let Some(running) = &found.running {
        let _ = write_running(&mut text, running);
    } else {
        text.push_str("version     does not run\n");
    }
    if let Some(recordings) = &found.recordings {
        let _ = writeln!(text, "recordings  {}", of_recordings(recordings));
    }
    for disk in &found.disks {
        let _ = writeln!(
            text,
            "disk        {}: {} MiB left of {}, reserve {} MiB",
            disk.folder.display(),
            disk.left / MIB,
            disk.size / MIB,
            disk.reserve / MIB
        );
    }
    let _ = writeln!(text, "config      {}", of_config(&found.config));
    for look in &found.look {
        let _ = writeln!(text, "look        {look}");
    }
    text
}

fn write_running(text: &mut String, running: &Running) -> std::fmt::Result {
    writeln!(
        text,
        "version     {}, runs since {}",
        running.version,
        moment(running.since)
    )?;
    let begin = match &running.shut {
        None => "and more begin",
        Some(_) => "and none begins",
    };
    writeln!(
        text,
        "sessions    {} live of {} at most, {begin}",
        running.sessions.len(),
        running.max_sessions
    )?;
    for live in &running.sessions {
        writeln!(
            text,
            "            {} {} on {} until {}",
            live.session,
            live.pair,
            live.host,
            moment(live.expires_at)
        )?;
    }
    match running.ca_heard {
        Some(seconds) => writeln!(text, "ca          heard {} ago", duration(seconds))?,
        None => writeln!(text, "ca          not heard since the start")?,
    }
    writeln!(
        text,
        "events      {} KiB wait for the CA, of {} MiB at most",
        running.events_waiting.div_ceil(1024),
        running.events_limit / MIB
    )?;
    match &running.store {
        Some(store) => writeln!(text, "store       {}", of_store(store)),
        None => writeln!(text, "store       none: recordings stay here"),
    }
}

fn of_store(store: &StoreSaid) -> String {
    let away = match &store.away {
        None => String::new(),
        Some(away) => format!(", recordings wait since {}", moment(away.since)),
    };
    format!("{}{away}", store.name)
}

fn of_recordings(recordings: &Recordings) -> String {
    let oldest = recordings.oldest.map_or_else(String::new, |seconds| {
        format!(", the oldest for {}", duration(seconds))
    });
    format!(
        "{} here, {} MiB; {} of sessions that ended{oldest}",
        recordings.count,
        recordings.bytes.div_ceil(MIB),
        recordings.ended
    )
}

fn of_config(config: &ConfigFound) -> String {
    let is = match config.wrong {
        None => "is well",
        Some(_) => "is wrong",
    };
    let ends = config.certificate_ends.map_or_else(String::new, |ends| {
        format!("; the host certificate ends at {}", moment(ends))
    });
    format!("{} {is}{ends}", config.path.display())
}

/// A moment to the second.
pub(super) fn moment(at: Timestamp) -> String {
    let exact = at.to_string();
    match exact.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => exact,
    }
}

/// So many seconds in the unit that says enough.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
