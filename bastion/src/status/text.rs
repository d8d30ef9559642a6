//! What was found, for people.

use std::fmt::Display;

use portreeve_protocol::time::Timestamp;
use portreeve_recording::printable;

use super::{ConfigFound, Found, Recordings, Running, StoreSaid, Unheard};

const MIB: u64 = 1024 * 1024;

/// The status for people.
#[must_use]
pub fn text(found: &Found) -> String {
    let mut lines = Lines::default();
    lines.push("bastion", &found.bastion);
    match &found.running {
        Ok(running) => push_running(&mut lines, running),
        Err(Unheard::Starting(since)) => {
            lines.push("version", format_args!("starting since {}", moment(*since)));
        }
        Err(_) => lines.push("version", "not heard"),
    }
    if let Some(recordings) = &found.recordings {
        lines.push("recordings", of_recordings(recordings));
    }
    for disk in &found.disks {
        lines.push(
            "disk",
            format_args!(
                "{}: {} MiB left of {}, reserve {} MiB",
                disk.folder.display(),
                disk.left / MIB,
                disk.size / MIB,
                disk.reserve / MIB
            ),
        );
    }
    lines.push("config", of_config(&found.config));
    for look in &found.look {
        lines.push("look", look);
    }
    lines.0
}

/// Lines that are safe to show: another process and the store chose some of the words, and root's terminal shows them.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, title: &str, said: impl Display) {
        let said = printable::one_line(said.to_string().as_bytes());
        self.0.push_str(&format!("{title:<12}{said}\n"));
    }
}

fn push_running(lines: &mut Lines, running: &Running) {
    let since = moment(running.since);
    lines.push(
        "version",
        format_args!("{}, runs since {since}", running.version),
    );
    let begin = match &running.shut {
        None => "and more begin",
        Some(_) => "and none begins",
    };
    lines.push(
        "sessions",
        format_args!(
            "{} live of {} at most, {begin}",
            running.sessions.len(),
            running.max_sessions
        ),
    );
    for live in &running.sessions {
        let until = moment(live.expires_at);
        lines.push(
            "",
            format_args!(
                "{} {} on {} until {until}",
                live.session, live.pair, live.host
            ),
        );
    }
    match running.ca_heard {
        Some(seconds) => lines.push("ca", format_args!("heard {} ago", duration(seconds))),
        None => lines.push("ca", "not heard since the start"),
    }
    let oldest = running.events_oldest.map_or_else(String::new, |seconds| {
        format!(", the oldest for {}", duration(seconds))
    });
    lines.push(
        "events",
        format_args!(
            "{} KiB wait for the CA, of {} MiB at most{oldest}",
            running.events_waiting.div_ceil(1024),
            running.events_limit / MIB
        ),
    );
    match &running.store {
        Some(store) => lines.push("store", of_store(store)),
        None => lines.push("store", "none: recordings stay here"),
    }
}

fn of_store(store: &StoreSaid) -> String {
    let away = match &store.away {
        None => String::new(),
        Some(away) => format!(", takes no recordings since {}", moment(away.since)),
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
