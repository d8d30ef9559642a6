//! Audit events in words. Everything foreign is made safe by whoever prints.

use portreeve_protocol::attest::{EndCause, HostEvent, HostFact};
use portreeve_protocol::event::{
    AccessFact, AdminFact, Body, DecisionNote, Event, LookStep, Machine, MachineFact,
};
use portreeve_protocol::session::{BundleRef, SessionState};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::time::Timestamp;

use super::{host_words, recording_words, watched};

/// Who did it: both identities of an access, always.
#[must_use]
pub fn who(body: &Body) -> String {
    match body {
        Body::Access { pair, .. } => format!("{} via {}", pair.human.name, pair.agent),
        Body::Administration { by, .. } => by.name.to_string(),
        Body::Refused { claimed, .. } => format!("unproved: {claimed}"),
        Body::Machine { .. } => "-".into(),
    }
}

/// Which program says so.
#[must_use]
pub fn source(event: &Event) -> String {
    match &event.source {
        Machine::Ca => "ca".into(),
        Machine::Bastion(name) => format!("bastion {name}"),
        Machine::Host(name) => format!("host {name}"),
    }
}

/// What happened.
#[must_use]
pub fn what(body: &Body) -> String {
    match body {
        Body::Access { fact, .. } => access(fact),
        Body::Administration { fact, .. } => administration(fact),
        Body::Refused { code, detail, .. } => format!("refused ({}): {detail}", code.as_str()),
        Body::Machine { fact } => machine(fact),
    }
}

/// What happened, and when, one by one where an event tells of many things.
#[must_use]
pub fn told(event: &Event) -> Vec<(Timestamp, String)> {
    if let Body::Access {
        fact: AccessFact::Host { event: signed },
        ..
    } = &event.body
        && let Ok(said) = serde_json::from_str::<HostEvent>(signed.unverified_payload())
        && let HostFact::Watched { seen } = &said.fact
    {
        let each = seen.iter().map(|seen| (seen.at(), watched::sighting(seen)));
        return each.collect();
    }
    vec![(event.at, what(&event.body))]
}

fn administration(fact: &AdminFact) -> String {
    match fact {
        AdminFact::Act {
            action,
            target,
            decision,
            outcome,
        } => format!("{action} {target}: {}; {outcome}", decided(decision)),
        AdminFact::Look { host, step, .. } => match step {
            LookStep::Claimed { bastion } => format!("{bastion} took up the look at {host}"),
            LookStep::Issued { .. } => {
                format!("certificate and order for the look at {host} signed")
            }
            LookStep::Kept { number, counts } => {
                format!("{host} looked at itself; inventory {number} kept: {counts}")
            }
            LookStep::Failed { detail } => format!("nothing came of the look at {host}: {detail}"),
            LookStep::NotTaken => format!("no bastion took up the look at {host}"),
            LookStep::NotAnswered { bastion } => format!("{bastion} brought nothing from {host}"),
        },
    }
}

fn access(fact: &AccessFact) -> String {
    match fact {
        AccessFact::TokenIssued {
            signed_in_at,
            amr,
            expires_at,
            ..
        } => format!(
            "got a delegated token until {}; the human signed in at {}{}",
            moment(*expires_at),
            moment(*signed_in_at),
            if amr.is_empty() {
                String::new()
            } else {
                format!(" by {}", amr.join(", "))
            },
        ),
        AccessFact::SessionDecided { host, decision } => {
            format!("asked for a session on {host}: {}", decided(decision))
        }
        AccessFact::SessionIntended {
            host,
            account,
            bundle,
            expires_at,
        } => format!(
            "session intended: {account} on {host} with bundle {} until {}",
            bundle.name,
            moment(*expires_at)
        ),
        AccessFact::SessionIssued { access_serial, .. } => {
            format!("certificates and order signed; access certificate {access_serial}")
        }
        AccessFact::SessionRefused { code, detail } => {
            format!("session refused ({}): {detail}", code.as_str())
        }
        AccessFact::SessionClaimed {
            bastion,
            agent_address,
        } => format!("{bastion} took the session; the agent connected from {agent_address}"),
        AccessFact::ConnectionRefused { code, detail } => {
            format!("connection refused ({}): {detail}", code.as_str())
        }
        AccessFact::HostReady { attestation } => said(attestation, |attestation| {
            format!(
                "{} attests: {} is ready, uid {}, bundle {}, {}{}",
                attestation.host,
                attestation.account,
                attestation.uid,
                attestation.bundle.name,
                attestation.sudo,
                attestation
                    .check
                    .as_ref()
                    .map_or_else(String::new, host_words::found)
            ) + watched::by(attestation.watch)
        }),
        AccessFact::HostRefused { detail } => format!("the host refused the order: {detail}"),
        AccessFact::ChannelDecided {
            channel,
            decision,
            request,
        } => format!("channel {channel}: {}: {}", request, decided(decision)),
        AccessFact::ChannelClosed {
            channel,
            exit_status,
            exit_signal,
            bytes_in,
            bytes_out,
        } => {
            let end = match (exit_status, exit_signal) {
                (Some(status), _) => format!("exit status {status}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => "no exit status".into(),
            };
            format!("channel {channel} closed: {end}, {bytes_in} bytes in, {bytes_out} out")
        }
        AccessFact::Host { event } => said(event, host_words::event),
        AccessFact::BundleWithdrawn {
            by,
            bundle,
            reason,
            spared,
        } => format!(
            "its bundle {} {} was withdrawn by {}: {reason}; {}",
            bundle.name,
            bundle.digest,
            by.name,
            if *spared {
                "the session goes on with it"
            } else {
                "the session is ended"
            }
        ),
        AccessFact::SessionKilled { by, reason } => match by {
            Some(by) => format!("killed by {}: {reason}", by.name),
            None => format!("ended by the pair itself: {reason}"),
        },
        AccessFact::SessionEnding { cause } => format!("ending: {}", why(*cause)),
        AccessFact::HostGone { receipt } => said(receipt, host_words::gone),
        AccessFact::RecordingHead {
            segments,
            head,
            bytes,
        } => recording_words::head(*segments, *head, *bytes),
        AccessFact::RecordingSealed {
            file,
            bytes,
            manifest,
            cut,
        } => recording_words::sealed(file, *bytes, *manifest, *cut),
        AccessFact::RecordingStored {
            store,
            parts,
            bytes,
            ..
        } => recording_words::stored(store, *parts, *bytes),
        AccessFact::RecordingReviewed { by, what } => recording_words::reviewed(by, what),
        AccessFact::RecordingHeld { by, reason } => recording_words::held(by, reason),
        AccessFact::RecordingReleased { by, reason } => recording_words::released(by, reason),
        AccessFact::RecordingExpired {
            rule,
            retention,
            due_at,
            ..
        } => recording_words::expired(*rule, *retention, *due_at),
        AccessFact::RecordingDeletionPermitted { bastion, until } => {
            recording_words::deletion_permitted(bastion, *until)
        }
        AccessFact::RecordingDeleted {
            manifest,
            rule,
            bytes,
            place,
        } => recording_words::deleted(*manifest, *rule, *bytes, place),
        AccessFact::RecordingFailed { detail } => recording_words::failed(detail),
        AccessFact::SessionClosed { cause, confirmed } => format!(
            "closed: {}; {}",
            why(*cause),
            if *confirmed {
                "no account is left on the host"
            } else {
                "the host has NOT confirmed that the account is gone"
            }
        ),
    }
}

/// What a host reported, from the JSON in a recording, one by one where an event tells of many
/// things; the JSON itself if it is not understood.
#[must_use]
pub fn reported(json: &str) -> Vec<String> {
    let Ok(event) = serde_json::from_str::<HostEvent>(json) else {
        return vec![json.to_owned()];
    };
    if let HostFact::Watched { seen } = &event.fact {
        return seen.iter().map(watched::sighting).collect();
    }
    vec![host_words::event(&event)]
}

/// What a host's statement says, or that it cannot be read. The signature is checked elsewhere.
fn said<T: Statement>(signed: &Signed<T>, words: impl FnOnce(&T) -> String) -> String {
    match serde_json::from_str(signed.unverified_payload()) {
        Ok(statement) => words(&statement),
        Err(_) => "the host's statement is not understood by this version".into(),
    }
}

fn decided(decision: &DecisionNote) -> String {
    let verdict = if decision.permitted {
        "permitted"
    } else {
        "REFUSED"
    };
    if decision.determining.is_empty() {
        // Default deny: nothing spoke for it.
        format!("{verdict} by no policy")
    } else {
        format!("{verdict} by {}", decision.determining.join(", "))
    }
}

fn machine(fact: &MachineFact) -> String {
    match fact {
        MachineFact::Started { version } => format!("started, version {version}"),
        MachineFact::Stopped => "stopped".into(),
        MachineFact::HostEnrolled { host } => format!("host {host} enrolled"),
        MachineFact::BastionEnrolled { bastion } => format!("bastion {bastion} enrolled"),
        MachineFact::Alarm { detail } => format!("ALARM: {detail}"),
    }
}

/// Why a session ended.
#[must_use]
pub const fn why(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Asked => "the agent or its human said that it is done",
        EndCause::Left => "nobody was connected any more",
        EndCause::Expired => "its time was over",
        EndCause::Idle => "nothing passed for too long",
        EndCause::Killed => "it was killed",
        EndCause::LinkLost => "the connection to the host broke",
        EndCause::FeedStale => "the bastion lost the CA",
        EndCause::RecordingFailed => "it could not be recorded",
        EndCause::Flooded => "it asked sudo for more than a host tells of one session",
        EndCause::HostFailed => "the host did not do or prove what was ordered",
        EndCause::Restarted => "the host's daemon started and found it",
        EndCause::Shutdown => "the bastion, or the host's daemon, was stopped",
    }
}

/// How far a session has come.
#[must_use]
pub const fn state(state: SessionState) -> &'static str {
    match state {
        SessionState::Issued => "issued",
        SessionState::Claimed => "claimed",
        SessionState::Open => "open",
        SessionState::NotConfirmed => "not confirmed",
        SessionState::Ended => "ended",
        SessionState::Unused => "unused",
    }
}

/// A version of a bundle, with so much of its digest that `bundle show` finds it.
#[must_use]
pub fn version(bundle: &BundleRef) -> String {
    const SHOWN: usize = 12;
    let digest = bundle.digest.to_string();
    let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
    let start: String = hex.chars().take(SHOWN).collect();
    format!("{}@{start}", bundle.name)
}

/// A moment to the second.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_protocol::name::HostName;
    use serde_json::json;

    fn event(fact: &serde_json::Value) -> Event {
        serde_json::from_value(json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "at": "2026-01-01T00:00:01.5Z", "source": "ca",
            "body": {
                "kind": "access",
                "pair": {
                    "human": {"issuer": "https://idp.example.com", "subject": "a", "name": "alice@example.com"},
                    "agent": "soc/forensics",
                },
                "fact": fact,
            },
        }))
        .unwrap()
    }

    #[test]
    fn both_identities_stand_in_every_line() {
        let event = event(&json!({"fact": "session_ending", "cause": "killed"}));
        assert_eq!(who(&event.body), "alice@example.com via soc/forensics");
        assert_eq!(what(&event.body), "ending: it was killed");
        assert_eq!(moment(event.at), "2026-01-01T00:00:01Z");
    }

    #[test]
    fn what_a_host_found_is_told_and_a_clean_host_says_nothing() {
        let check = |text: serde_json::Value| serde_json::from_value(text).unwrap();
        let clean = check(json!({"complete": true, "missing": 3}));
        assert_eq!(host_words::found(&clean), "");
        let holed = check(json!({
            "complete": false,
            "vulnerabilities": [
                {"id": "CVE-2025-32463", "reach": "any_account", "certain": true},
                {"id": "CVE-2026-35535", "reach": "configured", "certain": false},
            ],
            "findings": [{"code": "SP403", "path": "/opt/shop", "detail": "its group may write it"}],
            "more": 2,
        }));
        assert_eq!(
            host_words::found(&holed),
            "; found: CVE-2025-32463 (ANY ACCOUNT BECOMES ROOT); possibly CVE-2026-35535; \
             SP403 /opt/shop: its group may write it; 2 more findings; not everything could be looked at"
        );
    }

    #[test]
    fn a_refusal_by_nobody_is_default_deny() {
        let note = |permitted: bool, by: &[&str]| {
            event(&json!({
                "fact": "session_decided", "host": "prod-1",
                "decision": {
                    "id": "01890a5d-ac96-774b-bcce-b302099a8057", "permitted": permitted,
                    "policy": portreeve_protocol::digest::Digest::of(b""), "determining": by, "record": {},
                },
            }))
        };
        assert_eq!(
            what(&note(false, &[]).body),
            "asked for a session on prod-1: REFUSED by no policy"
        );
        assert_eq!(
            what(&note(true, &["soc", "look"]).body),
            "asked for a session on prod-1: permitted by soc, look"
        );
    }

    #[test]
    fn each_thing_that_a_session_did_is_told_with_its_time() {
        let at = |second: u32| format!("2026-01-01T00:00:0{second}.000000Z");
        let ended = |pid: i32, second: u32| json!({"saw": "process_ended", "at": at(second), "pid": pid, "status": 0});
        let statement = json!({
            "host": "prod-1", "session": "01890a5d-ac96-774b-8123-456789abcdef", "account": "pr-0123456789abcdef",
            "seq": 0, "previous": portreeve_protocol::digest::Digest::of(b""), "at": at(9),
            "fact": {"fact": "watched", "seen": [ended(7, 1), ended(8, 2)]},
        });
        let signed = Signed::<HostEvent>::assemble(statement.to_string(), String::new());
        let event = event(&json!({"fact": "host", "event": signed}));
        let told: Vec<_> = told(&event)
            .into_iter()
            .map(|(at, what)| format!("{at} {what}"))
            .collect();
        assert_eq!(
            told,
            [
                format!("{} process 7 ended with 0", at(1)),
                format!("{} process 8 ended with 0", at(2)),
            ]
        );
    }

    #[test]
    fn what_sudo_was_asked_for_is_told_as_a_command_line() {
        let host: HostName = "prod-1".parse().unwrap();
        let statement = json!({
            "host": host, "session": "01890a5d-ac96-774b-8123-456789abcdef", "account": "pr-0123456789abcdef",
            "seq": 0, "previous": portreeve_protocol::digest::Digest::of(b""), "at": "2026-01-01T00:00:01Z",
            "fact": {
                "fact": "sudo", "allowed": false, "command": "/usr/bin/cat",
                "argv": ["/usr/bin/cat", "/etc/shadow", "a b"], "run_as": "root", "cwd": "/",
                "reason": "command not allowed",
            },
        });
        let signed = Signed::<HostEvent>::assemble(statement.to_string(), String::new());
        let event = event(&json!({"fact": "host", "event": signed}));
        assert_eq!(
            what(&event.body),
            "sudo REFUSED as root: /usr/bin/cat /etc/shadow 'a b' (command not allowed)"
        );
    }
}
