//! How the daemon is, for an administrator or a monitoring system.

use std::fmt::Write;
use std::path::Path;

use portreeve_protocol::attest::{HostWatch, Watcher};

use crate::ask::{AskError, ask};
use crate::exit::Exit;
use crate::root::{Answer, Ask, Status};

/// Asks the daemon.
pub(crate) fn find(socket: &Path) -> Result<Status, AskError> {
    match ask(socket, &Ask::Status)? {
        Answer::Status(status) => Ok(status),
        Answer::Refused { .. } | Answer::Allowed | Answer::Principal { .. } => {
            Err(AskError::OtherAnswer)
        }
    }
}

/// Whether anything needs a look.
pub(crate) fn exit(status: &Status) -> Exit {
    let is_well = status.unfinished.is_empty()
        && !status.spool_full
        && !status.refuses_orders
        && status.last_error.is_none();
    if is_well {
        Exit::Well
    } else {
        Exit::NeedsALook
    }
}

/// The status for people.
pub(crate) fn text(status: &Status) -> String {
    let mut text = format!("host      {}\nversion   {}\n", status.host, status.version);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "sudo      {}", status.sudo);
    let _ = writeln!(text, "cgroups   {}", status.cgroup_root);
    if let Some(watch) = &status.watch {
        let _ = writeln!(text, "watch     {}", watched(*watch));
    }
    let _ = writeln!(
        text,
        "sessions  {} live, {} being made or removed",
        status.sessions.len(),
        status.removing
    );
    for live in &status.sessions {
        let _ = writeln!(
            text,
            "          {} {} {} until {}",
            live.session, live.account, live.pair, live.expires_at
        );
    }
    let full = if status.spool_full {
        ", full: orders are refused"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "spool     {} bytes, {} sessions with reports that wait{full}",
        status.spool_bytes, status.undelivered
    );
    for unfinished in &status.unfinished {
        for left in &unfinished.left {
            let _ = writeln!(text, "left      session {}: {left}", unfinished.session);
        }
    }
    if let Some(since) = &status.retires_since {
        let orders = if status.refuses_orders {
            ", and refuses orders meanwhile"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "reload    since {since}: makes room for another daemon when no session is left{orders}"
        );
    }
    if let Some(error) = &status.last_error {
        let _ = writeln!(text, "error     {error}");
    }
    text
}

/// What of sessions is seen, and by what.
fn watched(watch: HostWatch) -> String {
    let by = |watcher| match watcher {
        Watcher::Ebpf => "by eBPF",
        Watcher::ProcessConnector => "by the process connector",
        Watcher::Absent => "not at all; the log says why",
    };
    format!(
        "programs {}, connections {}",
        by(watch.processes),
        by(watch.connections)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Status {
        Status {
            version: "0.1.0".into(),
            host: "prod-1".into(),
            sudo: "sudo 1.9.13".into(),
            cgroup_root: "/sys/fs/cgroup/portreeve".into(),
            sessions: Vec::new(),
            removing: 0,
            unfinished: Vec::new(),
            undelivered: 2,
            spool_bytes: 0,
            spool_full: false,
            last_error: None,
            retires_since: None,
            refuses_orders: false,
            watch: Some(HostWatch::NOTHING),
        }
    }

    #[test]
    fn what_needs_a_look_shows_in_the_exit_status_and_in_the_text() {
        assert_eq!(exit(&well()), Exit::Well);
        assert!(text(&well()).contains("watch     programs not at all"));
        let full = Status {
            spool_full: true,
            ..well()
        };
        let failed = Status {
            last_error: Some("no space".into()),
            ..well()
        };
        let retiring = Status {
            retires_since: Some("2026-03-01T10:15:00Z".into()),
            ..well()
        };
        assert_eq!(exit(&retiring), Exit::Well);
        assert!(text(&retiring).contains("since 2026-03-01T10:15:00Z"));
        let refusing = Status {
            refuses_orders: true,
            ..retiring
        };
        let needs_a_look = [
            (full, "refused"),
            (failed, "no space"),
            (refusing, "refuses orders"),
        ];
        for (status, shown) in needs_a_look {
            assert_eq!(exit(&status), Exit::NeedsALook);
            assert!(text(&status).contains(shown));
        }
    }

    #[test]
    fn a_live_session_is_named_as_it_is_killed_and_followed() {
        let status = Status {
            sessions: vec![crate::root::LiveSession {
                session: "01890a5d-ac96-774b-8123-456789abcdef".parse().unwrap(),
                account: "pr-8123456789abcdef".parse().unwrap(),
                pair: "portreeve://soc/forensics/alice@example.com".into(),
                expires_at: "2026-03-01T10:15:00Z".into(),
            }],
            ..well()
        };
        assert!(text(&status).contains("01890a5d-ac96-774b-8123-456789abcdef pr-8123456789abcdef"));
    }

    #[test]
    fn a_daemon_before_this_one_need_not_say_what_it_does_not_know() {
        let mut said = serde_json::to_value(Answer::Status(well())).unwrap();
        let fields = said.as_object_mut().unwrap();
        fields.remove("retires_since").unwrap();
        fields.remove("refuses_orders").unwrap();
        let Answer::Status(status) = serde_json::from_value(said).unwrap() else {
            panic!("an answer of another kind");
        };
        assert_eq!(status, well());
    }

    #[test]
    fn no_daemon_is_its_own_exit_status() {
        let error = find(Path::new("/nonexistent/portreeve.sock")).unwrap_err();
        assert_eq!(error.exit(), Exit::NotRunning);
    }
}
