//! From a delegated token to the first output.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::session::{SessionState, SessionSummary};
use portreeve_protocol::time::Timestamp;
use portreeve_tests::installation::{HOST, Wish};

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Site, settle};

const DIRECT: &str = "ssh";
const JUMP: &str = "ssh -J";
const NEW: &str = "portreeve exec, new session";
const NEW_SSH: &str = "session start, then ssh";
const ASKED: &str = "portreeve session start, until it returns";
const SECOND: &str = "ssh, second connection";
const SECOND_EXEC: &str = "portreeve exec, second connection";

/// Everybody prints a word.
const COMMAND: &str = "echo done";

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let mut first: BTreeMap<&str, Samples> = BTreeMap::new();
    let mut ended = Samples::default();
    let open = site.open_session()?;
    let new = exec(&Wish::default());
    let again = [
        "portreeve",
        "exec",
        "--session",
        &open.id.to_string(),
        "-c",
        COMMAND,
    ]
    .map(str::to_owned);
    for _ in 0..scale.rounds {
        let mut add = |what, ms| first.entry(what).or_default().add(ms);
        add(DIRECT, site.run(Route::Direct, COMMAND)?.first_ms);
        add(JUMP, site.run(Route::Jump, COMMAND)?.first_ms);
        add(SECOND, site.run(Route::Ours(&open), COMMAND)?.first_ms);
        add(SECOND_EXEC, site.agent.run(&again)?.first_ms);
        let ran = site.agent.run(&new)?;
        add(NEW, ran.first_ms);
        ended.add(ran.total_ms);
        settle();
        let (asked, printed) = start_then_ssh(site)?;
        add(ASKED, asked);
        add(NEW_SSH, asked + printed);
        settle();
    }
    site.end(&open)?;

    let mut figure = Figure::new("session", "until the first output of a command", "ms");
    let targets = [
        (DIRECT, None),
        (JUMP, None),
        (NEW, Some(Target::RatioAtMost(1.0))),
        (NEW_SSH, Some(Target::RatioAtMost(1.0))),
        (ASKED, None),
        (SECOND, Some(Target::RatioAtMost(0.35))),
        (SECOND_EXEC, Some(Target::RatioAtMost(0.35))),
    ];
    for (what, target) in targets {
        figure.row(what, &first.remove(what).unwrap_or_default(), target);
    }
    figure.row("portreeve exec, until it returns", &ended, None);
    figure.note("ours include the request to the CA, its decision, the account, its attestation and the recording");
    Ok(vec![figure.beside(JUMP), stages(site)?])
}

fn exec(wish: &Wish<'_>) -> Vec<String> {
    let mut argv = ["portreeve", "exec", "--host", HOST]
        .map(str::to_owned)
        .to_vec();
    argv.extend(wish.options());
    argv.extend(["-c", COMMAND].map(str::to_owned));
    argv
}

/// Asks for a session with one command and connects with the system's ssh.
fn start_then_ssh(site: &mut Site) -> Result<(f64, f64)> {
    let mut argv = ["portreeve", "--json", "session", "start", "--host", HOST]
        .map(str::to_owned)
        .to_vec();
    argv.extend(Wish::default().options());
    let before = sessions(site)?;
    let asked = site.agent.run(&argv)?.total_ms;
    let new = sessions(site)?
        .into_iter()
        .find(|new| before.iter().all(|old| old.session != new.session));
    let Some(new) = new else {
        anyhow::bail!("the session that was started is not listed");
    };
    let session = site.known_session(new.session, new.account.as_str());
    let ran = site.run(Route::Ours(&session), COMMAND)?;
    site.end(&session)?;
    Ok((asked, ran.first_ms))
}

fn sessions(site: &Site) -> Result<Vec<SessionSummary>> {
    let listing: Listing<SessionSummary> = site
        .installation
        .agent()
        .account
        .ask(&["session", "list"])?;
    Ok(listing.items)
}

/// Where the time goes, by the clocks in the trails of the sessions that `exec` had.
fn stages(site: &Site) -> Result<Figure> {
    let mut stages: BTreeMap<usize, Samples> = BTreeMap::new();
    for summary in sessions(site)?
        .iter()
        .filter(|summary| summary.state == SessionState::Ended)
        .take(20)
    {
        let moments = moments(site, summary.session)?;
        for (stage, (_, from, to)) in STAGES.iter().enumerate() {
            if let (Some(Some(from)), Some(Some(to))) = (moments.get(*from), moments.get(*to)) {
                stages.entry(stage).or_default().add(ms(to.since(*from)));
            }
        }
    }
    let mut figure = Figure::new("stages", "of a new session, by its trail", "ms");
    for (stage, (name, _, _)) in STAGES.into_iter().enumerate() {
        figure.row(name, &stages.remove(&stage).unwrap_or_default(), None);
    }
    Ok(figure.judged())
}

/// Each stage with the moments that it begins and ends with.
const STAGES: [(&str, usize, usize); 4] = [
    ("granted; client connects, bastion accepts → claimed", 0, 1),
    ("bastion reaches host, account made → attested", 1, 2),
    ("attestation → first command decided", 2, 3),
    ("host: end begun → receipt", 4, 5),
];

/// The moments between which the stages are, in order.
fn moments(site: &Site, session: SessionId) -> Result<[Option<Timestamp>; 6]> {
    let trail = site.installation.agent().trail(session)?;
    let mut found = [None; 6];
    for logged in &trail.events {
        let event: Event = serde_json::from_str(&logged.event)?;
        let Body::Access { fact, .. } = &event.body else {
            continue;
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the other facts bound no stage"
        )]
        let place: &[(usize, Timestamp)] = &match fact {
            AccessFact::SessionIssued { .. } => vec![(0, event.at)],
            AccessFact::SessionClaimed { .. } => vec![(1, event.at)],
            AccessFact::HostReady { .. } => vec![(2, event.at)],
            AccessFact::ChannelDecided { .. } => vec![(3, event.at)],
            AccessFact::HostGone { receipt } => {
                let receipt: portreeve_protocol::attest::Receipt =
                    serde_json::from_str(receipt.unverified_payload())?;
                vec![(4, receipt.ending_at), (5, receipt.gone_at)]
            }
            _ => Vec::new(),
        };
        for (place, at) in place {
            if let Some(slot) = found.get_mut(*place) {
                slot.get_or_insert(*at);
            }
        }
    }
    Ok(found)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
