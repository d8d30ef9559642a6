//! The course of a session as its trail tells it: what must have come before what, and the facts
//! that a recording is compared with. Pure.

use std::collections::{BTreeMap, BTreeSet};

use portreeve_protocol::attest::Attestation;
use portreeve_protocol::checkpoint::Unread;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, ChannelRequest, DecisionNote, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{AccountName, BastionName, HostName};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::task::Task;
use portreeve_recording::head::Head;

use super::findings::Findings;
use super::host_chain::Link;

/// What a trail tells that was proved.
#[derive(Debug, Default)]
pub struct Told {
    /// Its events.
    pub events: Vec<Event>,
    /// Those of a newer version.
    pub unread: Vec<Unread>,
}

impl Told {
    /// Takes over what another trail tells.
    pub fn extend(&mut self, other: Self) {
        self.events.extend(other.events);
        self.unread.extend(other.unread);
    }
}

/// What a trail says of one session.
#[derive(Debug, Default)]
pub struct Course<'a> {
    /// Everybody in whose name something happened in it; one pair, if all is well.
    pub pairs: Vec<&'a Pair>,
    /// Every reason that was given; one task, if all is well.
    pub tasks: Vec<&'a Task>,
    /// Where to, decided and permitted.
    pub decided: Vec<&'a HostName>,
    /// What was to be signed for.
    pub intended: Option<(&'a HostName, &'a AccountName, &'a BundleRef)>,
    /// The digest of the order that was signed.
    pub order: Option<Digest>,
    /// The bastion that took it.
    pub claimed: Option<&'a BastionName>,
    /// What the host proved, not verified here.
    pub attestation: Option<Attestation>,
    /// What was decided of each channel, with what was asked.
    pub decisions: BTreeMap<u32, Vec<(&'a DecisionNote, &'a ChannelRequest)>>,
    /// The channels that were refused before the policy was asked.
    pub turned_down: BTreeSet<u32>,
    /// How each channel ended.
    pub closed: BTreeMap<u32, Closed<'a>>,
    /// The texts of the host's events by their numbers.
    pub host_events: BTreeMap<u64, Digest>,
    /// The recording's manifest and size when it was sealed. Whoever recovers one seals it again,
    /// so the last counts.
    pub sealed: Option<(Digest, u64)>,
    /// What was reported of the recording while it grew. All of it counts: whoever took the bastion over may add to it.
    pub heads: Vec<Head>,
    /// Whether it has events of a newer version: what seems to be missing may be in them.
    pub has_unread: bool,
    is_ended: bool,
    is_closed: bool,
    is_attested: bool,
    has_host_words: bool,
}

/// How a channel ended.
#[derive(Debug, Clone, Copy)]
pub struct Closed<'a> {
    /// With this status.
    pub exit_status: Option<u32>,
    /// By this signal.
    pub exit_signal: Option<&'a str>,
    /// Bytes from the agent.
    pub bytes_in: u64,
    /// Bytes to the agent.
    pub bytes_out: u64,
}

/// The sessions of a trail.
#[must_use]
pub fn sessions(told: &Told) -> BTreeMap<SessionId, Course<'_>> {
    let mut courses: BTreeMap<SessionId, Course<'_>> = BTreeMap::new();
    for session in told.unread.iter().filter_map(|unread| unread.session) {
        courses.entry(session).or_default().has_unread = true;
    }
    for event in &told.events {
        if let Body::Access {
            pair,
            task,
            session: Some(session),
            fact,
        } = &event.body
        {
            let course = courses.entry(*session).or_default();
            add_new(&mut course.pairs, pair);
            if let Some(task) = task {
                add_new(&mut course.tasks, task);
            }
            course.add(fact);
        }
    }
    courses
}

fn add_new<'a, T: PartialEq>(known: &mut Vec<&'a T>, one: &'a T) {
    if !known.contains(&one) {
        known.push(one);
    }
}

impl<'a> Course<'a> {
    fn add(&mut self, fact: &'a AccessFact) {
        match fact {
            AccessFact::SessionDecided { host, decision } if decision.permitted => {
                self.decided.push(host);
            }
            AccessFact::SessionIntended {
                host,
                account,
                bundle,
                ..
            } => self.intended = Some((host, account, bundle)),
            AccessFact::SessionIssued { order, .. } => self.order = Some(*order),
            AccessFact::SessionClaimed { bastion, .. } => self.claimed = Some(bastion),
            AccessFact::HostReady { attestation } => {
                self.is_attested = true;
                self.attestation = statement(attestation);
            }
            AccessFact::ChannelDecided {
                channel,
                decision,
                request,
            } => self
                .decisions
                .entry(*channel)
                .or_default()
                .push((decision, request)),
            AccessFact::ChannelClosed {
                channel,
                exit_status,
                exit_signal,
                bytes_in,
                bytes_out,
            } => {
                let closed = Closed {
                    exit_status: *exit_status,
                    exit_signal: exit_signal.as_deref(),
                    bytes_in: *bytes_in,
                    bytes_out: *bytes_out,
                };
                self.closed.insert(*channel, closed);
            }
            AccessFact::Host { event } => {
                self.has_host_words = true;
                if let Some(link) = Link::of(event) {
                    self.host_events.insert(link.seq, event.digest());
                }
            }
            AccessFact::HostGone { .. } => self.has_host_words = true,
            AccessFact::RecordingHead {
                segments,
                head,
                bytes,
            } => self.heads.push(Head {
                segments: *segments,
                digest: *head,
                bytes: *bytes,
            }),
            AccessFact::RecordingSealed {
                manifest, bytes, ..
            } => self.sealed = Some((*manifest, *bytes)),
            AccessFact::ConnectionRefused { detail, .. } => {
                self.turned_down.extend(channel_of(detail));
            }
            AccessFact::SessionEnding { .. } => self.is_ended = true,
            AccessFact::SessionClosed { .. } => self.is_closed = true,
            AccessFact::TokenIssued { .. }
            | AccessFact::SessionDecided { .. }
            | AccessFact::SessionRefused { .. }
            | AccessFact::HostRefused { .. }
            | AccessFact::BundleWithdrawn { .. }
            | AccessFact::SessionKilled { .. }
            | AccessFact::RecordingStored { .. }
            | AccessFact::RecordingReviewed { .. }
            | AccessFact::RecordingHeld { .. }
            | AccessFact::RecordingReleased { .. }
            | AccessFact::RecordingExpired { .. }
            | AccessFact::RecordingDeletionPermitted { .. }
            | AccessFact::RecordingDeleted { .. }
            | AccessFact::RecordingFailed { .. } => {}
        }
    }

    /// Whether everything is there that must have come before what is there, and agrees with it.
    #[must_use]
    pub fn check(&self, session: SessionId) -> Findings {
        let mut findings = Findings::default();
        let has_channel = !self.decisions.is_empty() || !self.closed.is_empty();
        let steps = [
            ("its decision", !self.decided.is_empty()),
            ("its intent", self.intended.is_some()),
            ("its certificates", self.order.is_some()),
            ("the claim by a bastion", self.claimed.is_some()),
            ("the host's attestation", self.is_attested),
            (
                "what followed on the host",
                has_channel || self.has_host_words,
            ),
        ];
        let last = steps.iter().rposition(|(_, is_there)| *is_there);
        for (name, _) in steps
            .iter()
            .take(last.unwrap_or(0))
            .filter(|(_, is_there)| !is_there)
        {
            findings.lacks(
                self.has_unread,
                format!(
                    "{session}: the trail lacks {name}, and has what comes after it: an event was left out"
                ),
            );
        }
        if self.pairs.len() > 1 || self.tasks.len() > 1 {
            findings.fault(format!("{session}: events name different pairs or tasks"));
        }
        let undecided = self
            .closed
            .keys()
            .find(|channel| !self.decisions.contains_key(*channel));
        if let Some(channel) = undecided {
            findings.lacks(
                self.has_unread,
                format!(
                    "{session}: channel {channel} was closed and nothing decided it: an event was left out"
                ),
            );
        }
        self.check_facts(session, &mut findings);
        if self.claimed.is_some() {
            match (self.is_ended, self.is_closed) {
                (true, true) => findings.proved(format!(
                    "{session}: the trail tells why the session ended, and that it was closed"
                )),
                (false, false) => findings.unproved(format!(
                    "{session}: how the session ended: the trail does not go so far"
                )),
                _ => findings.unproved(format!(
                    "{session}: how the session ended: the trail tells of it in part; fetch it again"
                )),
            }
        }
        if findings.holds() && last.is_some() && !self.has_unread {
            findings.proved(format!(
                "{session}: what must have come before each event of the session is in the trail and agrees with it"
            ));
        }
        findings
    }

    fn check_facts(&self, session: SessionId, findings: &mut Findings) {
        let Some((host, account, bundle)) = self.intended else {
            return;
        };
        if !self.decided.is_empty() && !self.decided.contains(&host) {
            findings.fault(format!("{session}: another host was decided than {host}"));
        }
        if let Some(said) = &self.attestation {
            let agrees = said.host == *host
                && said.account == *account
                && said.bundle == *bundle
                && self.order.is_none_or(|order| order == said.order_digest);
            if !agrees {
                findings.fault(format!(
                    "{session}: the host attests another account, bundle or order than the CA signed for"
                ));
            }
        }
    }

    /// The identifiers of all decisions that permit something on a channel.
    pub(crate) fn permits(&self, channel: u32) -> BTreeSet<portreeve_protocol::id::DecisionId> {
        let of_channel = self.decisions.get(&channel);
        of_channel
            .into_iter()
            .flatten()
            .filter(|(decision, _)| decision.permitted)
            .map(|(decision, _)| decision.id)
            .collect()
    }
}

/// The channel that a refusal is about, which its text begins with.
fn channel_of(detail: &str) -> Option<u32> {
    let (number, _) = detail.strip_prefix("channel ")?.split_once(':')?;
    number.parse().ok()
}

fn statement<T: Statement>(signed: &Signed<T>) -> Option<T> {
    serde_json::from_str(signed.unverified_payload()).ok()
}
