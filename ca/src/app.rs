//! What the CA does: one file per use case.
//!
//! A use case takes proofs and values, asks policy, records, changes, and answers with a value of
//! `protocol`. It reads as its stages: the value of one stage is the argument of the next. It knows
//! nothing of HTTP; the callers are the handlers in [`crate::http`].

mod failure;
mod labour;
mod record;
mod refuse;
mod start;

mod authenticate;
mod permit;

mod discovery;
mod exchange;
mod session_issue;
mod session_plan;
mod session_request;
mod session_resolve;

mod claim;
mod event_check;
mod events_in;
mod expiry;
mod kill;
mod recordings;
mod session_read;
mod trail;
mod trail_room;

mod agents;
mod bastions;
mod bundle_withdraw;
mod bundles;
mod enrol;
mod hosts;
mod inventories;
mod look_lapse;
mod look_plan;
mod looks;
mod lost;
mod policy;

use std::net::IpAddr;
use std::sync::Arc;

use portreeve_protocol::recording::Retention;
use portreeve_protocol::time::{Timestamp, Ttl};
use portreeve_recording_store::store::Store as RecordingStore;

use crate::clock::Clock;
use crate::config::{Config, SessionConfig};
use crate::decide::PolicyInForce;
use crate::identity::{Delegation, Issuers, Person, TokenKey};
use crate::sign::{PublicKeys, SignerClient};
use crate::store::Store;
use crate::trail::Log;

pub use authenticate::{Carrier, Credential};
pub use exchange::{ExchangeFailure, ExchangeRequest};
pub use failure::Failure;
pub use recordings::Fetched;
pub(crate) use recordings::STORE_TIME;
pub use start::StartError;
pub use trail::TrailPage;

/// The CA.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    clock: Clock,
    store: Store,
    log: Log,
    signer: SignerClient,
    keys: PublicKeys,
    token_key: TokenKey,
    issuers: Issuers,
    policy: PolicyInForce,
    publishing: tokio::sync::Mutex<()>,
    intents: bundles::Intents,
    labour: labour::Labour,
    refusals: refuse::Throttle,
    /// Where recordings can be read, if anywhere.
    recording_store: Option<RecordingStore>,
}

/// What use cases need of the configuration.
#[derive(Debug)]
struct Settings {
    /// The issuer URL, without a slash at its end.
    issuer: String,
    sessions: SessionConfig,
    token_ttl: Ttl,
    enrolment_ttl: Ttl,
    bastion_certificate_ttl: Ttl,
    review_recipients: Vec<String>,
    /// How long recordings are kept unless policy says so.
    retention: Retention,
}

/// Somebody who may look at sessions: any person, within policy, or a pair, at its own.
#[derive(Debug)]
pub enum Caller {
    /// A person.
    Person(Box<Person>),
    /// A pair.
    Pair(Box<Delegation>),
}

/// When and from where a request came.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The address of the other end of the connection.
    pub address: IpAddr,
    /// When.
    pub at: Timestamp,
}

impl App {
    /// The CA's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The issuer URL, the base of every URL of the API.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The database, for the feed.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Opens everything else that `config` names and loads the policy in force.
    ///
    /// # Errors
    /// When the database, the signer, an issuer's key set or the policy cannot be had.
    pub async fn start(
        config: &Config,
        recordings: Option<RecordingStore>,
        clock: Clock,
    ) -> Result<Arc<Self>, StartError> {
        start::start(config, recordings, clock).await.map(Arc::new)
    }
}
