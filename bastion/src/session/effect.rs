//! What a session wants done, in this order.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::AccessFact;

use super::input::{ChannelNumber, ConnectionId};
use super::notice::Notice;
use crate::decide::ChannelPermit;
use crate::request::Asked;

/// Something to do. Effects are done in order; an [`Effect::Emit`] is durable before any effect towards the host after it
/// is begun.
#[derive(Debug)]
pub enum Effect {
    /// Ask the CA for the session.
    Claim,
    /// Begin its recording.
    BeginRecording,
    /// Open the control connection, and the transport of the first session connection beside it.
    OpenControl,
    /// Send the order and this bundle.
    SendOrder {
        /// The bundle's file.
        bundle: String,
    },
    /// Log the first session connection in.
    OpenSession,
    /// Ask the policy.
    Decide {
        /// About which channel.
        channel: ChannelNumber,
        /// What it asks for.
        asked: Asked,
    },
    /// Open the channel on the host.
    Open {
        /// Which.
        channel: ChannelNumber,
        /// The permission.
        permit: ChannelPermit,
    },
    /// Refuse the channel.
    Refuse {
        /// Which.
        channel: ChannelNumber,
        /// What was asked for.
        what: String,
        /// What the agent reads.
        text: String,
    },
    /// Tell a connection that it comes too late, and close it.
    TurnAway {
        /// Which.
        connection: ConnectionId,
        /// What the agent reads.
        notice: Notice,
    },
    /// Close every channel and connection of the agent.
    CloseAgents {
        /// What the agent reads.
        notice: Notice,
    },
    /// Tell the host that the session is over.
    EndHost {
        /// Why.
        cause: EndCause,
    },
    /// Drop every connection to the host.
    DropHost,
    /// Make the recording whole.
    Seal {
        /// Why it ended.
        cause: EndCause,
    },
    /// Put this into the trail.
    Emit(Box<AccessFact>),
    /// Forget the session.
    Done,
}
