//! The store as its callers use it, on a real file.

mod log;
mod registry;
mod session;

use std::path::PathBuf;
use std::time::Duration;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{Body, Event, Machine, MachineFact};
use portreeve_protocol::id::EventId;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::Timestamp;

use super::*;
use crate::sign::examples::{self, NOW};

/// A store on a file of its own, whose clock stands at [`NOW`].
pub(super) struct Home {
    directory: tempfile::TempDir,
    pub(super) clock: Clock,
    pub(super) store: Store,
}

impl Home {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(NOW);
        let store = Store::create(&directory.path().join("ca.db"), clock.clone())
            .await
            .unwrap();
        Self {
            directory,
            clock,
            store,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("ca.db")
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopened(mut self) -> Self {
        self.store.close().await;
        self.store = Store::open(&self.path(), self.clock.clone()).await.unwrap();
        self
    }

    pub(super) async fn change(&self, change: Change) -> Result<Committed, CommitError> {
        self.store.commit(vec![change], Vec::new()).await
    }

    /// The refusal of a change that is refused.
    pub(super) async fn refusal(&self, change: Change) -> Refusal {
        match self.change(change).await {
            Err(CommitError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}

pub(super) fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(super) fn event(number: u64) -> Event {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Event {
        id: EventId::new(NOW, random),
        at: NOW,
        source: Machine::Ca,
        body: Body::Machine {
            fact: MachineFact::Alarm {
                detail: format!("event {number}"),
            },
        },
    }
}

pub(super) fn new_session() -> NewSession {
    let order = examples::order();
    NewSession {
        session: order.session,
        pair: order.pair,
        task: order.task,
        host: order.host,
        account: order.account,
        bundle: BundleRef {
            name: "forensics".parse().unwrap(),
            digest: Digest::of(b"bundle"),
        },
        policy: Digest::of(b"policy"),
        access_serial: 11,
        session_serial: 12,
        control_serial: 13,
        order: Digest::of(b"order"),
        uid_floor: None,
        bastions: vec!["east".parse().unwrap(), "west".parse().unwrap()],
        created_at: NOW,
        connect_by: after(60),
        retention: portreeve_protocol::recording::Retention::YEAR,
        retention_rule: portreeve_protocol::recording::RetentionRule::Configuration,
        expires_at: after(900),
    }
}
