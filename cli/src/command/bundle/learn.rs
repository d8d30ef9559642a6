//! `bundle learn`: proposes a bundle from what sessions asked sudo for.

use std::path::Path;

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::checkpoint::Trail as Proofs;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, Event};
use portreeve_protocol::name::BundleName;
use portreeve_protocol::session::BundleRef;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::learn::{LeftOut, Observed, Wanted, learn};
use serde::Serialize;

use super::{origin, print};
use crate::args::bundle::{Learn, Origin, Trail, Version};
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;
use crate::review::judge;
use crate::review::known::Keys;
use crate::safe;
use crate::settings::Settings;
use crate::ssh::quote;

/// The longest trail that is read from a file.
const MAX_TRAIL: usize = 64 * 1024 * 1024;

/// Prints the proposal; what it leaves out goes to standard error.
pub(super) async fn run(
    args: Learn,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer<'a> {
        bundle: &'a BundleName,
        digest: Digest,
        text: &'a str,
        left_out: &'a [LeftOut],
        not_compared: &'a [BundleRef],
    }
    let mut refused_by = Vec::new();
    for origin in &args.refused_by {
        refused_by.push(origin::fetched(origin, settings).await?);
    }
    let mut observed = Vec::new();
    let mut not_compared = Vec::new();
    for trail in &args.trails {
        let events = events(&read(trail, settings).await?)?;
        observed.extend(events.iter().filter_map(reported));
        for version in events.iter().filter_map(given) {
            let is_known = |bundle: &Bundle| bundle.digest() == version.digest;
            if refused_by.iter().any(is_known) || not_compared.contains(version) {
                continue;
            }
            match published(trail, version, settings).await {
                Ok(bundle) => refused_by.push(bundle),
                Err(failure) => {
                    not_compared.push(version.clone());
                    printer.say(&not_known(version, failure));
                }
            }
        }
    }
    let wanted = Wanted {
        name: args.name,
        include_refused: args.include_refused,
        refused_by,
    };
    let learned = learn(&observed, &wanted)
        .map_err(|error| Failure::failed("no bundle is proposed").because(&error))?;
    let answer = Answer {
        bundle: &wanted.name,
        digest: learned.bundle.digest(),
        text: &learned.text,
        left_out: &learned.left_out,
        not_compared: &not_compared,
    };
    print(&answer, &learned.text, printer)?;
    for one in &learned.left_out {
        printer.say(&format!(
            "left out: `{}`: {}",
            safe::line(&quote::command_line(&one.argv)),
            safe::line(&one.why)
        ));
    }
    Ok(Exit::Done)
}

async fn read(trail: &Trail, settings: &Settings) -> Result<Proofs, Failure> {
    match trail {
        Trail::File(path) => saved(path),
        Trail::Session(session) => {
            let ca = Ca::new(settings)?;
            let caller = exchange::caller(&ca, settings).await?;
            Ok(trail_of(&ca, &caller, *session).await?)
        }
    }
}

/// The bundle that a session had. Who learns from files asks nobody.
async fn published(
    trail: &Trail,
    version: &BundleRef,
    settings: &Settings,
) -> Result<Bundle, Failure> {
    if matches!(trail, Trail::File(_)) {
        return Err(Failure::failed("the CA is not asked about files"));
    }
    let named = version.to_string().parse::<Version>();
    let named = named.map_err(|error| Failure::failed("it has no version").because(&error))?;
    origin::fetched(&Origin::Published(named), settings).await
}

fn not_known(version: &BundleRef, failure: Failure) -> String {
    let what = format!("what `{version}` says that it must refuse is not known");
    let next = "give the bundle with `--refused-by`, or see for yourself that the proposal allows none of it";
    failure.within(what).or_next(next).to_string()
}

fn saved(path: &Path) -> Result<Proofs, Failure> {
    let text = files::read(path, MAX_TRAIL)?;
    serde_json::from_slice(&text).map_err(|error| {
        Failure::failed(format!("`{}` is no trail", path.display()))
            .because(&error)
            .next("name a session, or a file that `portreeve trail --output` made")
    })
}

/// The events of a trail that hangs together.
fn events(trail: &Proofs) -> Result<Vec<Event>, Failure> {
    let findings = judge::trail(trail, &Keys::default()).findings;
    if let Some(fault) = findings.faults.first() {
        return Err(Failure::new(
            Exit::VerificationFailed,
            "the trail does not verify; nothing is learned from it",
        )
        .reason(safe::line(fault)));
    }
    if !findings.unread.is_empty() {
        return Err(Failure::outdated(
            "the trail has events that this version does not know; nothing is learned from it",
        ));
    }
    let events = trail
        .events
        .iter()
        .filter_map(|logged| serde_json::from_str(&logged.event).ok());
    Ok(events.collect())
}

/// The bundle that an event gives a session.
fn given(event: &Event) -> Option<&BundleRef> {
    let Body::Access {
        fact: AccessFact::SessionIntended { bundle, .. },
        ..
    } = &event.body
    else {
        return None;
    };
    Some(bundle)
}

/// What a host's event says about sudo.
fn reported(event: &Event) -> Option<Observed> {
    let Body::Access {
        fact: AccessFact::Host { event: signed },
        ..
    } = &event.body
    else {
        return None;
    };
    // Who signed it was the CA's to check before it took the event into its log.
    let said: HostEvent = serde_json::from_str(signed.unverified_payload()).ok()?;
    let HostFact::Sudo {
        allowed,
        command,
        argv,
        run_as,
        ..
    } = said.fact
    else {
        return None;
    };
    Some(Observed {
        session: said.session,
        at: said.at,
        allowed,
        program: command,
        arguments: argv.into_iter().skip(1).collect(),
        run_as,
    })
}
