//! Everything that can be changed, as data, and why a change is refused.

use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::name::{BastionName, BundleName, HostName, HumanName};
use portreeve_protocol::pair::{Agent, Human};
use portreeve_protocol::recording::StoreName;
use portreeve_protocol::session::TrailLimit;
use portreeve_protocol::task::Purpose;
use portreeve_protocol::time::Timestamp;

use super::{
    Attested, BastionEnrolled, HostEnrolled, LookOutcome, NewInventory, NewLook, NewSession,
};

/// One change. Each says all that it depends on, moments included.
#[derive(Debug, Clone)]
pub enum Change {
    /// Registers an agent. Refused when the agent or its key is registered.
    AddAgent(AgentRecord),
    /// Takes all rights from an agent. Refused when there is none.
    DisableAgent(Agent),
    /// Gives an agent back what it had. Refused when there is none.
    EnableAgent(Agent),

    /// Registers a host and its one-time token. A host that is registered and not enrolled gets
    /// the new token; one that is enrolled is refused unless it is to enrol again.
    AddHost {
        /// The host.
        host: HostName,
        /// Its address as bastions reach it.
        address: String,
        /// Labels that policies can ask for.
        labels: Vec<String>,
        /// Whether one that is enrolled may enrol again.
        again: bool,
        /// The digest of the one-time token.
        token: Digest,
        /// When the token is void.
        token_expires_at: Timestamp,
        /// When this is done.
        at: Timestamp,
    },
    /// Enrols a host with its one-time token. Refused when token and host do not belong together
    /// or the token's time is over.
    EnrolHost {
        /// The host.
        host: HostName,
        /// The digest of the one-time token.
        token: Digest,
        /// What it said of itself.
        enrolled: HostEnrolled,
        /// When this is done.
        at: Timestamp,
    },
    /// Keeps what a host found of standing access on itself. Refused when a newer one of the same
    /// identity is kept, or the host has another identity.
    KeepInventory(Box<NewInventory>),

    /// Asks a host for a look at itself. Refused while one is open.
    AskLook(Box<NewLook>),
    /// Gives a look to a bastion, once. Refused when it is taken or its time is over.
    ClaimLook {
        /// The look.
        look: OrderId,
        /// Who takes it up.
        bastion: BastionName,
        /// Until when its answer is taken.
        answer_by: Timestamp,
        /// When this is done.
        at: Timestamp,
    },
    /// Closes a look. Refused when it is not that bastion's, or over.
    SettleLook {
        /// The look.
        look: OrderId,
        /// Whose it is.
        bastion: BastionName,
        /// What came of it.
        outcome: LookOutcome,
        /// When this is done.
        at: Timestamp,
    },
    /// Nobody took up a look, or answered, in time. Refused unless that is so.
    LapseLook {
        /// The look.
        look: OrderId,
        /// When this is done.
        at: Timestamp,
    },

    /// Registers a bastion and its one-time token, like [`Change::AddHost`].
    AddBastion {
        /// The bastion.
        bastion: BastionName,
        /// Its address as agents reach it.
        address: String,
        /// The addresses from which it reaches hosts.
        egress: Vec<std::net::IpAddr>,
        /// Whether one that is enrolled may enrol again.
        again: bool,
        /// The digest of the one-time token.
        token: Digest,
        /// When the token is void.
        token_expires_at: Timestamp,
        /// When this is done.
        at: Timestamp,
    },
    /// Enrols a bastion with its one-time token, like [`Change::EnrolHost`].
    EnrolBastion {
        /// The bastion.
        bastion: BastionName,
        /// The digest of the one-time token.
        token: Digest,
        /// What it said of itself.
        enrolled: BastionEnrolled,
        /// When this is done.
        at: Timestamp,
    },
    /// Notes that a bastion is there.
    SeeBastion {
        /// The bastion.
        bastion: BastionName,
        /// When this is done.
        at: Timestamp,
    },

    /// Remembers that a human signed in.
    SeeHuman {
        /// Who.
        human: Human,
        /// When this is done.
        at: Timestamp,
    },
    /// Takes a human's future: nothing is permitted to them any more.
    DeprovisionHuman {
        /// [`Human::id`].
        human: String,
        /// When this is done.
        at: Timestamp,
    },

    /// Publishes a policy, which is then in force. Publishing an earlier one again restores it.
    PublishPolicy {
        /// Its text; the version is the digest of it.
        text: String,
        /// When this is done.
        at: Timestamp,
    },
    /// Publishes a version of a bundle, which is then in force. Publishing an earlier one again
    /// restores it; publishing the one in force changes nothing. Refused when it was withdrawn.
    PublishBundle {
        /// Its name.
        name: BundleName,
        /// Its text; the digest is that of these bytes.
        text: String,
        /// Who publishes it; nobody when it comes with the installation.
        by: Option<HumanName>,
        /// What they say about it.
        message: Option<Purpose>,
        /// When this is done.
        at: Timestamp,
    },
    /// Withdraws a version of a bundle: no session gets it, and none that has it is claimed.
    /// Refused when it, or the version to fall back to, is not there or was withdrawn.
    WithdrawBundle {
        /// Its name.
        name: BundleName,
        /// Its digest.
        digest: Digest,
        /// Who withdraws it.
        by: HumanName,
        /// Why.
        reason: Purpose,
        /// The version that takes its place, where it was the one in force.
        fall_back_to: Option<Digest>,
        /// When this is done.
        at: Timestamp,
    },

    /// Registers a session whose certificates are signed. Refused when the id is taken.
    AddSession(Box<NewSession>),
    /// Gives a session to a bastion, once.
    ClaimSession {
        /// The session.
        session: SessionId,
        /// Who claims it.
        bastion: BastionName,
        /// The serial number of the access certificate that was shown.
        serial: u64,
        /// How much it may put into the trail.
        trail_limit: TrailLimit,
        /// When this is done.
        at: Timestamp,
    },
    /// The log takes no more of a session but its end, which it thereby has if it lived. Refused when that was so.
    FillTrail {
        /// The session.
        session: SessionId,
        /// When this is done.
        at: Timestamp,
    },
    /// The log takes no more of what a host says of a session. Refused when that was so.
    FillHost {
        /// The session.
        session: SessionId,
        /// When this is done.
        at: Timestamp,
    },
    /// The host attested that the account is ready. Does nothing to a session that is over; that
    /// the UID was used is remembered all the same.
    OpenSession {
        /// The session.
        session: SessionId,
        /// What the host attested.
        attested: Attested,
    },
    /// Somebody killed a session. Refused when it is over.
    KillSession {
        /// The session.
        session: SessionId,
        /// Who; nobody when it was the pair itself.
        by: Option<HumanName>,
        /// Why, in their words.
        reason: String,
        /// When this is done.
        at: Timestamp,
    },
    /// A session is over. Does nothing to one that has ended, confirmed.
    EndSession {
        /// The session.
        session: SessionId,
        /// Why.
        cause: EndCause,
        /// Whether the host confirmed by its receipt that the account is gone.
        confirmed: bool,
        /// When it ended.
        at: Timestamp,
    },

    /// A session's recording is whole, or as whole as it will be. Does nothing to one that was deleted.
    SealRecording {
        /// The session.
        session: SessionId,
        /// The bastion that has it.
        bastion: BastionName,
        /// The digest of its manifest.
        manifest: Digest,
        /// Its size.
        bytes: u64,
        /// Whether its end is missing.
        cut: bool,
        /// When this is done.
        at: Timestamp,
    },
    /// A recording is in a store. Does nothing to one that is in another.
    StoreRecording {
        /// The session.
        session: SessionId,
        /// Which store.
        store: StoreName,
    },
    /// Keeps a recording whatever its retention says. Refused when it was deleted.
    HoldRecording {
        /// The session.
        session: SessionId,
        /// Who wants it.
        by: Human,
        /// Why.
        reason: Purpose,
        /// When this is done.
        at: Timestamp,
    },
    /// Ends a hold. Refused when there is none.
    ReleaseRecording {
        /// The session.
        session: SessionId,
    },
    /// Bastions are told that a recording's time is over. Refused when it is not, when it is held, or deleted.
    ExpireRecording {
        /// The session.
        session: SessionId,
        /// From when on they are told again.
        again_at: Timestamp,
        /// When this is done.
        at: Timestamp,
    },
    /// A bastion may delete a recording now. Refused when it was not told to, when it is held, or deleted, or when the
    /// bastion was permitted to as often as it may until bastions are told again.
    PermitDeletion {
        /// The session.
        session: SessionId,
        /// The bastion.
        bastion: BastionName,
        /// When this is done.
        at: Timestamp,
    },
    /// It is said that nothing came of a permission to delete a recording. Refused when somebody reported since, or still
    /// may.
    MissDeletion {
        /// The session.
        session: SessionId,
        /// When this is done.
        at: Timestamp,
    },
    /// It was looked into what there is of a recording that nobody sealed. Refused when it was sealed, or is held.
    LoseRecording {
        /// The session.
        session: SessionId,
        /// When this is done.
        at: Timestamp,
    },
    /// What there is of a recording that nobody sealed is looked into later. Refused when it was sealed, or looked into.
    PutOffLoss {
        /// The session.
        session: SessionId,
        /// From when on.
        until: Timestamp,
    },
    /// A recording was deleted. Does nothing the second time.
    ForgetRecording {
        /// The session.
        session: SessionId,
        /// When it was.
        at: Timestamp,
    },

    /// Uses up a text that may be used once, such as a token's `jti` with its issuer in front.
    /// Refused when it was used.
    UseOnce {
        /// The text.
        nonce: String,
        /// Until when it is remembered.
        until: Timestamp,
    },
    /// Tells the bastions.
    Feed {
        /// What.
        item: FeedItem,
        /// When this is done.
        at: Timestamp,
    },
    /// Keeps a signed checkpoint.
    KeepCheckpoint {
        /// How many events it covers.
        size: u64,
        /// The signed note.
        note: String,
        /// When this is done.
        at: Timestamp,
    },
    /// Settles what time has settled: sessions that nobody claimed in time, sessions whose time is
    /// over without a receipt, used texts and feed items that nobody needs any more.
    Sweep {
        /// When this is done.
        at: Timestamp,
    },
}

/// Why the state of a thing rules a change out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was to be made exists.
    #[error("it exists already")]
    Exists,
    /// There is no such thing.
    #[error("there is no such thing")]
    Missing,
    /// The one-time token is not the thing's, or was used, or its time is over.
    #[error("the one-time token does not hold")]
    Token,
    /// The session belongs to a bastion.
    #[error("the session belongs to bastion `{0}`")]
    Claimed(BastionName),
    /// The session or look is over, or the time for its next step is.
    #[error("it is over")]
    Over,
    /// The version of the bundle was withdrawn.
    #[error("the bundle was withdrawn")]
    Withdrawn,
    /// The recording is held.
    #[error("the recording is held")]
    Held,
    /// The bastion was permitted to delete the recording as often as it may; until when.
    #[error(
        "this bastion was permitted to delete it as often as it may since bastions were told to; retry after {0}, when they \
         are told again"
    )]
    TooOften(Timestamp),
    /// A newer one is kept.
    #[error("a newer one is kept")]
    Stale,
    /// What may be used once was used.
    #[error("it was used before")]
    Replayed,
}
