//! What may be asked.

use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::Ttl;
use serde::{Deserialize, Serialize};

use crate::facts::{Agent, Bundle, Circumstances, Host, HostFacts, Human, Session, WatchFacts};

/// A pair asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The session as it would be.
    pub session: Session,
    /// How long it would last.
    pub ttl: Ttl,
    /// By what the host watched its last session; none when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_watch: Option<WatchFacts>,
    /// The circumstances.
    pub circumstances: Circumstances,
}

/// A pair asks for something inside its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseRequest {
    /// The session.
    pub session: Session,
    /// What it asks for.
    pub act: SessionAct,
    /// How many seconds the session still lasts.
    pub remaining: u32,
    /// What the host proved of itself; none when its client does not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_check: Option<HostFacts>,
    /// By what the host watches the session; none when its client does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_watch: Option<WatchFacts>,
    /// The circumstances.
    pub circumstances: Circumstances,
}

/// A person asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HumanRequest {
    /// Who.
    pub human: Human,
    /// What they ask for.
    pub act: HumanAct,
    /// The circumstances.
    pub circumstances: Circumstances,
}

/// What a pair may ask for inside its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", deny_unknown_fields)]
pub enum SessionAct {
    /// A shell.
    Shell,
    /// One command.
    Exec {
        /// The command line as the client sent it.
        command: String,
    },
    /// Reading files over SFTP.
    SftpRead,
    /// Writing files over SFTP.
    SftpWrite,
    /// A forwarding of any kind.
    Forward {
        /// Which kind, as `direct-tcpip`.
        kind: String,
        /// Where to, if it has a destination.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Destination>,
    },
    /// Another bundle from now on.
    Elevate {
        /// The bundle.
        to: Bundle,
    },
}

/// Where a forwarding leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// A name or an address.
    pub address: String,
    /// The port.
    pub port: u16,
}

impl SessionAct {
    /// The action's name in the schema.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Exec { .. } => "exec",
            Self::SftpRead => "sftpRead",
            Self::SftpWrite => "sftpWrite",
            Self::Forward { .. } => "forward",
            Self::Elevate { .. } => "elevate",
        }
    }

    /// The bundle that the session would have afterwards, if it is another.
    #[must_use]
    pub fn new_bundle(&self) -> Option<&BundleRef> {
        match self {
            Self::Elevate { to } => Some(&to.version),
            Self::Shell
            | Self::Exec { .. }
            | Self::SftpRead
            | Self::SftpWrite
            | Self::Forward { .. } => None,
        }
    }
}

/// What a person may ask for, with what they ask it of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", deny_unknown_fields)]
pub enum HumanAct {
    /// Let a session begin that needs a human's word.
    Approve {
        /// Which.
        session: Box<Session>,
    },
    /// Watch a session while it runs.
    Observe {
        /// Which.
        session: Box<Session>,
    },
    /// End a session.
    Kill {
        /// Which.
        session: Box<Session>,
    },
    /// Replay a session.
    Review {
        /// Which.
        session: Box<Session>,
    },
    /// Keep a session's recording beyond its retention, or no longer.
    HoldRecordings {
        /// Which.
        session: Box<Session>,
    },
    /// See that a session exists.
    ListSessions {
        /// Which.
        session: Box<Session>,
    },
    /// Read the trail: of one session, or of everything.
    ReadTrail {
        /// Which; all when none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Box<Session>>,
    },
    /// Reach a host in an emergency.
    BreakGlass {
        /// Which.
        host: Host,
    },
    /// Add, change, disable and enable agents.
    ManageAgents {
        /// Which; none when it is about the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Box<Agent>>,
    },
    /// Add, change and remove hosts.
    ManageHosts {
        /// Which; none when it is about the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<Host>,
    },
    /// Publish and withdraw bundles.
    ManageBundles {
        /// Which; none when it is about the list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle: Option<Bundle>,
    },
    /// Read and publish the policy.
    ManagePolicy,
    /// Add and remove bastions.
    ManageBastions,
}

impl HumanAct {
    /// The action's name in the schema.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Observe { .. } => "observe",
            Self::Kill { .. } => "kill",
            Self::Review { .. } => "review",
            Self::HoldRecordings { .. } => "holdRecordings",
            Self::ListSessions { .. } => "listSessions",
            Self::ReadTrail { .. } => "readTrail",
            Self::BreakGlass { .. } => "breakGlass",
            Self::ManageAgents { .. } => "manageAgents",
            Self::ManageHosts { .. } => "manageHosts",
            Self::ManageBundles { .. } => "manageBundles",
            Self::ManagePolicy => "managePolicy",
            Self::ManageBastions => "manageBastions",
        }
    }
}
