//! What a host saw a session's processes do, and by what it watched them.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// By what a host watches a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostWatch {
    /// What sees each program that starts and ends.
    pub processes: Watcher,
    /// What sees each connection that is asked for.
    pub connections: Watcher,
    /// What sees the same of processes with the session's ids that are not in its control group;
    /// none from a host client that does not look for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<OutsideWatch>,
}

/// By what a host watches those processes of a session that others started for it: schedules,
/// service managers, or itself before it left its control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideWatch {
    /// What sees each program that starts and ends.
    pub processes: Watcher,
    /// What sees each connection that is asked for.
    pub connections: Watcher,
}

impl HostWatch {
    /// Nothing is watched.
    pub const NOTHING: Self = Self {
        processes: Watcher::Absent,
        connections: Watcher::Absent,
        outside: Some(OutsideWatch::NOTHING),
    };
}

impl OutsideWatch {
    /// Nothing is watched.
    pub const NOTHING: Self = Self {
        processes: Watcher::Absent,
        connections: Watcher::Absent,
    };
}

/// Something that can watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watcher {
    /// Programs in the kernel, which miss nothing and count what there was no room for.
    Ebpf,
    /// The kernel's messages about processes. What ended before it was looked at has no arguments.
    ProcessConnector,
    /// Nobody.
    Absent,
}

/// Something that a session's processes did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "saw", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sighting {
    /// A program began in a process: a new one, or in the place of the one before.
    ProcessStarted {
        /// When.
        at: Timestamp,
        /// The process.
        pid: i32,
        /// The process that started it.
        ppid: i32,
        /// The user as whom it acts.
        uid: u32,
        /// The file, as it was asked for.
        program: String,
        /// The arguments, shortened; one that is cut ends in `…`, and so does a list. Not UTF-8 is
        /// shown as U+FFFD.
        argv: Vec<String>,
        /// Its working directory, as the host sees it; none where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cwd: Option<String>,
        /// The file that the kernel runs, as `major:minor:inode`; of a script, what reads it. None
        /// where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// Whether it is the session's by its ids only, outside of the control group.
        #[serde(default, skip_serializing_if = "is_false")]
        outside: bool,
    },
    /// A process ended in which a program had begun.
    ProcessEnded {
        /// When.
        at: Timestamp,
        /// The process.
        pid: i32,
        /// Its exit status, if it ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u8>,
        /// The signal that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<u8>,
    },
    /// A connection was asked for, or a datagram sent to where none went before.
    ConnectionOpened {
        /// When.
        at: Timestamp,
        /// The process.
        pid: i32,
        /// `tcp`, `udp`, or the number of the protocol.
        protocol: String,
        /// Address and port.
        remote: String,
        /// Whether the process is the session's by its ids only, outside of the control group.
        #[serde(default, skip_serializing_if = "is_false")]
        outside: bool,
    },
    /// Something of this kind happened and is not told.
    EventsLost {
        /// When that was noticed.
        at: Timestamp,
        /// How many starts and ends of processes; none where nobody counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        processes: Option<u64>,
        /// How many connections; none where nobody counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connections: Option<u64>,
        /// How many commands of sudo's; none where none was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sudo: Option<u64>,
        /// Why.
        cause: LossCause,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Sighting {
    /// When it was, or was noticed.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::ProcessStarted { at, .. }
            | Self::ProcessEnded { at, .. }
            | Self::ConnectionOpened { at, .. }
            | Self::EventsLost { at, .. } => *at,
        }
    }
}

/// Why something is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// More happened at once than there was room for.
    Overrun,
    /// The session had done more than is told of one session.
    Allowance,
    /// The host's daemon did not run.
    Restart,
}
