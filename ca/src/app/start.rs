//! Getting ready: the database, the signer, the issuers, the policy in force.

use std::path::PathBuf;
use std::sync::Arc;

use portreeve_protocol::event::MachineFact;
use portreeve_recording_store::access::Use;
use portreeve_recording_store::store::{
    Store as RecordingStore, StoreError as RecordingStoreError,
};

use super::{App, STORE_TIME, Settings, bundles, labour, record, refuse};
use crate::clock::Clock;
use crate::config::{Config, IssuerConfig, IssuerKeys};
use crate::decide::{Policies, PolicyInForce};
use crate::identity::{
    Issuer, IssuerSettings, Issuers, KeyOrigin, NotAnIssuer, TokenFault, TokenKey,
};
use crate::sign::{SignerClient, SignerError};
use crate::store::{CommitError, Store, StoreError};
use crate::trail::Log;

/// Why the CA cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The start cannot be recorded.
    #[error("the start cannot be recorded")]
    Record(#[from] CommitError),
    /// The signer does not answer.
    #[error("the signer's public keys cannot be had")]
    Signer(#[from] SignerError),
    /// The signer's token key is of the wrong kind.
    #[error("the signer's token key cannot be used")]
    TokenKey(#[source] TokenFault),
    /// An issuer cannot be trusted as it is configured.
    #[error(transparent)]
    Issuer(#[from] NotAnIssuer),
    /// An issuer's key set cannot be read.
    #[error("the key set `{}` cannot be read", path.display())]
    KeySet {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The stored policy is not understood by this version.
    #[error(
        "the policy in force is not understood; publish it again with the version that wrote it: {0}"
    )]
    Policy(String),
}

pub(super) async fn start(
    config: &Config,
    recordings: Option<RecordingStore>,
    clock: Clock,
) -> Result<App, StartError> {
    let issuers = issuers(&config.issuers)?;
    let store = Store::open(&config.database, clock.clone()).await?;
    let signer = SignerClient::new(config.signer.socket.clone());
    let keys = signer.public_keys().await?;
    let app = App {
        settings: Settings {
            issuer: config.issuer.trim_end_matches('/').to_owned(),
            sessions: config.sessions.clone(),
            token_ttl: config.token_ttl,
            enrolment_ttl: config.enrolment_ttl,
            bastion_certificate_ttl: config.signer.limits.bastion_host,
            review_recipients: config
                .review_recipients
                .iter()
                .map(ToString::to_string)
                .collect(),
            retention: config.retention,
        },
        recording_store: recordings.map(|store| store.within(STORE_TIME)),
        log: Log::new(store.clone(), signer.clone()),
        token_key: TokenKey::new(&keys.token).map_err(StartError::TokenKey)?,
        policy: policy_of(&store).await?,
        publishing: tokio::sync::Mutex::new(()),
        issuers,
        clock,
        store,
        signer,
        keys,
        intents: bundles::Intents::default(),
        labour: labour::Labour::default(),
        refusals: refuse::Throttle::default(),
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let started = record::machine(app.clock.now(), MachineFact::Started { version });
    app.log.append(vec![started]).await?;
    if let Some(store) = app.recording_store.clone() {
        tokio::spawn(async move { look_at(&store).await });
    }
    Ok(app)
}

/// Says before the first reviewer asks that they will get nothing, until they will.
async fn look_at(store: &RecordingStore) {
    let away = |error: &RecordingStoreError| {
        tracing::error!(
            store = %store.name(),
            error = error as &dyn std::error::Error,
            "recordings cannot be read from the store; reviewers are sent to whoever runs this"
        );
    };
    if store.usable(Use::Read, away).await {
        tracing::info!(store = %store.name(), "recordings can be read from the store");
    }
}

async fn policy_of(store: &Store) -> Result<PolicyInForce, StartError> {
    let in_force = PolicyInForce::default();
    if let Some(record) = store.policy().await? {
        let policies = Policies::parse("policy.cedar", &record.text)
            .map_err(|problems| StartError::Policy(problems.to_string()))?;
        in_force.replace(Arc::new(policies));
    }
    Ok(in_force)
}

fn issuers(configs: &[IssuerConfig]) -> Result<Issuers, StartError> {
    let mut issuers = Vec::with_capacity(configs.len());
    for config in configs {
        if config.agent_client_id.is_none() {
            tracing::warn!(
                issuer = config.url,
                "no `agent_client_id`: an agent that is handed somebody's ID token can do all that they can; register a client \
                 of its own for such tokens and name it in `[[issuer]]`"
            );
        }
        let keys = match &config.keys {
            IssuerKeys::Discovery => KeyOrigin::Discovery,
            IssuerKeys::File(path) => {
                KeyOrigin::KeySet(std::fs::read(path).map_err(|source| StartError::KeySet {
                    path: path.clone(),
                    source,
                })?)
            }
        };
        issuers.push(Issuer::new(IssuerSettings {
            url: config.url.clone(),
            client_id: config.client_id.clone(),
            agent_client_id: config.agent_client_id.clone(),
            algorithms: config.algorithms.clone(),
            name_claim: config.name_claim.clone(),
            groups_claim: config.groups_claim.clone(),
            keys,
        })?);
    }
    Ok(Issuers::new(issuers)?)
}

impl App {
    /// Keeps the log's checkpoints, sweeps the store, and has recordings deleted whose time is over, until the store
    /// is closed.
    pub async fn keep(self: Arc<Self>) {
        tokio::select! {
            () = self.log.clone().keep() => {}
            () = self.keep_expiring() => {}
        }
    }

    /// Records that the CA stops.
    pub async fn stop(&self) {
        let stopped = record::machine(self.clock.now(), MachineFact::Stopped);
        if let Err(error) = self.log.append(vec![stopped]).await {
            tracing::error!(%error, "the stop could not be recorded");
        }
    }
}
