//! What a trail tells, read without checking its proofs: for tests that look at facts, and for narration.

use anyhow::{Context, Result};
use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, HostFact, Receipt, Sighting};
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::event::{AccessFact, Body, ChannelRequest, DecisionNote, Event};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::signed::Signed;
use serde::de::DeserializeOwned;

/// The events of one session, in the order of the log.
#[derive(Debug, Clone)]
pub struct Story {
    /// The events.
    pub events: Vec<Event>,
}

/// A command that sudo was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whether it ran.
    pub allowed: bool,
    /// The command and its arguments.
    pub argv: Vec<String>,
}

impl Story {
    /// Reads the events of a trail.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(trail: &Trail) -> Result<Self> {
        let events = trail.events.iter().map(|logged| {
            serde_json::from_str(&logged.event)
                .with_context(|| format!("event {} cannot be read", logged.index))
        });
        Ok(Self {
            events: events.collect::<Result<_>>()?,
        })
    }

    /// The pair of each event; none for one that is no access.
    #[must_use]
    pub fn pairs(&self) -> Vec<Option<&Pair>> {
        self.events
            .iter()
            .map(|event| match &event.body {
                Body::Access { pair, .. } => Some(pair),
                Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. } => None,
            })
            .collect()
    }

    /// What happened, without who and when.
    pub fn facts(&self) -> impl Iterator<Item = &AccessFact> {
        self.events.iter().filter_map(|event| match &event.body {
            Body::Access { fact, .. } => Some(fact),
            Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. } => None,
        })
    }

    /// The names of the facts, in order, as they are written in the trail.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.facts()
            .filter_map(|fact| {
                let value = serde_json::to_value(fact).ok()?;
                value.get("fact")?.as_str().map(str::to_owned)
            })
            .collect()
    }

    /// The decision to grant the session.
    #[must_use]
    pub fn decision(&self) -> Option<&DecisionNote> {
        self.facts().find_map(|fact| {
            if let AccessFact::SessionDecided { decision, .. } = fact {
                Some(decision)
            } else {
                None
            }
        })
    }

    /// What was decided inside the session: the request in words, and the decision.
    pub fn channels(&self) -> impl Iterator<Item = (String, &DecisionNote)> {
        self.facts().filter_map(|fact| {
            if let AccessFact::ChannelDecided {
                decision, request, ..
            } = fact
            {
                Some((in_words(request), decision))
            } else {
                None
            }
        })
    }

    /// The host's signed word that the account is ready.
    #[must_use]
    pub fn signed_attestation(&self) -> Option<&Signed<Attestation>> {
        self.facts().find_map(|fact| {
            if let AccessFact::HostReady { attestation } = fact {
                Some(attestation)
            } else {
                None
            }
        })
    }

    /// The host's signed word that the account is gone: the last one, which counts.
    #[must_use]
    pub fn signed_receipt(&self) -> Option<&Signed<Receipt>> {
        let receipts = self.facts().filter_map(|fact| {
            if let AccessFact::HostGone { receipt } = fact {
                Some(receipt)
            } else {
                None
            }
        });
        receipts.last()
    }

    /// What the host's word that the account is ready says.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn attestation(&self) -> Result<Attestation> {
        let signed = self.signed_attestation();
        said(signed.context("the trail has no attestation")?)
    }

    /// What the host's word that the account is gone says.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn receipt(&self) -> Result<Receipt> {
        let signed = self.signed_receipt();
        said(signed.context("the trail has no receipt")?)
    }

    /// What the host reported, as it was signed, in order.
    pub fn signed_host_events(&self) -> impl Iterator<Item = &Signed<HostEvent>> {
        self.facts().filter_map(|fact| {
            if let AccessFact::Host { event } = fact {
                Some(event)
            } else {
                None
            }
        })
    }

    /// What the host reported, in order.
    ///
    /// # Errors
    /// When a report cannot be read.
    pub fn host_events(&self) -> Result<Vec<HostEvent>> {
        self.signed_host_events().map(said).collect()
    }

    /// What sudo was asked for, in order.
    ///
    /// # Errors
    /// When a report of the host cannot be read.
    pub fn sudo(&self) -> Result<Vec<Asked>> {
        let asked = self.host_events()?.into_iter().filter_map(|event| {
            if let HostFact::Sudo { allowed, argv, .. } = event.fact {
                Some(Asked { allowed, argv })
            } else {
                None
            }
        });
        Ok(asked.collect())
    }

    /// The command lines of the programs that the host saw start, and the user as whom they acted.
    ///
    /// # Errors
    /// When a report of the host cannot be read.
    pub fn ran(&self) -> Result<Vec<(Vec<String>, u32)>> {
        let seen = self.host_events()?.into_iter().flat_map(|event| {
            if let HostFact::Watched { seen } = event.fact {
                seen
            } else {
                Vec::new()
            }
        });
        let started = seen.filter_map(|sighting| {
            if let Sighting::ProcessStarted { argv, uid, .. } = sighting {
                Some((argv, uid))
            } else {
                None
            }
        });
        Ok(started.collect())
    }

    /// Why the bastion ended the session, and whether the host confirmed it.
    #[must_use]
    pub fn closed(&self) -> Option<(EndCause, bool)> {
        self.facts().find_map(|fact| {
            if let AccessFact::SessionClosed { cause, confirmed } = fact {
                Some((*cause, *confirmed))
            } else {
                None
            }
        })
    }
}

/// Reads a signed text; whether the signature holds is another test's question.
fn said<T: DeserializeOwned + portreeve_protocol::signed::Statement>(
    signed: &Signed<T>,
) -> Result<T> {
    Ok(serde_json::from_str(signed.unverified_payload())?)
}

fn in_words(request: &ChannelRequest) -> String {
    match request {
        ChannelRequest::Shell { .. } => "a shell".to_owned(),
        ChannelRequest::Exec { command, .. } => command.clone(),
        ChannelRequest::Sftp => "file transfer".to_owned(),
        ChannelRequest::Subsystem { name } => format!("the subsystem {name}"),
        ChannelRequest::Forward { what } => format!("a forwarding: {what}"),
    }
}
