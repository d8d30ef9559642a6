//! What a host saw a session's processes do, in words. Everything foreign is made safe by whoever
//! prints.

use portreeve_protocol::attest::{HostWatch, LossCause, Sighting, Watcher};

use crate::ssh::quote;

/// By what a session is watched; nothing when it is by what misses nothing, or nobody says.
#[must_use]
pub fn by(watch: Option<HostWatch>) -> &'static str {
    let Some(watch) = watch else {
        return "";
    };
    match (watch.processes, watch.connections) {
        (Watcher::Ebpf, Watcher::Ebpf) => "",
        (Watcher::Ebpf, Watcher::ProcessConnector | Watcher::Absent) => {
            "; connections are NOT watched"
        }
        (Watcher::ProcessConnector, _) => {
            "; what runs is watched by the process connector, connections are NOT"
        }
        (Watcher::Absent, _) => "; what runs is NOT watched",
    }
}

/// All of it, one after the other.
#[must_use]
pub fn sightings(seen: &[Sighting]) -> String {
    let all: Vec<_> = seen.iter().map(sighting).collect();
    all.join("; ")
}

/// One of them.
#[must_use]
pub fn sighting(sighting: &Sighting) -> String {
    match sighting {
        Sighting::ProcessStarted {
            pid,
            ppid,
            uid,
            program,
            argv,
            cwd,
            outside,
            file: _,
            at: _,
        } => {
            let line = quote::command_line(argv);
            // A process may call itself what it likes.
            let named = argv.first().is_some_and(|name| {
                program == name || program.rsplit('/').next() == Some(name.as_str())
            });
            let program = if named {
                String::new()
            } else {
                format!(" ({})", quote::command_line(std::slice::from_ref(program)))
            };
            let cwd = cwd
                .as_ref()
                .map_or_else(String::new, |cwd| format!(" in {cwd}"));
            let place = place(*outside);
            format!("process {pid} of {ppid}{place} ran as uid {uid}: {line}{program}{cwd}")
        }
        Sighting::ProcessEnded {
            pid,
            status,
            signal,
            ..
        } => match (status, signal) {
            (_, Some(signal)) => format!("process {pid} was ended by signal {signal}"),
            (Some(status), None) => format!("process {pid} ended with {status}"),
            (None, None) => format!("process {pid} ended"),
        },
        Sighting::ConnectionOpened {
            pid,
            protocol,
            remote,
            outside,
            ..
        } => {
            let place = place(*outside);
            format!("process {pid}{place} asked for {protocol} to {remote}")
        }
        Sighting::EventsLost {
            processes,
            connections,
            sudo,
            cause,
            ..
        } => {
            let count = |number: &Option<u64>, what: &str| match number {
                Some(0) => None,
                Some(number) => Some(format!("{number} {what}")),
                None => Some(format!("an unknown number of {what}")),
            };
            let lost: Vec<_> = [
                count(processes, "starts and ends of processes"),
                count(connections, "connections"),
                sudo.and_then(|number| count(&Some(number), "commands asked of sudo")),
            ]
            .into_iter()
            .flatten()
            .collect();
            let why = match cause {
                LossCause::Overrun => "more happened than there was room for",
                LossCause::Allowance => "the session had done more than is told of one",
                LossCause::Restart => "the host's daemon did not run",
            };
            format!("NOT TOLD: {}: {why}", lost.join(" and "))
        }
    }
}

/// Where a process is that is the session's by its ids only.
const fn place(outside: bool) -> &'static str {
    if outside {
        " OUTSIDE the control group"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(sighting: serde_json::Value) -> String {
        sightings(&[serde_json::from_value(sighting).unwrap()])
    }

    #[test]
    fn a_start_tells_what_ran_and_where() {
        let at = "2026-01-01T00:00:00Z";
        let start = |program: &str, argv: &[&str]| {
            words(json!({
                "saw": "process_started", "at": at, "pid": 7, "ppid": 6, "uid": 0,
                "program": program, "argv": argv, "cwd": "/tmp",
            }))
        };
        assert_eq!(
            start("/usr/bin/ss", &["ss", "-t n"]),
            "process 7 of 6 ran as uid 0: ss '-t n' in /tmp"
        );
        let outside = words(json!({
            "saw": "process_started", "at": at, "pid": 7, "ppid": 1, "uid": 5, "program": "/bin/x",
            "argv": ["x"], "file": "8:1:99", "outside": true,
        }));
        assert_eq!(
            outside,
            "process 7 of 1 OUTSIDE the control group ran as uid 5: x"
        );
        // What a process calls itself is not what it is.
        assert_eq!(
            start("/tmp/x", &["[kworker/0:1]"]),
            "process 7 of 6 ran as uid 0: '[kworker/0:1]' (/tmp/x) in /tmp"
        );
    }

    #[test]
    fn what_is_lost_is_loud() {
        let lost = |processes: Option<u64>, cause: &str| {
            words(json!({
                "saw": "events_lost", "at": "2026-01-01T00:00:00Z", "processes": processes,
                "connections": 0, "cause": cause,
            }))
        };
        assert_eq!(
            lost(Some(3), "overrun"),
            "NOT TOLD: 3 starts and ends of processes: more happened than there was room for"
        );
        assert!(lost(None, "restart").starts_with("NOT TOLD: an unknown number of starts"));
        let sudo = words(json!({
            "saw": "events_lost", "at": "2026-01-01T00:00:00Z", "processes": 0, "connections": 0,
            "sudo": 9, "cause": "allowance",
        }));
        assert!(sudo.starts_with("NOT TOLD: 9 commands asked of sudo: "));
    }

    #[test]
    fn who_does_not_watch_is_named() {
        assert_eq!(by(None), "");
        let watch = |processes, connections| {
            by(Some(HostWatch {
                processes,
                connections,
                outside: None,
            }))
        };
        assert_eq!(watch(Watcher::Ebpf, Watcher::Ebpf), "");
        assert!(watch(Watcher::Ebpf, Watcher::Absent).contains("connections are NOT"));
        assert!(by(Some(HostWatch::NOTHING)).contains("what runs is NOT"));
    }
}
